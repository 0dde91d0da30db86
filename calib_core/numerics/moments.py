"""Exact integer moments of raw samples per memory cell and pixel: number, sum and sum of squares.

Sums of integers do not depend on the order or the chunking of the frames, so two jobs that see the same frames
give the same bits. All sums stay exact up to `MAX_FRAMES` frames per memory cell, for any 16 bit data:
65536 * 65535 < 2**32 bounds the sum and (65536 * 65535)**2 < 2**64 bounds every product in `finish`.

The kernels take frames grouped by memory cell and walk them in tiles of pixels, eight frames at a time, so the
accumulators of a tile stay in the cache of the core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calib_core.numerics._integers import add as add32
from calib_core.numerics._integers import larger, mul, smaller, wide

TOTAL_DTYPE = np.uint32
SQUARES_DTYPE = np.uint64
COUNT_DTYPE = np.uint32
MAX_FRAMES = 65536

_TILE = 4096
_GROUP = 8
#: Largest OR of samples for which 16 squares fit in 32 bits.
_NARROW = 0x3FFF

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
    added = np.bincount(slot, minlength=count.size)
    if (count + added).max(initial=0) > MAX_FRAMES:
        raise ValueError(f"more than {MAX_FRAMES} frames in one memory cell: the sums would overflow; use fewer trains")
    _plain(_writable(block), plane, *_grouped(slot), total, squares)
    count += added


def add_bits(
    block: _Array, plane: int, gain: _Array, expected: int, slot: _Array,
    total: _Array, squares: _Array, count: _Array, wrong: _Array,
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

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    _check_block(block, plane, slot, total, squares)
    _check_bits(block, gain, expected, count, wrong, total.shape)
    _bits(_writable(block), plane, _writable(gain), np.uint8(expected), *_grouped(slot), total, squares, count, wrong)


def add_gated(
    block: _Array, plane: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array,
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

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    _check_block(block, plane, slot, total, squares)
    _check_gate(low, high, count, total.shape)
    _gated(_writable(block), plane, *_grouped(slot), _writable(low), _writable(high), total, squares, count)


def add_gated_bits(
    block: _Array, plane: int, gain: _Array, expected: int, slot: _Array, low: _Array, high: _Array,
    total: _Array, squares: _Array, count: _Array, wrong: _Array,
) -> None:
    """Add the samples inside the gate whose gain bits are as expected; count wrong gain bits.

    A sample with wrong gain bits counts as wrong whether or not its value is inside the gate.

    Parameters
    ----------
    block, plane, slot, low, high, total, squares, count
        As for `add_gated`.
    gain, expected, wrong
        As for `add_bits`.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    _check_block(block, plane, slot, total, squares)
    _check_gate(low, high, count, total.shape)
    _check_bits(block, gain, expected, count, wrong, total.shape)
    _gated_bits(_writable(block), plane, _writable(gain), np.uint8(expected), *_grouped(slot),
                _writable(low), _writable(high), total, squares, count, wrong)


def finish(
    total: _Array, squares: _Array, count: _Array | int, ddof: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments into mean and standard deviation.

    The variance is (n·q − s²) / (n·(n − ddof)) with an exact integer numerator, so nothing cancels. The mean is
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
    mean = np.empty(total.shape, np.float32)
    std = np.empty(total.shape, np.float32)
    _finish(
        np.ascontiguousarray(total, TOTAL_DTYPE).reshape(-1, pixels),
        np.ascontiguousarray(squares, SQUARES_DTYPE).reshape(-1, pixels),
        np.ascontiguousarray(samples, COUNT_DTYPE).reshape(-1, pixels if each else 1),
        ddof, mean.reshape(-1, pixels), std.reshape(-1, pixels),
    )
    return mean, std


def _check(array: _Array, name: str, shape: tuple[int, ...], dtype: Any) -> None:
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(
            f"{name} must be a C-contiguous {np.dtype(dtype)} array of shape {shape}, "
            f"but is {array.dtype} of shape {array.shape}"
        )


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
    if frames and not (0 <= slot.min() and slot.max() < cells):
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


def _writable(array: _Array) -> _Array:
    """Copy a read-only array: kernels are compiled for writable arrays only, to keep their number small."""
    return array if array.flags.writeable else array.copy()


def _grouped(slot: _Array) -> tuple[_Array, _Array, _Array]:
    """Frame order by memory cell, the cells met, and where each cell's frames start in that order."""
    order = np.argsort(slot, kind="stable")
    cells, first = np.unique(slot[order], return_index=True)
    return order, cells, np.append(first, slot.size)


@njit(nogil=True, cache=True)
def _row(block, plane, order, frame, end, start, stop, zero):  # type: ignore[no-untyped-def]
    """Samples of one frame in a tile; zeros beyond the last frame, which add nothing."""
    if frame < end:
        return block[order[frame], plane, start:stop]
    return zero[: stop - start]


@njit(nogil=True, cache=True)
def _rows(block, plane, order, frame, end, start, stop, zero):  # type: ignore[no-untyped-def]
    return (
        _row(block, plane, order, frame, end, start, stop, zero),
        _row(block, plane, order, frame + 1, end, start, stop, zero),
        _row(block, plane, order, frame + 2, end, start, stop, zero),
        _row(block, plane, order, frame + 3, end, start, stop, zero),
        _row(block, plane, order, frame + 4, end, start, stop, zero),
        _row(block, plane, order, frame + 5, end, start, stop, zero),
        _row(block, plane, order, frame + 6, end, start, stop, zero),
        _row(block, plane, order, frame + 7, end, start, stop, zero),
    )


@njit(nogil=True, cache=True)
def _bits_of(r0, r1, r2, r3, r4, r5, r6, r7):  # type: ignore[no-untyped-def]
    """OR of all samples of eight rows."""
    seen = np.uint16(0)
    for i in range(r0.size):
        seen |= r0[i] | r1[i] | r2[i] | r3[i] | r4[i] | r5[i] | r6[i] | r7[i]
    return seen


@njit(nogil=True, cache=True)
def _sum8(r0, r1, r2, r3, r4, r5, r6, r7, total):  # type: ignore[no-untyped-def]
    for i in range(total.size):
        a = add32(add32(wide(r0[i]), wide(r1[i])), add32(wide(r2[i]), wide(r3[i])))
        b = add32(add32(wide(r4[i]), wide(r5[i])), add32(wide(r6[i]), wide(r7[i])))
        total[i] = add32(total[i], add32(a, b))


@njit(nogil=True, cache=True)
def _square(value):  # type: ignore[no-untyped-def]
    return mul(wide(value), wide(value))


@njit(nogil=True, cache=True)
def _square8(r0, r1, r2, r3, r4, r5, r6, r7, part):  # type: ignore[no-untyped-def]
    for i in range(part.size):
        a = add32(add32(_square(r0[i]), _square(r1[i])), add32(_square(r2[i]), _square(r3[i])))
        b = add32(add32(_square(r4[i]), _square(r5[i])), add32(_square(r6[i]), _square(r7[i])))
        part[i] = add32(part[i], add32(a, b))


@njit(nogil=True, cache=True)
def _square_wide(row, squares):  # type: ignore[no-untyped-def]
    """Squares of one row of full 16 bit samples."""
    for i in range(squares.size):
        squares[i] += np.uint64(_square(row[i]))


@njit(nogil=True, cache=True)
def _flush(part, squares):  # type: ignore[no-untyped-def]
    for i in range(part.size):
        squares[i] += np.uint64(part[i])
    part[:] = 0


@njit(nogil=True, cache=True)
def _add_rows(rows, total, squares, part, held):  # type: ignore[no-untyped-def]
    """Add eight rows; return how many groups of squares `part` holds now."""
    r0, r1, r2, r3, r4, r5, r6, r7 = rows
    _sum8(r0, r1, r2, r3, r4, r5, r6, r7, total)
    if _bits_of(r0, r1, r2, r3, r4, r5, r6, r7) > _NARROW:
        for k in range(_GROUP):
            _square_wide(rows[k], squares)
        return held
    _square8(r0, r1, r2, r3, r4, r5, r6, r7, part)
    if held == 1:
        _flush(part, squares)
        return 0
    return 1


@njit(nogil=True, cache=True)
def _plain(block, plane, order, cells, first, total, squares):  # type: ignore[no-untyped-def]
    pixels = block.shape[2]
    zero = np.zeros(_TILE, np.uint16)
    partial = np.zeros(_TILE, np.uint32)
    for run in range(cells.size):
        end = first[run + 1]
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            t = total[cells[run], start:stop]
            q = squares[cells[run], start:stop]
            part = partial[: stop - start]
            held = 0
            for frame in range(first[run], end, _GROUP):
                rows = _rows(block, plane, order, frame, end, start, stop, zero)
                held = _add_rows(rows, t, q, part, held)
            if held:
                _flush(part, q)


@njit(nogil=True, cache=True)
def _wrong_in(bits, expected):  # type: ignore[no-untyped-def]
    """Non-zero where any gain bits of the row differ from the expected ones."""
    differ = np.uint8(0)
    for i in range(bits.size):
        differ |= bits[i] ^ expected
    return differ


@njit(nogil=True, cache=True)
def _mask_bits(row, bits, expected, count, wrong, kept):  # type: ignore[no-untyped-def]
    """Copy a row with zeros where the gain bits are wrong; correct the counts."""
    for i in range(row.size):
        kept[i] = row[i] if bits[i] == expected else np.uint16(0)
    for i in range(row.size):
        differs = np.uint32(bits[i] != expected)
        wrong[i] = add32(wrong[i], differs)
    for i in range(row.size):
        differs = np.uint32(bits[i] != expected)
        count[i] -= differs


@njit(nogil=True, cache=True)
def _right_row(  # type: ignore[no-untyped-def]
    block, plane, gain, expected, order, frame, end, start, stop, zero, count, wrong, kept
):
    row = _row(block, plane, order, frame, end, start, stop, zero)
    if frame < end:
        bits = gain[order[frame], start:stop]
        if _wrong_in(bits, expected):
            _mask_bits(row, bits, expected, count, wrong, kept)
            return kept[: stop - start]
    return row


@njit(nogil=True, cache=True)
def _bits(  # type: ignore[no-untyped-def]
    block, plane, gain, expected, order, cells, first, total, squares, count, wrong
):
    pixels = block.shape[2]
    zero = np.zeros(_TILE, np.uint16)
    kept = np.zeros((_GROUP, _TILE), np.uint16)
    partial = np.zeros(_TILE, np.uint32)
    for run in range(cells.size):
        end = first[run + 1]
        frames = np.uint32(end - first[run])
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            t = total[cells[run], start:stop]
            q = squares[cells[run], start:stop]
            c = count[cells[run], start:stop]
            w = wrong[cells[run], start:stop]
            part = partial[: stop - start]
            held = 0
            for i in range(c.size):
                c[i] = add32(c[i], frames)
            for frame in range(first[run], end, _GROUP):
                a = (block, plane, gain, expected, order)
                b = (end, start, stop, zero, c, w)
                rows = (
                    _right_row(*a, frame, *b, kept[0]), _right_row(*a, frame + 1, *b, kept[1]),
                    _right_row(*a, frame + 2, *b, kept[2]), _right_row(*a, frame + 3, *b, kept[3]),
                    _right_row(*a, frame + 4, *b, kept[4]), _right_row(*a, frame + 5, *b, kept[5]),
                    _right_row(*a, frame + 6, *b, kept[6]), _right_row(*a, frame + 7, *b, kept[7]),
                )
                held = _add_rows(rows, t, q, part, held)
            if held:
                _flush(part, q)


@njit(nogil=True, cache=True)
def _gate_row(row, low, high, count, kept):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        inside = (row[i] >= low[i]) & (row[i] <= high[i])
        kept[i] = row[i] if inside else np.uint16(0)
    for i in range(row.size):
        inside = (row[i] >= low[i]) & (row[i] <= high[i])
        count[i] = add32(count[i], np.uint32(inside))


@njit(nogil=True, cache=True)
def _gated(block, plane, order, cells, first, low, high, total, squares, count):  # type: ignore[no-untyped-def]
    pixels = block.shape[2]
    kept = np.zeros((_GROUP, _TILE), np.uint16)
    partial = np.zeros(_TILE, np.uint32)
    for run in range(cells.size):
        cell = cells[run]
        end = first[run + 1]
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            size = stop - start
            held = 0
            for frame in range(first[run], end, _GROUP):
                for k in range(_GROUP):
                    if frame + k < end:
                        row = block[order[frame + k], plane, start:stop]
                        _gate_row(row, low[cell, start:stop], high[cell, start:stop], count[cell, start:stop], kept[k])
                    else:
                        kept[k] = 0
                rows = (
                    kept[0, :size], kept[1, :size], kept[2, :size], kept[3, :size],
                    kept[4, :size], kept[5, :size], kept[6, :size], kept[7, :size],
                )
                held = _add_rows(rows, total[cell, start:stop], squares[cell, start:stop], partial[:size], held)
            if held:
                _flush(partial[:size], squares[cell, start:stop])


@njit(nogil=True, cache=True)
def _gate_bits_row(row, bits, expected, low, high, count, wrong, kept):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        right = bits[i] == expected
        inside = right & (row[i] >= low[i]) & (row[i] <= high[i])
        kept[i] = row[i] if inside else np.uint16(0)
        count[i] = add32(count[i], np.uint32(inside))
        wrong[i] = add32(wrong[i], np.uint32(not right))


@njit(nogil=True, cache=True)
def _gated_bits(  # type: ignore[no-untyped-def]
    block, plane, gain, expected, order, cells, first, low, high, total, squares, count, wrong
):
    pixels = block.shape[2]
    kept = np.zeros((_GROUP, _TILE), np.uint16)
    partial = np.zeros(_TILE, np.uint32)
    for run in range(cells.size):
        cell = cells[run]
        end = first[run + 1]
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            size = stop - start
            held = 0
            for frame in range(first[run], end, _GROUP):
                for k in range(_GROUP):
                    if frame + k < end:
                        row = block[order[frame + k], plane, start:stop]
                        bits = gain[order[frame + k], start:stop]
                        c = count[cell, start:stop]
                        if _wrong_in(bits, expected):
                            _gate_bits_row(row, bits, expected, low[cell, start:stop], high[cell, start:stop],
                                           c, wrong[cell, start:stop], kept[k])
                        else:
                            _gate_row(row, low[cell, start:stop], high[cell, start:stop], c, kept[k])
                    else:
                        kept[k] = 0
                rows = (
                    kept[0, :size], kept[1, :size], kept[2, :size], kept[3, :size],
                    kept[4, :size], kept[5, :size], kept[6, :size], kept[7, :size],
                )
                held = _add_rows(rows, total[cell, start:stop], squares[cell, start:stop], partial[:size], held)
            if held:
                _flush(partial[:size], squares[cell, start:stop])


@njit(nogil=True, cache=True, error_model="numpy")
def _finish(total, squares, count, ddof, mean, std):  # type: ignore[no-untyped-def]
    each = count.shape[1] > 1 or total.shape[1] == 1
    for cell in range(total.shape[0]):
        for i in range(total.shape[1]):
            n = np.uint64(count[cell, i if each else 0])
            s = np.uint64(total[cell, i])
            over = np.float64(n * squares[cell, i] - s * s)
            degrees = np.float64(n) * (np.float64(n) - ddof)
            mean[cell, i] = np.float32(np.float64(s) / np.float64(n)) if n else np.float32(np.nan)
            std[cell, i] = np.float32(np.sqrt(over / degrees)) if np.int64(n) > ddof else np.float32(np.nan)
