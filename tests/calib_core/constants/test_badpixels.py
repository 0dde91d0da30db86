"""Bad-pixel flags are the facility's, bit for bit."""

from __future__ import annotations

import numpy as np
from extra.calibration import BadPixels as Facility

from calib_core.constants.badpixels import BadPixels


def test_names_and_bits_are_the_facility_s():
    ours = {name: int(flag) for name, flag in BadPixels.__members__.items()}
    assert ours == {name: int(flag) for name, flag in Facility.__members__.items()}


def test_all_flags_fit_a_mask():
    assert np.uint32(sum(BadPixels)) == sum(Facility)


def test_labels_are_plain_words():
    assert BadPixels.OFFSET_OUT_OF_THRESHOLD.label == "offset out of threshold"
    assert all(flag.label for flag in BadPixels)
