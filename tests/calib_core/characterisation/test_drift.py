"""A drift of the offset is found, with its sign and size."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.characterisation.drift import drift_over_run
from calib_core.detector import Frames

SHAPE = (16, 24)


def some_frames(drift: float, n: int = 24, outliers: bool = False) -> tuple[Frames, np.ndarray]:
    rng = np.random.default_rng(3)
    offset = 3000 + rng.normal(0, 50, SHAPE)
    place = np.linspace(0, 1, n)
    values = offset + drift * (place - 0.5)[:, None, None] + rng.normal(0, 5, (n, *SHAPE))
    if outliers:
        values[:, ::4, ::4] += 900 * rng.random((n, 4, 6))
    block = values.round().astype(np.uint16)[:, None]
    return Frames(block, np.arange(n) % 2, (1000 + 100 * place).astype(np.uint64)), offset.astype(np.float32)


@pytest.mark.parametrize("drift", [-20.0, 0.0, 8.0])
@pytest.mark.parametrize("outliers", [False, True])
def test_a_drift_is_found_within_its_error(drift, outliers):
    frames, offset = some_frames(drift, outliers=outliers)
    good = np.ones(SHAPE, bool)
    found = drift_over_run(frames, {0: offset, 1: offset}, {0: good, 1: good})
    # a median of 384 pixels of noise 5 is good to 0.32 ADU; a line through 24 of them to 1/√(24/12)
    assert found == pytest.approx(drift, abs=5 * 0.32 / np.sqrt(2) + 0.01 * abs(drift))


def test_too_little_tells_nothing():
    frames, offset = some_frames(5.0, n=2)
    good = np.ones(SHAPE, bool)
    assert np.isnan(drift_over_run(frames, {0: offset, 1: offset}, {0: good, 1: good}))
    frames, offset = some_frames(5.0)
    assert np.isnan(drift_over_run(frames, {0: offset}, {0: ~good}))
