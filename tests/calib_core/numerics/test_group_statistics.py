"""Numbers of groups of pixels are those of NumPy on the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics import group_statistics
from calib_core.numerics.flag_counts import flagged
from calib_core.numerics.group_statistics import ALL, GOOD, Cut, numbers_of

NAMES = ("mean", "std", "median")


def maps(shape: tuple[int, ...], seed: int, bad: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Values with a level for each gain stage and cell, wild ones, some that are no number, and flags."""
    rng = np.random.default_rng(seed)
    values = rng.normal(5000, 80, shape) - 3 * np.arange(shape[1])[:, None, None] + 900 * np.arange(
        shape[0])[:, None, None, None]
    flags = np.where(rng.random(shape) < bad, rng.integers(1, 2**32, shape, dtype=np.uint32), np.uint32(0))
    values[flags & 1 == 1] = 16383
    values[flags & 6 == 6] = rng.choice([np.nan, np.inf, -np.inf, 1e9], shape)[flags & 6 == 6]
    return values, flags


def by_numpy(values: np.ndarray, use: np.ndarray, cut: Cut) -> dict[str, np.ndarray]:
    """The same group by group."""
    shape = cut.shape(values.shape)
    found = {name: np.full(shape, np.nan) for name in NAMES} | {"n": np.zeros(shape, int)}
    slow, fast = cut.block_shape
    for place in np.ndindex(shape):
        g, row, y, x = place
        part = np.s_[g, row * cut.cells:(row + 1) * cut.cells, y * slow:(y + 1) * slow, x * fast:(x + 1) * fast]
        some = values[part][use[part] & np.isfinite(values[part])].astype(np.float64)
        found["n"][place] = some.size
        if some.size:
            for name in NAMES:
                found[name][place] = getattr(np, name)(some)
    return found


def check(values, flags, cut, groups):
    good = flags == 0 if flags is not None else np.ones(values.shape, bool)
    for some, use in ((ALL, np.ones(values.shape, bool)), (GOOD, good)):
        for name, expected in by_numpy(values, use, cut).items():
            np.testing.assert_allclose(getattr(groups, name)[some], expected, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("shape", "cut"), [
    ((3, 40, 32, 64), Cut((16, 16), 32)), ((1, 1, 48, 96), Cut((48, 96), 32)), ((2, 33, 16, 16), Cut((16, 16), 32)),
    ((1, 7, 1, 256), Cut((1, 128), 3))])
def test_groups_are_those_of_numpy(shape, cut):
    values, flags = maps(shape, 1)
    check(values, flags, cut, numbers_of(values, flags, cut)[0])
    check(values, None, cut, numbers_of(values, None, cut)[0])


def test_large_groups_are_those_of_numpy_too():
    """So large that their medians are found by samples."""
    values, flags = maps((1, 32, 64, 64), 2)
    cut = Cut((64, 64), 32)
    check(values, flags, cut, numbers_of(values, flags, cut)[0])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.97, 1.0]), st.integers(0, 2**32 - 1))
def test_whatever_is_flagged(cells, together, bad, seed):
    values, flags = maps((2, cells, 4, 6), seed, bad)
    cut = Cut((2, 3), together)
    check(values, flags, cut, numbers_of(values, flags, cut)[0])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_order_in_memory_and_the_type_do_not_matter(order, dtype):
    values, flags = maps((2, 34, 16, 32), 3)
    values = values.astype(dtype)
    cut = Cut((8, 16), 32)
    groups, _ = numbers_of(np.asarray(values, order=order), np.asarray(flags, order=order), cut)
    check(values, flags, cut, groups)


def test_all_groups_as_one_are_those_of_numpy():
    """Of so many values that their median is found by a sample."""
    values, flags = maps((2, 20, 128, 64), 4)
    _, whole = numbers_of(values, flags, Cut((64, 64), 8))
    for entry in range(2):
        there = np.isfinite(values[entry])
        for some, use in ((ALL, there), (GOOD, there & (flags[entry] == 0))):
            for name in NAMES:
                assert getattr(whole, name)[some, entry] == pytest.approx(
                    getattr(np, name)(values[entry][use]), rel=1e-12)
            assert whole.n[some, entry] == use.sum()


@pytest.mark.parametrize("values", [
    np.full((1, 40, 64, 64), 3.5), np.repeat([1.0, 2.0], 20 * 64 * 64).reshape(1, 40, 64, 64),
    np.sort(np.random.default_rng(5).normal(size=40 * 64 * 64)).reshape(1, 40, 64, 64),
    np.where(np.arange(40 * 64 * 64) % 3 == 0, -1e30, 1e30).reshape(1, 40, 64, 64)])
def test_medians_that_samples_are_wrong_about_are_right(values):
    """Equal values, two values in equal numbers, sorted ones, and such as lie at the ends."""
    cut = Cut((64, 64), 40)
    groups, whole = numbers_of(values, None, cut)
    assert groups.median[GOOD].item() == whole.median[GOOD].item() == np.median(values)


@pytest.mark.parametrize("wrong", [(2.0, 3.0), (-3.0, -2.0), (-1.0, 1.0), (-0.1, 0.1), (np.inf, np.inf)])
def test_a_bracket_that_misses_is_told_by_its_counts(monkeypatch, wrong):
    """Beside the median, too wide for the room that there is, and about one median but not the other."""
    values = np.random.default_rng(6).normal(size=(1, 40, 64, 64))
    flags = np.zeros(values.shape, np.uint32)
    flags[0, ::3] = 1
    values[0, ::3] += 5
    monkeypatch.setattr(group_statistics.Bracket, "of", lambda *_: group_statistics.Bracket(*wrong))
    _, whole = numbers_of(values, flags, Cut((64, 64), 8))
    assert whole.median[:, 0].tolist() == [np.median(values), np.median(values[flags == 0])]


def test_groups_without_a_value_have_none():
    values, flags = np.full((1, 2, 4, 4), np.nan), np.zeros((1, 2, 4, 4), np.uint32)
    values[0, :, :2] = 1
    flags[0, :, 0] = 4
    groups, whole = numbers_of(values, flags, Cut((2, 4), 2))
    assert groups.n[:, 0, 0].tolist() == [[[16], [0]], [[8], [0]]]
    assert np.isnan(groups.mean[:, 0, 0, 1]).all()
    assert whole.n.tolist() == [[16], [8]]


def test_flags_of_all_memory_cells_hold_for_each():
    values, _ = maps((2, 5, 4, 4), 7, 0)
    flags = np.zeros((1, 1, 4, 4), np.uint32)
    flags[0, 0, 1, 1] = 1
    groups, _ = numbers_of(values, flags, Cut((4, 4), 5))
    assert groups.n[:, :, 0, 0, 0].tolist() == [[80, 80], [75, 75]]


def test_flags_are_counted_as_numpy_counts_them():
    _, flags = maps((2, 33, 16, 32), 8, 0.1)
    cut = Cut((8, 16), 32)
    found = flagged(flags, cut)
    for place in np.ndindex(cut.shape(flags.shape)):
        g, row, y, x = place
        some = flags[g, row * 32:(row + 1) * 32, y * 8:(y + 1) * 8, x * 16:(x + 1) * 16]
        assert found.number[place] == np.count_nonzero(some)
        assert found.total[place] == some.size
        for bit in range(32):
            assert found.by_flag[*place, bit] == np.count_nonzero(some >> np.uint32(bit) & np.uint32(1))


@pytest.mark.parametrize(("values", "flags", "cut", "said"), [
    (np.zeros((1, 1, 8, 8)), None, Cut((3, 8), 1), "tile"),
    (np.zeros((1, 1, 8, 8), int), None, Cut((8, 8), 1), "floating"),
    (np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 8), int), Cut((8, 8), 1), "uint32")])
def test_what_does_not_fit_is_refused(values, flags, cut, said):
    with pytest.raises(ValueError, match=said):
        numbers_of(values, flags, cut)
