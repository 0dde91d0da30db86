"""Tracks: clusters by a plain search, and the rate of those that noise makes."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics.tracks import EVENT_DTYPE, take_out


def neighbours(pixel, shape):
    row, column = pixel
    return {(i, j) for i in range(max(row - 1, 0), min(row + 2, shape[0]))
            for j in range(max(column - 1, 0), min(column + 2, shape[1]))}


def reference(values, use, seed, neighbour, min_pixels):
    """Clusters of each frame by merging sets of touching pixels; what remains in use, and an event per cluster."""
    left, events = use.copy(), []
    for frame in range(len(values)):
        with np.errstate(invalid="ignore"):
            pixels = {(int(i), int(j)) for i, j in np.argwhere(use[frame] & (values[frame] > neighbour))}
            seeds = {(int(i), int(j)) for i, j in np.argwhere(use[frame] & (values[frame] > seed))}
        while pixels:
            cluster, fresh = set(), {pixels.pop()}
            while fresh:
                cluster |= fresh
                fresh = {p for member in fresh for p in neighbours(member, seed.shape)} & pixels
                pixels -= fresh
            if len(cluster) >= min_pixels and cluster & seeds:
                for member in cluster:
                    for i, j in neighbours(member, seed.shape):
                        left[frame, i, j] = False
                row, column = max(cluster, key=lambda p: values[frame][p])
                charge = sum(float(values[frame][p]) for p in cluster)
                events.append((frame, row, column, len(cluster), charge))
    return left, sorted(events)


@given(frames=st.integers(0, 3), slow=st.integers(1, 14), fast=st.integers(1, 14), seed=st.integers(0, 2**32 - 1),
       signal=st.floats(0, 0.6), min_pixels=st.integers(1, 4), lost=st.floats(0, 0.3))
@settings(deadline=None, max_examples=150)
def test_clusters_equal_those_of_a_plain_search(frames, slow, fast, seed, signal, min_pixels, lost):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (frames, slow, fast)).astype("f4")
    values += (rng.random(values.shape) < signal) * rng.uniform(0, 12, values.shape).astype("f4")
    values[rng.random(values.shape) < 0.03] = np.nan
    use = rng.random(values.shape) >= lost
    high = rng.uniform(5, 7, (slow, fast)).astype("f4")
    low = np.where(rng.random((slow, fast)) < 0.1, np.nan, high - 2).astype("f4")
    high[np.isnan(low)] = np.nan
    left, expected = reference(values, use, high, low, min_pixels)
    events = take_out(values, use, high, low, min_pixels)
    np.testing.assert_array_equal(use, left)
    assert events.dtype == EVENT_DTYPE
    found = sorted(events.tolist())
    assert [e[:4] for e in found] == [e[:4] for e in expected]
    np.testing.assert_allclose([e[4] for e in found], [e[4] for e in expected], rtol=1e-5)


def test_more_clusters_than_foreseen_and_a_frame_that_is_one_cluster():
    values = np.zeros((2, 60, 60), np.float32)
    values[0, ::3, ::3] = 10
    values[1] = 10
    use = np.ones(values.shape, bool)
    events = take_out(values, use, np.full((60, 60), 6, "f4"), np.full((60, 60), 4, "f4"), 1)
    assert len(events) == 401
    assert events["pixels"].tolist() == [1] * 400 + [3600]
    assert not use[1].any()


def test_a_cluster_ends_at_pixels_out_of_use_and_at_the_edge():
    values = np.zeros((1, 5, 9), np.float32)
    values[0, 2] = 10
    use = np.ones(values.shape, bool)
    use[0, 1:4, 4] = False
    events = take_out(values, use, np.full((5, 9), 6, "f4"), np.full((5, 9), 4, "f4"), 2)
    assert events["pixels"].tolist() == [4, 4]
    assert use[0, [0, 4]].all()
    assert not use[0, 1:4].any()


def beyond(sigma: float) -> float:
    """Probability that Gaussian noise exceeds so many σ."""
    return erfc(sigma / sqrt(2)) / 2


def test_noise_makes_no_clusters_and_with_low_thresholds_as_many_as_expected():
    rng = np.random.default_rng(2026)
    shape, frames, at_once = (512, 512), 200, 8
    level = {sigma: np.full(shape, sigma, np.float32) for sigma in (3.0, 3.5, 4.0, 6.0)}
    made = 0
    for _ in range(frames // at_once):
        noise = rng.standard_normal((at_once, *shape), np.float32)
        use = np.ones(noise.shape, bool)
        assert len(take_out(noise, use, level[6.0], level[4.0], 2)) == 0
        assert use.all()
        made += len(take_out(noise, use, level[3.5], level[3.0], 2))
    expected = frames * shape[0] * shape[1] * 4 * (2 * beyond(3.5) * beyond(3) - beyond(3.5) ** 2)
    assert expected > 100
    assert abs(made - expected) < 5 * sqrt(expected)


@pytest.mark.parametrize("change", [
    {"values": np.zeros((3, 3), np.float32)}, {"values": np.zeros((1, 3, 3))}, {"use": np.ones((1, 3, 3), np.uint8)},
    {"seed": np.ones((3, 3))}, {"neighbour": np.ones((3, 4), np.float32)},
])
def test_bad_input_is_refused(change):
    given_ = {"values": np.zeros((1, 3, 3), np.float32), "use": np.ones((1, 3, 3), bool),
              "seed": np.ones((3, 3), np.float32), "neighbour": np.ones((3, 3), np.float32)}
    with pytest.raises(ValueError, match=next(iter(change)) + "|frames"):
        take_out(**{**given_, **change}, min_pixels=2)
