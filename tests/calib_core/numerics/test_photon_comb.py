"""Peaks of photons: found where the simulation has put them, and as iminuit finds them by the same likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iminuit import Minuit
from iminuit.cost import ExtendedBinnedNLL
from scipy.special import ndtr
from scipy.stats import norm

from calib_core.numerics.photon_comb import PEAKS, fit_comb

ZERO, SPACING = -0.3, 9.2
Array = Any


def histogram(samples: Array, bins: int = 400) -> tuple[Array, Array]:
    low, high = np.percentile(samples, (0.01, 99.95))
    counts, edges = np.histogram(samples, np.linspace(low - 3, high + 3, bins + 1))
    return edges, counts


def samples_of(rate: float, width: float, number: int, seed: int, growth: float = 0.1) -> tuple[Array, Array]:
    """Signals without charge sharing, and how many photons each has."""
    draw = np.random.default_rng(seed)
    photons = draw.poisson(rate, number)
    return ZERO + SPACING * photons + draw.normal(0, np.sqrt(width**2 + growth * photons)), photons


@pytest.mark.parametrize(("rate", "width"), [(0.05, 1.3), (0.25, 1.54), (0.25, 0.5), (1.0, 1.54), (3.0, 1.5)])
def test_peaks_are_where_they_were_put(rate: float, width: float) -> None:
    pulls = []
    for seed in range(12):
        samples, photons = samples_of(rate, width, 60_000, seed)
        found = fit_comb(*histogram(samples))
        assert found is not None
        truth = {"zero": ZERO, "spacing": SPACING, "width": width}
        pulls.append([(getattr(found, name) - value) / found.errors[name] for name, value in truth.items()])
        there = np.bincount(photons, minlength=PEAKS)[: len(found.counts)]
        np.testing.assert_allclose(found.counts[:2], there[:2], rtol=0.02, atol=5 * np.sqrt(there[:2]).max())
        assert found.chi2 < 1.4
    # of 12 independent numbers the mean is known to 0.29, and the spread to 20 %
    assert np.abs(np.mean(pulls, axis=0)).max() < 4 * 0.29
    assert np.std(pulls, axis=0).max() < 1.9
    assert np.std(pulls, axis=0).min() > 0.4


def test_iminuit_finds_the_same() -> None:
    samples, _ = samples_of(0.4, 1.5, 200_000, 3)
    edges, counts = histogram(samples)
    found = fit_comb(edges, counts)
    assert found is not None
    inside = (edges >= found.window[0] - 1e-9) & (edges <= found.window[1] + 1e-9)
    window = edges[inside]
    data = counts[inside[:-1] & inside[1:]]
    number = len(found.counts)

    def model(x: Array, zero: float, spacing: float, width: float, growth: float, *amplitudes: float) -> Array:
        """Integrals up to each edge, those of shelves by sums over a fine grid."""
        total = np.zeros(len(x))
        for k in range(number):
            total += amplitudes[k] * norm.cdf(x, zero + k * spacing, np.sqrt(width**2 + k * growth))
        for k in range(number - 1):
            # the lower end has the width of its peak, the upper one that of the next
            low, high = zero + k * spacing, zero + (k + 1) * spacing
            wide = [np.sqrt(width**2 + one * growth) for one in (k, k + 1)]
            reach = low - 12 * wide[1], high + 12 * wide[1]
            grid = reach[0] + (reach[1] - reach[0]) * np.concatenate([[0.0], (np.arange(4000) + 0.5) / 4000])
            density = (ndtr((grid - low) / wide[0]) - ndtr((grid - high) / wide[1])) / spacing
            area = np.concatenate([[0.0], np.cumsum(density[1:])]) * (reach[1] - reach[0]) / 4000
            total += amplitudes[number + k] * np.interp(x, grid, area)
        return total

    start = [0.0, 9.0, 1.4, 0.1, *([len(samples) / number] * number), *([100.0] * (number - 1))]
    names = ["zero", "spacing", "width", "growth", *(f"a{i}" for i in range(2 * number - 1))]
    fit = Minuit(ExtendedBinnedNLL(data, window, model), *start, name=names)
    fit.limits[1], fit.limits[2], fit.limits[3] = (1, 20), (0.1, 5), (0, 5)
    for i in range(4, len(start)):
        fit.limits[i] = (0, None)
    fit.migrad()
    fit.hesse()
    assert fit.valid
    for i, name in enumerate(("zero", "spacing", "width")):  # limits at 0 keep iminuit a little away from the top
        assert getattr(found, name) == pytest.approx(fit.values[i], abs=0.3 * fit.errors[i]), name
        assert found.errors[name] == pytest.approx(fit.errors[i], rel=0.1), name


def test_shared_charge_moves_the_peak_by_less_than_two_per_cent() -> None:
    """Photons fall anywhere into pixels of 200 µm; their charge is a cloud of 8 µm."""
    draw = np.random.default_rng(9)
    number, rate = 300_000, 0.25
    signal = draw.normal(0, 1.3, number)
    # photons that fall into the pixel or beside it, and the share of the charge that is inside
    photons = draw.poisson(rate * 1.5**2, number)
    for k in range(int(photons.max())):
        some = photons > k
        x, y = draw.uniform(-150, 150, (2, int(some.sum())))
        share = [ndtr((100 - one) / 8) - ndtr((-100 - one) / 8) for one in (x, y)]
        signal[some] += SPACING * share[0] * share[1]
    found = fit_comb(*histogram(signal))
    assert found is not None
    assert -0.02 < found.spacing / SPACING - 1 < 0.001
    assert found.shelves[0] > 0.05 * found.counts[1]  # the charge that was shared is not in the peak


@pytest.mark.parametrize("kind", ["noise", "empty", "constant", "flat", "exponential"])
def test_where_there_are_no_peaks_none_are_found(kind: str) -> None:
    draw = np.random.default_rng(4)
    samples = {"noise": draw.normal(0, 1.5, 100_000), "empty": np.empty(0), "constant": np.full(1000, 7.0),
               "flat": draw.uniform(0, 50, 50_000), "exponential": draw.exponential(20, 50_000)}[kind]
    edges = np.linspace(-10, 100, 441)
    assert fit_comb(edges, np.histogram(samples, edges)[0]) is None
