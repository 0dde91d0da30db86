"""Common mode of ASICs, against shifts that were put into frames made with NumPy, and against NumPy itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.set_min import SetMinimum
from calib_core.detectors.agipd import AGIPD1M

from ...lit_frames import SHAPE, frame

Array = Any


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: OfSamples) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def corrected(step: Any, frames: Array, stage: Any = 0, kind: Any = AGIPD1M, **found: OfSamples) -> Images:
    one = Images.of(np.array(frames, np.float32), np.zeros(len(frames), np.int64), np.arange(len(frames))).copy()
    one.stage[...] = stage
    Pipeline([step]).bind(Memory(**found), kind).read().apply(one)
    return one


def on_asics(shifts: Array) -> Array:
    """(8, 2) to the pixels of a module."""
    return np.kron(shifts, np.ones((64, 64)))


@pytest.mark.parametrize("sigma", [9.0, 13.0])
def test_shifts_up_to_30_adu_are_found(sigma: float) -> None:
    """To 0.2 ADU of bias; the mean of 4096 samples has an error of σ/64 beside."""
    rng = np.random.default_rng(1)
    shifts = rng.uniform(-30, 30, (6, 8, 2))
    shifts[0, :, 0], shifts[0, :, 1] = 30, -30
    given = [frame(rng, 0.0, sigma) + on_asics(one) for one in shifts]
    one = corrected(AsicCommonMode(), given)
    found = one.found["cm"]
    assert found.shape == (6, 8, 2)
    assert found.dtype == np.float32
    error = found - shifts
    assert abs(error.mean()) < 0.05
    assert np.abs(error[0]).mean() < 0.2
    assert np.abs(error).max() < 0.2 + 4 * sigma / 64
    for values, raw, shift in zip(one.values, given, found, strict=True):
        np.testing.assert_array_equal(values, raw.astype(np.float32) - on_asics(shift).astype(np.float32))


@pytest.mark.parametrize("sigma", [9.0, 13.0])
def test_45_adu_are_refused_and_nothing_changes(sigma: float) -> None:
    given = frame(np.random.default_rng(2), 0.0, sigma)[None] + 45
    one = corrected(AsicCommonMode(), given)
    assert np.isnan(one.found["cm"]).all()
    np.testing.assert_array_equal(one.values, given)


@pytest.mark.parametrize(("photons", "bias"), [(0.05, 0.2), (0.3, 1.1), (1.0, 3.5)])
def test_light_that_is_shared_is_taken_for_common_mode_as_is_known(photons: float, bias: float) -> None:
    """A cloud of 8 µm, no shift; the numbers are those of an independent study."""
    rng = np.random.default_rng(3)
    found = corrected(AsicCommonMode(), [frame(rng, photons, 9.0, cloud=8.0) for _ in range(4)]).found["cm"]
    assert np.isfinite(found).all()
    assert found.mean() == pytest.approx(bias, abs=max(0.1, 0.1 * bias))


def test_light_that_is_not_shared_is_not() -> None:
    rng = np.random.default_rng(4)
    for photons in (0.05, 0.3, 1.0):
        found = corrected(AsicCommonMode(), [frame(rng, photons, 9.0) for _ in range(4)]).found["cm"]
        assert abs(found.mean()) < 0.1


def test_against_numpy_with_flags_stages_and_numbers_that_are_none() -> None:
    kind, rng = replace(AGIPD1M, shape=(8, 6), asic_shape=(4, 3)), np.random.default_rng(5)
    given = (rng.normal(0, 9, (5, 8, 6)) + rng.normal(0, 8, (5, 1, 1))).astype(np.float32)
    given[rng.random(given.shape) < 0.05] = np.nan
    stage = (rng.random(given.shape) < 0.2).astype(np.uint8)
    flags = (rng.random((3, 1, 8, 6)) < 0.1).astype(np.uint32)
    step = AsicCommonMode(dark_range=(-20.0, 25.0), dark_fraction=0.5, n_itr=3)
    one = corrected(step, given, stage, kind, BadPixelsFF=OfSamples(flags, (0,), 0))
    refused = 0
    for i, y, x in np.ndindex(5, 2, 2):
        part = np.s_[4 * y:4 * y + 4, 3 * x:3 * x + 3]
        good = given[i][part][(stage[i][part] == 0) & (flags[0, 0][part] == 0) & np.isfinite(given[i][part])]
        shift, steps = 0.0, 0
        for _ in range(3):
            dark = [float(v) - shift for v in good if -20 <= float(v) - shift <= 25]
            if len(dark) <= 6:
                break
            shift, steps = shift + float(np.mean(dark)), steps + 1
        refused += not steps
        assert one.found["cm"][i, y, x] == pytest.approx(shift if steps else np.nan, abs=1e-4, nan_ok=True)
        expected = np.where(stage[i][part] == 0, given[i][part] - np.float32(shift), given[i][part])
        np.testing.assert_allclose(one.values[i][part], expected, atol=1e-4)
    assert 0 < refused < 20


@pytest.mark.parametrize("percentile", [1.0, 10.0])
def test_the_lowest_medium_gain_comes_up_to_0(percentile: float) -> None:
    """Frames of which the second lies above 0, and the third has no medium gain."""
    rng = np.random.default_rng(6)
    given = rng.normal(50, 8, (3, *SHAPE)).astype(np.float32)
    given[0] -= 100
    stage = np.zeros(given.shape, np.uint8)
    stage[:2, :30], stage[:, 30:60] = 1, 2
    flags = np.zeros((3, 1, *SHAPE), np.uint32)
    flags[1, 0, :, 0] = 1
    given[:, :, 0] = -1000
    one = corrected(SetMinimum(percentile=percentile), given, stage, BadPixelsDark=OfSamples(flags, (0,), 0))
    ordered = np.sort(given[0, :30, 1:].astype(float), axis=None)
    place = percentile / 100 * (ordered.size - 1)
    below = ordered[int(place)] + (place % 1) * (ordered[int(place) + 1] - ordered[int(place)])
    assert one.found["blc_set_min"] == pytest.approx([below, 0, 0], rel=1e-6)
    np.testing.assert_allclose(one.values[0, :30], given[0, :30] - below, atol=1e-4)
    np.testing.assert_array_equal(one.values[0, 30:], given[0, 30:])
    np.testing.assert_array_equal(one.values[1:], given[1:])
    share = (one.values[0, :30, 1:] < 0).mean()
    assert share == pytest.approx(percentile / 100, abs=2e-3)


def noise(sigma: float) -> OfSamples:
    return OfSamples(np.full((1, 1, *SHAPE), sigma, np.float32), (0,))


@pytest.mark.parametrize("sigma", [9.0, 13.0])
@pytest.mark.parametrize("photons", [0.0, 0.05, 0.3, 1.0, 1.5])
def test_weak_light_that_is_shared_stays_where_it_is_looked_at(photons: float, sigma: float) -> None:
    """Shifts that were put in are found to 0.15 ADU on average, in place of up to 8 ADU of light beside them."""
    rng, shifts = np.random.default_rng(7), np.random.default_rng(8).uniform(-10, 10, (6, 8, 2))
    given = [frame(rng, photons, sigma, cloud=8.0) + on_asics(one) for one in shifts]
    found = corrected(AsicCommonMode(light=True, cells=False), given, Noise=noise(sigma)).found["cm"]
    plain = corrected(AsicCommonMode(cells=False), given).found["cm"]
    assert abs((found - shifts).mean()) < 0.15
    assert (found - shifts).std() < 1.0
    if photons >= 1:
        assert (plain - shifts).mean() > 3


def test_weak_light_is_not_looked_at_without_noise() -> None:
    bound = Pipeline([AsicCommonMode(light=True)]).bind(Memory(), AGIPD1M)
    assert not bound.steps
    [skipped] = bound.skipped
    assert "looks at weak light by the noise, but there is no Noise; give --constants-noise" in skipped.reason
