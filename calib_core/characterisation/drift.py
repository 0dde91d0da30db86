"""Drift of the offset over a run, told from a few frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import Frames
from calib_core.numerics.middle import median

Array = npt.NDArray[Any]

#: Frames of which a drift is told.
FRAMES = 24


def drift_over_run(frames: Frames, offsets: Mapping[int, Array], good: Mapping[int, Array]) -> float:
    """Change of the offset from the first train to the last, ADU.

    A line through the median residual of each frame against its train; the median does not see outliers.

    Parameters
    ----------
    frames : Frames
        A few frames spread over the run, of any memory cells.
    offsets, good : mapping
        Offset (slow_scan, fast_scan) float32, ADU, and which pixels are good, by memory cell.

    Returns
    -------
    float
        NaN where fewer than three frames have good pixels, or all are of one train.
    """
    found = []
    for adc, cell, train in zip(frames.adc, frames.cell, frames.train, strict=True):
        where = good.get(int(cell))
        if where is not None and where.any():
            found.append((float(train), median(adc[where] - offsets[int(cell)][where])))
    if len(found) < 3:
        return float("nan")
    trains, residuals = np.array(found).T
    if np.ptp(trains) == 0:
        return float("nan")
    place = (trains - trains.min()) / max(np.ptp(trains), 1.0)
    return float(np.polyfit(place, residuals, 1)[0])
