"""Medians of segments against masked medians of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics.common_mode import near, shares, subtract_medians

AXES = ("block", "row", "column")
MEDIAN_OVER = {"block": (2, 4), "row": 4, "column": 2}


def reference(values, use, bank, axis, min_share, limit):
    """Shifts by masked medians, and the values without them."""
    frames, slow, fast = values.shape
    banks = (frames, slow // bank[0], bank[0], fast // bank[1], bank[1])
    samples = np.ma.MaskedArray(values, ~(use & np.isfinite(values))).reshape(banks)
    over = MEDIAN_OVER[axis]
    count = samples.count(axis=over, keepdims=True)
    with np.errstate(invalid="ignore"):
        shift = np.ma.median(samples, axis=over, keepdims=True).filled(0)
    size = np.prod([banks[k] for k in np.atleast_1d(over)])
    shift = np.where((count > 0) & (count >= min_share * size) & (np.abs(shift) <= limit), shift, np.nan).astype("f4")
    corrected = (values.reshape(banks) - np.nan_to_num(shift)).reshape(values.shape)
    return shift.transpose(0, 1, 3, 2, 4).reshape(frames, banks[1], banks[3], -1), corrected


def assert_equal_reference(values, use, bank, axis, min_share=0.25, limit=100.0):
    expected, corrected = reference(values, use, bank, axis, min_share, limit)
    found = subtract_medians(values, use, bank, axis, min_share, limit)
    np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(values, corrected, strict=True)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(("shape", "bank"), [
    ((2, 8, 24), (4, 12)), ((1, 1, 1), (1, 1)), ((3, 6, 9), (2, 3)), ((1, 70, 66), (35, 33)), ((2, 5, 40), (5, 40)),
])
def test_equal_to_masked_medians(axis, shape, bank):
    rng = np.random.default_rng(3)
    assert_equal_reference(rng.normal(0, 3, shape).astype("f4"), rng.random(shape) > 0.1, bank, axis)


@given(bank=st.tuples(st.integers(1, 40), st.integers(1, 40)), banks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
       frames=st.integers(1, 3), axis=st.sampled_from(AXES), seed=st.integers(0, 2**32 - 1),
       levels=st.sampled_from([1, 2, 5, 1000]), scale=st.sampled_from([1e-40, 1e-3, 1.0, 30.0, 1e9, 1e37]),
       centre=st.sampled_from([0.0, -7.0, 5000.0]), share=st.floats(0, 1), min_share=st.floats(0, 1),
       limit=st.sampled_from([0.0, 20.0, np.inf]))
@settings(deadline=None, max_examples=200)
def test_ties_scales_and_shares(bank, banks, frames, axis, seed, levels, scale, centre, share, min_share, limit):
    rng = np.random.default_rng(seed)
    shape = (frames, bank[0] * banks[0], bank[1] * banks[1])
    values = (centre + scale * rng.integers(-levels, levels + 1, shape) / levels).astype("f4")
    assert_equal_reference(values, rng.random(shape) < share, bank, axis, min_share, limit)


@pytest.mark.parametrize("samples", [
    [0.0, -0.0, 0.0, -0.0], [1, 1, 1, 2], [1, 2, 2, 3], [-1, 1], [-3, -2, -1], [1e-45, -1e-45, 0], [5, 5, 5, 5, 5],
    [0, 0, 0, 90, 90, 90], [-90] * 9 + [90] * 10, [np.float32(1), np.nextafter(np.float32(1), np.float32(2))],
    [3e38, 3e38, -3e38], [1e30, 1, 2], [*range(-50, 50)], [0.1] * 200 + [0.2] * 200,
])
def test_difficult_samples(samples):
    values = np.array(samples, np.float32).reshape(1, 1, -1)
    expected = np.float32(np.ma.median(np.ma.MaskedArray(values, np.zeros(values.shape, bool))))
    found = subtract_medians(values, np.ones(values.shape, bool), values.shape[1:], "row", 0, np.inf)
    np.testing.assert_array_equal(found.ravel(), [expected])


@pytest.mark.parametrize("axis", AXES)
def test_samples_that_are_not_finite_do_not_count(axis):
    rng = np.random.default_rng(5)
    values = rng.normal(0, 3, (2, 8, 20)).astype("f4")
    for value in (np.nan, np.inf, -np.inf):
        values[rng.random(values.shape) < 0.1] = value
    use = np.ones(values.shape, bool)
    clean = np.where(np.isfinite(values), values, 0)
    expected, _ = reference(clean, np.isfinite(values), (4, 10), axis, 0.0, 100)
    np.testing.assert_array_equal(subtract_medians(values, use, (4, 10), axis, 0.0, 100), expected)


@pytest.mark.parametrize("axis", AXES)
def test_masked_segments_are_left(axis):
    values = np.full((2, 4, 6), 7, np.float32)
    use = np.zeros(values.shape, bool)
    use[1] = True
    shifts = subtract_medians(values, use, (2, 3), axis, 0.0, 100)
    assert np.isnan(shifts[0]).all()
    assert (shifts[1] == 7).all()
    assert (values[0] == 7).all()
    assert (values[1] == 0).all()


def test_share_and_limit_are_inclusive():
    values = np.repeat(np.float32([[4], [4], [-5], [5.01]]), 8, axis=1)[None]
    use = np.ones(values.shape, bool)
    use[0, 0, 2:] = False
    use[0, 1, 1:] = False
    shifts = subtract_medians(values, use, (4, 8), "row", 0.25, 5)
    np.testing.assert_array_equal(shifts.ravel(), [4, np.nan, -5, np.nan])


def test_shifts_lie_by_bank_and_segment():
    values = np.zeros((1, 4, 6), np.float32)
    values[0, 3, 3:] = 9
    shifts = subtract_medians(values, np.ones(values.shape, bool), (2, 3), "row", 0.25, 100)
    assert shifts.shape == (1, 2, 2, 2)
    assert np.argwhere(shifts).tolist() == [[0, 1, 1, 1]]
    values[0, :2, 4] = 6
    shifts = subtract_medians(values, np.ones(values.shape, bool), (2, 3), "column", 0.25, 100)
    assert shifts.shape == (1, 2, 2, 3)
    assert np.argwhere(shifts).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("axis", AXES)
def test_shares_lie_as_shifts_do(axis):
    mask = np.random.default_rng(7).random((6, 9)) > 0.4
    over = tuple(one - 1 for one in np.atleast_1d(MEDIAN_OVER[axis]))
    expected = mask.reshape(3, 2, 3, 3).mean(axis=over, keepdims=True)
    found = shares(mask, (2, 3), axis)
    np.testing.assert_allclose(found, expected.transpose(0, 2, 1, 3).reshape(3, 3, -1), rtol=1e-6)


@pytest.mark.parametrize(("axis", "segments"), [("block", 1), ("row", 2), ("column", 3)])
def test_no_frames(axis, segments):
    empty = np.zeros((0, 4, 6), np.float32)
    shifts = subtract_medians(empty, empty.astype(bool), (2, 3), axis, 0.25, 100)
    assert shifts.shape == (0, 2, 2, segments)
    assert shifts.dtype == np.float32


def test_use_may_be_read_only_and_strided():
    rng = np.random.default_rng(7)
    both = rng.random((2, 4, 12)) > 0.3
    both.flags.writeable = False
    assert_equal_reference(rng.normal(0, 3, (2, 4, 6)).astype("f4"), both[:, :, ::2], (2, 3), "row")


@pytest.mark.parametrize(("values", "use", "bank", "axis"), [
    (np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), (2, 2), "row"),
    (np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool), (2, 2), "row"),
    (np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.uint8), (2, 2), "row"),
    (np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 5), bool), (2, 2), "row"),
    (np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool), (3, 2), "row"),
    (np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool), (0, 2), "row"),
    (np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool), (2, 2), "diagonal"),
    (np.zeros((1, 4, 8), np.float32)[:, :, ::2], np.zeros((1, 4, 4), bool), (2, 2), "row"),
    (np.zeros((0, 4097, 4096), np.float32), np.zeros((0, 4097, 4096), bool), (4097, 4096), "block"),
])
def test_bad_input_is_refused(values, use, bank, axis):
    with pytest.raises(ValueError, match=r"axes|values|use|banks|bank|axis"):
        subtract_medians(values, use, bank, axis, 0.25, 100)


def test_near_marks_used_samples_within_reach():
    values = np.float32([[[1, -1, 3, np.nan, 1, 1]]])
    use = np.array([[[True, True, True, True, False, True]]])
    marked = near(values, use, np.array([[2, 1, 2, 2, 2, np.nan]]))
    assert marked.ravel().tolist() == [True, False, False, False, False, False]
    with pytest.raises(ValueError, match="reach"):
        near(values, use, np.ones((1, 5)))
