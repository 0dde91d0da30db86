"""Flags of a constant's values, counted in groups of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.group_statistics import Cut
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
    _count(flags, cut.cells, *cut.block_shape, found.number, found.by_flag, found.total)
    return found


@njit(nogil=True, cache=True)
def _count(flags, cells, slow, fast, number, by_flag, total):  # type: ignore[no-untyped-def]
    for entry in range(flags.shape[0]):
        for c in range(flags.shape[1]):
            row = c // cells
            for y in range(flags.shape[2]):
                top = y // slow
                for left in range(number.shape[3]):
                    some = 0
                    for x in range(left * fast, (left + 1) * fast):
                        value = flags[entry, c, y, x]
                        if value:
                            some += 1
                            for bit in range(32):
                                by_flag[entry, row, top, left, bit] += (value >> np.uint32(bit)) & np.uint32(1)
                    number[entry, row, top, left] += some
                    total[entry, row, top, left] += fast
