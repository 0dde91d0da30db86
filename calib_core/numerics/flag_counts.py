"""Flags of a constant's values, counted in groups of pixels."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.group_statistics import Cut, in_memory
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]
_Whole = NDArray[np.int64]

BITS = 32


@dataclass(frozen=True)
class Flagged:
    """Values with a flag.

    Attributes
    ----------
    number : (entries, cell rows, blocks y, blocks x) int64
    by_flag : (entries, cell rows, blocks y, blocks x, 32) int64
        By the number of the bit.
    total : (entries, cell rows, blocks y, blocks x) int64
        Values with and without.
    """

    number: _Whole
    by_flag: _Whole
    total: _Whole


def flagged(flags: _Array, cut: Cut) -> Flagged:
    """Count flags in groups.

    Parameters
    ----------
    flags : (entries, cells, slow_scan, fast_scan) uint32
    cut : Cut

    Returns
    -------
    Flagged

    Raises
    ------
    ValueError
        A shape or type does not fit.
    """
    shape = cut.shape(flags.shape)
    if flags.dtype != np.uint32:
        raise ValueError(f"flags must be uint32, but are {flags.dtype}")
    found = Flagged(np.zeros(shape, np.int64), np.zeros((*shape, BITS), np.int64), np.zeros(shape, np.int64))
    for entry in range(shape[0]):
        order = in_memory(flags[entry])
        number, total = (counts[entry].transpose(order) for counts in (found.number, found.total))
        boxes = tuple(cut.boxes[axis] for axis in order)
        _count(flags[entry].transpose(order), boxes, number, found.by_flag[entry].transpose((*order, 3)), total)
    return found


class CountedOnce:
    """Counts flags in groups, those of a map once for all constants that it goes with; for one thread."""

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[_Array], Cut, Flagged] | None = None

    def __call__(self, flags: _Array, cut: Cut) -> Flagged:
        """Count flags, as :func:`flagged`; of the same array as before what was counted then.

        Parameters
        ----------
        flags : (entries, cells, slow_scan, fast_scan) uint32
            Which nobody changes.
        cut : Cut
        """
        if self._last is None or self._last[0]() is not flags or self._last[1] != cut:
            self._last = weakref.ref(flags), cut, flagged(flags, cut)
        return self._last[2]


@njit(nogil=True, cache=True)
def _count(flags, boxes, number, by_flag, total):  # type: ignore[no-untyped-def]
    """Count the flags of an entry, its axes in their order in memory."""
    for i in range(flags.shape[0]):
        for j in range(flags.shape[1]):
            above = i // boxes[0], j // boxes[1]
            for last in range(number.shape[2]):
                first, end = last * boxes[2], min((last + 1) * boxes[2], flags.shape[2])
                some = 0
                for k in range(first, end):
                    value = flags[i, j, k]
                    if value:
                        some += 1
                        for bit in range(32):
                            by_flag[above[0], above[1], last, bit] += (value >> np.uint32(bit)) & np.uint32(1)
                number[above[0], above[1], last] += some
                total[above[0], above[1], last] += end - first
