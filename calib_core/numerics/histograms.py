"""Histograms of each pixel, and sums beside them: whole numbers, so that no order of frames changes a bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]

#: Pixels whose histograms are filled together: they stay in the cache while all frames pass.
_TILE = 64
#: Frames whose neighbours are looked at need a pixel more on each side.
_EDGE = 1


def fill_histograms(
    values: _Array, good: _Array, group: _Array, edges: _Array, counts: _Array, spectra: _Array
) -> None:
    """Count samples by value, pixel by pixel and in groups of pixels.

    Parameters
    ----------
    values : (n, pixels) float32, C-contiguous
    good : (n, pixels) bool, C-contiguous
        Samples that are counted; those that are no number are not.
    group : (pixels,) int64
        Of each pixel, such as its ASIC.
    edges : (bins + 1,) float64
        Evenly spaced, ascending; a bin holds its lower edge.
    counts : (pixels, bins + 2) uint32, C-contiguous
        Counted up: samples below the first edge, in each bin, and from the last edge on.
    spectra : (groups, bins + 2) int64, C-contiguous
        The same of all pixels of a group together.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    n, pixels = values.shape
    check_array(values, "values", (n, pixels), np.float32)
    check_array(good, "good", (n, pixels), np.bool_)
    check_array(group, "group", (pixels,), np.int64)
    check_array(edges, "edges", (counts.shape[1] - 1,), np.float64)
    check_array(counts, "counts", (pixels, len(edges) + 1), np.uint32)
    check_array(spectra, "spectra", (len(spectra), len(edges) + 1), np.int64)
    if group.min(initial=0) < 0 or group.max(initial=0) >= len(spectra):
        raise ValueError(f"groups must be 0 to {len(spectra) - 1}")
    _fill(values, good, group, edges, counts, spectra)


def add_moments(
    values: _Array, good: _Array, slot: _Array, part: float, largest: float, lowest: float,
    sums: tuple[_Array, _Array, _Array], frames: _Array,
) -> None:
    """Add samples to the sums of their memory cells.

    Parameters
    ----------
    values : (n, pixels) float32, C-contiguous
    good : (n, pixels) bool, C-contiguous
        Samples that are summed, as far as they are numbers and smaller than ``largest``.
    slot : (n,) int64
        Place of each frame's memory cell.
    part, largest : float
        Signals are rounded to so many parts of the unit; larger ones are not summed.
    lowest : float
        Samples from here on are in the sums over all pixels.
    sums : three of (cells, pixels), uint32, int64 and int64, C-contiguous
        Samples, their sum and sum of squares in those parts; added to.
    frames : (cells, 2) int64, C-contiguous
        Samples from ``lowest`` on and their sum over all pixels; added to.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    n, pixels, cells = *values.shape, len(frames)
    check_array(values, "values", (n, pixels), np.float32)
    check_array(good, "good", (n, pixels), np.bool_)
    check_array(slot, "slot", (n,), np.int64)
    for one, name, kind in zip(sums, ("samples", "sum", "squares"), (np.uint32, np.int64, np.int64), strict=True):
        check_array(one, name, (cells, pixels), kind)
    check_array(frames, "frames", (cells, 2), np.int64)
    if slot.min(initial=0) < 0 or slot.max(initial=0) >= cells:
        raise ValueError(f"slots must be 0 to {cells - 1}")
    for place, one, use in zip(slot, values, good, strict=True):
        own = [array[place] for array in sums]
        frames[place] += _add(one, use, np.float32(part), np.float32(largest), np.float32(lowest), *own)


def isolated(values: _Array, good: _Array, limit: _Array) -> _Array:
    """Samples whose neighbours have no signal.

    Parameters
    ----------
    values : (n, slow_scan, fast_scan) float32, C-contiguous
    good : (n, slow_scan, fast_scan) bool, C-contiguous
        Samples that are a measurement; of another nobody knows whether there is a signal.
    limit : (n or 1, slow_scan, fast_scan) float32
        Value from which on a sample is a signal.

    Returns
    -------
    (n, slow_scan, fast_scan) bool
        True where all neighbours, eight or as many as there are, are good and below their limits.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    n, slow, fast = values.shape
    check_array(values, "values", (n, slow, fast), np.float32)
    check_array(good, "good", (n, slow, fast), np.bool_)
    limits = np.ascontiguousarray(limit, np.float32)
    check_array(limits, "limit", (len(limits), slow, fast), np.float32)
    if len(limits) not in (1, n):
        raise ValueError(f"there are {len(limits)} limits for {n} frames")
    found = np.empty(values.shape, np.bool_)
    signal = np.zeros((slow + 2 * _EDGE, fast + 2 * _EDGE), np.uint8)
    for i in range(n):
        _isolated(values[i], good[i], limits[i % len(limits)], signal, found[i])
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(values, good, group, edges, counts, spectra):  # type: ignore[no-untyped-def]
    bins = edges.size - 1
    low, high, per_unit = edges[0], edges[bins], bins / (edges[bins] - edges[0])
    for begin in range(0, values.shape[1], _TILE):
        end = min(begin + _TILE, values.shape[1])
        for k in range(values.shape[0]):
            for i in range(begin, end):
                value = np.float64(values[k, i])
                if not good[k, i] or value != value:
                    continue
                place = np.int64(0)
                if value >= high:
                    place = np.int64(bins + 1)
                elif value >= low:
                    place = min(np.int64((value - low) * per_unit), np.int64(bins - 1))
                    # what was rounded on the way may be on the other side of an edge
                    place += np.int64(1) + np.int64(value >= edges[place + 1]) - np.int64(value < edges[place])
                counts[i, place] += np.uint32(1)
                spectra[group[i], place] += 1


@njit(nogil=True, cache=True)
def _add(values, good, part, largest, lowest, count, total, squares):  # type: ignore[no-untyped-def]
    number, summed = np.int64(0), np.int64(0)
    for i in range(values.size):
        use = good[i] & (abs(values[i]) < largest)
        one = np.int64(np.rint((values[i] if use else np.float32(0)) * part))
        total[i] += one
        squares[i] += one * one
        count[i] += np.uint32(use)
        inside = use & (values[i] >= lowest)
        number += np.int64(inside)
        summed += one if inside else np.int64(0)
    return np.array([number, summed])


@njit(nogil=True, cache=True)
def _isolated(values, good, limit, signal, found):  # type: ignore[no-untyped-def]
    slow, fast = values.shape
    for i in range(slow):
        for j in range(fast):
            signal[i + 1, j + 1] = not (good[i, j] & (values[i, j] < limit[i, j]))
    for i in range(slow):
        above, own, below = signal[i], signal[i + 1], signal[i + 2]
        for j in range(fast):
            found[i, j] = (above[j] | above[j + 1] | above[j + 2] | own[j] | own[j + 2]
                           | below[j] | below[j + 1] | below[j + 2]) == 0
