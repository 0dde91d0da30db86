"""Constants of a module in memory, and steps that are done with them on frames made with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.step import Step
from calib_core.detectors.agipd import AGIPD1M

Array = Any


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: Any) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def bound(step: Step, kind: Any = AGIPD1M, **found: Any) -> BoundPipeline:
    """The step with its constants."""
    return Pipeline([step]).bind(Memory(**found), kind).read()


def images(frames: Array, stage: Any = 0, signal: Any = None) -> Images:
    """Frames of memory cell 0 in some gain stages."""
    one = Images.of(np.array(frames, np.float32), np.zeros(len(frames), np.int64), np.arange(len(frames))).copy()
    one.stage[...] = stage
    one.signal = signal
    return one


def constant(values: Any) -> OfSamples:
    """(entries, slow_scan, fast_scan) of memory cell 0."""
    return OfSamples(np.asarray(values)[:, None], (0,), 0)
