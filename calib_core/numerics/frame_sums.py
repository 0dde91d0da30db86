"""Sums over corrected frames, pixel by pixel: whole numbers, so that the order of the frames does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]


def add_frame(
    values: _Array, mask: _Array, stage: _Array, use: _Array, part: float, largest: float,
    sums: tuple[_Array, _Array, _Array, _Array], stages: _Array,
) -> None:
    """Add a frame to the sums of its memory cell.

    Parameters
    ----------
    values, mask, stage, use : (pixels,) float32, uint32, uint8 and bool, C-contiguous
        Samples in use without flags, and smaller than ``largest``, are summed.
    part : float
        Signals are rounded to so many parts of the unit.
    largest : float
        In the unit; no frame that is added may be as large as would overflow the squares.
    sums : four of (pixels,) int64, int64, uint32 and uint32, C-contiguous
        Sum and sum of squares in those parts, samples behind them, and flags of any frame; added to.
    stages : (stages, pixels) uint32, C-contiguous
        Samples in use of each gain stage; counted up.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    total, squares, count, flags = sums
    shape = values.shape
    for array, name, kind in (
            (values, "values", np.float32), (mask, "mask", np.uint32), (stage, "stage", np.uint8),
            (use, "use", np.bool_), (total, "sum", np.int64), (squares, "squares", np.int64),
            (count, "count", np.uint32), (flags, "flags", np.uint32)):
        check_array(array, name, shape, kind)
    check_array(stages, "stages", (len(stages), *shape), np.uint32)
    _add(values, mask, use, np.float32(part), np.float32(largest), total, squares, count)
    _add_flags(mask, flags)
    for index, counts in enumerate(stages):
        _count(stage, use, np.uint8(index), counts)


@njit(nogil=True, cache=True)
def _add(values, mask, use, part, largest, total, squares, count):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        good = use[i] & (mask[i] == 0) & (abs(values[i]) < largest)
        one = np.int64(np.rint((values[i] if good else np.float32(0)) * part))
        total[i] += one
        squares[i] += one * one
        count[i] += np.uint32(good)


@njit(nogil=True, cache=True)
def _add_flags(mask, flags):  # type: ignore[no-untyped-def]
    for i in range(mask.size):
        flags[i] |= mask[i]


@njit(nogil=True, cache=True)
def _count(stage, use, index, counts):  # type: ignore[no-untyped-def]
    for i in range(stage.size):
        counts[i] += np.uint32((stage[i] == index) & use[i])
