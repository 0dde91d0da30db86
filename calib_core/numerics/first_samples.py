"""The first samples of each memory cell, kept whole: copied from frames as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import COUNT_DTYPE, check_frames, writable
from calib_core.numerics.kernels import inner_loops, njit

keep_row, order_stores = inner_loops("calib_core.numerics._rows", "keep_row", "order_stores")
(tile_of,) = inner_loops("calib_core.numerics._sweep", "tile_of")

_Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Extract:
    """Samples of a few pixels of some memory cells, kept a second time: to gather them later takes as long as all.

    Attributes
    ----------
    pixel : (k,) int64
        Which pixels.
    number : (C,) int64
        Place of each memory cell in the values; negative for those that are not extracted.
    values : (cells, depth, k) float32, C-contiguous, ADU
        Of the first kept plane, 0 where the gain bits were wrong.
    """

    pixel: _Array
    number: _Array
    values: _Array


def no_extract(cells: int, depth: int) -> Extract:
    """The extract of no memory cell.

    Parameters
    ----------
    cells, depth : int
        As of the samples that are kept.
    """
    return Extract(np.zeros(0, np.int64), np.full(cells, -1, np.int64), np.zeros((0, depth, 0), np.float32))


def keep(
    block: _Array, planes: tuple[int, ...], slot: _Array, filled: _Array, out: _Array,
    bits: tuple[_Array, int, _Array] | None = None, extract: Extract | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep samples while there is room for their memory cell.

    Parameters
    ----------
    block : (n, planes, P) uint16, C-contiguous, ADU
        Raw frames.
    planes : tuple of int
        The planes to keep.
    slot : (n,) int64
        Index of each frame's memory cell.
    filled : (C,) int64
        Frames of each memory cell that are kept; counted up.
    out : (kept planes, C, depth, P) uint16, C-contiguous, ADU
        Where to; best in memory that is not read again soon.
    bits : gain, expected, wrong, optional
        Gain bits of each sample, (n, P) uint8, C-contiguous, and those of the gain stage under test. Samples with
        others are kept as 0 and counted up in (C, P) uint32.
    extract : Extract, optional
        Filled as well.

    Returns
    -------
    frame, row : (kept,) int64
        Which frames were kept, and the place of each along the depth.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    cells, depth, pixels = out.shape[1:]
    check_array(out, "out", (len(planes), cells, depth, pixels), np.uint16)
    check_array(filled, "filled", (cells,), np.int64)
    for plane in planes:
        check_frames(block, plane, slot, cells)
    check_array(block, "block", (*block.shape[:2], pixels), np.uint16)
    some = extract or no_extract(cells, depth)
    _check_extract(some, cells, depth, pixels)
    row = filled[slot] + _rank(slot)
    frame = np.flatnonzero(row < depth)
    row, cell = row[frame], slot[frame]
    gain, expected, wrong = (None, None, None) if bits is None else _checked(block, bits, (cells, pixels))
    _keep(writable(block), np.array(planes, np.int64), frame, cell, row, gain, expected, out, wrong,
          writable(some.pixel), some.number, some.values)
    filled += np.bincount(cell, minlength=cells)
    return frame, row


def _checked(block: _Array, bits: tuple[_Array, int, _Array], shape: tuple[int, int]) -> tuple[_Array, Any, _Array]:
    gain, expected, wrong = bits
    check_array(gain, "gain", (block.shape[0], block.shape[2]), np.uint8)
    check_array(wrong, "wrong", shape, COUNT_DTYPE)
    return writable(gain), np.uint8(expected), wrong


def _check_extract(some: Extract, cells: int, depth: int, pixels: int) -> None:
    check_array(some.number, "number", (cells,), np.int64)
    check_array(some.pixel, "pixel", (some.pixel.size,), np.int64)
    check_array(some.values, "values", (len(some.values), depth, some.pixel.size), np.float32)
    if some.number.max(initial=-1) >= len(some.values):
        raise ValueError(f"number {some.number.max()} reaches outside 0 to {len(some.values) - 1}")
    if some.pixel.size and not (some.pixel.min() >= 0 and some.pixel.max() < pixels):
        raise ValueError(f"pixel {some.pixel.min()} to {some.pixel.max()} reaches outside 0 to {pixels - 1}")


def _rank(slot: _Array) -> _Array:
    """How many frames of the same memory cell come before each."""
    order = np.argsort(slot, kind="stable")
    first = np.searchsorted(slot[order], slot[order])
    rank = np.empty(len(slot), np.int64)
    rank[order] = np.arange(len(slot)) - first
    return rank


@njit(nogil=True, cache=True)
def _keep(  # type: ignore[no-untyped-def]
    block, planes, frame, cell, row, gain, expected, out, wrong, pixel, number, values
):
    """Copy frames to their places; without a check of gain bits, ``gain``, ``expected`` and ``wrong`` are None."""
    pixels = block.shape[2]
    for k in range(frame.size):
        bits, differ = tile_of(gain, frame[k], 0, pixels), False
        for index in range(planes.size):
            differ = keep_row(block[frame[k], planes[index]], bits, expected, out[index, cell[k], row[k]])
        if differ:
            _count(bits, expected, tile_of(wrong, cell[k], 0, pixels))
        if number[cell[k]] >= 0:
            _extract(block[frame[k], planes[0]], bits, expected, pixel, values[number[cell[k]], row[k]])
    order_stores()


@njit(nogil=True, cache=True)
def _count(gain, expected, wrong):  # type: ignore[no-untyped-def]
    if gain is not None:
        for i in range(gain.size):
            wrong[i] += np.uint32(gain[i] != expected)


@njit(nogil=True, cache=True)
def _extract(samples, gain, expected, pixel, values):  # type: ignore[no-untyped-def]
    for i in range(pixel.size):
        values[i] = samples[pixel[i]]
    if gain is not None:
        for i in range(pixel.size):
            if gain[pixel[i]] != expected:
                values[i] = 0
