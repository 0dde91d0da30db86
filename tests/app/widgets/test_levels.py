"""Pixels that stand for a map, and the values that its colours are spread over."""

import numpy as np
import pytest

from app.widgets import levels


def test_sample_leaves_out_gaps_bad_pixels_and_nan():
    values = np.array([1, 2, np.nan, np.inf, 5, 6], "f4")
    flags = np.array([0, 1, 0, 0, 2, 0], "u4")
    index = np.array([[0, 1, 2, 3], [4, -1, -1, -1]], np.int32)
    whole, second = (levels.sample_places(index, window) for window in ((0, 2, 0, 4), (1, 2, 0, 4)))
    assert levels.good_sample(values, flags, 1, whole).tolist() == [1, 5]
    assert levels.good_sample(values, None, 1, whole).tolist() == [1, 2, 5]
    assert levels.good_sample(values, flags, 3, second).tolist() == []
    assert levels.sample_places(index, (1, 1, 0, 4)).tolist() == []


def test_share_of_flagged_pixels_agrees_with_numpy():
    rng = np.random.default_rng(5)
    flags = rng.integers(0, 8, 4 * 60).astype("u4")
    index = rng.permutation(np.r_[np.arange(4 * 60), np.full(16, -1)]).astype(np.int32).reshape(16, 16)
    begun = np.array([True, False, True, True])
    of = flags.reshape(4, 60)[begun]
    assert levels.share_flagged(flags, 5, index, begun) == np.count_nonzero(of & 5) / of.size
    assert levels.share_flagged(flags, 0, index, begun) == 0
    assert levels.share_flagged(flags, 5, np.full((2, 2), -1, np.int32), begun) == 0


def test_percentiles_of_a_large_map_agree_with_numpy():
    rng = np.random.default_rng(3)
    values = rng.normal(100, 5, 1 << 20).astype("f4")
    flags = (rng.random(1 << 20) < 0.1).astype("u4")
    values[flags > 0] += 1000
    index = np.arange(1 << 20, dtype=np.int32).reshape(8192, 128)
    sample = levels.good_sample(values, flags, 1, levels.sample_places(index, (0, 8192, 0, 128)))
    assert 20_000 < len(sample) <= (1 << 16) + 1
    low, high = levels.percentile_levels(sample, 1, 99)
    expected = np.percentile(values[flags == 0], [1, 99])
    # standard error of the 1st percentile of n normal values: sqrt(p (1 - p) / n) / density
    error = 5 * np.sqrt(0.01 * 0.99 / len(sample)) / 0.0267
    np.testing.assert_allclose([low, high], expected, atol=5 * error)


def test_sample_sees_every_column():
    index = np.arange(1 << 20, dtype=np.int32).reshape(8192, 128)
    columns = np.tile(np.arange(128, dtype="f4"), 8192)
    assert len(np.unique(columns[levels.sample_places(index, (0, 8192, 0, 128))])) == 128


@pytest.mark.parametrize("width", [127, 128, 129, 1024, 1025])
@pytest.mark.parametrize("of", ["columns", "rows", "diagonals", "other diagonals"])
def test_levels_do_not_follow_a_pattern_of_the_detector(of, width):
    """Shares of 1 to 64 equal parts come out as they are, within five errors of a share that is drawn."""
    index = np.arange(8192 * width, dtype=np.int32).reshape(8192, width)
    row, column = np.divmod(index, width)
    places = levels.sample_places(index, (0, 8192, 0, width))
    assert len(places) <= levels.SAMPLE_LIMIT
    along = {"columns": column, "rows": row, "diagonals": row + column, "other diagonals": row - column}[of].ravel()
    for period in (2, 3, 8, 16, 17, 64):
        expected = np.bincount(along % period, minlength=period) / along.size
        found = np.bincount(along[places] % period, minlength=period) / len(places)
        assert np.abs(found - expected).max() < 5 * np.sqrt(expected.max() / len(places)), period


@pytest.mark.parametrize(("sample", "expected"), [([], (0, 1)), ([7, 7, 7], (6.5, 7.5))])
def test_levels_always_rise(sample, expected):
    assert levels.percentile_levels(np.array(sample, "f4"), 1, 99) == expected


def test_rare_values_of_a_map_that_is_constant_else_are_in_the_levels():
    hits = np.zeros(1000, "f4")
    hits[17] = 3
    assert levels.percentile_levels(hits, 1, 99) == (0.0, 3.0)


def test_histogram_agrees_with_numpy():
    sample = (np.random.default_rng(0).integers(-40, 200, 999) / 8).astype("f4")
    counts = np.zeros(16, np.int64)
    levels.count_bins(sample, 0.0, 16.0, counts)
    expected, _ = np.histogram(sample[sample < 16], 16, (0, 16))
    np.testing.assert_array_equal(counts, expected)
