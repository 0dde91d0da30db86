"""Factors of pixels and stages, and an offset that a module may lack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Known
from calib_core.correction.factors import GainFactor
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.offset import OffsetOrFlag
from calib_core.correction.step import Bound
from calib_core.detectors.gotthard2 import GOTTHARD2
from calib_core.errors import BadInput

from ...known import images_of


def test_each_sample_is_multiplied_by_the_factor_of_its_cell_and_stage() -> None:
    images = images_of(np.array([[[1, 2, 3]], [[4, 5, 6]]], np.float32))
    images.stage, images.cell = np.array([[[0, 1, 2]], [[2, 1, 0]]], np.uint8), np.array([3, 4])
    factors = np.array([[[[1, 1, 1]], [[2, 2, 2]]], [[[10, 20, 30]], [[40, 50, 60]]],
                        [[[100, 200, np.nan]], [[400, 500, 600]]]], np.float32)
    Bound(GainFactor(), {"RelativeGain": OfSamples(factors, (3, 4))}, GOTTHARD2).apply(images)
    np.testing.assert_array_equal(images.values, np.float32([[[1, 40, np.nan]], [[1600, 250, 12]]]))
    assert images.one_scale


def test_without_factors_it_is_told_what_is_on_no_common_scale() -> None:
    with pytest.raises(BadInput, match=r"no RelativeGain, so the factor is 1. Signals of G1 and G2 are"):
        GainFactor().bind(Known({}), GOTTHARD2)


@dataclass(frozen=True)
class Gains(OfSamples):
    """Factors of a file that tells a unit."""

    unit: str = "ADU/keV"


def test_gains_with_a_unit_are_no_factors() -> None:
    class One:
        def get(self, kind):
            return Gains(np.ones((3, 1, 1, 1), np.float32), None, why="cal.1.h5")

    with pytest.raises(BadInput, match=r"RelativeGain of cal.1.h5 is in “ADU/keV”; relative gain takes factors"):
        GainFactor().bind(One(), GOTTHARD2)


def test_a_module_without_offsets_has_no_signals_but_flags() -> None:
    images = images_of(np.array([[[1, 2]]], np.float32)).copy()
    OffsetOrFlag().bind(Known({}), GOTTHARD2).apply(images)
    assert np.isnan(images.values).all()
    assert (images.mask == int(BadPixels.NO_DARK_DATA)).all()
    known = images_of(np.array([[[1, 2]]], np.float32)).copy()
    OffsetOrFlag().bind(Known({"Offset": np.float32([[3, 5]])}), GOTTHARD2).apply(known)
    assert known.values.ravel().tolist() == [-2, -3]
    assert not known.mask.any()
