"""Whole chains of correction steps in one pass over the samples, with the bits of the steps one by one.

Frames of a memory cell go through all operations together, tile by tile, so that what is needed of the constants
stays in the cache. Results of a tile are made in the cache too, and written past it: memory that is to be overwritten
is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import grouped, writable
from calib_core.numerics.kernels import CORRECTED, ROOM, inner_loops, njit
from calib_core.numerics.operations import Kept, OfBits, OfSignal, Operation, Stages, check_constants, images_of

_Array = NDArray[Any]

correct_tile, copy_tile = inner_loops("calib_core.numerics._operations", "correct_tile", "copy_tile")
write_past, = inner_loops("calib_core.numerics._past_caches", "write_past")
order_stores, = inner_loops("calib_core.numerics._rows", "order_stores")


@dataclass(frozen=True, eq=False)
class Samples:
    """Frames on their way, each array (n, pixels) and C-contiguous.

    Attributes
    ----------
    values : float32
    stage : uint8
    mask : uint32
    use : bool
    """

    values: _Array
    stage: _Array
    mask: _Array
    use: _Array

    @classmethod
    def empty(cls, frames: int, pixels: int, array: Callable[..., _Array] = np.empty) -> Samples:
        """Arrays with anything in them.

        Parameters
        ----------
        frames, pixels : int
        array : callable
            Makes an array of a shape and type, with anything in it.
        """
        kinds = (np.float32, np.uint8, np.uint32, np.bool_)
        return cls(*(array((frames, pixels), kind) for kind in kinds))


def correct(
    block: _Array, plane: int, bits: _Array | None, cell: _Array, stages: Stages, operations: Sequence[Operation],
    out: Samples,
) -> None:
    """Correct frames as they are stored.

    Parameters
    ----------
    block : (n, planes, pixels) uint16, C-contiguous, ADU
        Samples in plane 0.
    plane : int
        Plane of the gain signal, where it tells stages.
    bits : (n, pixels) uint8, C-contiguous, optional
        Gain bits, where they tell stages.
    cell : (n,) int64
        Memory cell of each frame.
    stages : named tuple
        What tells the stages.
    operations : sequence of named tuples
        In their order.
    out : Samples
        Where to.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    if block.ndim != 3 or block.dtype != np.uint16:
        raise ValueError(f"frames must be (n, planes, pixels) uint16, but are {block.dtype} of shape {block.shape}")
    check_array(block, "block", block.shape, np.uint16)
    if not 0 <= plane < block.shape[1]:
        raise ValueError(f"plane {plane} is none of {block.shape[1]}")
    if isinstance(stages, Kept):
        raise ValueError("frames as they are stored have no stages yet")
    _go(block, plane, bits, None, cell, stages, operations, out)


def go_on(
    samples: Samples, bits: _Array | None, cell: _Array, stages: Stages, operations: Sequence[Operation]
) -> None:
    """Correct frames that steps were at work on, in place.

    Parameters
    ----------
    samples : Samples
    bits, cell, stages, operations
        As for :func:`correct`; a signal tells no stages any more.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit.
    """
    if isinstance(stages, OfSignal):
        raise ValueError("the gain signal is looked at first")
    kept = samples.stage, samples.mask, samples.use
    _go(samples.values[:, None], 0, bits, kept, cell, stages, operations, samples)


def _go(
    block: _Array, plane: int, bits: _Array | None, kept: tuple[_Array, ...] | None, cell: _Array, stages: Stages,
    operations: Sequence[Operation], out: Samples,
) -> None:
    frames, pixels = len(block), block.shape[2]
    check_array(cell, "memory cells", (frames,), np.int64)
    for name, kind in (("values", np.float32), ("stage", np.uint8), ("mask", np.uint32), ("use", np.bool_)):
        check_array(getattr(out, name), name, (frames, pixels), kind)
    bits = _bits(bits, (frames, pixels)) if isinstance(stages, OfBits) else None
    check_constants((stages, *operations), pixels)
    if frames:
        _correct(writable(block), plane, bits, kept, *grouped(cell), stages, tuple(operations),
                 images_of(stages, *operations), (out.values, out.stage, out.mask, out.use))


def _bits(bits: _Array | None, shape: tuple[int, int]) -> _Array:
    if bits is None:
        raise ValueError("these frames have no gain bits")
    check_array(bits, "bits", shape, np.uint8)
    return writable(bits)


@njit(nogil=True, cache=True, error_model="numpy")
def _correct(block, plane, bits, kept, order, cells, first, stages, operations, images, out):  # type: ignore[no-untyped-def]
    own = (np.empty(CORRECTED, np.float32), np.empty(CORRECTED, np.uint8), np.empty(CORRECTED, np.uint32),
           np.empty(CORRECTED, np.bool_))
    room, pixels = np.empty(images * ROOM, np.uint8), block.shape[2]
    for run in range(cells.size):
        for start in range(0, pixels, CORRECTED):
            size = min(CORRECTED, pixels - start)
            copied = first[run + 1] - first[run] > 3
            if copied:
                copy_tile(pixels, (0, 0, cells[run], start, size), stages, operations, room)
            for k in range(first[run], first[run + 1]):
                ahead = order[min(k + 1, first[run + 1] - 1)]
                correct_tile(block, plane, bits, kept, (order[k], ahead, cells[run], start, size), stages, operations,
                             room, copied, own)
                place = order[k] * pixels + start
                write_past(out[0], place, own[0], size)
                write_past(out[1], place, own[1], size)
                write_past(out[2], place, own[2], size)
                write_past(out[3], place, own[3], size)
    order_stores()
