"""What HDF5 takes for a file: something with places that are read and written."""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from collections.abc import Iterator


class PlacedFile(io.RawIOBase):
    """A file that knows the place where it is read and written next."""

    _at = 0

    @abstractmethod
    def __len__(self) -> int:
        """Bytes that it has."""

    @abstractmethod
    def pieces(self, begin: int, end: int) -> Iterator[memoryview]:
        """What lies between two places, in one piece or several; each holds until the next is asked for.

        Parameters
        ----------
        begin, end : int
            First byte, and the one after the last.
        """

    def reserve(self, size: int) -> None:
        """Claim space that is to be written; what lies in memory has it.

        Parameters
        ----------
        size : int
            Bytes at least.
        """

    def readable(self) -> bool:
        """It can be read."""
        return True

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It has places."""
        return True

    def tell(self) -> int:
        """Place where it is read and written next."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place.

        Parameters
        ----------
        offset, whence : int
            Counted from the start, the place now or the end.

        Returns
        -------
        int
            From the start.
        """
        self._at = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self)}[whence] + offset
        return self._at
