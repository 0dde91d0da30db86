"""Density of shared charge, and the bias of dark means, against photons that are thrown one by one."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.shared_charge import dark_bias, density

from ...lit_frames import PHOTON, SHAPE, charge


@pytest.mark.parametrize("photons", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("cloud", [0.0, 8.0, 13.0])
def test_the_density_is_that_of_thrown_photons(photons: float, cloud: float) -> None:
    """Shares of 300,000 samples in bins of 20 ADU; photons come from inside the frame alone, so its edge is not."""
    rng, sigma = np.random.default_rng(1), 10.0
    thrown = np.concatenate([
        (charge(rng, photons, cloud) * PHOTON + rng.normal(0, sigma, SHAPE))[2:-2, 2:-2].ravel() for _ in range(5)])
    edges = np.arange(-60, 600, 20.0)
    signal, share = density(photons, PHOTON, cloud / 200, sigma)
    order = np.argsort(signal)
    below = np.interp(edges, signal[order], np.cumsum(share[order]) - share[order] / 2)
    found = np.histogram(thrown, edges)[0] / thrown.size
    assert share.sum() == pytest.approx(1, abs=1e-6)
    assert np.dot(signal, share) == pytest.approx(photons * PHOTON, rel=1e-3)
    # neighbours share photons, so that two samples count as one
    assert np.abs(found - np.diff(below)).max() < 5 * np.sqrt(2 * 0.25 / thrown.size)


def test_without_light_nothing_is_off() -> None:
    above, bias = dark_bias(PHOTON, 0.04, 9.0, (-30.0, 30.0), 4)
    assert abs(bias[0]) < 1e-6
    assert abs(above[0]) < 1e-6
    assert (np.diff(above) > 0).all()


@pytest.mark.parametrize(("photons", "expected"), [(0.05, 0.2), (0.3, 1.1), (1.0, 3.5)])
def test_the_bias_of_a_cloud_is_that_of_an_independent_study(photons: float, expected: float) -> None:
    _, bias = dark_bias(PHOTON, 0.04, 9.0, (-30.0, 30.0), 4)
    assert np.interp(photons, np.linspace(0, 3, len(bias)), bias) == pytest.approx(expected, abs=0.1)
