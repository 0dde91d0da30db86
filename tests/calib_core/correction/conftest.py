"""A small detector of two by two banks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.correction.images import Images
from calib_core.detectors.jungfrau import JUNGFRAU

from ...known import images_of, known

SHAPE = (96, 128)
BANK = (48, 64)
NOISE = 3.0


@pytest.fixture
def detector():
    return replace(JUNGFRAU, shape=SHAPE, asic_shape=SHAPE, bank_shape=BANK)


@pytest.fixture
def reference():
    return known(np.full(SHAPE, 100, np.float32), np.full(SHAPE, NOISE, np.float32), np.zeros(SHAPE, bool))


@pytest.fixture
def noise_images():
    """Make frames of noise about 0, all samples in use."""

    def make(frames: int, seed: int = 1) -> Images:
        values = np.random.default_rng(seed).normal(0, NOISE, (frames, *SHAPE)).astype(np.float32)
        return images_of(values)

    return make
