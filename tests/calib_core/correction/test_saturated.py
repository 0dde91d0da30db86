"""Saturated samples against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Known
from calib_core.correction.saturated import Saturated
from calib_core.detector.registry import detector_type

from ...known import images_of


@pytest.mark.parametrize(("threshold", "first"), [(65535.0, 16383), (20000.0, 16383), (9000.0, 9000)])
def test_codes_from_the_threshold_or_the_end_of_the_range_on_are_flagged(threshold: float, first: int) -> None:
    codes = np.arange(16384, dtype=np.float32).reshape(1, 128, 128)
    images = images_of(codes.copy()).copy()
    Saturated(threshold=threshold).bind(Known({}), detector_type("EPIX100")).apply(images)
    full = np.arange(16384).reshape(1, 128, 128) >= first
    np.testing.assert_array_equal(images.mask, np.where(full, int(BadPixels.VALUE_OUT_OF_RANGE), 0))
    np.testing.assert_array_equal(images.use, ~full)
    np.testing.assert_array_equal(images.values, codes)
