"""Look-up of strips' codes, on one thread."""

from __future__ import annotations

import numpy as np

from calib_core.numerics.lut import look_up

FRAMES, STRIPS, CODES = 10_880, 1280, 4096


def test_look_up(bar):
    """Four trains of 2720 frames of two memory cells; darks spread over a few codes of each strip."""
    rng = np.random.default_rng(1)
    samples = np.rint(rng.normal(rng.normal(600, 40, STRIPS), 9, (FRAMES, STRIPS))).astype(np.uint16)
    cell, strip = np.arange(FRAMES) % 2, np.arange(STRIPS)
    table = np.sort(rng.integers(0, 1024, (2, CODES, STRIPS)), axis=1).astype(np.uint16)
    work = samples.copy()

    def ours():
        work[...] = samples
        look_up(work, cell, table)

    def plain():
        return table[cell[:, None], samples, strip]

    ours()
    np.testing.assert_array_equal(work, plain())
    bar("look_up", ours, plain, goal=3, rounds=5)
