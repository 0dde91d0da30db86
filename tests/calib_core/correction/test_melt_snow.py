"""Snowy pixels, against samples that were made so with NumPy, and a loop over neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.melt_snow import MeltSnow
from calib_core.detectors.agipd import AGIPD1M

from .memory import Memory, constant, images

Array = Any
SHAPE = (64, 48)
KIND = replace(AGIPD1M, shape=SHAPE)
MASKED, FILLED = int(BadPixels.NON_LIN_RESPONSE_REGION), int(BadPixels.INTERPOLATED)
THRESHOLD = 6500.0


def made(rng: np.random.Generator) -> tuple[Any, Array]:
    """Dim light with bright spots of true medium gain, and snow; thresholds of pixels differ."""
    dim, bright = rng.uniform(0, 200, (3, *SHAPE)), rng.uniform(6000, 20000, (3, *SHAPE))
    light = np.where(rng.random((3, *SHAPE)) < 0.05, bright, dim)
    threshold = rng.normal(THRESHOLD, 60, SHAPE)
    stage = (light > 5500).astype(np.uint8)
    snow = (stage == 0) & (rng.random(stage.shape) < 0.03)
    stage[snow] = 1
    signal = np.where(stage == 1, threshold + rng.normal(750, 40, stage.shape), threshold - 750)
    signal[snow] = (threshold + rng.uniform(1, 100, stage.shape))[snow]
    values = light + np.where(stage == 1, rng.normal(0, 360, stage.shape), rng.normal(0, 11, stage.shape))
    thresholds = constant(np.array([threshold, threshold + 1200], np.float32))
    one = images(values, stage, np.rint(signal).astype(np.uint16))
    return (one, thresholds), snow


def melted(one: Any, thresholds: Any, **knobs: Any) -> Any:
    step = MeltSnow(**knobs)
    step.apply(one, step.bind(Memory(ThresholdsDark=thresholds), KIND).given, KIND)
    return one


def test_snow_is_masked_and_nothing_else_is() -> None:
    given, snow = made(np.random.default_rng(1))
    before = given[0].values.copy()
    one = melted(*given)
    assert 150 < snow.sum() < 400
    np.testing.assert_array_equal(one.mask == MASKED, snow)
    np.testing.assert_array_equal(np.isnan(one.values), snow)
    np.testing.assert_array_equal(one.values[~snow], before[~snow])
    assert (one.stage[snow] == 1).all()


def test_snow_is_filled_with_the_mean_of_neighbours_of_high_gain() -> None:
    given, snow = made(np.random.default_rng(2))
    given[0].mask[:, ::5] = 1
    alone = np.s_[1, 30:33, 20:23]
    given[0].stage[alone], given[0].signal[alone], given[0].values[alone], snow[alone] = 1, 6000, 0, True
    values, stage, mask = given[0].values.copy(), given[0].stage.copy(), given[0].mask.copy()
    one = melted(*given, resolve="interpolate")
    for i, y, x in np.argwhere(snow):
        around = np.s_[i, max(y - 1, 0):y + 2, max(x - 1, 0):x + 2]
        good = (stage[around] == 0) & (mask[around] == 0)
        assert bool(one.mask[i, y, x] & FILLED) == good.any()
        assert bool(one.mask[i, y, x] & MASKED) != good.any()
        assert one.stage[i, y, x] == (0 if good.any() else 1)
        expected = values[around][good].mean() if good.any() else np.nan
        assert one.values[i, y, x] == pytest.approx(expected, abs=1e-3, nan_ok=True)
    assert np.isnan(one.values[1, 31, 21])
    np.testing.assert_array_equal(one.values[~snow], values[~snow])
    assert not (one.mask[~snow] & (FILLED | MASKED)).any()


def test_samples_near_the_threshold_that_are_large_enough_stay() -> None:
    given, snow = made(np.random.default_rng(3))
    given[0].values[snow] = 3000
    assert not (melted(*given).mask).any()


def test_without_thresholds_and_in_fixed_gain_it_is_left_out() -> None:
    with pytest.raises(Exception, match="there is no ThresholdsDark"):
        MeltSnow().bind(Memory(), KIND)
    with pytest.raises(Exception, match="in fixed gain no gain stage is told by a signal"):
        MeltSnow().bind(Memory(), replace(KIND, fixed_stage=0))
