"""Numbers that lie far from few others."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.outliers import medians_of_others, outlying, scale

NUMBERS = np.random.default_rng(5).normal(100, 1, 16)
SPREAD = np.full(16, 3.0)


@pytest.mark.parametrize("far", [(3,), (3, 11), (0, 1, 2, 3)])
def test_numbers_that_lie_far_do_not_hide_each_other(far: tuple[int, ...]) -> None:
    values = NUMBERS.copy()
    values[list(far)] += 60
    np.testing.assert_array_equal(np.flatnonzero(outlying(values, SPREAD, 5)), far)


def test_what_spreads_or_scatters_is_not_far() -> None:
    values = NUMBERS.copy()
    values[3] += 14
    assert not outlying(values, SPREAD, 5).any()
    assert outlying(values, SPREAD / 2, 5)[3]
    assert not outlying(10 * NUMBERS, SPREAD, 5).any()


def test_nothing_is_far_from_nothing() -> None:
    assert not outlying(np.array([np.nan, 4.0, np.nan]), np.ones(3), 5).any()
    assert not outlying(np.empty(0), np.empty(0), 5).any()
    np.testing.assert_array_equal(outlying(np.array([1.0, 50.0]), np.ones(2), 5), [True, False])


def test_the_scale_is_the_larger_of_spread_and_scatter() -> None:
    assert scale(np.array([1.0, 1.0, 1.0]), np.array([2.0, 3.0, 9.0])) == 3
    assert scale(np.array([-4.0, 0.0, 4.0]), np.ones(3)) == pytest.approx(np.sqrt(32 / 3))


@pytest.mark.parametrize("asics", [1, 2, 3, 7, 8])
def test_medians_of_others_are_those_of_numpy(asics: int) -> None:
    """Also with numbers that are not there, with equal ones, and where there is no other."""
    random = np.random.default_rng(asics)
    values = random.integers(0, 5, (300, asics)).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    found = medians_of_others(values)
    for i in range(asics):
        for row, median in zip(np.delete(values, i, axis=1), found[:, i], strict=True):
            others = row[~np.isnan(row)]
            np.testing.assert_equal(median, np.median(others) if others.size else np.nan)
