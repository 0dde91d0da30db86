"""Common mode put into noise is found again, within the error of a median and without bias."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from calib_core.constants.constant import NOISE as NOISE_OF_PIXELS
from calib_core.constants.constant import ConstantKind
from calib_core.correction.common_mode import CommonMode, CommonModeOfFirstStage
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples

from ...known import changed, corrected, images_of

BANK = (48, 64)
BANKS = (2, 2)
NOISE = 3.0
SEGMENT = {"block": BANK, "row": (1, BANK[1]), "column": (BANK[0], 1)}


def put_in(images: Images, truth: np.ndarray, axis: str) -> None:
    """Add shifts (n, banks, banks, segments) to the frames."""
    frames = len(truth)
    down, across = BANK[0] // SEGMENT[axis][0], BANK[1] // SEGMENT[axis][1]
    grid = truth.reshape(frames, *BANKS, down, across).transpose(0, 1, 3, 2, 4)
    grid = grid.reshape(frames, BANKS[0] * down, BANKS[1] * across)
    images.values[...] += np.repeat(np.repeat(grid, SEGMENT[axis][0], axis=1), SEGMENT[axis][1], axis=2)


def segments(axis: str) -> int:
    return BANK[0] * BANK[1] // (SEGMENT[axis][0] * SEGMENT[axis][1])


def median_error(axis: str) -> float:
    """Standard error of a median of Gaussian noise."""
    return np.sqrt(np.pi / 2) * NOISE / np.sqrt(SEGMENT[axis][0] * SEGMENT[axis][1])


@pytest.mark.parametrize("axis", ["block", "row", "column"])
@pytest.mark.parametrize("centre", [0.0, 7.5, 40.0])
def test_the_truth_is_found_within_its_error_also_far_from_0(axis, centre, noise_images, reference, detector):
    images = noise_images(60)
    truth = np.random.default_rng(9).normal(centre, 4, (60, *BANKS, segments(axis))).astype(np.float32)
    put_in(images, truth, axis)
    found = corrected(CommonMode(axis=axis), images, reference, detector)
    pulls = (found - truth).ravel() / median_error(axis)
    assert abs(pulls.mean()) < 5 / np.sqrt(pulls.size)
    assert abs(pulls.std() - 1) < max(5 / np.sqrt(2 * pulls.size), 0.03)


def test_noise_is_that_without_common_mode(noise_images, reference, detector):
    images = noise_images(200)
    put_in(images, np.random.default_rng(3).normal(0, 6, (200, *BANKS, segments("row"))).astype("f4"), "row")
    raw = images.values.std(axis=0, ddof=1)
    corrected(CommonMode(), images, reference, detector)
    noise = images.values.std(axis=0, ddof=1)
    # Taking off a median changes σ² by a part of the order of one over the length of a segment.
    assert np.sqrt((noise**2).mean()) == pytest.approx(NOISE, rel=2 / BANK[1])
    assert np.sqrt((raw**2).mean()) == pytest.approx(np.hypot(NOISE, 6), rel=0.05)


def test_bad_pixels_signal_and_samples_out_of_use_do_not_count(noise_images, reference, detector):
    images = noise_images(40)
    clean = corrected(CommonMode(), images_of(images.values.copy(), images.use), reference, detector)
    rng = np.random.default_rng(4)
    bad = rng.random(images.values.shape[1:]) < 0.1
    signal = rng.random(images.values.shape) < 0.1
    out = rng.random(images.values.shape) < 0.1
    # What only the mask can tell is within 5 σ; the signal is above, but below the largest shift.
    images.values[...] += 12 * bad + 60 * signal + 12 * out
    images.use[out] = False
    found = corrected(CommonMode(), images, changed(reference, bad=bad), detector)
    assert abs((found - clean).mean()) < 5 * median_error("row") / np.sqrt(found.size)
    assert np.abs(found - clean).max() < 7 * median_error("row")


def test_several_axes_follow_each_other(noise_images, reference, detector):
    images = noise_images(10)
    truth = {axis: np.random.default_rng(2).normal(0, 5, (10, *BANKS, segments(axis))).astype("f4")
             for axis in ("block", "row", "column")}
    for axis, shifts in truth.items():
        put_in(images, shifts, axis)
    shifts = corrected(CommonMode(axis="block row column"), images, reference, detector)
    assert shifts.shape == (10, *BANKS, 1 + BANK[0] + BANK[1])
    assert images.values.std() == pytest.approx(NOISE, rel=0.05)
    by_hand = noise_images(10)
    for axis, added in truth.items():
        put_in(by_hand, added, axis)
    parts = [corrected(CommonMode(axis=axis), by_hand, reference, detector) for axis in ("block", "row", "column")]
    np.testing.assert_array_equal(shifts, np.concatenate(parts, axis=-1))
    np.testing.assert_array_equal(images.values, by_hand.values)


def test_the_right_axis_gives_the_lower_noise(noise_images, reference, detector):
    left = {}
    for axis in ("row", "column"):
        images = noise_images(20)
        put_in(images, np.random.default_rng(6).normal(0, 5, (20, *BANKS, segments("column"))).astype("f4"), "column")
        corrected(CommonMode(axis=axis), images, reference, detector)
        left[axis] = images.values.std()
    assert left["column"] < 1.05 * NOISE < left["row"]


def test_larger_shifts_and_masked_segments_are_left_and_differ(noise_images, reference, detector):
    """NaN where a shift is not believed or not told; 0 where so many pixels are bad that none is looked for."""
    images = noise_images(2)
    images.values[0] += 150
    images.use[1, :, :60] = False
    bad = np.zeros(images.values.shape[1:], bool)
    bad[BANK[0] + 3] = True
    before = images.values.copy()
    shifts = corrected(CommonMode(limit=100), images, changed(reference, bad=bad), detector)
    looked = np.ones((2, *BANKS, BANK[0]), bool)
    looked[:, 1, :, 3] = False
    assert np.isnan(shifts[0][looked[0]]).all()
    assert np.isnan(shifts[1, :, 0][looked[1, :, 0]]).all()
    assert (shifts[~looked] == 0).all()
    assert np.isfinite(shifts[1, :, 1]).all()
    assert (shifts[1, :, 1] != 0).any()
    np.testing.assert_array_equal(images.values[0], before[0])


def test_without_banks_an_asic_shares_the_shift(noise_images, reference, detector):
    whole = replace(detector, bank_shape=None)
    assert corrected(CommonMode(), noise_images(2), reference, whole).shape == (2, 1, 1, 96)


@dataclass(frozen=True)
class OfStages:
    """Noise of three gain stages."""

    noise: OfSamples

    def get(self, kind: ConstantKind) -> OfSamples | None:
        """The noise; there are no bad pixels."""
        return self.noise if kind == NOISE_OF_PIXELS else None


def half_lit(images: Images) -> tuple[Images, OfStages]:
    """Frames shifted by 7 ADU whose right halves have bright light in the first stage, or faint light in the next."""
    shape = images.values.shape[1:]
    images = images.copy()
    images.values += 7
    images.values[:, ::2, 32:64] += 500
    images.values[:, 1::2, 32:64] += 12
    images.stage[:, 1::2, 32:64] = 1
    sigma = np.array([NOISE, 5 * NOISE, 5 * NOISE], np.float32)[:, None, None, None]
    return images, OfStages(OfSamples(np.broadcast_to(sigma, (3, 1, *shape)), None))


def test_a_half_lit_row_does_not_shift_its_dark_half(noise_images, detector):
    images, constants = half_lit(noise_images(60))
    before = images.values.copy()
    CommonModeOfFirstStage(limit=20.0).bind(constants, detector).apply(images)
    shifts = images.found["common_mode"][:, 0, 0]
    assert abs(shifts.mean() - 7) < 0.1 * NOISE
    # the error of a median of half a row
    assert shifts.std() == pytest.approx(np.sqrt(np.pi / 2) * NOISE / np.sqrt(32), rel=0.08)
    # all samples of the segment get it, those of other stages too
    np.testing.assert_allclose(images.values[:, :48, :64], before[:, :48, :64] - shifts[:, :, None], atol=1e-4)


def test_faint_light_in_another_stage_would_shift_it(noise_images, detector):
    """So that the test above can fail."""
    images, constants = half_lit(noise_images(60))
    images.stage[...] = 0
    CommonMode(limit=20.0).bind(constants, detector).apply(images)
    assert images.found["common_mode"][:, 0, 0, 1::2].mean() > 7 + NOISE
