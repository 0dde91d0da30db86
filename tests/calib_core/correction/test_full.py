"""Full codes are marked, as long as they are codes."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.full import MarkFull
from calib_core.detectors.dssc import DSSC1M

from ...known import images_of


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
