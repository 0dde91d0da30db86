"""Samples outside their gates against SciPy, and the formula written with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from calib_core.numerics.stability import explained, improbable


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_the_binomial_tail_is_scipys(n: int, data: Any) -> None:
    k = data.draw(st.integers(0, n))
    p = data.draw(st.one_of(st.floats(1e-12, 1.0), st.just(0.0)))
    found = improbable(np.array([k]), np.array([n]), np.array([p]))[0]
    assert found == pytest.approx(binom.sf(k - 1, n, p), rel=1e-9, abs=1e-14)


def reference(mean: Any, std: Any, low: Any, high: Any, count: Any, tried: Any) -> Any:
    """Chance and common part of one ASIC by NumPy and SciPy."""
    p = norm.sf((mean - low) / std) + norm.sf((high - mean) / std)
    k, kept = tried.astype(int) - count, np.ones(mean.shape, bool)
    for _ in range(6):
        q = (max(0.0, (k - tried * p)[kept].sum()) + 3) / tried[kept].sum()
        inside = binom.sf(k - 1, tried, np.minimum(1, p + q)) >= 1e-3
        if (inside == kept).all():
            break
        kept = inside
    return np.minimum(1, p + q), q


@pytest.mark.parametrize("cosmics", [0.0, 1e-3, 1e-2, 0.2])
def test_chance_and_asic_are_those_of_the_formula(cosmics: float) -> None:
    rng = np.random.default_rng(7)
    shape, n = (32, 48), 200
    mean, std = (rng.normal(size=shape) * s + m for s, m in ((5, 4000), (0.4, 9)))
    half = 5 * 1.4826 * rng.normal(6.07, 0.6, shape).clip(3)
    low, high = np.ceil(mean - half) - 0.5, np.floor(mean + half) + 0.5
    tried = rng.integers(100, n, shape)
    outside = rng.binomial(tried, cosmics)
    outside[3:5, 3:9] = rng.binomial(tried[3:5, 3:9], 0.3)
    arrays = [one.astype(np.float32) for one in (mean, std, low, high)]
    counts = [one.astype(np.uint32) for one in (tried - outside, tried)]
    found, common = explained(*arrays, *counts, np.ones(shape, bool), (16, 24))
    for y in (0, 16):
        for x in (0, 24):
            block = np.s_[y:y + 16, x:x + 24]
            expected, q = reference(*(one[block].astype(float) for one in arrays), *(one[block] for one in counts))
            np.testing.assert_allclose(found[block], expected, rtol=2e-3)
            assert common[y // 16, x // 24] == pytest.approx(q, rel=2e-3)


def test_pixels_that_are_not_judged_tell_nothing() -> None:
    shape = (8, 8)
    mean, std = np.full(shape, 100, np.float32), np.full(shape, 5, np.float32)
    low, high = mean - 30, mean + 30
    tried = np.full(shape, 50, np.uint32)
    count = tried.copy()
    count[0], ordinary = 0, np.ones(shape, bool)
    ordinary[0] = False
    std[1, 0], mean[1, 1], tried[1, 2] = 0, np.nan, 0
    found, common = explained(mean, std, low, high, count, tried, ordinary, (8, 8))
    missing = ~ordinary
    missing[1, :3] = True
    np.testing.assert_array_equal(np.isnan(found), missing)
    kept = 64 - 8 - 3
    assert common == pytest.approx(3 / (50 * kept), rel=1e-3)
    np.testing.assert_allclose(found[~missing], 3 / (50 * kept) + 2 * norm.sf(6), rtol=1e-3)


@pytest.mark.parametrize("change", [{"block_shape": (3, 8)}, {"mean": np.zeros((4, 4))}])
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    one, number = np.ones((8, 8), np.float32), np.ones((8, 8), np.uint32)
    given = {"mean": one, "std": one, "low": one, "high": one, "count": number, "tried": number,
             "ordinary": np.ones((8, 8), bool), "block_shape": (8, 8)}
    with pytest.raises(ValueError, match=r"blocks|mean|std"):
        explained(**{**given, **change})
