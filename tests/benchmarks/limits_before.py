"""Soft limits as they were found by bisection alone, kept to compare with while their goal is open."""

from __future__ import annotations

import numpy as np
from numba import njit

from calib_core.numerics.robust import MAD_TO_SIGMA


@njit(nogil=True)
def _sortable(bits):
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@njit(nogil=True)
def _at_most(keys, threshold):
    count = 0
    for i in range(keys.size):
        count += keys[i] <= threshold
    return count


@njit(nogil=True)
def _value(key):
    bits = np.empty(1, np.int32)
    bits[0] = _sortable(key)
    return np.float64(bits.view(np.float32)[0])


@njit(nogil=True)
def _median(values, keys):
    bits = values.view(np.int32)
    for i in range(bits.size):
        keys[i] = _sortable(bits[i])
    rank = (keys.size + 1) // 2
    low, high = np.int64(keys.min()), np.int64(keys.max())
    while low < high:
        threshold = (low + high) >> 1
        if _at_most(keys, np.int32(threshold)) >= rank:
            high = threshold
        else:
            low = threshold + 1
    if keys.size % 2 or _at_most(keys, np.int32(low)) > rank:
        return _value(np.int32(low))
    above = np.int32(0x7FFFFFFF)
    for i in range(keys.size):
        above = min(above, keys[i] if keys[i] > low else above)
    return (_value(np.int32(low)) + _value(above)) / 2


@njit(nogil=True)
def _robust(kept, away, keys, sigma, passes, floor):
    size = kept.size
    for _ in range(passes):
        centre = _median(kept[:size], keys[:size])
        for i in range(size):
            away[i] = np.float32(abs(np.float64(kept[i]) - centre))
        scale = max(MAD_TO_SIGMA * _median(away[:size], keys[:size]), floor)
        inside = 0
        for i in range(size):
            kept[inside] = kept[i]
            inside += abs(np.float64(kept[i]) - centre) <= sigma * scale
        if inside in (0, size):
            break
        size = inside
    return centre, scale


@njit(nogil=True)
def group_spread(values, slow, fast, sigma, passes, floor, centre, scale):
    """Median and scale of each block of a map (slow_scan, fast_scan) float32, filled in place."""
    kept, away = np.empty(slow * fast, np.float32), np.empty(slow * fast, np.float32)
    keys = np.empty(slow * fast, np.int32)
    for row in range(centre.shape[0]):
        for column in range(centre.shape[1]):
            size = 0
            for y in range(row * slow, (row + 1) * slow):
                for x in range(column * fast, (column + 1) * fast):
                    kept[size] = values[y, x]
                    size += np.isfinite(values[y, x])
            centre[row, column], scale[row, column] = _robust(kept[:size], away, keys, sigma, passes, floor)
