"""Samples per second of the simulator's noise, beside NumPy's generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from calib_core.simulate.noise import fill_frame, key_of

SHAPE = (512, 128)


def test_fill_frame(benchmark: Any) -> None:
    offset, sigma = np.full(SHAPE, 5000, np.float32), np.full(SHAPE, 10, np.float32)
    out = np.empty(SHAPE, np.uint16)
    fill_frame(out, offset, sigma, 0.0, 16383, 1)
    benchmark(lambda: fill_frame(out, offset, sigma, 0.0, 16383, key_of(1, 2)))
    benchmark.extra_info["samples"] = out.size
    assert abs(out.mean() - 5000) < 1


def test_numpy_normals(benchmark: Any) -> None:
    rng = np.random.default_rng(1)
    offset = np.full(SHAPE, 5000, np.float32)
    made = benchmark(lambda: (offset + 10 * rng.standard_normal(SHAPE, np.float32) + 0.5).astype(np.uint16))
    assert made.dtype == np.uint16
