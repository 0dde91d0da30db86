"""Steps applied to frames in memory with what is known of their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE, OFFSET
from calib_core.correction.bound_constant import Known
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType


def known(offset: Any, noise: Any, bad: Any) -> Known:
    """Constants of one memory cell, (slow_scan, fast_scan) each."""
    return Known({OFFSET.name: offset, NOISE.name: noise, BAD_PIXELS_DARK.name: bad.astype(np.uint32)})


def changed(constants: Known, **changes: Any) -> Known:
    """Other offset, noise or bad pixels."""
    names = {"offset": OFFSET.name, "noise": NOISE.name, "bad": BAD_PIXELS_DARK.name}
    return Known({**constants.values, **{names[name]: np.asarray(value) * np.uint32(1) if name == "bad" else value
                                         for name, value in changes.items()}})


def images_of(values: Any, use: Any = None) -> Images:
    """Images of one memory cell; all samples are in use unless given."""
    n = len(values)
    used = np.ones(values.shape, bool) if use is None else use
    return Images.of(values, np.zeros(n, np.int64), np.arange(n), used)


def corrected(step: Step, images: Images, constants: Known, kind: DetectorType) -> Any:
    """Apply a step; returns what it found on the way."""
    step.bind(constants, kind).apply(images)
    return images.found.get(step.word)
