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
#: Copies of a histogram of many pixels that are filled in turn: the same bin, again and again, waits for itself.
_COPIES = 8
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
    _fill(values, good, group, np.concatenate([[np.nan], edges, [np.nan]]), counts, spectra)


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
    """Kernel of :func:`fill_histograms`; ``edges`` with NaN at both ends, which no value is beyond."""
    bins = edges.size - 1
    places, mixed = np.empty(_TILE, np.int32), np.zeros((_COPIES, bins), np.uint32)
    for begin in range(0, values.shape[1], _TILE):
        length = min(_TILE, values.shape[1] - begin)
        alike = group[begin] == group[begin + length - 1] and (group[begin:begin + length] == group[begin]).all()
        rows = counts[begin:begin + length]
        for k in range(values.shape[0]):
            row, use = values[k, begin:begin + length], good[k, begin:begin + length]
            _find(row, edges, places)
            for i in range(length):
                value = np.float64(row[i])
                if not use[i] or value != value:
                    continue
                near = np.uint32(places[i])
                # what was rounded on the way may be on the other side of an edge
                place = np.uint32(near + (value >= edges[near + np.uint32(1)]) - (value < edges[near]))
                rows[np.uint32(i), place] += np.uint32(1)
                if alike:
                    mixed[np.uint32(i % _COPIES), place] += np.uint32(1)
                else:
                    spectra[group[begin + i], place] += 1
        if alike:
            spectra[group[begin]] += mixed.sum(axis=0).astype(np.int64)
            mixed[...] = 0


@njit(nogil=True, cache=True, error_model="numpy")
def _find(values, edges, places):  # type: ignore[no-untyped-def]
    """Bins that values lie in, or the next to that, where rounding decides; any for what is no number."""
    last = np.float64(edges.size - 2)
    low, per_unit = edges[1], (last - 1) / (edges[edges.size - 2] - edges[1])
    for i in range(values.size):
        place = (np.float64(values[i]) - low) * per_unit + 1.0
        place = place if place > 0.0 else 0.0
        places[i] = np.int32(place if place < last else last)


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
    """Kernel of :func:`isolated` for a frame; ``signal`` has a pixel more on each side."""
    slow, fast = values.shape
    for i in range(slow):
        own = signal[i + 1, 1:fast + 1]
        row, use, most = values[i], good[i], limit[i]
        for j in range(fast):
            own[j] = np.uint8(1) - np.uint8(use[j] & (row[j] < most[j]))
    for i in range(slow):
        free = found[i]
        for line in range(3):
            left, middle, right = (signal[i + line, :fast], signal[i + line, 1:fast + 1],
                                   signal[i + line, 2:fast + 2])
            inner = np.uint8(line != 1)
            for j in range(fast):
                near = left[j] | right[j] | (middle[j] & inner)
                free[j] = (near == 0) & (free[j] | (line == 0))
