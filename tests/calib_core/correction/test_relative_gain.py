"""Energies of signals, and pixels without a gain."""

from __future__ import annotations

import numpy as np

from calib_core.correction.of_samples import OfSamples
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.detectors.jungfrau import JUNGFRAU

from ...known import images_of


def test_signals_are_divided_by_the_gain_of_their_stage():
    gain = np.zeros((3, 1, 2, 2), np.float32)
    gain[0], gain[1], gain[2] = 40.0, -1.5, -0.1
    gain[0, 0, 0, 0], gain[0, 0, 0, 1] = 0.0, np.nan
    images = images_of(np.full((3, 2, 2), -3.0, np.float32))
    images.stage = np.repeat(np.arange(3, dtype=np.uint8), 4).reshape(3, 2, 2)
    GainPerEnergy().apply(images, {"RelativeGain": OfSamples(gain, (0,))}, JUNGFRAU)
    assert np.isnan(images.values[0, 0]).all()
    np.testing.assert_allclose(images.values[0, 1], -3 / 40, rtol=1e-6)
    np.testing.assert_allclose(images.values[1], 2, rtol=1e-6)
    np.testing.assert_allclose(images.values[2], 30, rtol=1e-6)
