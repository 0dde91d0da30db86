"""Gain stages by gain bits: codes of stages, and codes of none."""

from __future__ import annotations

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.images import Images
from calib_core.detector import Frames
from calib_core.detectors.jungfrau import JUNGFRAU


def test_codes_of_stages_and_of_none():
    bits = np.array([[[0, 1], [3, 2]], [[3, 3], [0, 7]]], np.uint8)
    frames = Frames(np.full((2, 1, 2, 2), 5, np.uint16), np.zeros(2, int), np.arange(2, dtype=np.uint64), bits)
    images = Images.of_frames(frames)
    StageOfBits().apply(images, {}, JUNGFRAU)
    assert images.stage.tolist() == [[[0, 1], [2, 0]], [[2, 2], [0, 0]]]
    wrong = (bits == 2) | (bits == 7)
    assert (images.mask == np.where(wrong, int(BadPixels.WRONG_GAIN_VALUE), 0)).all()
    assert (images.use == ~wrong).all()
    assert (images.values == 5).all()
    assert (frames.block == 5).all()
