"""A file in memory that is used again: its memory is a worker's, who makes one file after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.axes import Array
from calib_core.io.buffers import Buffers
from calib_core.store.disk import PAGE
from calib_core.store.placed_file import PlacedFile


class MemoryFile(PlacedFile):
    """What HDF5 takes for a file; like BytesIO, but in memory that was touched before.

    Parameters
    ----------
    buffers : Buffers
        Where the memory comes from; it goes back there when nobody holds this file or a view of it any more.
    size : int
        Bytes that are expected; more cost a copy.
    """

    def __init__(self, buffers: Buffers, size: int) -> None:
        self._buffers = buffers
        self._memory = self._taken(size)
        self._end = self._at = 0

    def __len__(self) -> int:
        """Bytes that it has."""
        return self._end

    def getbuffer(self) -> memoryview:
        """All bytes, without a copy."""
        return self._memory[: self._end].data

    def pieces(self, begin: int, end: int) -> Iterator[memoryview]:
        """What lies between two places, without a copy.

        Parameters
        ----------
        begin, end : int

        Yields
        ------
        memoryview
        """
        yield self.getbuffer()[begin:end]

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # HDF5 hands over nothing else
        """Fill a buffer as far as there is something.

        Parameters
        ----------
        into : memoryview
            Of bytes.

        Returns
        -------
        int
            How far.
        """
        n = max(0, min(len(into), self._end - self._at))
        into[:n] = self._memory[self._at : self._at + n].data
        self._at += n
        return n

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # as readinto
        """Put bytes at the place.

        Parameters
        ----------
        data : bytes-like
            What lies between the end and the place becomes zeros.

        Returns
        -------
        int
            Their number.
        """
        view = memoryview(data).cast("B")
        if not view:
            return 0
        end = self._at + len(view)
        self._reach(end)
        self._memory[self._at : end] = np.frombuffer(view, np.uint8)
        self._at, self._end = end, max(self._end, end)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the number of bytes.

        Parameters
        ----------
        size : int, optional
            Up to the place unless given; new bytes are zeros.

        Returns
        -------
        int
            The same.
        """
        wanted = self._at if size is None else size
        if wanted > self._end:
            at, self._at = self._at, wanted
            self._reach(wanted)
            self._at = at
        self._end = wanted
        return wanted

    def _reach(self, end: int) -> None:
        """Have memory up to some byte, zeros between what there is and the place."""
        if end > len(self._memory):
            larger = self._taken(max(end, len(self._memory) * 5 // 4))
            larger[: self._end] = self._memory[: self._end]
            self._memory = larger
        if self._at > self._end:
            self._memory[self._end : self._at] = 0

    def _taken(self, size: int) -> Array:
        """Memory that begins with a page, as the disk wants it."""
        memory = self._buffers.array((size + PAGE,), np.uint8)
        start = -memory.ctypes.data % PAGE
        return memory[start : start + max(1, size)]
