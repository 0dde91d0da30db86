"""By how much lines of pixels change in frames of a scan: what is charged stands out from what all lines share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


#: One line in so many is taken for not charged, those that change least: three of four may be charged.
_QUIET = 4


def changing_lines(signal: Array, places: Array) -> Array:
    """Median signal of each line of pixels in each frame, above those lines that change least.

    Half of the lines may be charged, so that the median of all is no signal of any.

    Parameters
    ----------
    signal : (n, slow_scan, fast_scan) array, ADU
    places : (lines, k) int64
        Flat places of pixels of each line.

    Returns
    -------
    (n, lines) float64, ADU
    """
    order = np.argsort(np.ptp(_medians(signal, places), axis=0), kind="stable")
    return lines_above_others(signal, places, order[: -(-len(places) // _QUIET)])


def lines_above_others(signal: Array, places: Array, others: Array) -> Array:
    """Median signal of each line of pixels in each frame, after what other lines share was taken away.

    Parameters
    ----------
    signal : (n, slow_scan, fast_scan) array, ADU
    places : (lines, k) int64
        Flat places of pixels of each line.
    others : (m,) int64
        Lines that are not charged.

    Returns
    -------
    (n, lines) float64, ADU
    """
    lines = _medians(signal, places)
    return np.asarray(lines - np.median(lines[:, others], axis=1, keepdims=True))


def _medians(signal: Array, places: Array) -> Array:
    return np.asarray(np.median(signal.reshape(len(signal), -1)[:, places], axis=2))


class LineRanges:
    """Least and largest signal of lines above the others, over frames that come a few at a time.

    Parameters
    ----------
    places : (lines, k) int64
        Flat places of pixels of each line.
    others : (m,) int64
        Lines that are not charged.
    """

    def __init__(self, places: Array, others: Array) -> None:
        self._places, self._others = places, others
        self._least, self._most = (np.full(len(places), sign * np.inf) for sign in (1, -1))

    def add(self, signal: Array) -> None:
        """Look at frames.

        Parameters
        ----------
        signal : (n, slow_scan, fast_scan) array, ADU
        """
        if len(signal):
            above = lines_above_others(signal, self._places, self._others)
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
