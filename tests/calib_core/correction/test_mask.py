"""Flags of pixels go to their samples."""

from __future__ import annotations

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.mask import Mask
from calib_core.correction.of_samples import OfSamples
from calib_core.detectors.jungfrau import JUNGFRAU

from ...known import images_of


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
