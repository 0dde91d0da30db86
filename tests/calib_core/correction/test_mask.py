"""Flags of pixels go to their samples."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels, flags_named
from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.mask import Mask
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.trusted import TrustedFlags
from calib_core.detectors.agipd import AGIPD1M
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.errors import BadParameter

from ...known import images_of
from .memory import Memory, constant, images

NAN, NOISY, GAIN = (int(one) for one in (
    BadPixels.VALUE_IS_NAN, BadPixels.NOISE_OUT_OF_THRESHOLD, BadPixels.FF_GAIN_DEVIATION))


def test_flags_of_stage_and_cell_join_those_of_the_sample():
    images = images_of(np.array([[[1.0, np.nan]], [[np.inf, 2.0]]], np.float32))
    images.stage, images.cell = np.array([[[0, 0]], [[1, 1]]], np.uint8), np.array([0, 1])
    images.mask = np.zeros((2, 1, 2), np.uint32)
    images.mask[0, 0, 0] = 1 << 21
    dark, flat = np.zeros((2, 2, 1, 2), np.uint32), np.zeros((2, 2, 1, 2), np.uint32)
    dark[0, 0], dark[1, 1] = [[1, 2]], [[4, 8]]
    flat[1, 1] = [[256, 0]]
    nan = int(BadPixels.VALUE_IS_NAN)
    given = {"BadPixelsDark": OfSamples(dark, (0, 1), 8), "BadPixelsFF": OfSamples(flat, (0, 1), 8)}
    Mask().apply(images, given, JUNGFRAU)
    assert images.mask.tolist() == [[[1 << 21 | 1, 2 | nan]], [[4 | 256 | nan, 8]]]


def test_without_flags_only_what_is_no_number_is_flagged():
    images = images_of(np.array([[[1.0, -np.inf]]], np.float32))
    images.mask = np.zeros((1, 1, 2), np.uint32)
    Mask().apply(images, {}, JUNGFRAU)
    assert images.mask.tolist() == [[[0, int(BadPixels.VALUE_IS_NAN)]]]


def test_flags_can_have_no_value_and_be_left_out_each_by_itself():
    dark = np.array([[[0, NOISY, GAIN, NOISY | GAIN]]], np.uint32)
    for no_value, left_out, values, mask in (
        ("", "", [1, 1, 1, 1], [0, NOISY, GAIN, NOISY | GAIN]),
        ("noise out of threshold", "", [1, np.nan, 1, np.nan], [0, NOISY | NAN, GAIN, NOISY | GAIN | NAN]),
        ("", "FF_GAIN_DEVIATION", [1, 1, 1, 1], [0, NOISY, 0, NOISY]),
        ("ff-gain-deviation", "Noise_Out_Of_Threshold, value is nan, ", [1, 1, np.nan, np.nan], [0, 0, GAIN, GAIN]),
    ):
        one = images(np.ones((1, 1, 4)))
        Mask(no_value=no_value, left_out=left_out).apply(one, {"BadPixelsDark": constant(dark)}, JUNGFRAU)
        np.testing.assert_array_equal(one.values[0, 0], np.float32(values))
        assert one.mask[0, 0].tolist() == mask


def test_trusted_flags_keep_no_sample_out_of_what_tells_a_common_mode():
    """Half of an ASIC has another gain; without them the other half alone would tell."""
    flags, given = np.zeros((3, 512, 128), np.uint32), np.random.default_rng(1).normal(0, 3, (2, 512, 128))
    flags[:, :, ::2], flags[:, :, 1::8] = GAIN, NOISY
    given[:, :, ::2], given[:, :, 1::8] = given[:, :, ::2] + 4, 20
    found = []
    for on in (False, True):
        one = images(given)
        steps = [TrustedFlags(on=on), AsicCommonMode(cells=False)]
        Pipeline(steps).bind(Memory(BadPixelsFF=constant(flags)), AGIPD1M).read().apply(one)
        found.append(one.found["cm"].mean())
        assert not one.mask.any()
    assert found == pytest.approx([0, 4 * 4 / 7], abs=0.05)


def test_names_that_are_no_flags_are_refused():
    assert flags_named(" offset out of threshold ,NOISY_ADC") == int(
        BadPixels.OFFSET_OUT_OF_THRESHOLD | BadPixels.NOISY_ADC)
    for step, parameter in ((Mask(no_value="noisy"), "mask_no_value"), (Mask(left_out="noisy"), "mask_left_out"),
                            (TrustedFlags(flags="noisy"), "trusted_flags")):
        told = f"{parameter} = 'noisy' is not allowed; 'noisy' is no flag, the nearest are NOISY_ADC, "
        with pytest.raises(BadParameter, match=told):
            Pipeline([step])
