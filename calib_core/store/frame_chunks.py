"""Frames into the chunks of a dataset, from several threads, in any order and in pieces of any length."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.io.libraries import h5py, isal_zlib
from calib_core.numerics.shuffle import WORD, shuffled
from calib_core.store.exdf import GZIP_LEVEL

#: Frames smaller than this are stored several to a chunk, bytes.
SMALL = 64 << 10


def frames_per_chunk(frame_bytes: int, per_row: int) -> int:
    """Frames of a row that are stored together: one, unless they are small.

    Parameters
    ----------
    frame_bytes : int
    per_row : int
        Frames that a row of the dataset has.
    """
    return per_row if frame_bytes < SMALL else 1


@dataclass
class _Gathered:
    """A chunk of which some frames are there."""

    values: Array
    missing: int


class FrameChunks:
    """Packs the chunks of a dataset in the thread that brings their frames, outside of HDF5's lock.

    Parameters
    ----------
    dataset : h5py.Dataset
        (rows, *frame), or (rows, frames of a row, *frame).
    frame : tuple of int
        Shape of a frame.
    per_row, per_chunk : int
        Frames of a row, and how many of them are stored together.
    """

    def __init__(self, dataset: h5py.Dataset, frame: tuple[int, ...], per_row: int, per_chunk: int) -> None:
        self._id, self._frame, self._per_row, self._per_chunk = dataset.id, frame, per_row, per_chunk
        self._dtype: np.dtype[np.generic] = dataset.dtype
        self._packed, self._shuffled = dataset.compression is not None, bool(dataset.shuffle)
        if self._shuffled and self._dtype.itemsize != WORD:
            raise ValueError(f"bytes of {self._dtype} are not sorted, but of numbers of {WORD} bytes")
        self._leading = len(dataset.shape) - len(frame)
        self._gathered: dict[int, _Gathered] = {}
        self._lock = threading.Lock()

    def put(self, places: Array, frames: Array) -> None:
        """Store frames; a chunk that has all of its frames is stored for good.

        Parameters
        ----------
        places : (n,) int64
            Number of each frame in the dataset, row by row; none may come twice.
        frames : (n, *frame) array
            Of the dataset's type.
        """
        if self._per_chunk == 1:
            for place, frame in zip(places.tolist(), frames, strict=True):
                self._store(place, frame)
            return
        number = places // self._per_chunk
        for one in np.unique(number).tolist():
            mine = number == one
            whole = self._gather(one, places[mine] - one * self._per_chunk, frames[mine])
            if whole is not None:
                self._store(one * self._per_chunk, whole)

    def _gather(self, number: int, within: Array, frames: Array) -> Array | None:
        """Add frames to a chunk; the chunk itself where none is missing any more."""
        with self._lock:
            chunk = self._gathered.get(number)
            if chunk is None:
                empty = np.empty((self._per_chunk, *self._frame), self._dtype)
                chunk = self._gathered[number] = _Gathered(empty, self._per_chunk)
            chunk.values[within] = frames
            chunk.missing -= len(within)
            if chunk.missing:
                return None
            return self._gathered.pop(number).values

    def _store(self, first: int, values: Array) -> None:
        """Store the chunk that begins with some frame."""
        corner = (*divmod(first, self._per_row)[: self._leading], *(0 for _ in self._frame))
        data = np.ascontiguousarray(values, self._dtype).reshape(-1).view(np.uint8)
        self._id.write_direct_chunk(corner, self._compressed(data) if self._packed else data)

    def _compressed(self, data: Array) -> bytes:
        ready = shuffled(data.view(np.uint32)) if self._shuffled else data
        return isal_zlib.compress(ready.data, GZIP_LEVEL)
