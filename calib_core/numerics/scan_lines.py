"""By how much lines of pixels change in frames of a scan: what is charged stands out from what all lines share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def lines_above_others(signal: Array, places: Array) -> Array:
    """Median signal of each line of pixels in each frame, after what all lines share was taken away.

    Parameters
    ----------
    signal : (n, slow_scan, fast_scan) array, ADU
    places : (lines, k) int64
        Flat places of pixels of each line.

    Returns
    -------
    (n, lines) float64, ADU
    """
    lines = np.median(signal.reshape(len(signal), -1)[:, places], axis=2)
    return np.asarray(lines - np.median(lines, axis=1, keepdims=True))


class LineRanges:
    """Least and largest signal of lines above the others, over frames that come a few at a time.

    Parameters
    ----------
    places : (lines, k) int64
        Flat places of pixels of each line.
    """

    def __init__(self, places: Array) -> None:
        self._places = places
        self._least, self._most = (np.full(len(places), sign * np.inf) for sign in (1, -1))

    def add(self, signal: Array) -> None:
        """Look at frames.

        Parameters
        ----------
        signal : (n, slow_scan, fast_scan) array, ADU
        """
        if len(signal):
            above = lines_above_others(signal, self._places)
            np.minimum(self._least, above.min(axis=0), out=self._least)
            np.maximum(self._most, above.max(axis=0), out=self._most)

    def merge(self, other: LineRanges) -> None:
        """Add what others saw of the same lines.

        Parameters
        ----------
        other : LineRanges
        """
        np.minimum(self._least, other._least, out=self._least)
        np.maximum(self._most, other._most, out=self._most)

    @property
    def changes(self) -> Array:
        """Range of each line, (lines,) float64, ADU; NaN before there are frames."""
        return np.where(np.isfinite(self._least), self._most - self._least, np.nan)
