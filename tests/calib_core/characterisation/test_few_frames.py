"""By how much the noise of few frames comes out low, against simulated samples, and when it is told."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from calib_core.characterisation.dark_checks import FewFrames, unbiasing


@pytest.mark.parametrize("n", [2, 5, 10, 19])
def test_the_bias_is_that_of_samples(n: int) -> None:
    found = np.random.default_rng(n).normal(0, 1, (400_000, n)).std(axis=1, ddof=1).mean()
    assert unbiasing(n) == pytest.approx(found, abs=3 / np.sqrt(400_000))


def told(kept: int, **frames: int) -> list[str]:
    """Sentences on runs with so many frames in their fewest memory cell."""
    arranged = {name: SimpleNamespace(run=SimpleNamespace(label=f"r {name}")) for name in frames}
    context = SimpleNamespace(arranged=arranged, stage_of=str.upper)
    finished = SimpleNamespace(fewest=frames.__getitem__)
    found = list(FewFrames(kept).remarks(context, 3, finished))
    assert all((one.module, one.limit, one.value) == (3, 20, frames[one.stage.lower()]) for one in found)
    return [one.sentence for one in found]


def test_a_sentence_tells_each_run_of_few_frames() -> None:
    more = "and whether pixels blink and whether halves of the samples agree are not tested below 20."
    assert told(128, high=10, med=200, low=12) == [
        f"Few frames per memory cell of r high, HIGH: 10; the noise comes out too low by 2.7%, {more}",
        f"Few frames per memory cell of r low, LOW: 12; the noise comes out too low by 2.2%, {more}"]
    assert not told(128, high=20)
    assert "blink" not in told(0, high=2)[0]
    assert "the noise cannot be told from 1 frame, and" in told(128, high=1)[0]
