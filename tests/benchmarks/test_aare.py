"""The dark of a memory cell of JUNGFRAU against aare, the PSI's own library, where that is installed.

It is no dependency: it wants Python 3.12. ``pip install aare`` into an environment of the program, then
``pytest -s -o addopts="--import-mode=importlib" tests/benchmarks/test_aare.py``.
"""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from calib_core.io.buffers import aligned
from calib_core.numerics import moments

aare = pytest.importorskip("aare", reason="a side bench: aare is not installed")

SHAPE = (64, 512, 1024)


@pytest.mark.parametrize("wrong", [0.0, 1e-5])
def test_mean_noise_and_counts_against_means_alone(bars, wrong):
    """All or nearly all samples with the gain bits of high gain; aare has the bits in the two highest of a sample."""
    rng = np.random.default_rng(4)
    frames = aligned((SHAPE[0], 1, SHAPE[1] * SHAPE[2]), np.uint16)
    gain = (rng.random(SHAPE) < wrong).astype(np.uint8)
    frames[...] = rng.integers(5000, 5128, frames.shape)
    raw = frames.reshape(SHAPE) | (gain.astype(np.uint16) << 14)
    pixels = frames.shape[2:]
    sums = moments.Sums(np.full((1, *pixels), 1, np.uint16), np.full((1, *pixels), 16382, np.uint16), aligned)
    bits = gain.reshape(SHAPE[0], -1), 0, np.zeros((1, *pixels), np.uint32)
    maps = tuple(aligned((1, *pixels), kind) for kind in (np.float32, np.float32, np.uint32))

    def ours():
        bits[2].fill(0)
        sums.forget()
        sums.add(frames, 0, np.zeros(SHAPE[0], np.int64), bits)
        return sums.finish(out=maps)

    def other():
        return aare.calculate_pedestal(raw, 1)

    mean, _, count = ours()
    right = gain.reshape(SHAPE[0], -1) == 0
    np.testing.assert_array_equal(count[0], right.sum(axis=0))
    np.testing.assert_allclose(other()[0].ravel(), mean[0], rtol=0, atol=2.5e-4)
    found = []
    for _ in range(15):
        times = []
        for call in (ours, other):  # aare works in threads of its own
            begin = process_time()
            call()
            times.append(process_time() - begin)
        found.append(times[1] / times[0])
    bars.ratio(f"dark_bits_{'rare' if wrong else 'clean'}_vs_aare", found, 6)
