"""The test of normality against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import normaltest

from calib_core.numerics.normality import LEAST_SAMPLES, normality


def gates(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(pixels, np.uint16), np.full(pixels, 65535, np.uint16)


@settings(deadline=None, max_examples=40)
@given(st.integers(LEAST_SAMPLES, 200), st.integers(0, 2**32 - 1),
       st.sampled_from(["normal", "exponential", "uniform"]))
def test_it_is_that_of_scipy(frames, seed, shape):
    rng = np.random.default_rng(seed)
    samples = (700 + 20 * getattr(rng, shape)(size=(frames, 30))).round().astype(np.uint16)
    expected = normaltest(samples.astype(float), axis=0).pvalue
    np.testing.assert_allclose(normality(samples, *gates(30)), expected, rtol=1e-5, atol=1e-12)


def test_only_samples_inside_the_gate_count():
    rng = np.random.default_rng(2)
    samples = rng.normal(700, 8, (100, 5)).round().astype(np.uint16)
    spoiled = np.concatenate([samples, np.full((30, 5), 5000, np.uint16)])
    low, high = np.full(5, 600, np.uint16), np.full(5, 800, np.uint16)
    np.testing.assert_array_equal(normality(spoiled, low, high), normality(samples, low, high))


@pytest.mark.parametrize("samples", [
    np.zeros((0, 3), np.uint16), np.full((LEAST_SAMPLES - 1, 3), 5, np.uint16), np.full((50, 3), 5, np.uint16)])
def test_too_few_or_constant_samples_tell_nothing(samples):
    assert np.isnan(normality(samples, *gates(3))).all()


def test_normal_samples_are_rejected_as_often_as_the_level_says():
    samples = np.random.default_rng(4).normal(700, 8, (128, 20000)).round().astype(np.uint16)
    rejected = (normality(samples, *gates(20000)) < 0.05).mean()
    assert abs(rejected - 0.05) < 0.01


def test_another_type_is_refused():
    with pytest.raises(ValueError, match="samples"):
        normality(np.zeros((30, 3), np.int32), *gates(3))
