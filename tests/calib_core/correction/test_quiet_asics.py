"""Quiet ASICs, against frames made with NumPy in which some ASICs gave their offsets, or one code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.quiet_asics import QuietAsics
from calib_core.detectors.agipd import AGIPD1M

from ...lit_frames import SHAPE, frame
from .memory import bound, constant, images

FLAG = int(BadPixels.ASIC_STD_BELOW_NOISE)
NOISE = constant(np.full((3, *SHAPE), 11, np.float32))


def test_asics_that_stand_still_are_flagged_in_their_frames_alone() -> None:
    """Whatever their level; good ones, dark or lit, are not, in 320 of them: their deviation is good to 1 %."""
    rng = np.random.default_rng(1)
    given = np.array([frame(rng, photons, 11.0) for photons in (0, 0, 0, 0.1, 2) for _ in range(4)])
    still = np.zeros(given.shape, bool)
    for i, (row, column) in enumerate(rng.integers(0, (8, 2), (20, 2))):
        part = np.s_[i, 64 * row:64 * row + 64, 64 * column:64 * column + 64]
        still[part] = True
        given[part] = rng.normal((0, 500, -2000)[i % 3], (0, 2, 4)[i % 3], (64, 64))
    one = images(given)
    bound(QuietAsics(), Noise=NOISE).apply(one)
    np.testing.assert_array_equal(one.mask, still * np.uint32(FLAG))
    np.testing.assert_array_equal(one.values, given.astype(np.float32))


def test_flagged_and_switched_samples_have_no_say() -> None:
    """Neither hide a still ASIC nor make one of a good one of which few samples are left."""
    rng, flags = np.random.default_rng(2), np.zeros((3, *SHAPE), np.uint32)
    given, stage = np.zeros((2, *SHAPE)), np.zeros((2, *SHAPE), np.uint8)
    given[0, ::2], flags[0, ::2] = rng.normal(0, 100, (256, 128)), 1
    stage[1] = 1
    one = images(given, stage)
    bound(QuietAsics(), Noise=NOISE, BadPixelsDark=constant(flags)).apply(one)
    assert (one.mask[0] == FLAG).all()
    assert not one.mask[1].any()


def test_without_noise_or_high_gain_it_is_left_out() -> None:
    [skipped] = bound(QuietAsics()).skipped
    assert skipped.reason == "Quiet ASICs are left out: there is no Noise."
    [skipped] = bound(QuietAsics(), replace(AGIPD1M, fixed_stage=2), Noise=NOISE).skipped
    assert "no samples of HG" in skipped.reason
