"""Matched histograms of gains, against steps that were put between high and medium gain of frames made with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.correction.match_histograms import MatchHistograms

from ...lit_frames import SHAPE
from .memory import constant, images

Array = Any


def switched(rng: np.random.Generator, light: Array, step: float, level: float = 6000.0) -> tuple[Array, Array]:
    """Signals on the scale of high gain and stages; each pixel switches at a level of its own, 112 ADU about one.

    Noise is 11 ADU in high gain, and 8 ADU in medium gain, whose ratio is 45.
    """
    stage = (light > rng.normal(level, 112, SHAPE)).astype(np.uint8)
    noise = np.where(stage == 1, rng.normal(step, 8 * 45, SHAPE), rng.normal(0, 11, SHAPE))
    return (light + noise).astype(np.float32), stage


def matched(values: Array, stage: Array, step: MatchHistograms | None = None, **found: Any) -> tuple[Array, Array]:
    one, given = images(values, stage), {name: constant(flags) for name, flags in found.items()}
    (step or MatchHistograms()).apply(one, given, None)
    return one.found["blc_hmatch"], one.values


@pytest.mark.parametrize("level", [5600.0, 6000.0, 6400.0])
@pytest.mark.parametrize("step", [-900.0, 0.0, 900.0, 2000.0])
def test_steps_are_found(step: float, level: float) -> None:
    """Of even light to 12,000 ADU 10,000 samples are near the edges: an error of 1,800 / √10,000 = 18 ADU each."""
    rng = np.random.default_rng(1)
    given, stage = zip(*(switched(rng, rng.uniform(0, 12000, SHAPE), step, level) for _ in range(4)), strict=True)
    found, after = matched(np.array(given), np.array(stage))
    assert np.abs(found - step).max() < 120
    assert abs(found.mean() - step) < 50
    mine = np.array(stage) == 1
    np.testing.assert_array_equal(after[~mine], np.array(given)[~mine])
    np.testing.assert_allclose(after[mine], (np.array(given) - found[:, None, None])[mine], atol=1e-2)


def test_few_samples_steps_that_are_not_believed_and_flags() -> None:
    rng = np.random.default_rng(2)
    few = switched(rng, np.where(rng.random(SHAPE) < 0.01, rng.uniform(0, 12000, SHAPE), 0), 0)
    far = switched(rng, rng.uniform(0, 12000, SHAPE), 5000)
    found, after = matched(np.array([few[0], far[0]]), np.array([few[1], far[1]]))
    assert np.isnan(found).all()
    np.testing.assert_array_equal(after, [few[0], far[0]])
    values, stage = switched(rng, rng.uniform(0, 12000, SHAPE), 500)
    spoilt, flags = values.copy(), np.zeros((3, *SHAPE), np.uint32)
    spoilt[:, :30], flags[:, :, :30] = 6500, 1
    [found], _ = matched(spoilt[None], stage[None], BadPixelsDark=flags)
    [expected], _ = matched(np.where(np.arange(SHAPE[1]) < 30, np.nan, values)[None], stage[None])
    assert found == expected
    assert found == pytest.approx(500, abs=100)
