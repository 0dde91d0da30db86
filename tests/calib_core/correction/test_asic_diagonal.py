"""Diagonals of ASICs, against slopes that were put into frames made with NumPy, and NumPy's own least squares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.correction.asic_diagonal import AsicDiagonal
from calib_core.detectors.agipd import AGIPD1M

from ...lit_frames import SHAPE, frame
from .memory import bound, constant, images

Array = Any
ROW, COLUMN = np.indices((64, 64)) - 31.5


def tilted(falling: Array, rising: Array) -> Array:
    """Planes of all ASICs of a module that rise so much from corner to corner of each diagonal, (8, 2)."""
    planes = falling[..., None, None] * (ROW + COLUMN) / 126 + rising[..., None, None] * (ROW - COLUMN) / 126
    return planes.transpose(0, 2, 1, 3).reshape(SHAPE)


@pytest.mark.parametrize("sigma", [9.0, 13.0])
def test_slopes_are_found_and_taken_off(sigma: float) -> None:
    """The error of a rise is about σ √(24 / 4096) = 0.7 to 1 ADU; a range of ±30 ADU cuts both tails alike."""
    rng = np.random.default_rng(1)
    falling, rising = rng.uniform(-20, 20, (2, 5, 8, 2))
    rising[:, :, 1] = 0
    planes = np.array([tilted(*one) for one in zip(falling, rising, strict=True)])
    given = [frame(rng, 0, sigma) + plane for plane in planes]
    one = images(given)
    bound(AsicDiagonal()).apply(one)
    assert one.found["corr_asic_diag"].dtype == np.float32
    assert one.found["corr_asic_diag"].shape == (5, 8, 2)
    left = one.values - (np.array(given, np.float32) - planes)
    by_asic = left.reshape(5, 8, 64, 2, 64)
    corners = by_asic[:, :, -1, :, -1] - by_asic[:, :, 0, :, 0], by_asic[:, :, -1, :, 0] - by_asic[:, :, 0, :, -1]
    for rest in corners:
        assert abs(rest.mean()) < 0.5
        assert rest.std() < 2.0
    assert np.abs(by_asic.mean((2, 4))).max() < 1e-3
    steeper = np.where(np.abs(falling) > np.abs(rising), falling, rising)
    sure = np.abs(np.abs(falling) - np.abs(rising)) > 6
    assert np.abs(one.found["corr_asic_diag"] - steeper)[sure].max() < 6


def test_flat_asics_stay_but_for_chance_and_lit_ones_are_refused() -> None:
    rng = np.random.default_rng(2)
    given = np.array([frame(rng, 0, 9.0) for _ in range(20)])
    given[:, :64, :64] += 66
    one = images(given)
    bound(AsicDiagonal()).apply(one)
    found = one.found["corr_asic_diag"]
    assert np.isnan(found[:, 0, 0]).all()
    changed = found[np.isfinite(found)] != 0
    assert changed.size == 20 * 15
    # two slopes of 370 each by chance: 1.6 are expected
    assert changed.sum() <= 7
    np.testing.assert_array_equal(one.values[:, :64, :64], given[:, :64, :64])


def test_against_numpy_with_flags_and_stages() -> None:
    kind, rng = replace(AGIPD1M, shape=(16, 12), asic_shape=(8, 6)), np.random.default_rng(3)
    given = (rng.normal(0, 5, (3, 16, 12)) + 0.8 * np.arange(12)).astype(np.float32)
    given[rng.random(given.shape) < 0.03] = np.nan
    stage = (rng.random(given.shape) < 0.1).astype(np.uint8)
    flags = (rng.random((3, 16, 12)) < 0.1).astype(np.uint32)
    one = images(given, stage)
    step = AsicDiagonal(dark_range=(-15.0, 18.0), turns=3, significance=0.0)
    bound(step, kind, BadPixelsFF=constant(flags)).apply(one)
    y, x = np.indices((8, 6)).astype(float)
    plane = np.stack([np.ones((8, 6)), y / 3.5 / 2 - 0.5 + x / 5 - 0.5, y / 3.5 / 2 - x / 5], -1)
    for i, top, left in np.ndindex(3, 2, 2):
        part = np.s_[8 * top:8 * top + 8, 6 * left:6 * left + 6]
        values = given[i][part]
        good = (stage[i][part] == 0) & (flags[0][part] == 0) & np.isfinite(values)
        fit = np.zeros(3)
        for _ in range(3):
            rest = values - plane @ fit
            dark = good & (rest >= -15) & (rest <= 18)
            fit += np.linalg.lstsq(plane[dark], rest[dark], rcond=None)[0]
        expected = np.where(stage[i][part] == 0, values - plane[..., 1:] @ fit[1:], values)
        np.testing.assert_allclose(one.values[i][part], expected, atol=1e-3)


def test_in_fixed_medium_gain_it_is_left_out() -> None:
    [skipped] = bound(AsicDiagonal(), replace(AGIPD1M, fixed_stage=1)).skipped
    assert "in fixed gain MG there are no samples of HG" in skipped.reason
