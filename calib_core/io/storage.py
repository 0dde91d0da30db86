"""Reading whole frames of one dataset: straight from the file where its layout allows, through HDF5 otherwise.

The straight way needs only where each frame starts. It is about three times faster than HDF5's own reading, because
HDF5 serialises all threads and copies every chunk once more.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadInput
from calib_core.io.chunk_table import ChunkTable, chunk_table
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.io.handles import Descriptor, StoredDataset
from calib_core.io.libraries import h5py
from calib_core.numerics.stretches import read_stretches

Indices = npt.NDArray[np.int64]

#: A call costs as much as reading so many bytes from memory; frames and gaps up to that are read together.
_SMALL = 32 << 10
#: Largest stretch of small frames that is read at once, bytes.
_SPAN = 4 << 20
#: Frames that are a chunk of a job, which has kernels; who looks at fewer need not wait for numba.
_CHUNK = 8


class FrameStore(Protocol):
    """Whole frames of one dataset; a frame is named by its row and its slot within the row."""

    def present(self, row: Indices, slot: Indices) -> npt.NDArray[np.bool_]:
        """Tell which frames were ever written; others would read as zeros though the file holds no data.

        Parameters
        ----------
        row : (k,) int64
            Row of the dataset.
        slot : (k,) int64
            Place within the row; 0 where a row is a frame.

        Returns
        -------
        (k,) bool
        """

    def read(self, row: Indices, slot: Indices, out: npt.NDArray[Any]) -> None:
        """Read frames bit by bit.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames that are present.
        out : (k or more, …) C-contiguous
            One frame per step of its first axis, with as many bytes per sample as are stored. Int16 samples arrive as
            the bits that they are.

        Raises
        ------
        BadInput
            The file cannot be read or ends early; the message names it.
        """

    def read_points(self, row: Indices, slot: Indices, point: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one sample of each frame.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames that are present.
        point : tuple of int
            Indices (plane, slow_scan, fast_scan), as many of the last as a stored frame has axes.

        Returns
        -------
        (k,) array
            Of the stored type, in native byte order.

        Raises
        ------
        BadInput
            The file cannot be read or ends early; the message names it.
        """

    def advise(self, row: Indices, slot: Indices) -> None:
        """Tell the system that these frames are read soon; returns at once.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames that are present.
        """

    def close(self) -> None:
        """Close the file until it is read again; whoever reads it at this moment is not disturbed."""


def open_store(file: RunFile, dataset: StoredDataset, slots: bool) -> FrameStore:
    """Choose the fastest store for a dataset.

    Parameters
    ----------
    file : RunFile
    dataset : StoredDataset
        Frames behind one leading axis, or two.
    slots : bool
        Whether there are two, of which the second counts frames within a row.

    Returns
    -------
    FrameStore
        Straight from the file where frames are stored whole, without filters and in native byte order.

    Raises
    ------
    BadInput
        HDF5 cannot tell the layout, or places in the file are wrong; the message names the file.
    """
    def choose() -> FrameStore:
        map_ = _FrameMap(file.name, dataset, 2 if slots else 1, file.path.stat().st_size)
        plain = map_.is_plain and file.h5.userblock_size == 0
        return DirectStore(file, map_) if plain else LibraryStore(file, map_)

    store: FrameStore = _guarded(file.name, choose)
    return store


class _FrameMap:
    """Where the frames of a dataset are stored."""

    def __init__(self, name: str, dataset: StoredDataset, lead: int, file_bytes: int) -> None:
        self.name = name
        self.dataset = dataset
        self.lead = lead
        self.frame_shape = tuple(int(n) for n in dataset.shape[lead:])
        self.frame_bytes = math.prod(self.frame_shape) * dataset.dtype.itemsize
        self.per_row = int(dataset.shape[1]) if lead == 2 else 1
        layout = dataset.id.get_create_plist()
        self.layout = layout.get_layout()
        self.native = bool(dataset.dtype.isnative) and layout.get_nfilters() == 0
        self.chunk: tuple[int, ...] = dataset.chunks or ()
        self.whole = self.chunk[lead:] == self.frame_shape
        self.offset = None if self.chunk else dataset.id.get_offset()
        self.complete = self.layout != h5py.h5d.CONTIGUOUS or self.offset is not None
        if self.chunk:
            self._starts, self._written = self._of_chunks(chunk_table(dataset.open(), file_bytes))
            self.complete = bool(self._written.all())

    @property
    def is_plain(self) -> bool:
        """Whether each frame is one stretch of bytes in the file, exactly as it is in memory."""
        contiguous = self.layout == h5py.h5d.CONTIGUOUS and self.offset is not None
        return self.native and (contiguous or (self.layout == h5py.h5d.CHUNKED and self.whole))

    def _of_chunks(self, table: ChunkTable) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Start of each chunk of whole frames, and whether all chunks of a frame were written."""
        step = self._lead_chunk
        grid = -(-int(self.dataset.shape[0]) // step[0]), -(-self.per_row // step[1])
        start, pieces = np.full(grid, -1, np.int64), np.zeros(grid, np.int64)
        at = table.corner[:, 0] // step[0], table.corner[:, self.lead - 1] // step[1] * (self.lead - 1)
        start[at] = table.begin
        np.add.at(pieces, at, 1)
        needed = math.prod(-(-n // c) for n, c in zip(self.frame_shape, self.chunk[self.lead:], strict=True))
        return start, pieces == needed

    @property
    def _lead_chunk(self) -> tuple[int, int]:
        return (int(self.chunk[0]), int(self.chunk[1]) if self.lead == 2 else 1)

    def inside(self, point: tuple[int, ...]) -> tuple[int, ...]:
        """Indices within a stored frame, which may lack the axis of planes."""
        return point[-len(self.frame_shape):]

    def present(self, row: Indices, slot: Indices) -> npt.NDArray[np.bool_]:
        if self.complete or not self.chunk:
            return np.full(len(row), self.complete)
        step = self._lead_chunk
        return np.asarray(self._written[row // step[0], slot // step[1]])

    def offsets(self, row: Indices, slot: Indices) -> Indices:
        """Byte at which each frame starts; only for plain layouts and frames that are present."""
        if not self.chunk:
            return np.asarray(self.offset + (row * self.per_row + slot) * self.frame_bytes)
        a, b = self._lead_chunk
        within = (row % a) * b + slot % b
        return np.asarray(self._starts[row // a, slot // b] + within * self.frame_bytes)


class DirectStore:
    """Frames read with ``pread`` at their places in the file, adjacent ones together, by a kernel without a lock."""

    def __init__(self, file: RunFile, map_: _FrameMap) -> None:
        self._map, self._name = map_, file.name
        self._descriptor = Descriptor(file)
        self.present = map_.present

    def read(self, row: Indices, slot: Indices, out: npt.NDArray[Any]) -> None:
        """Read frames, those that follow each other in the file in one call.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames that are present: of others the place is not known, which is not checked.
        out : (k or more, …) C-contiguous
            One frame per step of its first axis.

        Raises
        ------
        BadInput
            The file ends early or cannot be read.
        """
        offsets, size = self._map.offsets(row, slot), self._map.frame_bytes
        if size <= _SMALL:
            with self._descriptor.use() as fd:
                self._read_small(fd, offsets, out)
            return
        frames = out[:len(offsets)].reshape(len(offsets), -1).view(np.uint8)
        with self._descriptor.use() as fd:
            done = read_stretches(fd, offsets, frames) if len(offsets) >= _CHUNK else 0
            for first, last, offset in _stretches(offsets[done:], size):  # says what is wrong, or goes on
                self._fill(fd, memoryview(frames[done + first:done + last].data).cast("B"), offset)

    def _read_small(self, fd: int, offsets: Indices, out: npt.NDArray[Any]) -> None:
        """Small frames with what lies between them, as far as that is quicker than a call for each stretch."""
        size = self._map.frame_bytes
        frames = out[:len(offsets)].reshape(len(offsets), -1).view(np.uint8)
        for first, last in _near(offsets, size):
            offset = int(offsets[first])
            length = int(offsets[last - 1]) - offset + size
            if length == (last - first) * size:
                self._fill(fd, memoryview(frames[first:last].data).cast("B"), offset)
                continue
            span = np.empty((length // size, size), np.uint8)
            self._fill(fd, memoryview(span.data).cast("B"), offset)
            np.take(span, (offsets[first:last] - offset) // size, axis=0, out=frames[first:last], mode="clip")

    def _fill(self, fd: int, target: memoryview, offset: int) -> None:
        while len(target):
            try:
                n = os.preadv(fd, [target], offset)
            except HDF5_ERRORS as error:
                raise _unreadable(self._name, error) from error
            if n == 0:
                raise BadInput(f"{self._name} ends before its data do; the file is damaged or was cut.")
            target, offset = target[n:], offset + n

    def read_points(self, row: Indices, slot: Indices, point: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one sample of each frame; small frames are read whole, which is quicker than a call for each sample.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames that are present.
        point : tuple of int
            Indices (plane, slow_scan, fast_scan); the plane is ignored where the dataset has no such axis.

        Raises
        ------
        BadInput
            The file ends early or cannot be read.
        """
        dtype = self._map.dataset.dtype
        if self._map.frame_bytes <= _SMALL:
            return self._points_of_frames(row, slot, point)
        values = np.empty(len(row), dtype)
        inside = int(np.ravel_multi_index(self._map.inside(point), self._map.frame_shape)) * dtype.itemsize
        offsets, samples = self._map.offsets(row, slot) + inside, values.view(np.uint8).reshape(-1, dtype.itemsize)
        with self._descriptor.use() as fd:
            for i in range(read_stretches(fd, offsets, samples), len(samples)):  # says what is wrong
                self._fill(fd, memoryview(samples[i].data), int(offsets[i]))
        return values

    def _points_of_frames(self, row: Indices, slot: Indices, point: tuple[int, ...]) -> npt.NDArray[Any]:
        map_, step = self._map, max(1, _SPAN // self._map.frame_bytes)
        place: tuple[Any, ...] = (slice(None), *map_.inside(point))
        values = np.empty(len(row), map_.dataset.dtype)
        frames = np.empty((min(step, len(row)), *map_.frame_shape), values.dtype)
        for first in range(0, len(row), step):
            part = slice(first, first + step)
            piece = frames[:len(row[part])]
            self.read(row[part], slot[part], piece)
            values[part] = piece[place]
        return values

    def advise(self, row: Indices, slot: Indices) -> None:
        """Let the system read ahead."""
        size = self._map.frame_bytes
        with self._descriptor.use() as fd:
            for first, last, offset in _stretches(self._map.offsets(row, slot), size):
                os.posix_fadvise(fd, offset, (last - first) * size, os.POSIX_FADV_WILLNEED)

    def close(self) -> None:
        """Close the file, unless somebody reads."""
        self._descriptor.release()


class LibraryStore:
    """Frames read through HDF5: compressed, virtual, other byte order, or chunks that cut frames."""

    def __init__(self, file: RunFile, map_: _FrameMap) -> None:
        self._map, self._name = map_, file.name
        self._stored = map_.dataset.dtype.newbyteorder("=")
        self.present = map_.present

    def read(self, row: Indices, slot: Indices, out: npt.NDArray[Any]) -> None:
        """Read frames, whole rows or neighbours within a row in one call.

        Parameters
        ----------
        row, slot : (k,) int64
            Frames; those that are not present read as the fill value of the dataset.
        out : (k or more, …) C-contiguous
            With as many bytes per sample as are stored; HDF5 turns them into native byte order.

        Raises
        ------
        BadInput
            HDF5 fails; the message names the file and the cause.
        """
        for first, last in _neighbours(row * self._map.per_row + slot, self._map.per_row):
            piece, shape = self._selection(int(row[first]), int(slot[first]), last - first)
            target = out[first:last].reshape(*shape, *self._map.frame_shape).view(self._stored)
            _guarded(self._name, lambda: self._map.dataset.open().read_direct(target, piece))  # noqa: B023

    def _selection(self, row: int, slot: int, n: int) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Selection of ``n`` neighbouring frames that keeps every axis; dropping one is 60 times slower."""
        if self._map.lead == 1:
            return (slice(row, row + n),), (n,)
        rows, slots = (n // self._map.per_row, self._map.per_row) if n >= self._map.per_row else (1, n)
        return (slice(row, row + rows), slice(slot, slot + slots)), (rows, slots)

    def read_points(self, row: Indices, slot: Indices, point: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one sample of each frame, each in a call: compressed chunks are unpacked for every one of them.

        Parameters
        ----------
        row, slot : (k,) int64
        point : tuple of int
            Indices (plane, slow_scan, fast_scan); the plane is ignored where the dataset has no such axis.
        """
        at = tuple(slice(p, p + 1) for p in self._map.inside(point))
        places = zip(row.tolist(), slot.tolist(), strict=True)
        lead = [(slice(r, r + 1), slice(s, s + 1))[:self._map.lead] for r, s in places]

        def values() -> list[Any]:
            dataset = self._map.dataset.open()
            return [dataset[(*where, *at)].reshape(()) for where in lead]

        return np.array(_guarded(self._name, values), self._stored)

    def advise(self, row: Indices, slot: Indices) -> None:
        """HDF5 decides itself."""

    def close(self) -> None:
        """Close the file in HDF5."""
        self._map.dataset.file.close()


def _stretches(offsets: Indices, size: int) -> Iterator[tuple[int, int, int]]:
    """First and last frame (exclusive) and byte offset of frames that follow each other in the file."""
    breaks = np.flatnonzero(np.diff(offsets) != size) + 1
    edges = [0, *breaks.tolist(), len(offsets)] if len(offsets) else []
    for first, last in pairwise(edges):
        yield first, last, int(offsets[first])


def _near(offsets: Indices, size: int) -> Iterator[tuple[int, int]]:
    """First and last frame (exclusive) of frames that one call reads with the whole frames between them."""
    step = np.diff(offsets)
    apart = np.flatnonzero((step < size) | (step > size + _SMALL) | (step % size != 0)) + 1
    edges = [0, *apart.tolist(), len(offsets)] if len(offsets) else []
    for begin, end in pairwise(edges):
        while begin < end:
            stop = int(np.searchsorted(offsets[begin:end], offsets[begin] + _SPAN)) + begin
            yield begin, max(stop, begin + 1)
            begin = max(stop, begin + 1)


def _neighbours(position: Indices, per_row: int) -> Iterator[tuple[int, int]]:
    """Neighbouring frames that one box selects: whole rows, or a piece of one row."""
    for first, last, start in _stretches(position, 1):
        while first < last:
            to_end = per_row - start % per_row
            whole = (last - first) // per_row * per_row
            n = whole if start % per_row == 0 and whole else min(to_end, last - first)
            yield first, first + n
            first, start = first + n, start + n


def _guarded(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except HDF5_ERRORS as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> BadInput:
    return BadInput(f"{name} cannot be read: {cause_of(error)}.")
