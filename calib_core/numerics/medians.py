"""Exact medians of many values, of the good ones and of all, by a bracket that some of them tell.

What lies inside of the bracket is collected and sorted out, what lies below is counted. A bracket that has missed, as
it does once in a hundred thousand times, is opened, and all values are collected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit

_Array = NDArray[Any]

#: Values that tell where a median may lie: of those in the cache, and of those in memory, at least and at most.
SAMPLE, _LEAST_SAMPLE, _LARGE_SAMPLE = 1024, 4096, 1 << 16
#: Values for each of the sample, so that to sort it costs little beside them.
_OF_SAMPLE = 128
#: Half width of the bracket, in errors of the sample's median.
_REACH = 4.5
#: Part of the sample by which the bracket is wider: the median of all values lies a little beside that of the good.
_SLACK = 100
#: Values of which those far from the rank are put aside before one is picked out, and how far that is, in errors of
#: the rank of a value whose neighbours lie anywhere.
_MANY, _FAR = 512, 4.5
#: Part of the values for which there is room inside of a bracket.
_PART = 8


@dataclass(frozen=True)
class Bracket:
    """Values between which the medians lie, most probably.

    Attributes
    ----------
    low, high : float
    """

    low: float
    high: float

    @classmethod
    def of(cls, values: _Array, flags: _Array) -> Bracket:
        """What good values that are spread over all of them tell.

        Parameters
        ----------
        values : (n, m, k) float32 or float64
        flags : (n, m, k) uint32
        """
        if values.size <= _LARGE_SAMPLE:
            return EVERYTHING
        some = np.empty(min(_LARGE_SAMPLE, max(_LEAST_SAMPLE, values.size // _OF_SAMPLE)))
        some = np.sort(some[:_spread_out(values, flags, some)])
        if not len(some):
            return EVERYTHING
        middle, away = len(some) // 2, int(_REACH * np.sqrt(len(some)) / 2) + len(some) // _SLACK + 1
        return cls(float(some[max(0, middle - away)]), float(some[min(len(some) - 1, middle + away)]))

    def room(self, values: int, together: int) -> int:
        """How many of some values may be inside, which are collected so many at a time.

        Parameters
        ----------
        values, together : int
        """
        return (values if self == EVERYTHING else values // _PART) + together + 1


EVERYTHING = Bracket(-np.inf, np.inf)


@dataclass(frozen=True)
class Collected:
    """Values inside of a bracket, and how many there are below.

    Attributes
    ----------
    good, bad : float64 array
        Good values inside, and others.
    below, below_bad : int
    whole : bool
        Whether there was room for all of them.
    bracket : Bracket
    """

    good: _Array
    bad: _Array
    below: int
    below_bad: int
    whole: bool
    bracket: Bracket

    def medians(self, every: int, good: int) -> tuple[float, float] | None:
        """Exact medians of all values and of the good ones.

        Parameters
        ----------
        every, good : int
            How many there are.

        Returns
        -------
        (float, float) or None
            The mean of the two in the middle where their number is even, NaN without any; None where one of them is
            not inside.
        """
        of_good = self._of_rank(self.good, good, self.below) if self.whole else None
        of_all = of_good if every == good or of_good is None else self._of_rank(
            np.concatenate([self.good, self.bad]), every, self.below + self.below_bad)
        return None if of_good is None or of_all is None else (of_all, of_good)

    def _of_rank(self, inside: _Array, n: int, below: int) -> float | None:
        """Median of n values, so many of which are below those that are there; None where it is not among these."""
        if not n:
            return float("nan")
        first, second = (n - 1) // 2 - below, n // 2 - below
        if first < 0 or second >= len(inside):
            return None
        return float(_of_two(inside, len(inside), first, second, self.bracket.low, self.bracket.high))


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
def middles(values, good, every, inside, spare):  # type: ignore[no-untyped-def]
    """Medians of all values and of the good ones, which are the first; they stay where they are.

    There is room for all of them inside, and for a sample in spare.
    """
    low, high = -np.inf, np.inf
    if good > 4 * SAMPLE:
        step = good // SAMPLE
        for i in range(SAMPLE):
            spare[i] = values[i * step + (i * 7919) % step]
        away = int(_REACH * np.sqrt(SAMPLE) / 2) + SAMPLE // _SLACK + 1
        low = _select(spare, SAMPLE, SAMPLE // 2 - away)
        high = _select(spare, SAMPLE, SAMPLE // 2 + away)
    of_all, of_good, found = _between(values, good, every, low, high, inside)
    if not found:
        of_all, of_good, found = _between(values, good, every, -np.inf, np.inf, inside)
    return of_all, of_good


@njit(nogil=True, cache=True)
def _between(values, good, every, low, high, inside):  # type: ignore[no-untyped-def]
    """Medians of all and of good values by those inside of a bracket, and whether both are there."""
    below, number = inside_of(values, 0, good, low, high, inside, 0)
    if good and ((good - 1) // 2 < below or good // 2 >= below + number):
        return 0.0, 0.0, False
    of_good = _of_two(inside, number, (good - 1) // 2 - below, good // 2 - below, low, high) if good else np.nan
    if every == good:
        return of_good, of_good, True
    more, total = inside_of(values, good, every, low, high, inside, number)
    below += more
    if (every - 1) // 2 < below or every // 2 >= below + total:
        return 0.0, 0.0, False
    return _of_two(inside, total, (every - 1) // 2 - below, every // 2 - below, low, high), of_good, True


@njit(nogil=True, cache=True)
def inside_of(values, begin, end, low, high, inside, number):  # type: ignore[no-untyped-def]
    """Number of some values below, and of all that are inside, which come behind those that are there already."""
    below = 0
    for i in range(begin, end):
        value = values[i]
        inside[number] = value  # it is written over unless it counts
        below += value < low
        number += (value >= low) & (value <= high)
    return below, number


@njit(nogil=True, cache=True)
def _of_two(values, n, first, second, low, high):  # type: ignore[no-untyped-def]
    """Mean of the values of two neighbouring ranks, or of one; all lie in a bracket, where they are about as dense
    everywhere."""
    if n > _MANY and high - low < np.inf:
        width, away = (high - low) / n, _FAR * np.sqrt(n) / 2 + 2
        below, inside = _to_the_front(values, n, low + width * (first - away), low + width * (second + away))
        if below <= first and second < below + inside:
            n, first, second = inside, first - below, second - below
    one = _select(values, n, first)
    if second == first:
        return one
    two = values[second]
    for i in range(second + 1, n):
        two = min(two, values[i])
    return one / 2 + two / 2


@njit(nogil=True, cache=True)
def _to_the_front(values, n, low, high):  # type: ignore[no-untyped-def]
    """Bring values that lie inside of a bracket before all others; how many are below it, and inside."""
    below, number = 0, 0
    for i in range(n):
        value = values[i]
        values[i] = values[number]
        values[number] = value
        below += value < low
        number += (value >= low) & (value <= high)
    return below, number


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
