"""Counter-based noise against NumPy's and the standard library's distributions."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from calib_core.simulate.noise import (
    DEAD_OFFSET,
    TABLE_SIZE,
    add_outliers,
    fill_frame,
    key_of,
    normal_table,
    normals,
    uniforms,
)

SHAPE = (64, 64)
TOP = 16383


def frames(n: int, offset: float, sigma: float, shift: float = 0.0, seed: int = 3) -> np.ndarray:
    out = np.empty((n, *SHAPE), np.uint16)
    for i in range(n):
        fill_frame(out[i], np.full(SHAPE, offset, np.float32), np.full(SHAPE, sigma, np.float32), shift, TOP,
                   key_of(seed, i))
    return out


def splitmix(key: int, n: int) -> list[int]:
    """Sebastiano Vigna's public splitmix64 in plain integers."""
    mask, values = (1 << 64) - 1, []
    for _ in range(n):
        key = (key + 0x9E3779B97F4A7C15) & mask
        x = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        values.append(x ^ (x >> 31))
    return values


def test_table_is_the_inverse_normal_distribution() -> None:
    table = normal_table().astype(np.float64)
    assert table.size == TABLE_SIZE
    assert abs(table.mean()) < 1e-7
    assert abs(table.var() - 1) < 1e-6
    for index in (0, 1000, 40000, 65535):
        assert table[index] == pytest.approx(NormalDist().inv_cdf((index + 0.5) / TABLE_SIZE), rel=1e-4)


def test_frame_equals_its_plain_twin() -> None:
    rng = np.random.default_rng(1)
    offset = rng.uniform(-20, 17000, SHAPE).astype(np.float32)
    sigma = rng.uniform(0, 30, SHAPE).astype(np.float32)
    out = np.empty(SHAPE, np.uint16)
    fill_frame(out, offset, sigma, 1.25, TOP, 77)
    words = np.array(splitmix(77, out.size // 4), np.uint64)
    lanes = (words[:, None] >> np.arange(0, 64, 16, dtype=np.uint64)) & np.uint64(0xFFFF)
    z = normal_table()[lanes.astype(int)].reshape(SHAPE).astype(np.float64)
    exact = offset.astype(np.float64) + sigma * z + 1.25
    expected = np.clip(np.floor(exact + 0.5), 0, TOP)
    away_from_edge = np.abs(exact + 0.5 - np.round(exact + 0.5)) > 0.01
    assert away_from_edge.mean() > 0.9
    np.testing.assert_array_equal(out[away_from_edge], expected[away_from_edge])


def test_mean_and_variance_agree_with_digitised_noise() -> None:
    sample = frames(50, offset=5000.3, sigma=5.0).astype(np.float64)
    n = sample.size
    sigma = np.sqrt(25 + 1 / 12)
    assert abs(sample.mean() - 5000.3) < 5 * sigma / np.sqrt(n)
    assert abs(sample.std() - sigma) < 5 * sigma / np.sqrt(2 * n)


def test_no_correlation_between_neighbours_and_frames() -> None:
    sample = frames(40, 5000, 10).astype(np.float64) - 5000
    limit = 5 / np.sqrt(sample.size)
    flat = sample.reshape(len(sample), -1)
    for a, b in ((flat[:, 1:], flat[:, :-1]), (flat[:, 4:], flat[:, :-4]), (flat[1:], flat[:-1])):
        assert abs(np.mean(a * b) / 100) < limit


def test_values_stay_within_the_converter() -> None:
    assert frames(1, 0.0, 10.0).min() == 0
    assert frames(1, TOP, 10.0).max() == TOP
    assert frames(1, float(DEAD_OFFSET), 10.0, shift=500).max() == 0


def test_key_decides_everything() -> None:
    np.testing.assert_array_equal(frames(2, 100, 5), frames(2, 100, 5))
    assert (frames(1, 100, 5, seed=3) != frames(1, 100, 5, seed=4)).mean() > 0.5
    assert key_of(1, 2) != key_of(2, 1)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        fill_frame(np.empty(SHAPE, np.uint16), np.zeros((4, 4), np.float32), np.zeros(SHAPE, np.float32), 0, TOP, 1)


def test_outliers_have_the_asked_share_and_mean() -> None:
    share, mean, n = 0.01, 400.0, 50
    frame = np.full((n, *SHAPE), 5000, np.uint16)
    for i in range(n):
        add_outliers(frame[i], share, mean, TOP, key_of(9, i))
    signal = frame[frame != 5000].astype(np.float64) - 5000
    expected = frame.size * share
    assert abs(signal.size - expected) < 5 * np.sqrt(expected) + expected / mean
    assert abs(signal.mean() - mean) < 5 * mean / np.sqrt(signal.size) + 1


def test_outliers_leave_dead_pixels_and_zero_share_alone() -> None:
    dead = np.zeros(SHAPE, np.uint16)
    add_outliers(dead, 0.4, 400, TOP, 1)
    assert dead.max() == 0
    untouched = np.full(SHAPE, 7, np.uint16)
    add_outliers(untouched, 0.0, 400, TOP, 1)
    assert (untouched == 7).all()


def test_fields_have_the_moments_of_their_distributions() -> None:
    n = 100_000
    u, z = uniforms(5, n), normals(6, n)
    assert 0 <= u.min() < u.max() < 1
    assert abs(u.mean() - 0.5) < 5 / np.sqrt(12 * n)
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * n)
