"""Exact medians of many values, of the good ones and of all, by a bracket that some of them tell.

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
#: Part of the values for which there is room inside of a bracket.
_PART = 8
_EVERYTHING = -np.inf, np.inf


def medians_of(values: _Array, flags: _Array, every: int, good: int) -> tuple[float, float]:
    """Take the exact medians of all finite values and of the good ones.

    Parameters
    ----------
    values : (cells, slow_scan, fast_scan) float32 or float64
    flags : (cells, slow_scan, fast_scan) uint32
        Values with a flag are not good.
    every, good : int
        How many finite values there are, and how many of them are good.

    Returns
    -------
    of_all, of_good : float
        The mean of the two in the middle where their number is even; NaN without any.
    """
    low, high = _bracket(values, flags) if good > _LARGE_SAMPLE else _EVERYTHING
    found = _within(values, flags, low, high, (every, good))
    return found if found is not None else _known(_within(values, flags, *_EVERYTHING, (every, good)))


def _known(found: tuple[float, float] | None) -> tuple[float, float]:
    assert found is not None  # all values are inside
    return found


def _within(
    values: _Array, flags: _Array, low: float, high: float, numbers: tuple[int, int]
) -> tuple[float, float] | None:
    """Medians of all and of good values by those inside of a bracket; None where one of them is not inside."""
    every, good = numbers
    is_open = (low, high) == _EVERYTHING
    inside = np.empty((good if is_open else good // _PART) + 1)
    beside = np.empty(every - good + 1)
    below, number, below_bad, number_bad = _collect(values, flags, low, high, inside, beside)
    if number >= len(inside):
        return None
    of_good = _of_rank(inside[:number], good, below)
    of_all = of_good if every == good else _of_rank(
        np.concatenate([inside[:number], beside[:number_bad]]), every, below + below_bad)
    return None if of_good is None or of_all is None else (of_all, of_good)


def _of_rank(inside: _Array, n: int, below: int) -> float | None:
    """Median of n values, so many of which are below those that are there; None where it is not among these."""
    if not n:
        return float("nan")
    ranks = [(n - 1) // 2 - below, n // 2 - below]
    if ranks[0] < 0 or ranks[1] >= len(inside):
        return None
    one, two = np.partition(inside, ranks)[ranks]
    return float(one / 2 + two / 2)


def _bracket(values: _Array, flags: _Array) -> tuple[float, float]:
    """Values between which the medians lie, as far as good ones that are spread over all of them tell."""
    some = np.empty(_LARGE_SAMPLE)
    some = np.sort(some[:_spread_out(values, flags, some)])
    if not len(some):
        return _EVERYTHING
    away = int(_REACH * np.sqrt(len(some)) / 2) + len(some) // 100 + 1
    return float(some[max(0, len(some) // 2 - away)]), float(some[min(len(some) - 1, len(some) // 2 + away)])


@njit(nogil=True, cache=True)
def _spread_out(values, flags, some):  # type: ignore[no-untyped-def]
    """Good values at places that differ in memory cell, row and column; how many there are."""
    cells, slow, fast = values.shape
    step = max(1, cells * slow * fast // some.size)
    number = 0
    for i in range(some.size):
        jump = i * step + (i * 7919) % step
        c, y, x = jump // (slow * fast), jump // fast % slow, jump % fast
        if np.isfinite(values[c, y, x]) and not flags[c, y, x]:
            some[number] = values[c, y, x]
            number += 1
    return number


@njit(nogil=True, cache=True)
def _collect(values, flags, low, high, inside, beside):  # type: ignore[no-untyped-def]
    """Number below and number inside of a bracket, of good values and of others; those inside, as far as there is
    room for good ones."""
    below, number, below_bad, number_bad, last = 0, 0, 0, 0, inside.size - 1
    for c in range(values.shape[0]):
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                value = np.float64(values[c, y, x])
                is_number = value - value == 0
                if flags[c, y, x]:
                    if is_number:
                        below_bad += value < low
                        if low <= value <= high:
                            beside[number_bad] = value
                            number_bad += 1
                else:  # without a branch, since nobody could guess it
                    inside[min(number, last)] = value
                    below += is_number & (value < low)
                    number += is_number & (value >= low) & (value <= high)
    return below, number, below_bad, number_bad


@njit(nogil=True, cache=True)
def middles(values, good, every, inside, spare):  # type: ignore[no-untyped-def]
    """Medians of all values and of the good ones, which are the first; they stay where they are.

    There is room for all of them inside, and for a sample in spare.
    """
    low, high = -np.inf, np.inf
    if good > 4 * SAMPLE:
        step = good // SAMPLE
        for i in range(SAMPLE):
            spare[i] = values[i * step + (i * 7919) % step]
        away = int(_REACH * np.sqrt(SAMPLE) / 2) + SAMPLE // 100 + 1
        low = _select(spare, SAMPLE, SAMPLE // 2 - away)
        high = _select(spare, SAMPLE, SAMPLE // 2 + away)
    of_all, of_good, found = _between(values, good, every, low, high, inside)
    if not found:
        of_all, of_good, found = _between(values, good, every, -np.inf, np.inf, inside)
    return of_all, of_good


@njit(nogil=True, cache=True)
def _between(values, good, every, low, high, inside):  # type: ignore[no-untyped-def]
    """Medians of all and of good values by those inside of a bracket, and whether both are there."""
    below, number = _inside(values, 0, good, low, high, inside, 0)
    if good and ((good - 1) // 2 < below or good // 2 >= below + number):
        return 0.0, 0.0, False
    of_good = _of_two(inside, number, (good - 1) // 2 - below, good // 2 - below) if good else np.nan
    if every == good:
        return of_good, of_good, True
    more, total = _inside(values, good, every, low, high, inside, number)
    below += more
    if (every - 1) // 2 < below or every // 2 >= below + total:
        return 0.0, 0.0, False
    return _of_two(inside, total, (every - 1) // 2 - below, every // 2 - below), of_good, True


@njit(nogil=True, cache=True)
def _inside(values, begin, end, low, high, inside, number):  # type: ignore[no-untyped-def]
    """Number of some values below, and all that are inside behind those that are there already."""
    below = 0
    for i in range(begin, end):
        value = values[i]
        inside[number] = value  # it is written over unless it counts
        below += value < low
        number += (value >= low) & (value <= high)
    return below, number


@njit(nogil=True, cache=True)
def _of_two(values, n, first, second):  # type: ignore[no-untyped-def]
    """Mean of the values of two neighbouring ranks, or of one."""
    one = _select(values, n, first)
    if second == first:
        return one
    two = values[second]
    for i in range(second + 1, n):
        two = min(two, values[i])
    return one / 2 + two / 2


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
