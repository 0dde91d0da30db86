"""The exact median of parts, against NumPy on all values together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calib_core.numerics.order import median_of_parts


@given(st.lists(arrays(np.float32, st.integers(0, 9), elements=st.floats(width=32)), max_size=4))
def test_it_is_the_median_of_all_finite_values(parts):
    values = np.concatenate([*parts, np.empty(0, np.float32)]).astype(np.float64)
    finite = values[np.isfinite(values)]
    found = median_of_parts(lambda: parts)
    assert found is None if not finite.size else found == np.median(finite)


@pytest.mark.parametrize("number", [1, 2, 4095, 4096])
def test_values_of_both_signs_and_of_many_sizes(number):
    random = np.random.default_rng(number)
    values = (random.normal(0, 1, number) * 10.0 ** random.integers(-30, 30, number)).astype(np.float32)
    assert median_of_parts(lambda: np.array_split(values, 7)) == np.median(values.astype(np.float64))


def test_images_are_gone_through_one_at_a_time():
    images = np.random.default_rng(0).normal(4000, 50, (6, 20, 30)).astype(np.float32)
    images[2, 3, 4], images[0, 0, 0] = np.nan, np.inf
    assert median_of_parts(lambda: iter(images)) == np.median(images[np.isfinite(images)].astype(np.float64))
