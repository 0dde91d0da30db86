"""Medians by sorting are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from calib_core.numerics.middle import median, row_medians

NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32)


@given(arrays(np.float32, array_shapes(max_dims=3, max_side=9), elements=NUMBERS))
def test_all_values(values):
    assert median(values) == np.median(values)


@given(arrays(np.uint16, array_shapes(max_dims=2, max_side=9)))
def test_codes(values):
    assert median(values) == np.median(values)


def test_what_is_no_number():
    assert np.isnan(median(np.array([], np.float32)))
    assert np.isnan(median(np.array([1, np.nan, 2], np.float32)))
    assert median(np.array([1, np.inf, 2, -np.inf, 0])) == 1


@pytest.mark.filterwarnings("ignore:All-NaN")
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=3, max_side=9), elements=NUMBERS | st.just(np.nan)))
def test_along_rows(values):
    np.testing.assert_array_equal(row_medians(values), np.nanmedian(values, axis=-1))
