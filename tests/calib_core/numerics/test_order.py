"""The exact median of parts, against NumPy on all values together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calib_core.numerics.order import MedianOfParts


def median_of(parts, left_out=None):
    found = MedianOfParts()
    beside = left_out or [np.zeros(part.shape, np.uint32) for part in parts]
    for go_through in (found.count, found.refine):
        for part, out in zip(parts, beside, strict=True):
            go_through(part, out)
    return found.value


@settings(deadline=None)  # the first call compiles
@given(st.lists(arrays(np.float32, st.integers(0, 9), elements=st.floats(width=32)), max_size=4))
def test_it_is_the_median_of_all_finite_values(parts):
    values = np.concatenate([*parts, np.empty(0, np.float32)]).astype(np.float64)
    finite = values[np.isfinite(values)]
    found = median_of(parts)
    assert found is None if not finite.size else found == np.median(finite)


@pytest.mark.parametrize("number", [1, 2, 4095, 4096])
def test_values_of_both_signs_and_of_many_sizes(number):
    random = np.random.default_rng(number)
    values = (random.normal(0, 1, number) * 10.0 ** random.integers(-30, 30, number)).astype(np.float32)
    assert median_of(np.array_split(values, 7)) == np.median(values.astype(np.float64))


def test_what_is_left_out_does_not_count():
    random = np.random.default_rng(0)
    images = random.normal(4000, 50, (6, 20, 30)).astype(np.float32)
    images[2, 3, 4], images[0, 0, 0] = np.nan, np.inf
    flags = (random.random(images.shape) < 0.3).astype(np.uint32) << random.integers(0, 32, images.shape).astype("u4")
    kept = images[np.isfinite(images) & (flags == 0)]
    assert median_of(list(images), list(flags)) == np.median(kept.astype(np.float64))
    assert median_of(list(images), [np.full(one.shape, 1 << 31, np.uint32) for one in flags]) is None


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="shape"):
        MedianOfParts().count(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.uint32))
