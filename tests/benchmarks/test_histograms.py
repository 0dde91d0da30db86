"""Histograms of each pixel against NumPy's and against reading the samples, on one thread."""

from __future__ import annotations

import numpy as np

from calib_core.numerics.histograms import fill_histograms, isolated

FRAMES, PIXELS = 128, 16_384
EDGES = np.linspace(-50, 300, 351)


def test_fill_histograms(bar, read_limit):
    """Flat light of 0.3 photons in a quarter of a module of AGIPD; NumPy takes an eighth of that, and is scaled."""
    rng = np.random.default_rng(1)
    values = rng.normal(58 * rng.poisson(0.3, (FRAMES, PIXELS)), 9).astype(np.float32)
    good, group = np.ones(values.shape, bool), np.arange(PIXELS) // 4096
    counts, spectra = np.zeros((PIXELS, 352), np.uint32), np.zeros((4, 352), np.int64)
    few = PIXELS // 8
    pixel = np.broadcast_to(np.arange(few), (FRAMES, few)).ravel()
    shown = values[:, :few].astype(float).ravel()

    def ours():
        fill_histograms(values, good, group, EDGES, counts, spectra)

    def numpy():
        for _ in range(8):
            found, _, _ = np.histogram2d(pixel, shown, [np.arange(few + 1) - 0.5, EDGES])
        return found

    ours()
    assert counts.sum() == values.size
    np.testing.assert_array_equal(counts[:few, 1:-1], numpy())
    bar("fill_histograms_vs_histogram2d", ours, numpy, goal=8, rounds=5)
    bar("fill_histograms_vs_read", ours, read_limit(values), goal=0.015, rounds=9)


def test_isolated(bar, read_limit):
    """Neighbours of 32 frames of a module."""
    values = np.random.default_rng(2).normal(10, 20, (32, 512, 128)).astype(np.float32)
    good, limit = np.ones(values.shape, bool), np.full((1, 512, 128), 27, np.float32)

    def numpy():
        signal = np.pad(~(good & (values < limit)), ((0, 0), (1, 1), (1, 1)))
        found = np.zeros(values.shape, bool)
        for i in range(3):
            for j in range(3):
                if (i, j) != (1, 1):
                    found |= signal[:, i:i + 512, j:j + 128]
        return ~found

    np.testing.assert_array_equal(isolated(values, good, limit), numpy())
    bar("isolated_vs_numpy", lambda: isolated(values, good, limit), numpy, goal=1.7, rounds=5)
    bar("isolated_vs_read", lambda: isolated(values, good, limit), read_limit(values), goal=0.12, rounds=9)
