"""Images that are read once, kept in a file without a name, so that it vanishes with the process."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np

from calib_core.axes import Array
from calib_core.errors import OutputFailed

#: What is read at once of a file that is read as a whole, bytes.
PIECE = 16 << 20


def piece_of(
    shape: Sequence[int], chunks: Sequence[int] | None, itemsize: int, axes: Sequence[int]
) -> tuple[int, int]:
    """How a dataset is read as a whole in pieces, each chunk once.

    Parameters
    ----------
    shape : sequence of int
    chunks : sequence of int, optional
        None where the dataset lies in one piece.
    itemsize : int
        Bytes of a value.
    axes : sequence of int
        Those that it may be cut along, the slowest first.

    Returns
    -------
    axis, step : int
        The slowest axis along which pieces of :data:`PIECE` bytes can be cut, else the one with the smallest pieces;
        and how many of its entries are read together.
    """
    def least(axis: int) -> int:
        return 1 if chunks is None else min(chunks[axis], shape[axis])

    size = {axis: least(axis) * itemsize * int(np.prod(shape)) // shape[axis] for axis in axes}
    axis = next((one for one in axes if size[one] <= PIECE), min(axes, key=lambda one: size[one]))
    return axis, min(least(axis) * max(1, PIECE // size[axis]), shape[axis])


class Scratch:
    """An array of images (…, slow_scan, fast_scan) that comes in blocks along one axis and is read image by image.

    Blocks lie one after the other, each in the order of the array, so that each is written in one piece whatever
    axis they are cut along; an image is read in one piece, or in one of each block where an axis of pixels is cut.

    Parameters
    ----------
    shape : tuple of int
        Of the whole array.
    axis : int
        Along which it comes in blocks.
    step : int
        Entries of a block along that axis; the last may have fewer.
    dtype : numpy dtype
    """

    def __init__(self, shape: tuple[int, ...], axis: int, step: int, dtype: np.dtype[np.generic]) -> None:
        self._shape, self._axis, self._step, self._dtype = shape, axis, step, dtype
        with _explained("made"):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()

    def write(self, start: int, block: Array) -> None:
        """Keep the block that begins at an entry of the axis; OutputFailed where there is no room."""
        with _explained("written"):
            _write(self._file.fileno(), np.ascontiguousarray(block, self._dtype), self._begin(start))

    def image(self, index: tuple[int, ...]) -> Array:
        """Image (slow_scan, fast_scan) at a place of the other axes."""
        out = np.empty(self._shape[-2:], self._dtype)
        if self._axis < len(index):
            self._take(index, index[self._axis], out)
            return out
        place = [slice(None), slice(None)]
        for start in range(0, self._shape[self._axis], self._step):
            place[self._axis - len(index)] = slice(start, start + self._step)
            part = np.empty_like(out[tuple(place)], order="C")
            self._take(index, start, part)
            out[tuple(place)] = part
        return out

    def rows(self, first: int, out: Array) -> None:
        """Read entries of the first axis, which is not the one that is cut.

        Parameters
        ----------
        first : int
        out : (n, …) array
            Of the type that is kept, in any order in memory; it takes the entries from the first on.
        """
        for start in range(0, self._shape[self._axis], self._step):
            there = [slice(None)] * len(self._shape)
            there[self._axis] = slice(start, start + self._step)
            block = np.empty_like(out[tuple(there)], order="C")
            self._take((first,), start, block)
            out[tuple(there)] = block

    def value(self, index: tuple[int, ...]) -> Array:
        """One value, at a place of all axes, as an array without axes."""
        out = np.empty((), self._dtype)
        self._take(index, index[self._axis], out)
        return out

    def close(self) -> None:
        """Free the space."""
        self._file.close()

    def _begin(self, start: int) -> int:
        return start * (int(np.prod(self._shape)) // self._shape[self._axis]) * self._dtype.itemsize

    def _take(self, index: tuple[int, ...], entry: int, out: Array) -> None:
        """Read what lies at a place from the block that has an entry of the cut axis."""
        start = entry // self._step * self._step
        block = list(self._shape)
        block[self._axis] = min(self._step, self._shape[self._axis] - start)
        local = [*index, *(0 for _ in block[len(index):])]
        if self._axis < len(index):
            local[self._axis] -= start
        offset = int(np.ravel_multi_index(local, block)) * self._dtype.itemsize
        with _explained("read"):
            os.preadv(self._file.fileno(), [out.reshape(-1).data.cast("B")], self._begin(start) + offset)


class Pile:
    """Arrays of any shape, one after the other in a file without a name, which is made with the first."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end, self._lock = 0, threading.Lock()

    def put(self, array: Array) -> int:
        """Keep an array; its place. OutputFailed where there is no room."""
        with self._lock, _explained("written"):
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
            place = self._end
            _write(self._file.fileno(), np.ascontiguousarray(array), place)
            self._end += array.nbytes
        return place

    def take(self, place: int, out: Array) -> Array:
        """Fill an array in one piece with what is kept at a place, and give it back."""
        assert self._file is not None
        with _explained("read"):
            os.preadv(self._file.fileno(), [out.reshape(-1).view(np.uint8).data], place)
        return out

    def close(self) -> None:
        """Free the space."""
        if self._file is not None:
            self._file.close()


def _write(file: int, block: Array, offset: int) -> None:
    data, written = block.reshape(-1).view(np.uint8).data, 0
    while written < len(data):  # a disk that fills up takes a part
        written += os.pwrite(file, data[written:], offset + written)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn the system's error into one sentence for the operator."""
    try:
        yield
    except OSError as error:
        raise OutputFailed(f"Scratch file in {tempfile.gettempdir()} cannot be {what}: {error.strerror}; free some "
                           "space there, or name another folder in TMPDIR.") from error
