"""By how much the noise of few frames comes out low, against simulated samples, and when it is told."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.dark_checks import unbiasing


@pytest.mark.parametrize("n", [2, 5, 10, 19])
def test_the_bias_is_that_of_samples(n: int) -> None:
    found = np.random.default_rng(n).normal(0, 1, (400_000, n)).std(axis=1, ddof=1).mean()
    assert unbiasing(n) == pytest.approx(found, abs=3 / np.sqrt(400_000))


def test_one_sentence_tells_all_runs_of_few_frames() -> None:
    [text] = Dark().cautions({"r0001 HG": 10, "r0002 MG": 200, "r0003 LG": 12})
    assert text == ("Few frames per memory cell (r0001 HG: 10, r0003 LG: 12): the noise comes out too low by 2.7%. "
                    "Whether pixels blink is not tested below 20 frames.")
    assert not list(Dark().cautions({"r0001 HG": 20}))
    assert "blink" not in next(iter(Dark(estimator="plain").cautions({"r0001 HG": 2})))
    assert "as no number" in next(iter(Dark().cautions({"r0001 HG": 1})))
