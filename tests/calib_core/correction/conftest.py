"""A small detector of two by two banks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.correction.step import Images, Reference
from calib_core.detectors.jungfrau import JUNGFRAU

SHAPE = (96, 128)
BANK = (48, 64)
NOISE = 3.0


@pytest.fixture
def detector():
    return replace(JUNGFRAU, shape=SHAPE, asic_shape=SHAPE, bank_shape=BANK)


@pytest.fixture
def reference():
    return Reference(
        offset=np.full(SHAPE, 100, np.float32), noise=np.full(SHAPE, NOISE, np.float32), bad=np.zeros(SHAPE, bool),
    )


@pytest.fixture
def noise_images():
    """Make frames of noise about 0, all samples in use."""

    def make(frames: int, seed: int = 1) -> Images:
        values = np.random.default_rng(seed).normal(0, NOISE, (frames, *SHAPE)).astype(np.float32)
        return Images(values, np.ones(values.shape, bool))

    return make
