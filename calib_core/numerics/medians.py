"""Exact medians of many values by a bracket that some of them tell.

What lies inside of the bracket is collected and sorted out, what lies below is counted. A bracket that has missed, as
it does once in a hundred thousand times, is opened, and all values are collected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit

_Array = NDArray[Any]

#: Values that tell where a median may lie: of those in the cache, and of those in memory.
SAMPLE, _LARGE_SAMPLE = 4096, 1 << 16
#: Half width of the bracket, in errors of the sample's median.
_REACH = 4.5
_EVERYTHING = -np.inf, np.inf


def median_of(values: _Array, flags: _Array, good: bool, n: int) -> float:
    """Take the exact median of finite values.

    Parameters
    ----------
    values : (cells, slow_scan, fast_scan) float32 or float64
    flags : (cells, slow_scan, fast_scan) uint32
    good : bool
        Whether values with a flag do not count.
    n : int
        Values that count.

    Returns
    -------
    float
        The mean of the two in the middle where their number is even; NaN without any.
    """
    if not n:
        return float("nan")
    low, high = _bracket(values, flags, good) if n > _LARGE_SAMPLE else _EVERYTHING
    inside = np.empty(n if (low, high) == _EVERYTHING else n // 8)
    below, number = _collect(values, flags, good, low, high, inside)
    if number > len(inside) or (n - 1) // 2 < below or n // 2 >= below + number:
        inside = np.empty(n)
        below, number = _collect(values, flags, good, *_EVERYTHING, inside)
    ranks = [(n - 1) // 2 - below, n // 2 - below]
    one, two = np.partition(inside[:number], ranks)[ranks]
    return float(one / 2 + two / 2)


def _bracket(values: _Array, flags: _Array, good: bool) -> tuple[float, float]:
    """Values between which the median lies, as far as some that are spread over all of them tell."""
    some = np.empty(_LARGE_SAMPLE)
    number = _spread_out(values, flags, good, some)
    if not number:
        return _EVERYTHING
    some = np.sort(some[:number])
    away = int(_REACH * np.sqrt(number) / 2) + 1
    return float(some[max(0, number // 2 - away)]), float(some[min(number - 1, number // 2 + away)])


@njit(nogil=True, cache=True)
def _spread_out(values, flags, good, some):  # type: ignore[no-untyped-def]
    """Values at places that differ in memory cell, row and column; how many there are of those that count."""
    cells, slow, fast = values.shape
    step = max(1, cells * slow * fast // some.size)
    number = 0
    for i in range(some.size):
        jump = i * step + (i * 7919) % step
        c, y, x = jump // (slow * fast), jump // fast % slow, jump % fast
        value = values[c, y, x]
        if np.isfinite(value) and not (good and flags[c, y, x]):
            some[number] = value
            number += 1
    return number


@njit(nogil=True, cache=True)
def _collect(values, flags, good, low, high, inside):  # type: ignore[no-untyped-def]
    """Number of values below, and number and values from low to high, as far as there is room."""
    below, number, room = 0, 0, inside.size
    for c in range(values.shape[0]):
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                value = values[c, y, x]
                if value <= high and not (good and flags[c, y, x]) and np.isfinite(value):
                    if value < low:
                        below += 1
                    else:
                        if number < room:
                            inside[number] = value
                        number += 1
    return below, number


@njit(nogil=True, cache=True)
def middle(values, n, inside, spare):  # type: ignore[no-untyped-def]
    """Median of the first n values, which stay where they are; inside has room for them, spare for a sample."""
    first, second = (n - 1) // 2, n // 2
    low, high = -np.inf, np.inf
    if n > 4 * SAMPLE:
        step = n // SAMPLE
        for i in range(SAMPLE):
            spare[i] = values[i * step + (i * 7919) % step]
        away = int(_REACH * np.sqrt(SAMPLE) / 2) + 1
        low = _select(spare, SAMPLE, SAMPLE // 2 - away)
        high = _select(spare, SAMPLE, SAMPLE // 2 + away)
    below, number = _between(values, n, low, high, inside)
    if first < below or second >= below + number:
        below, number = _between(values, n, -np.inf, np.inf, inside)
    one = _select(inside, number, first - below)
    return one if second == first else one / 2 + _least(inside, first - below + 1, number) / 2


@njit(nogil=True, cache=True)
def _between(values, n, low, high, inside):  # type: ignore[no-untyped-def]
    """Number of values below, and number and values from low to high."""
    below, number = 0, 0
    for i in range(n):
        value = values[i]
        inside[number] = value  # it is written over unless it counts
        below += value < low
        number += (value >= low) & (value <= high)
    return below, number


@njit(nogil=True, cache=True)
def _least(values, begin, end):  # type: ignore[no-untyped-def]
    found = values[begin]
    for i in range(begin + 1, end):
        found = min(found, values[i])
    return found


@njit(nogil=True, cache=True)
def _select(values, n, rank):  # type: ignore[no-untyped-def]
    """Bring the value of a rank, from 0, to its place, none before it larger and none after it smaller."""
    left, right = 0, n - 1
    while left < right:
        pivot = _of_three(values[left], values[(left + right) // 2], values[right])
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            break
    return values[rank]


@njit(nogil=True, cache=True)
def _of_three(one, two, three):  # type: ignore[no-untyped-def]
    return max(min(one, two), min(max(one, two), three))
