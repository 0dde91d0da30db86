"""Full codes are marked, as long as they are codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.full import MarkEnds, MarkFull
from calib_core.correction.pipeline import Pipeline
from calib_core.detector import Frames
from calib_core.detectors.dssc import DSSC1M

from ...known import images_of
from .memory import Memory


@pytest.mark.parametrize(("code", "full"), [(0, [False, False, False, True]), (255, [False, True, True, True])])
def test_codes_from_the_largest_on_are_full(code: int, full: list[bool]) -> None:
    images = images_of(np.array([[[0, 255, 510, 511]]], np.float32))
    images.mask = np.array([[[1, 0, 0, 2]]], np.uint32)
    before = images.use.copy()
    MarkFull(code=code).apply(images, {}, DSSC1M)
    flag = int(BadPixels.VALUE_OUT_OF_RANGE)
    assert images.mask.ravel().tolist() == [old | flag * new for old, new in zip([1, 0, 0, 2], full, strict=True)]
    np.testing.assert_array_equal(images.use, before)
    assert images.values.ravel().tolist() == [0, 255, 510, 511]


def test_codes_at_both_ends_are_marked_and_stay_in_one_pass_too() -> None:
    codes = np.array([0, 1, 2, 510, 511, 600], np.uint16)
    kind = replace(DSSC1M, shape=(1, len(codes)))
    steps = Pipeline([MarkEnds()]).bind(Memory(), kind).read()
    found = steps.corrected(Frames(codes[None, None, None], np.zeros(1, np.int64), np.zeros(1, np.uint64)))
    one_by_one = images_of(codes[None, None].astype(np.float32)).copy()
    MarkEnds().apply(one_by_one, {}, kind)
    for images in (found, one_by_one):
        assert (images.mask.ravel() == int(BadPixels.VALUE_OUT_OF_RANGE) * np.isin(codes, (0, 511, 600))).all()
        assert images.values.ravel().tolist() == codes.tolist()
        assert images.use.all()
