"""Sums over corrected frames, pixel by pixel: whole numbers, so that the order of the frames does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]

#: Pixels of all frames of a memory cell that are added together: 36 bytes of sums each.
_TOGETHER = 2048


def add_frames(
    values: _Array, mask: _Array, stage: _Array, use: _Array, frames: _Array, part: float, largest: float,
    sums: tuple[_Array, _Array, _Array, _Array], stages: _Array,
) -> _Array:
    """Add frames to the sums of their memory cell, some pixels of all of them at a time.

    Parameters
    ----------
    values, mask, stage, use : (n, pixels) float32, uint32, uint8 and bool, C-contiguous
        Samples in use without flags, and smaller than ``largest``, are summed.
    frames : (m,) int64
        Which of them are of this memory cell.
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
    (2 + stages,) int64
        Sum of what was summed of these frames in those parts, samples in it, and samples in use of each gain stage.

    Raises
    ------
    ValueError
        If a shape or type does not fit, or a frame is none of them.
    """
    total, squares, count, flags = sums
    shape = values.shape
    for array, name, kind in ((values, "values", np.float32), (mask, "mask", np.uint32), (stage, "stage", np.uint8),
                              (use, "use", np.bool_)):
        check_array(array, name, shape, kind)
    for one, of, dtype in ((total, "sum", np.int64), (squares, "squares", np.int64), (count, "count", np.uint32),
                           (flags, "flags", np.uint32)):
        check_array(one, of, shape[1:], dtype)
    check_array(stages, "stages", (len(stages), *shape[1:]), np.uint32)
    check_array(frames, "frames", frames.shape, np.int64)
    if frames.size and not (frames.min() >= 0 and frames.max() < len(values)):
        raise ValueError(f"frames {frames.min()} to {frames.max()} reach outside 0 to {len(values) - 1}")
    found = np.zeros(2 + len(stages), np.int64)
    _add(values, mask, stage, use, frames, np.float32(part), np.float32(largest), total, squares, count, flags,
         stages, found)
    return found


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
def _add(  # type: ignore[no-untyped-def]
        values, mask, stage, use, frames, part, largest, total, squares, count, flags, stages, found):
    """Pixels in parts whose sums stay in the processor's cache from frame to frame."""
    for start in range(0, total.size, _TOGETHER):
        stop = min(start + _TOGETHER, total.size)
        for frame in frames:
            _add_values(values[frame, start:stop], mask[frame, start:stop], use[frame, start:stop], part, largest,
                        total[start:stop], squares[start:stop], count[start:stop], found)
            _add_flags(mask[frame, start:stop], flags[start:stop])
            for i in range(len(stages)):
                found[2 + i] += _count(stage[frame, start:stop], use[frame, start:stop], np.uint8(i),
                                       stages[i, start:stop])


@njit(nogil=True, cache=True)
def _add_values(values, mask, use, part, largest, total, squares, count, found):  # type: ignore[no-untyped-def]
    summed, number = np.int64(0), np.int64(0)
    for i in range(values.size):
        good = use[i] & (mask[i] == 0) & (abs(values[i]) < largest)
        one = np.int64(np.rint((values[i] if good else np.float32(0)) * part))
        total[i] += one
        squares[i] += one * one
        count[i] += np.uint32(good)
        summed += one
        number += np.int64(good)
    found[0] += summed
    found[1] += number


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
