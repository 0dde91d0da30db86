"""Images that are read once, kept in a file without a name, so that it vanishes with the process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from calib_core.axes import Array
from calib_core.errors import OutputFailed


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
        data, written = np.ascontiguousarray(block, self._dtype).data.cast("B"), 0
        offset = self._begin(start)
        with _explained("written"):
            while written < len(data):  # a disk that fills up takes a part
                written += os.pwrite(self._file.fileno(), data[written:], offset + written)

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


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn the system's error into one sentence for the operator."""
    try:
        yield
    except OSError as error:
        raise OutputFailed(f"Scratch file in {tempfile.gettempdir()} cannot be {what}: {error.strerror}; free some "
                           "space there, or name another folder in TMPDIR.") from error
