"""Histograms and sums of samples against NumPy, count for count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from calib_core.numerics.histograms import add_moments, fill_histograms, isolated

Array = Any
EDGES = {"whole": np.linspace(-50, 300, 351), "thirds": np.linspace(-20.1, 33.3, 161)}


def samples(frames: int, pixels: int, seed: int = 1) -> tuple[Array, Array]:
    """Values about 0 with some far outside, some on edges, some that are no numbers; and those that count."""
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 30, (frames, pixels)).astype(np.float32)
    whole = rng.random(values.shape) < 0.1
    values[whole] = np.floor(values[whole])
    values[:, :7] = [-50, 300, np.nan, np.inf, -np.inf, 299, 33.3]
    return values, rng.random(values.shape) < 0.9


def filled(values: Array, good: Array, edges: Array, group: Array) -> tuple[Array, Array]:
    counts = np.zeros((values.shape[1], len(edges) + 1), np.uint32)
    spectra = np.zeros((int(group.max()) + 1, len(edges) + 1), np.int64)
    fill_histograms(values, good, group, edges, counts, spectra)
    return counts, spectra


@pytest.mark.parametrize("name", EDGES)
def test_counts_are_those_of_numpy(name: str) -> None:
    edges, group = EDGES[name], np.arange(200) // 64
    values, good = samples(150, 200)
    counts, spectra = filled(values, good, edges, group)
    good = good & ~np.isnan(values)
    pixel = np.broadcast_to(np.arange(200), values.shape)[good]
    # the last bin of NumPy holds its upper edge as well
    with_ends = np.concatenate([[-np.inf], edges[:-1], [np.nextafter(edges[-1], -np.inf)], [np.inf]])
    expected = np.zeros_like(counts)
    place = np.digitize(values[good].astype(float), edges)
    np.add.at(expected, (pixel, place), np.uint32(1))
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(spectra, [expected[group == one].sum(axis=0) for one in range(4)])
    inside = np.isfinite(values[good])
    two, _, _ = np.histogram2d(pixel[inside], values[good][inside].astype(float),
                               [np.arange(201) - 0.5, with_ends[1:-1]])
    np.testing.assert_array_equal(counts[:, 1:-2], two[:, :-1])


def test_pieces_of_any_length_and_order_give_the_same() -> None:
    values, good = samples(97, 130)
    group, edges = np.arange(130) % 3, EDGES["thirds"]
    whole = filled(values, good, edges, group)
    counts, spectra = (np.zeros_like(one) for one in whole)
    for start in (60, 0, 20):
        part = slice(start, {60: 97, 0: 20, 20: 60}[start])
        fill_histograms(values[part], good[part], group, edges, counts, spectra)
    np.testing.assert_array_equal(counts, whole[0])
    np.testing.assert_array_equal(spectra, whole[1])


def test_moments_are_exact_in_parts_of_the_unit() -> None:
    values, good = samples(60, 90)
    slot, part = np.arange(60) % 4, 16
    sums = np.zeros((4, 90), np.uint32), np.zeros((4, 90), np.int64), np.zeros((4, 90), np.int64)
    module = np.zeros((4, 2), np.int64)
    add_moments(values, good, slot, part, 1000.0, -40.0, sums, module)
    use = good & (np.abs(values) < 1000)
    whole = np.where(use, np.rint(np.nan_to_num(values, posinf=0, neginf=0) * part), 0).astype(np.int64)
    for cell in range(4):
        of = slot == cell
        for found, expected in zip(sums, (use, whole, whole**2), strict=True):
            np.testing.assert_array_equal(found[cell], expected[of].sum(axis=0))
        inside = use[of] & (values[of] >= -40)
        np.testing.assert_array_equal(module[cell], [inside.sum(), whole[of][inside].sum()])


def test_isolated_samples_have_no_signal_beside_them() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, (3, 20, 17)).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = 10
    values[1, 5, 5] = np.nan
    good, limit = rng.random(values.shape) < 0.99, np.full((1, 20, 17), 3, np.float32)
    limit[0, 3] = 0.5
    signal = ~(good & (values < limit))
    around = np.ones((1, 3, 3), bool)
    around[0, 1, 1] = False
    expected = ~maximum_filter(signal, footprint=around, mode="constant", cval=0)
    np.testing.assert_array_equal(isolated(values, good, limit), expected)
    np.testing.assert_array_equal(isolated(values, good, np.repeat(limit, 3, axis=0)), expected)


def test_wrong_arrays_are_refused() -> None:
    values, good = samples(5, 10)
    counts, spectra = np.zeros((10, 352), np.uint32), np.zeros((1, 352), np.int64)
    with pytest.raises(ValueError, match="groups must be 0 to 0"):
        fill_histograms(values, good, np.ones(10, np.int64), EDGES["whole"], counts, spectra)
    with pytest.raises(ValueError, match="edges"):
        fill_histograms(values, good, np.zeros(10, np.int64), EDGES["whole"], counts[:, ::2].copy(), spectra)
    with pytest.raises(ValueError, match="limits"):
        isolated(values[:, None], good[:, None], np.zeros((2, 1, 10), np.float32))
