"""Poisson numbers and shared charge against NumPy and the normal distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calib_core.simulate.light import mean_share, poisson_numbers, shared_photons
from calib_core.simulate.noise import key_of

SHAPE = (256, 512)


def drawn(mean: float, key: int = 1) -> np.ndarray:
    return poisson_numbers(np.full(SHAPE, mean), key_of(key))


def probabilities(mean: float, most: int) -> np.ndarray:
    """Poisson probabilities of 0 to ``most``."""
    k = np.arange(most + 1)
    return np.exp(k * np.log(mean) - mean - np.array([math.lgamma(n + 1) for n in k]))


@pytest.mark.parametrize("mean", [0.02, 0.9, 6.0, 9.99, 10.0, 14.0, 130.0, 5e3, 4e5])
def test_mean_and_variance_are_poisson(mean: float) -> None:
    found = drawn(mean)
    assert found.mean() == pytest.approx(mean, abs=5 * math.sqrt(mean / found.size))
    error = math.sqrt((mean + 2 * mean**2) / found.size)
    assert found.var() == pytest.approx(mean, abs=5 * error)


@pytest.mark.parametrize("mean", [0.5, 8.0, 11.0, 60.0])
def test_each_number_is_as_frequent_as_it_should_be(mean: float) -> None:
    found = drawn(mean)
    expected = probabilities(mean, int(mean + 12 * math.sqrt(mean) + 5)) * found.size
    counts = np.bincount(found.ravel(), minlength=len(expected))[: len(expected)]
    often = expected > 20
    chi2 = ((counts - expected) ** 2 / expected)[often].sum()
    assert abs(chi2 - often.sum()) < 5 * math.sqrt(2 * often.sum())
    assert abs(counts[~often].sum() - expected[~often].sum()) < 5 * math.sqrt(expected[~often].sum() + 1)


def test_no_light_is_no_photon_and_pixels_do_not_know_each_other() -> None:
    assert drawn(0.0).max() == 0
    found = drawn(40.0).astype(float)
    for other in (found[:, 1:] * found[:, :-1], found[1:] * found[:-1], found * drawn(40.0, 2)):
        assert other.mean() == pytest.approx(1600, abs=5 * 1600 * math.sqrt(2 / 40) / math.sqrt(other.size))


@pytest.mark.parametrize("cloud", [0.05, 0.12, 0.3])
def test_mean_share_is_that_of_charges_thrown_by_numpy(cloud: float) -> None:
    random = np.random.default_rng(3)
    place = random.uniform(size=2_000_000) + random.normal(0, cloud, 2_000_000)
    assert mean_share(cloud) == pytest.approx((place < 0).mean(), abs=5 * math.sqrt(cloud / 2e6))


@pytest.mark.parametrize("photons", [1, 40, 65, 900])
def test_charge_goes_to_neighbours_and_none_is_lost_inside(photons: int) -> None:
    cloud, hits = 0.15, np.zeros((90, 120), np.int64)
    hits[1::3, 1::3] = photons
    shared = shared_photons(hits, cloud, key_of(5)).reshape(30, 3, 40, 3).swapaxes(1, 2)
    np.testing.assert_allclose(shared.sum(axis=(2, 3)), photons, rtol=1e-12)
    part = mean_share(cloud)
    expected = np.outer(line := np.array([part, 1 - 2 * part, part]), line)
    error = 0.35 / math.sqrt(photons * 1200)
    np.testing.assert_allclose(shared.mean(axis=(0, 1)) / photons, expected, atol=5 * error)


def test_single_photons_split_by_where_they_hit() -> None:
    """Share beyond the left edge: the integral of the normal distribution from a uniform place."""
    cloud, hits = 0.2, np.zeros((300, 300), np.int64)
    hits[1::3, 1::3] = 1
    left = shared_photons(hits, cloud, key_of(8))[1::3, 0::3]
    columns = shared_photons(hits, cloud, key_of(8)).reshape(100, 3, 100, 3).sum(axis=1)[:, :, 0].ravel()
    random = np.random.default_rng(4)
    expected = np.array([0.5 * math.erfc(x / cloud / math.sqrt(2)) for x in random.uniform(size=200_000)])
    assert left.min() >= 0
    for share in (0.01, 0.1, 0.3):
        chance = (expected > share).mean()
        assert (columns > share).mean() == pytest.approx(chance, abs=5 * math.sqrt(chance / columns.size))


def test_what_leaves_the_module_is_lost() -> None:
    hits = np.zeros((5, 6), np.int64)
    hits[0, 0] = 1000
    part = mean_share(0.2)
    assert shared_photons(hits, 0.2, 1).sum() == pytest.approx(1000 * (1 - part) ** 2)
