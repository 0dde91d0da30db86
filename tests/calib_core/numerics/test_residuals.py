"""Moments of residuals against their plain NumPy twin, and against float64 statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics import residuals


def empty(pixels: int):
    return np.zeros(pixels, np.int64), np.zeros(pixels, np.int64), np.zeros(pixels, np.uint32)


def twin(values, use, half_width):
    """Sums in plain NumPy."""
    inside = use & (np.abs(values) <= np.minimum(half_width, np.float32(32768)))
    units = np.rint(256 * np.where(inside, values, 0).astype(np.float64)).astype(np.int64)
    return units.sum(axis=0), (units**2).sum(axis=0), inside.sum(axis=0).astype(np.uint32)


def summed(values, use, half_width, chunk=None):
    sums = empty(values.shape[1])
    for start in range(0, len(values), chunk or max(len(values), 1)):
        part = slice(start, start + (chunk or len(values)))
        residuals.add(values[part], use[part], half_width, *sums)
    return sums


def assert_same(one, other):
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


@given(frames=st.integers(0, 30), pixels=st.integers(1, 70), seed=st.integers(0, 2**32 - 1),
       scale=st.sampled_from([1e-3, 3.0, 300.0, 3e4]), share=st.floats(0, 1), chunk=st.integers(1, 30))
@settings(deadline=None, max_examples=100)
def test_equal_to_numpy_in_any_chunks_and_order(frames, pixels, seed, scale, share, chunk):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, scale, (frames, pixels)).astype("f4")
    values[rng.random(values.shape) < 0.05] = np.nan
    use = rng.random(values.shape) < share
    half_width = rng.uniform(0, 3 * scale, pixels).astype("f4")
    expected = twin(values, use, half_width)
    assert_same(summed(values, use, half_width, chunk), expected)
    order = rng.permutation(frames)
    assert_same(summed(values[order], use[order], half_width), expected)


def test_halves_are_rounded_to_even_and_tiles_do_not_matter():
    values = np.tile((np.arange(20000) / 512).astype("f4"), (3, 1)) * np.float32([[1], [-1], [1]])
    use = np.ones(values.shape, bool)
    half_width = np.full(20000, np.inf, np.float32)
    assert_same(summed(values, use, half_width), twin(values, use, half_width))
    assert summed(values, use, half_width)[0][:6].tolist() == [0, 0, 1, 2, 2, 2]


def test_gate_has_its_ends_inside_and_values_out_of_bounds_never_count():
    values = np.float32([[2, 2.01, -2, np.nan, np.inf, 32768, 32769, 1]])
    half_width = np.float32([2, 2, 2, 2, np.inf, np.inf, np.inf, np.nan])
    _, _, count = summed(values, np.ones(values.shape, bool), half_width)
    assert count.tolist() == [1, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("centre", [0.0, 3.7, -30000.0])
def test_mean_and_noise_equal_those_of_the_rounded_values(centre, ddof):
    rng = np.random.default_rng(11)
    values = (centre + rng.normal(0, 2, (400, 50))).astype("f4")
    sums = summed(values, np.ones(values.shape, bool), np.full(50, np.inf, np.float32))
    rounded = np.rint(256 * values.astype(np.float64))
    mean, std = residuals.finish(*sums, ddof=ddof)
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(mean, rounded.mean(axis=0) / 256, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(std, rounded.std(axis=0, ddof=ddof) / 256, rtol=1e-7)


def test_rounding_does_not_widen_the_noise():
    values = np.random.default_rng(12).normal(0, 1, (5000, 40)).astype("f4")
    _, std = residuals.finish(*summed(values, np.ones(values.shape, bool), np.full(40, 99, np.float32)))
    # The rounding, 1 / (256 √12) wide, goes along with the values by chance only.
    tolerance = 5 / (256 * np.sqrt(12) * np.sqrt(len(values)))
    np.testing.assert_allclose(std, values.std(axis=0, ddof=1, dtype=np.float64), rtol=tolerance)


def test_few_samples():
    count = np.array([0, 1, 2], np.uint32)
    mean, std = residuals.finish(np.array([0, 256, 512]), np.array([0, 65536, 2 * 65536]), count)
    np.testing.assert_array_equal(mean, np.float32([np.nan, 1, 1]))
    np.testing.assert_array_equal(std, np.float32([np.nan, np.nan, 0]))
    assert residuals.finish(np.array([256]), np.array([65536]), np.array([1]), ddof=0)[1] == [0]


def test_largest_sums_stay_exact():
    """As many frames as allowed, all as far out as allowed, alternating: sums as Python's whole numbers."""
    frames = residuals.MAX_FRAMES
    values = np.full((frames, 1), 32768, np.float32)
    values[::2] *= -1
    values[0] = -32767
    sums = summed(values, np.ones(values.shape, bool), np.array([np.inf], np.float32))
    units = [int(256 * v) for v in values[:, 0]]
    total, squares = sum(units), sum(u * u for u in units)
    assert (int(sums[0][0]), int(sums[1][0])) == (total, squares)
    mean, std = residuals.finish(*sums, ddof=0)
    assert mean[0] == np.float32(total / frames / 256)
    np.testing.assert_allclose(std, (squares / frames - (total / frames) ** 2) ** 0.5 / 256, rtol=1e-7)
    with pytest.raises(ValueError, match="65536"):
        residuals.add(values[:1], np.ones((1, 1), bool), np.array([1], np.float32), *sums)


@pytest.mark.parametrize("change", [
    {"values": np.zeros(3, np.float32)}, {"values": np.zeros((2, 3))}, {"use": np.ones((2, 3), np.uint8)},
    {"half_width": np.ones(3)}, {"half_width": np.ones(2, np.float32)}, {"total": np.zeros(3, np.uint64)},
    {"squares": np.zeros(3, np.uint64)}, {"count": np.zeros(3, np.int64)}, {"count": np.zeros(4, np.uint32)},
])
def test_bad_input_is_refused(change):
    total, squares, count = empty(3)
    given_ = {"values": np.zeros((2, 3), np.float32), "use": np.ones((2, 3), bool),
              "half_width": np.ones(3, np.float32), "total": total, "squares": squares, "count": count}
    with pytest.raises(ValueError, match=next(iter(change)) if "values" not in change else "values|residuals"):
        residuals.add(**{**given_, **change})


def test_sums_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        residuals.finish(*empty(3)[:2], np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match="ddof"):
        residuals.finish(*empty(3), ddof=-1)
