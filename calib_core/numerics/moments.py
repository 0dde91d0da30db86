"""Exact integer moments of raw samples per memory cell and pixel: number, sum and sum of squares.

Sums of integers do not depend on the order or the chunking of the frames, so two jobs that see the same frames
give the same bits. All sums stay exact up to `MAX_FRAMES` frames per memory cell, for any 16 bit data:
65536 * 65535 < 2**32 bounds the sum and (65536 * 65535)**2 < 2**64 bounds every product in `finish`. Whatever adds
refuses more; sums of longer runs are folded into wider ones in time, of which `finish_wide` makes mean and deviation.

The kernels take frames grouped by memory cell and walk them in tiles of pixels, eight frames at a time, so the
accumulators of a tile stay in the cache of the core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array as _check
from calib_core.numerics.kernels import ROWS, inner_loops, njit

TOTAL_DTYPE = np.uint32
SQUARES_DTYPE = np.uint64
COUNT_DTYPE = np.uint32
MAX_FRAMES = 65536

#: Pixels of a tile: a row of 16 KiB, accumulators of 96 KiB.
_TILE = 8192

sweep, sweep_bits, sweep_gated, sweep_gated_bits = inner_loops(
    "calib_core.numerics._sweep", "sweep", "sweep_bits", "sweep_gated", "sweep_gated_bits")

_Array = NDArray[Any]


def add(block: _Array, plane: int, slot: _Array, total: _Array, squares: _Array, count: _Array) -> None:
    """Add all samples of a block to the moments of their memory cells, in place.

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
    count : (C,) int64
        Frames per memory cell, at most `MAX_FRAMES`.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
    """
    _check_block(block, plane, slot, total, squares)
    _check(count, "count", total.shape[:1], np.int64)
    _check_number(slot, count)
    _accumulate(block, plane, slot, total, squares)
    count += np.bincount(slot, minlength=count.size)


def add_bits(
    block: _Array, plane: int, gain: _Array, expected: int, slot: _Array,
    total: _Array, squares: _Array, count: _Array, wrong: _Array, seen: _Array,
) -> None:
    """Add the samples whose gain bits are as expected; count the others as wrong.

    Parameters
    ----------
    block, plane, slot, total, squares
        As for `add`.
    gain : (n, P) uint8, C-contiguous
        Gain bits of each sample.
    expected : int
        Gain bits of the gain stage under test.
    count, wrong : (C, P) uint32
        Samples with the expected and with other gain bits.
    seen : (C,) int64
        Frames of each memory cell that were added before; it is not changed.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
    """
    _check_block(block, plane, slot, total, squares)
    _check_number(slot, seen)
    _check_bits(block, gain, expected, count, wrong, total.shape)
    _accumulate(block, plane, slot, total, squares, count, bits=(gain, expected, wrong))


def add_gated(
    block: _Array, plane: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array, seen: _Array,
) -> None:
    """Add the samples inside the gate of their memory cell and pixel.

    Parameters
    ----------
    block, plane, slot, total, squares
        As for `add`.
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
    _check_block(block, plane, slot, total, squares)
    _check_number(slot, seen)
    _check_gate(low, high, count, total.shape)
    _accumulate(block, plane, slot, total, squares, count, gate=(low, high))


def add_gated_bits(
    block: _Array, plane: int, gain: _Array, expected: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array, wrong: _Array, seen: _Array,
) -> None:
    """Add the samples inside the gate whose gain bits are as expected; count wrong gain bits.

    A sample with wrong gain bits counts as wrong whether or not its value is inside the gate.

    Parameters
    ----------
    block, plane, slot, low, high, total, squares, count
        As for `add_gated`.
    gain, expected, wrong, seen
        As for `add_bits`.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
    """
    _check_block(block, plane, slot, total, squares)
    _check_number(slot, seen)
    _check_gate(low, high, count, total.shape)
    _check_bits(block, gain, expected, count, wrong, total.shape)
    _accumulate(block, plane, slot, total, squares, count, gate=(low, high), bits=(gain, expected, wrong))


def finish(
    total: _Array, squares: _Array, count: _Array | int, ddof: int = 1,
    out: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments into mean and standard deviation.

    The variance is (n·q − s²) / (n·(n − ddof)) with an exact integer numerator, so nothing cancels; the standard
    deviation is good to 2 parts in 10⁷. The mean is
    the exact quotient rounded once to float32: with n ≤ 65536 a quotient that is not itself halfway between two
    float32 lies further from halfway than float64 rounding moves it.

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
    pixels = total.shape[-1]
    each = samples.shape == total.shape
    mean, std = out or (np.empty(total.shape, np.float32), np.empty(total.shape, np.float32))
    _check(mean, "mean", total.shape, np.float32)
    _check(std, "std", total.shape, np.float32)
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


def _check_number(slot: _Array, seen: _Array) -> None:
    """Refuse more frames of a memory cell than sums can hold."""
    _check(seen, "seen", seen.shape, np.int64)
    if (seen + np.bincount(slot, minlength=seen.size)).max(initial=0) > MAX_FRAMES:
        raise ValueError(f"more than {MAX_FRAMES} frames in one memory cell overflow the sums; fold them before")


def _check_block(block: _Array, plane: int, slot: _Array, total: _Array, squares: _Array) -> None:
    if block.ndim != 3 or total.ndim != 2:
        raise ValueError(f"block and sums need 3 and 2 axes, but have shapes {block.shape} and {total.shape}")
    frames, planes, pixels = block.shape
    cells = total.shape[0]
    _check(block, "block", block.shape, np.uint16)
    _check(slot, "slot", (frames,), np.int64)
    _check(total, "total", (cells, pixels), TOTAL_DTYPE)
    _check(squares, "squares", (cells, pixels), SQUARES_DTYPE)
    if not 0 <= plane < planes:
        raise ValueError(f"plane {plane} is outside 0 to {planes - 1}")
    if frames and not (slot.min() >= 0 and slot.max() < cells):
        raise ValueError(f"slot {slot.min()} to {slot.max()} reaches outside 0 to {cells - 1}")


def _check_gate(low: _Array, high: _Array, count: _Array, shape: tuple[int, ...]) -> None:
    _check(low, "low", shape, np.uint16)
    _check(high, "high", shape, np.uint16)
    _check(count, "count", shape, COUNT_DTYPE)


def _check_bits(
    block: _Array, gain: _Array, expected: int, count: _Array, wrong: _Array, shape: tuple[int, ...]
) -> None:
    _check(gain, "gain", (block.shape[0], block.shape[2]), np.uint8)
    _check(count, "count", shape, COUNT_DTYPE)
    _check(wrong, "wrong", shape, COUNT_DTYPE)
    if not 0 <= expected <= 255:
        raise ValueError(f"expected gain bits {expected} are outside 0 to 255")


def _accumulate(
    block: _Array, plane: int, slot: _Array, total: _Array, squares: _Array, count: _Array | None = None,
    gate: tuple[_Array, _Array] | None = None, bits: tuple[_Array, int, _Array] | None = None,
) -> None:
    """Run the kernel on checked arguments; what a variant does not use is a single pixel."""
    low, high = gate or (np.zeros((1, 1), np.uint16), np.zeros((1, 1), np.uint16))
    gain, expected, wrong = bits or (np.zeros((1, 1), np.uint8), 0, np.zeros((1, 1), COUNT_DTYPE))
    counts = np.zeros((1, 1), COUNT_DTYPE) if count is None else count
    _moments(
        _writable(block), plane, _writable(gain), np.uint8(expected), *_grouped(slot),
        gate is not None, bits is not None, _writable(low), _writable(high), total, squares, counts, wrong,
    )


def _writable(array: _Array) -> _Array:
    """Copy a read-only array: kernels are compiled for writable arrays only, to keep their number small."""
    return array if array.flags.writeable else array.copy()


def _grouped(slot: _Array) -> tuple[_Array, _Array, _Array]:
    """Frame order by memory cell, the cells met, and where each cell's frames start in that order."""
    counts = np.bincount(slot)
    cells = np.flatnonzero(counts)
    first = np.concatenate(([0], np.cumsum(counts[cells])))
    return np.argsort(slot, kind="stable"), cells, first


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


@njit(nogil=True, cache=True)
def _moments(  # type: ignore[no-untyped-def]
    block, plane, gain, expected, order, cells, first, gated, checked, low, high, total, squares, count, wrong
):
    """Add a block; where not gated or not checked, the arrays for that have one pixel and are not used."""
    pixels = block.shape[2]
    stride, base = block.shape[1] * pixels, plane * pixels
    counted = gated or checked
    zeros = np.zeros(_TILE, np.uint16)
    right = np.full(_TILE, expected, np.uint8)
    for run in range(cells.size):
        begin, end = first[run], first[run + 1]
        padded = -(end - begin) % ROWS
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            t, q = total[cells[run], start:stop], squares[cells[run], start:stop]
            gate_cell, count_cell = cells[run] if gated else 0, cells[run] if counted else 0
            wrong_cell = cells[run] if checked else 0
            low_tile, high_tile = low[gate_cell, start:stop], high[gate_cell, start:stop]
            c, w = count[count_cell, start:stop], wrong[wrong_cell, start:stop]
            if checked and not gated:
                c += np.uint32(end - begin)
            for frame in range(begin, end, ROWS):
                rows = _rows(order, frame, end, stride, base + start)
                ahead = _ahead(order, begin, frame + ROWS, end, stride, start, stop, base, pixels)
                bits = _rows(order, frame, end, pixels, start)
                if gated and checked:
                    sweep_gated_bits(
                        block, zeros, rows, ahead, gain, right, bits, expected, low_tile, high_tile, t, q, c, w)
                elif gated:
                    sweep_gated(
                        block, zeros, rows, ahead, gain, right, bits, expected, low_tile, high_tile, t, q, c, w)
                elif checked:
                    sweep_bits(
                        block, zeros, rows, ahead, gain, right, bits, expected, low_tile, high_tile, t, q, c, w)
                else:
                    sweep(block, zeros, rows, ahead, gain, right, bits, expected, low_tile, high_tile, t, q, c, w)
            if gated and padded:
                _uncount(c, low_tile, padded)


@njit(nogil=True, cache=True)
def _uncount(count, low, padded):  # type: ignore[no-untyped-def]
    """Take back the zeros of the padding that lay inside the gate."""
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
