"""Common mode, moments of residuals and tracks, on one thread.

Each test compares results first and fails where they differ; ratios are reported, not asserted.
"""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics import residuals, tracks
from calib_core.numerics.common_mode import subtract_medians

FRAMES = 12
CAMERAS = {"epix100": ((704, 768), (352, 384)), "pnccd": ((1024, 1024), (512, 512))}
MEDIAN_OVER = {"block": (2, 4), "row": 4, "column": 2}


def noise(frames: int, shape: tuple[int, int]):
    """Noise of 3 ADU, one per cent of its pixels not used."""
    rng = np.random.default_rng(12)
    values = 3 * rng.standard_normal((frames, *shape), np.float32)
    return values, rng.random(values.shape) > 0.01


def masked_medians(values, use, bank, axis):
    """Shifts as a script takes them, and the values without them."""
    frames, slow, fast = values.shape
    samples = np.ma.MaskedArray(values, ~use).reshape(frames, slow // bank[0], bank[0], fast // bank[1], bank[1])
    shifts = np.ma.median(samples, axis=MEDIAN_OVER[axis], keepdims=True).filled(0)
    return shifts, samples.data - shifts


@pytest.mark.parametrize("axis", ["row", "column", "block"])
@pytest.mark.parametrize("camera", CAMERAS)
def test_common_mode(bar, camera, axis):
    shape, bank = CAMERAS[camera]
    values, use = noise(FRAMES, shape)
    work = values.copy()

    def ours():
        work[...] = values
        return subtract_medians(work, use, bank, axis, 0.25, 100)

    shifts, corrected = masked_medians(values, use, bank, axis)
    found = ours()
    np.testing.assert_array_equal(found, shifts.transpose(0, 1, 3, 2, 4).reshape(found.shape))
    np.testing.assert_array_equal(work, corrected.reshape(values.shape))
    bar(f"common_mode_{camera}_{axis}", ours, lambda: masked_medians(values, use, bank, axis), goal=8, rounds=5)


def test_moments_of_residuals(bar, read_limit):
    """64 frames of 512 x 512 pixels, 84 MB with what is used; the limit reads the residuals only."""
    values, use = noise(64, (512, 512))
    values, use = values.reshape(64, -1), use.reshape(64, -1)
    pixels = values.shape[1]
    half_width = np.full(pixels, 15, np.float32)
    sums = np.zeros(pixels, np.int64), np.zeros(pixels, np.int64), np.zeros(pixels, np.uint32)

    def ours():
        for each in sums:
            each.fill(0)
        residuals.add(values, use, half_width, *sums)
        return sums

    def other():
        inside = use & (np.abs(values) <= half_width)
        units = np.rint(256 * np.where(inside, values, 0)).astype(np.int64)
        return units.sum(axis=0), (units * units).sum(axis=0), inside.sum(axis=0)

    for one, expected in zip(ours(), other(), strict=True):
        np.testing.assert_array_equal(one, expected)
    bar("residuals_add", ours, read_limit(values), goal=0.25, rounds=15)
    bar("residuals_add_numpy", ours, other, goal=15, rounds=5)


def test_tracks(bar, read_limit):
    """Looking for tracks where there are hardly any."""
    values, use = noise(FRAMES, (1024, 1024))
    seed, neighbour = (np.full(values.shape[1:], level, np.float32) for level in (18, 12))
    values[3, 100:110, 40] += 60
    assert len(tracks.take_out(values, use.copy(), seed, neighbour, 2)) == 1
    bar("tracks", lambda: tracks.take_out(values, use, seed, neighbour, 2), read_limit(values), goal=0.3, rounds=15)
