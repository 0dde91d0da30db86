"""The first samples of each memory cell, kept whole: copied from frames as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import COUNT_DTYPE, check_frames, writable
from calib_core.numerics.kernels import inner_loops, njit

keep_row, order_stores = inner_loops("calib_core.numerics._rows", "keep_row", "order_stores")
(tile_of,) = inner_loops("calib_core.numerics._sweep", "tile_of")

_Array = NDArray[Any]


def keep(
    block: _Array, planes: tuple[int, ...], slot: _Array, filled: _Array, out: _Array,
    bits: tuple[_Array, int, _Array] | None = None,
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
    row = filled[slot] + _rank(slot)
    frame = np.flatnonzero(row < depth)
    row, cell = row[frame], slot[frame]
    gain, expected, wrong = (None, None, None) if bits is None else _checked(block, bits, (cells, pixels))
    _keep(writable(block), np.array(planes, np.int64), frame, cell, row, gain, expected, out, wrong)
    filled += np.bincount(cell, minlength=cells)
    return frame, row


def _checked(block: _Array, bits: tuple[_Array, int, _Array], shape: tuple[int, int]) -> tuple[_Array, Any, _Array]:
    gain, expected, wrong = bits
    check_array(gain, "gain", (block.shape[0], block.shape[2]), np.uint8)
    check_array(wrong, "wrong", shape, COUNT_DTYPE)
    return writable(gain), np.uint8(expected), wrong


def _rank(slot: _Array) -> _Array:
    """How many frames of the same memory cell come before each."""
    order = np.argsort(slot, kind="stable")
    first = np.searchsorted(slot[order], slot[order])
    rank = np.empty(len(slot), np.int64)
    rank[order] = np.arange(len(slot)) - first
    return rank


@njit(nogil=True, cache=True)
def _keep(block, planes, frame, cell, row, gain, expected, out, wrong):  # type: ignore[no-untyped-def]
    """Copy frames to their places; without a check of gain bits, ``gain``, ``expected`` and ``wrong`` are None."""
    pixels = block.shape[2]
    for k in range(frame.size):
        bits, differ = tile_of(gain, frame[k], 0, pixels), False
        for index in range(planes.size):
            differ = keep_row(block[frame[k], planes[index]], bits, expected, out[index, cell[k], row[k]])
        if differ:
            _count(tile_of(gain, frame[k], 0, pixels), expected, tile_of(wrong, cell[k], 0, pixels))
    order_stores()


@njit(nogil=True, cache=True)
def _count(gain, expected, wrong):  # type: ignore[no-untyped-def]
    if gain is not None:
        for i in range(gain.size):
            wrong[i] += np.uint32(gain[i] != expected)
