"""Soft limits of maps against NumPy, one block at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics import limits


def cut(values, block_shape):
    """Blocks of the map as (blocks slow, blocks fast, pixels)."""
    slow, fast = block_shape
    rows, columns = values.shape[0] // slow, values.shape[1] // fast
    return values.reshape(rows, slow, columns, fast).swapaxes(1, 2).reshape(rows, columns, -1)


def block_limits(values, sigma, robust=True, passes=3, floor=0.0):
    kept = values[np.isfinite(values)].astype(np.float64)
    if kept.size == 0:
        return np.nan, np.nan
    if not robust:
        return np.median(kept) - sigma * kept.std(), np.median(kept) + sigma * kept.std()
    for _ in range(passes):
        middle = np.median(kept)
        half = sigma * max(1.4826 * np.median(np.abs(kept - middle)), floor)
        low, high = middle - half, middle + half
        inside = np.abs(kept - middle) <= half
        if not inside.any():
            break
        kept = kept[inside]
    return low, high


def reference(values, block_shape, *args, **options):
    blocks = cut(values, block_shape)
    both = [[block_limits(block, *args, **options) for block in row] for row in blocks]
    return np.moveaxis(np.array(both), -1, 0)


def make_map(seed=0, shape=(64, 48), bad=0.02):
    rng = np.random.default_rng(seed)
    values = rng.normal(5000, 40, shape).astype(np.float32)
    values[rng.random(shape) < bad] = 9000
    values[rng.random(shape) < bad] = np.nan
    return values


@pytest.mark.parametrize("block_shape", [(16, 16), (64, 48), (1, 48), (64, 1), (1, 1)])
@pytest.mark.parametrize(("robust", "passes", "floor"), [(True, 3, 0), (True, 1, 0), (True, 3, 70), (False, 3, 70)])
def test_limits_equal_numpy(block_shape, robust, passes, floor):
    values = make_map()
    found = limits.group_limits(values, block_shape, 3.0, robust, passes, floor)
    expected = reference(values, block_shape, 3.0, robust=robust, passes=passes, floor=floor)
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-7)


@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 30), sigma=st.floats(0.5, 8),
       scale=st.sampled_from([1.0, -0.25, 1024.0]))
@settings(deadline=None, max_examples=60)
def test_ties_and_negative_values(seed, levels, sigma, scale):
    rng = np.random.default_rng(seed)
    values = (rng.integers(-levels, levels, (6, 8)) * scale).astype(np.float32)
    np.testing.assert_allclose(
        limits.group_limits(values, (3, 4), sigma), reference(values, (3, 4), sigma), rtol=2e-7, atol=1e-6)


def median_and_scale(values, sigma, passes, floor, relative):
    """With the rounding that the kernel documents: distances are float32."""
    kept = values[np.isfinite(values)].astype(np.float64)
    for _ in range(passes):
        middle = np.median(kept)
        distance = np.abs(kept - middle).astype(np.float32).astype(np.float64)
        scale = max(1.4826 * np.median(distance), floor, relative * middle)
        inside = np.abs(kept - middle) <= sigma * scale
        if not inside.any():
            break
        kept = kept[inside]
    return middle, scale


#: Values of all kinds of maps, from a generator and a number of them.
KINDS = {
    "normal": lambda rng, n: rng.normal(5000, 70, n),
    "around zero": lambda rng, n: rng.normal(0, 1, n),
    "few levels": lambda rng, n: rng.integers(-2, 3, n) * 0.25,
    "equal": lambda rng, n: np.full(n, rng.normal()),
    "sorted, dense at one end": lambda rng, n: np.sort(rng.gamma(0.1, 100, n)),
    "two far levels": lambda rng, n: rng.choice([-1e30, 1e-3], n) * rng.normal(1, 1e-3, n),
    "both zeros": lambda rng, n: rng.integers(-1, 2, n) * -0.0,
    "all bits": lambda rng, n: rng.integers(-(2**31), 2**31, n).astype(np.int32).view(np.float32),
    "each another power": lambda rng, n: rng.permutation(2.0 ** np.linspace(-140, 120, n)),
}


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 300), bad=st.sampled_from([0.0, 0.02, 0.3]),
       sigma=st.sampled_from([0.5, 1.0, 5.0]), passes=st.integers(1, 5), floor=st.sampled_from([0.0, 0.3]),
       relative=st.sampled_from([0.0, 0.01]))
@settings(deadline=None, max_examples=60)
@np.errstate(over="ignore", invalid="ignore")
def test_every_bit_is_that_of_numpy(kind, seed, size, bad, sigma, passes, floor, relative):
    """Of any values, of odd and even numbers of them, with outliers, NaN and infinities among them."""
    rng = np.random.default_rng(seed)
    values = KINDS[kind](rng, size).astype(np.float32)
    values[rng.random(size) < bad] *= 4
    values[rng.random(size) < bad] = rng.choice([np.nan, np.inf, -np.inf])
    values[0] = values[np.isfinite(values)][0] if np.isfinite(values).any() else 0
    found = limits.group_spread(values[None], (1, size), sigma, True, passes, floor, relative)
    expected = median_and_scale(values, sigma, passes, floor, relative)
    np.testing.assert_array_equal([float(one[0, 0]) for one in found], expected)


def test_a_value_is_inside_by_its_distance_before_it_is_rounded():
    """0.3 as float32 is more than 0.3: it falls out, and the median moves."""
    values = np.float32([[-0.05, -0.01, 0, 0.02, 0.3]])
    for sigma, kept in ((1.0, values[0, :4]), (float(values[0, 4]) / 0.3, values[0])):
        centre, scale = limits.group_spread(values, (1, 5), sigma, floor=0.3)
        assert (centre[0, 0], scale[0, 0]) == (np.median(kept.astype(np.float64)), 0.3)


@pytest.mark.parametrize(("robust", "floor"), [(True, 0.0), (True, 70.0), (False, 0.0)])
def test_median_and_scale_are_those_of_the_limits(robust, floor):
    values = make_map()
    values[:16, :16] = np.nan
    centre, scale = limits.group_spread(values, (16, 16), 3.0, robust, 3, floor)
    low, high = reference(values, (16, 16), 3.0, robust=robust, floor=floor)
    np.testing.assert_allclose(centre, (low + high) / 2, rtol=1e-12)
    np.testing.assert_allclose(scale, (high - low) / 6, rtol=1e-9)
    assert np.isnan(centre[0, 0])


def test_truth_of_a_normal_map():
    """Of normal pixels, robust limits at five sigma lie where theory puts them, outliers or not."""
    low, high = limits.group_limits(make_map(shape=(256, 256)), (256, 256), 5.0)
    error = 5 * 40 * 5 * 1.17 / 256
    assert low[0, 0] == pytest.approx(5000 - 200, abs=error)
    assert high[0, 0] == pytest.approx(5000 + 200, abs=error)


def test_block_without_values_has_no_limits_and_flags_nothing():
    values = make_map(bad=0)
    values[:16, :16] = np.nan
    values[0, 0] = np.inf
    low, high = limits.group_limits(values, (16, 16), 5.0)
    assert np.isnan(low[0, 0])
    assert np.isnan(high[0, 0])
    assert np.isfinite(low[1:]).all()
    assert limits.outside(values, low, high, (16, 16), 0, 65535)[:16, :16].sum() == 1


def test_floor_spares_a_constant_block():
    values = np.full((8, 8), 100, np.float32)
    values[0, 0] = 101
    for floor, flagged in ((0.0, 1), (0.5, 0)):
        low, high = limits.group_limits(values, (8, 8), 5.0, floor=floor)
        assert limits.outside(values, low, high, (8, 8), 0, 65535).sum() == flagged


def test_input_is_not_changed_and_may_be_read_only_or_strided():
    values = make_map()
    copy = values.copy()
    expected = limits.group_limits(values, (16, 16), 5.0)
    np.testing.assert_array_equal(values, copy)
    values.flags.writeable = False
    wide = np.repeat(values, 2, axis=1)[:, ::2]
    for variant in (values, wide, values.astype(np.float64)):
        np.testing.assert_array_equal(limits.group_limits(variant, (16, 16), 5.0), expected)


def test_outside_equals_numpy():
    values = make_map()
    low, high = limits.group_limits(values, (16, 24), 2.0)
    found = limits.outside(values, low, high, (16, 24), 4900.0, 5080.0)
    soft_low, soft_high = (np.kron(limit, np.ones((16, 24), np.float32)) for limit in (low, high))
    expected = (values < soft_low) | (values > soft_high) | (values < 4900) | (values > 5080)
    np.testing.assert_array_equal(found, expected, strict=True)
    assert not found[np.isnan(values)].any()
    assert 0 < found.sum() < found.size


@pytest.mark.parametrize("hard", [(-np.inf, np.inf), (0.1, 0.3), (0.3, np.inf)])
def test_outside_compares_with_the_hard_limits_as_they_are(hard):
    """A limit that is no float32 is not rounded to one, and a block without soft limits has the hard ones."""
    values = np.float32([[0.1, 0.3, 0.2, np.nan, np.inf, -np.inf]])
    soft = np.float32([[np.nan, 0.15]]), np.float32([[np.nan, 0.25]])
    found = limits.outside(values, *soft, (1, 3), *hard)
    wide = values.astype(np.float64)
    expected = (wide < hard[0]) | (wide > hard[1])
    expected[0, 3:] |= (wide[0, 3:] < soft[0][0, 1]) | (wide[0, 3:] > soft[1][0, 1])
    np.testing.assert_array_equal(found, expected)


def test_value_on_the_limit_is_inside():
    one = np.ones((1, 1), np.float32)
    assert not limits.outside(one, one, one, (1, 1), 1.0, 1.0).any()


@pytest.mark.parametrize(("shape", "block_shape"), [((64, 48), (10, 16)), ((64, 48), (0, 16)), ((64,), (16, 16))])
def test_blocks_must_tile_the_map(shape, block_shape):
    values = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=r"tile|axes"):
        limits.group_limits(values, block_shape, 5.0)
    with pytest.raises(ValueError, match=r"tile|axes"):
        limits.outside(values, values, values, block_shape, 0, 1)


@pytest.mark.parametrize("options", [{"passes": 0}, {"floor": -1.0}, {"sigma": -2.0}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="must not be negative"):
        limits.group_limits(np.zeros((4, 4), np.float32), (4, 4), **({"sigma": 5.0} | options))


def test_limits_must_fit_the_blocks():
    with pytest.raises(ValueError, match="do not fit"):
        limits.outside(np.zeros((4, 4), np.float32), np.zeros((1, 2)), np.zeros((1, 2)), (4, 4), 0, 1)
