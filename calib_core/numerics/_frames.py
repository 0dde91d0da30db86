"""What the moments ask of frames, gates and sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array

TOTAL_DTYPE = np.uint32
SQUARES_DTYPE = np.uint64
COUNT_DTYPE = np.uint32
MAX_FRAMES = 65536

_Array = NDArray[Any]


def check_number(cells: _Array, first: _Array, seen: _Array) -> None:
    """Refuse more frames of a memory cell than sums can hold; ``cells`` and ``first`` as of :func:`grouped`."""
    check_array(seen, "seen", seen.shape, np.int64)
    if (seen[cells] + (first[1:] - first[:-1])).max(initial=0) > MAX_FRAMES:
        raise ValueError(f"more than {MAX_FRAMES} frames in one memory cell overflow the sums; fold them before")


def check_block(block: _Array, plane: int, slot: _Array, shape: tuple[int, ...]) -> None:
    """Refuse frames that do not fit sums of a shape."""
    check_frames(block, plane, slot, shape[0])
    check_array(block, "block", (*block.shape[:2], shape[1]), np.uint16)


def check_frames(block: _Array, plane: int, slot: _Array, cells: int) -> None:
    """Refuse frames, a plane or memory cells outside of them that are not what kernels take."""
    if block.ndim != 3:
        raise ValueError(f"block needs 3 axes, but has shape {block.shape}")
    frames, planes, _ = block.shape
    check_array(block, "block", block.shape, np.uint16)
    check_array(slot, "slot", (frames,), np.int64)
    if not 0 <= plane < planes:
        raise ValueError(f"plane {plane} is outside 0 to {planes - 1}")
    if frames and not (slot.min() >= 0 and slot.max() < cells):
        raise ValueError(f"slot {slot.min()} to {slot.max()} reaches outside 0 to {cells - 1}")


def check_gate(low: _Array, high: _Array) -> None:
    """Refuse ends of gates that no sums can have, or that do not fit each other."""
    if low.ndim != 2:
        raise ValueError(f"gates need 2 axes, but have shape {low.shape}")
    check_array(low, "low", low.shape, np.uint16)
    check_array(high, "high", low.shape, np.uint16)


def check_bits(block: _Array, gain: _Array, expected: int, wrong: _Array, shape: tuple[int, ...]) -> None:
    """Refuse gain bits, or counts of wrong ones, that do not fit the frames."""
    check_array(gain, "gain", (block.shape[0], block.shape[2]), np.uint8)
    check_array(wrong, "wrong", shape, COUNT_DTYPE)
    if not 0 <= expected <= 255:
        raise ValueError(f"expected gain bits {expected} are outside 0 to 255")


def writable(array: _Array) -> _Array:
    """Copy a read-only array: kernels are compiled for writable arrays only, to keep their number small."""
    return array if array.flags.writeable else array.copy()


def grouped(slot: _Array) -> tuple[_Array, _Array, _Array]:
    """Frame order by memory cell, the cells met, and where each cell's frames start in that order."""
    counts = np.bincount(slot)
    cells = np.flatnonzero(counts)
    first = np.concatenate(([0], np.cumsum(counts[cells])))
    return np.argsort(slot, kind="stable"), cells, first
