"""Exact integer moments of raw samples per memory cell and pixel: number, sum and sum of squares.

Sums of integers do not depend on the order or the chunking of the frames, so two jobs that see the same frames
give the same bits. All sums stay exact up to `MAX_FRAMES` frames per memory cell, for any 16 bit data:
65536 * 65535 < 2**32 bounds the sum and (65536 * 65535)**2 < 2**64 bounds every product in `finish`. Whatever adds
refuses more; sums of longer runs are folded into wider ones in time, of which `finish_wide` makes mean and deviation.

The kernels take frames grouped by memory cell and walk them in tiles of pixels, eight frames at a time, so the
accumulators of a tile stay in the cache of the core; where all frames are there, `whole` finishes them there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _frames
from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import (
    check_bits,
    check_block,
    check_frames,
    check_gate,
    check_number,
    grouped,
    writable,
)
from calib_core.numerics.kernels import NARROW_ROWS, ROWS, inner_loops, njit

TOTAL_DTYPE, SQUARES_DTYPE, COUNT_DTYPE = _frames.TOTAL_DTYPE, _frames.SQUARES_DTYPE, _frames.COUNT_DTYPE
MAX_FRAMES = _frames.MAX_FRAMES

_NOTHING = (None, None, None)
#: Pixels of a tile: a row of 32 KiB, as long as the cache of the core has room for accumulators of half as many KiB
#: for each row of a sweep.
_TILE = 16384

sweep, tile_of = inner_loops("calib_core.numerics._sweep", "sweep", "tile_of")
(fold,) = inner_loops("calib_core.numerics._narrow", "fold")

_Array = NDArray[Any]


def add_gated(
    block: _Array, plane: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array, seen: _Array,
) -> None:
    """Add the samples inside the gate of their memory cell and pixel.

    Parameters
    ----------
    block : (n, planes, P) uint16, C-contiguous, ADU
        Raw frames.
    plane : int
        The plane to add.
    slot : (n,) int64
        Index of each frame's memory cell in the accumulators.
    total : (C, P) uint32, ADU
        Sums.
    squares : (C, P) uint64, ADU²
        Sums of squares.
    low, high : (C, P) uint16, ADU
        Gate, both ends inside; empty where low > high.
    count : (C, P) uint32
        Samples inside the gate.
    seen : (C,) int64
        Frames of each memory cell that were added before; it is not changed.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
    """
    check_block(block, plane, slot, total, squares)
    check_number(slot, seen)
    check_gate(low, high, count, total.shape)
    _run(block, plane, slot, (low, high), None, total, squares, count)


def add_gated_bits(
    block: _Array, plane: int, gain: _Array, expected: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array, wrong: _Array, seen: _Array,
) -> None:
    """Add the samples inside the gate whose gain bits are as expected; count wrong gain bits.

    A sample with wrong gain bits counts as wrong whether or not its value is inside the gate.

    Parameters
    ----------
    block, plane, slot, low, high, total, squares, count, seen
        As for `add_gated`.
    gain : (n, P) uint8, C-contiguous
        Gain bits of each sample.
    expected : int
        Gain bits of the gain stage under test.
    wrong : (C, P) uint32
        Samples with other gain bits.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
    """
    check_block(block, plane, slot, total, squares)
    check_number(slot, seen)
    check_gate(low, high, count, total.shape)
    check_bits(block, gain, expected, count, wrong, total.shape)
    _run(block, plane, slot, (low, high), (gain, expected, wrong), total, squares, count)


def finish(
    total: _Array, squares: _Array, count: _Array | int, ddof: int = 1,
    out: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments into mean and standard deviation.

    The variance is (n·q − s²) / (n·(n − ddof)) with an exact integer numerator, so nothing cancels; the standard
    deviation is good to 2 parts in 10⁷. The mean is the exact quotient rounded once to float32: with n ≤ 65536 a
    quotient that is not itself halfway between two float32 lies further from halfway than float64 rounding moves it.

    Parameters
    ----------
    total : (..., P) uint32, ADU
        Sums.
    squares : (..., P) uint64, ADU²
        Sums of squares.
    count : (...) or (..., P) integer
        Samples per memory cell, or per memory cell and pixel, at most `MAX_FRAMES`.
    ddof : int
        Degrees of freedom lost: 1 for the unbiased variance, 0 for NumPy's default.
    out : pair of (..., P) float32, C-contiguous, optional
        Where to write the mean and the standard deviation; fresh memory costs more than the calculation.

    Returns
    -------
    mean, std : (..., P) float32, ADU
        NaN where count is 0 (mean), where count ≤ ddof (std).

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    samples = np.asarray(count)
    if total.ndim == 0 or squares.shape != total.shape or samples.shape not in (total.shape, total.shape[:-1]):
        raise ValueError(f"sums {total.shape}, squares {squares.shape} and counts {samples.shape} do not fit")
    if ddof < 0:
        raise ValueError(f"ddof must not be negative, but is {ddof}")
    pixels, each = total.shape[-1], samples.shape == total.shape
    mean, std = out or (np.empty(total.shape, np.float32), np.empty(total.shape, np.float32))
    for name, made in (("mean", mean), ("std", std)):
        check_array(made, name, total.shape, np.float32)
    _finish(
        np.ascontiguousarray(total, TOTAL_DTYPE).reshape(-1, pixels),
        np.ascontiguousarray(squares, SQUARES_DTYPE).reshape(-1, pixels),
        np.ascontiguousarray(samples, COUNT_DTYPE).reshape(-1, pixels if each else 1),
        ddof, mean.reshape(-1, pixels), std.reshape(-1, pixels),
    )
    return mean, std


def finish_wide(
    total: _Array, squares: _Array, count: _Array, ddof: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments of more than `MAX_FRAMES` frames into mean and standard deviation.

    The sum of squares is moved to the whole number m = ⌊s/n⌋ next below the mean: q − m·(2s − n·m), which is exact
    modulo 2⁶⁴ and equals Σ(x − m)², and r²/n, with the rest r = s − n·m, comes off it in float64.

    Parameters
    ----------
    total, squares : (...) uint64, ADU and ADU²
        Sums of at most 2³² samples.
    count : (...) integer
        Samples.
    ddof : int
        As of `finish`.

    Returns
    -------
    mean, std : (...) float32, ADU
        NaN where count is 0 (mean), where count ≤ ddof (std).
    """
    n = np.asarray(count).astype(np.uint64)
    some = np.maximum(n, np.uint64(1))
    whole = total // some
    rest = (total - whole * some).astype(np.float64)
    about_whole = (squares - whole * (np.uint64(2) * total - some * whole)).astype(np.float64)
    samples = n.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total.astype(np.float64) / samples, np.nan)
        variance = (about_whole - rest * rest / samples) / np.where(samples > ddof, samples - ddof, np.nan)
        return mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def whole(
    block: _Array, plane: int, slot: _Array, cells: int, ddof: int, gate: tuple[_Array, _Array],
    out: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]:
    """Mean and standard deviation inside the gate of a block that holds all frames of its memory cells.

    They have the bits of `add_gated` and `finish`, but no sum leaves the cache.

    Parameters
    ----------
    block, plane, slot
        As for `add_gated`.
    cells : int
        Memory cells C.
    ddof : int
        As for `finish`.
    gate : pair of (C, P) uint16, ADU
        As for `add_gated`.
    out : three of (C, P) float32, float32 and uint32, C-contiguous, optional
        Where to write the results; fresh memory costs more than the calculation.

    Returns
    -------
    mean, std : (C, P) float32, ADU
        As of `finish`; NaN for memory cells without frames.
    count : (C, P) uint32
        Samples behind them.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell has more than `MAX_FRAMES`.
    """
    check_frames(block, plane, slot, cells)
    check_number(slot, np.zeros(cells, np.int64))
    shape = (cells, block.shape[2])
    kinds = {"mean": np.float32, "std": np.float32, "count": COUNT_DTYPE}
    mean, std, count = made = out or tuple(np.empty(shape, dtype) for dtype in kinds.values())
    for array, name in zip(made, kinds, strict=True):
        check_array(array, name, shape, kinds[name])
    check_gate(*gate, count, shape)
    without = np.bincount(slot, minlength=cells) == 0
    mean[without], std[without], count[without] = np.nan, np.nan, 0
    _run(block, plane, slot, gate, None, None, None, count, finish=(ddof, mean, std))
    return mean, std, count


def _run(
    block: _Array, plane: int, slot: _Array, gate: tuple[_Array, _Array], bits: Any, *sums: Any,
    finish: Any = _NOTHING,
) -> None:
    """Run the kernel on checked arguments; it is compiled for each set of those that are None."""
    gain, expected, wrong = _NOTHING if bits is None else (writable(bits[0]), np.uint8(bits[1]), bits[2])
    low, high = map(writable, gate)
    _moments(writable(block), plane, *grouped(slot), gain, expected, low, high, *sums, wrong, *finish)


@njit(nogil=True, cache=True)
def _row(order, frame, end, stride, start):  # type: ignore[no-untyped-def]
    """Offset of a frame's row; negative beyond the last frame."""
    return order[frame] * stride + start if frame < end else -1


@njit(nogil=True, cache=True)
def _rows(order, frame, end, stride, start):  # type: ignore[no-untyped-def]
    """Offsets of the rows of eight frames."""
    return (
        _row(order, frame, end, stride, start), _row(order, frame + 1, end, stride, start),
        _row(order, frame + 2, end, stride, start), _row(order, frame + 3, end, stride, start),
        _row(order, frame + 4, end, stride, start), _row(order, frame + 5, end, stride, start),
        _row(order, frame + 6, end, stride, start), _row(order, frame + 7, end, stride, start),
    )


@njit(nogil=True, cache=True)
def _ahead(order, begin, frame, end, stride, start, stop, base, pixels):  # type: ignore[no-untyped-def]
    """Offsets of the rows that come next: in the tile, else in the next tile, else of the next memory cell."""
    if frame < end:
        return _rows(order, frame, end, stride, base + start)
    if stop < pixels:
        return _rows(order, begin, end, stride, base + stop)
    return _rows(order, end, order.size, stride, base)


@njit(nogil=True, cache=True, error_model="numpy")
def _moments(  # type: ignore[no-untyped-def]
    block, plane, order, cells, first, gain, expected, low, high, total, squares, count, wrong, ddof, mean, std
):
    """Add a block to sums, or finish it tile by tile where there are none; what a variant does not use is None."""
    pixels = block.shape[2]
    stride, base = block.shape[1] * pixels, plane * pixels
    zeros, right = np.zeros(_TILE, np.uint16), np.full(_TILE, 0 if expected is None else expected, np.uint8)
    own = np.empty(_TILE, np.uint32), np.empty(_TILE, np.uint64)
    near, outside, near_squares = np.zeros(_TILE, np.uint16), np.zeros(_TILE, np.uint16), np.zeros(_TILE, np.uint32)
    for run in range(cells.size):
        cell, begin, end = cells[run], first[run], first[run + 1]
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            t, q = _sums(total, own[0], cell, start, stop), _sums(squares, own[1], cell, start, stop)
            c, w = count[cell, start:stop], tile_of(wrong, cell, start, stop)
            low_tile, high_tile = low[cell, start:stop], high[cell, start:stop]
            if total is None:
                c[:] = 0
            for frame in range(begin, end, ROWS):
                rows = _rows(order, frame, end, stride, base + start)
                ahead = _ahead(order, begin, frame + ROWS, end, stride, start, stop, base, pixels)
                bits = _rows(order, frame, end, pixels, start)
                sweep(block, zeros, rows, ahead, gain, right, bits, expected, low_tile, high_tile,
                      near, near_squares, outside, t, q, c, w)
                done = frame + ROWS - begin
                if done % NARROW_ROWS == 0 or frame + ROWS >= end:
                    fold(low_tile, high_tile, (done - 1) % NARROW_ROWS + 1, near, near_squares, outside, t, q, c)
            _uncount(c, low_tile, -(end - begin) % ROWS)
            if mean is not None:
                _finish_row(t, q, c, ddof, mean[cell, start:stop], std[cell, start:stop])


@njit(nogil=True, cache=True)
def _sums(sums, own, cell, start, stop):  # type: ignore[no-untyped-def]
    """A tile of sums; of empty ones where there are none to add to."""
    if sums is None:
        part = own[: stop - start]
        part[:] = 0
        return part
    return sums[cell, start:stop]


@njit(nogil=True, cache=True)
def _uncount(count, low, padded):  # type: ignore[no-untyped-def]
    """Take back the zeros of the padding that lay inside the gate."""
    if padded:
        for i in range(count.size):
            if low[i] == 0:
                count[i] -= np.uint32(padded)


@njit(nogil=True, cache=True, error_model="numpy")
def _finish(total, squares, count, ddof, mean, std):  # type: ignore[no-untyped-def]
    pixels = total.shape[1]
    each = count.shape[1] == pixels
    same = np.empty(pixels, np.uint32)
    for cell in range(total.shape[0]):
        if not each:
            same[:] = count[cell, 0]
        _finish_row(total[cell], squares[cell], count[cell] if each else same, ddof, mean[cell], std[cell])


@njit(nogil=True, cache=True, error_model="numpy")
def _finish_row(total, squares, count, ddof, mean, std):  # type: ignore[no-untyped-def]
    for i in range(total.size):
        mean[i] = np.float32(np.float64(total[i]) / np.float64(count[i]))
    for i in range(total.size):
        n, s = np.uint64(count[i]), np.uint64(total[i])
        over = np.float32(np.float64(n * squares[i] - s * s))
        degrees = np.float32(np.float64(n) * (np.float64(n) - ddof))
        root = np.sqrt(over / degrees)
        std[i] = root if np.float64(n) > ddof else np.float32(np.nan)
