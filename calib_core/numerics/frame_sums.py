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
) -> tuple[int, int, _Array]:
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

    Returns
    -------
    total : int
        Sum of what was summed of this frame, in those parts.
    number : int
        Samples in it.
    of_stages : (stages,) int64
        Samples in use of each gain stage in this frame.

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
    found = _add(values, mask, use, np.float32(part), np.float32(largest), total, squares, count)
    _add_flags(mask, flags)
    return (*found, np.array([_count(stage, use, np.uint8(i), one) for i, one in enumerate(stages)], np.int64))


def sum_frames(codes: _Array) -> _Array:
    """Sum of all codes of each frame.

    Parameters
    ----------
    codes : (n, slow_scan, fast_scan) uint16
        They may lie apart in memory, frame by frame.

    Returns
    -------
    (n,) int64

    Raises
    ------
    ValueError
        If they are of another type, or have other axes.
    """
    if codes.ndim != 3 or codes.dtype != np.uint16:
        raise ValueError(f"codes must be uint16 of three axes, but are {codes.dtype} of shape {codes.shape}")
    out = np.empty(len(codes), np.int64)
    _sum(codes, out)
    return out


@njit(nogil=True, cache=True)
def _sum(codes, out):  # type: ignore[no-untyped-def]
    for k in range(out.size):
        total = np.int64(0)
        for i in range(codes.shape[1]):
            for j in range(codes.shape[2]):
                total += np.int64(codes[k, i, j])
        out[k] = total


@njit(nogil=True, cache=True)
def _add(values, mask, use, part, largest, total, squares, count):  # type: ignore[no-untyped-def]
    summed, number = np.int64(0), np.int64(0)
    for i in range(values.size):
        good = use[i] & (mask[i] == 0) & (abs(values[i]) < largest)
        one = np.int64(np.rint((values[i] if good else np.float32(0)) * part))
        total[i] += one
        squares[i] += one * one
        count[i] += np.uint32(good)
        summed += one
        number += np.int64(good)
    return summed, number


@njit(nogil=True, cache=True)
def _add_flags(mask, flags):  # type: ignore[no-untyped-def]
    for i in range(mask.size):
        flags[i] |= mask[i]


@njit(nogil=True, cache=True)
def _count(stage, use, index, counts):  # type: ignore[no-untyped-def]
    number = np.int64(0)
    for i in range(stage.size):
        one = np.uint32((stage[i] == index) & use[i])
        counts[i] += one
        number += np.int64(one)
    return number
