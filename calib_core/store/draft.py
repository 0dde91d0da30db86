"""A large file that HDF5 writes piece by piece, and that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from calib_core.store.disk import reserve
from calib_core.store.files import appear, begin, explained
from calib_core.store.placed_file import PlacedFile

#: Read at once, bytes.
_PIECE = 8 << 20


class Draft(PlacedFile):
    """A file under a temporary name, which HDF5 takes for its own.

    HDF5 can end the process where a disk is full. So it hears nothing of that: the error is kept, what it writes
    afterwards is thrown away, and :meth:`told` tells.

    Parameters
    ----------
    path : Path
        Name that it gets at the end; missing folders are made.
    overwrite : bool
        Replace a file of this name; readers that have it open keep the old content.

    Raises
    ------
    OutputFailed
        The file exists and ``overwrite`` is false, or the system refuses.
    """

    def __init__(self, path: Path, overwrite: bool = False) -> None:
        self.path, self._overwrite = path, overwrite
        self._needed = 0
        self._error: OSError | None = None
        self._fd, self._temporary = begin(path, overwrite)

    def reserve(self, size: int) -> None:
        """Claim space, so that a full disk shows before anything is computed.

        Parameters
        ----------
        size : int
            Bytes that the file will have at least.

        Raises
        ------
        OutputFailed
            There is not so much.
        """
        self._needed = size
        with explained(self.path, size):
            reserve(self._fd, size)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let HDF5 write; OutputFailed at the end where something could not be written, now or before.

        HDF5 stumbles when it reads again what was thrown away; that is not what the operator should hear.
        """
        try:
            yield
        except Exception:
            self._check()
            raise
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            with explained(self.path, self._needed):
                raise self._error

    def commit(self) -> None:
        """Bring everything to the disk and give the file its name; whoever wrote into it must have finished.

        Raises
        ------
        OutputFailed
            Something could not be written; nothing is left.
        """
        appear(self.finish(), self.path, self._overwrite)

    def finish(self) -> Path:
        """Bring everything to the disk; whoever wrote into it must have finished.

        Returns
        -------
        Path
            The temporary name, for :func:`~calib_core.store.files.appear`.

        Raises
        ------
        OutputFailed
            Something could not be written; nothing is left.
        """
        try:
            self._check()
            with explained(self.path, self._needed):
                os.fsync(self._fd)
                self._let_go()
        except BaseException:
            self.abandon()
            raise
        return self._temporary

    def abandon(self) -> None:
        """Remove what there is, if it has not got its name."""
        try:
            self._let_go()
        except OSError:  # what could not be written is not wanted
            pass
        finally:
            self._temporary.unlink(missing_ok=True)

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __len__(self) -> int:
        """Bytes that it has."""
        return os.fstat(self._fd).st_size

    def pieces(self, begin: int, end: int) -> Iterator[memoryview]:
        """What lies between two places, read piece by piece.

        Parameters
        ----------
        begin, end : int

        Yields
        ------
        memoryview
            Shorter than asked for where the file is, which :meth:`told` explains.
        """
        memory = np.empty(min(_PIECE, max(0, end - begin)), np.uint8).data
        for start in range(begin, end, _PIECE):
            part = memory[: min(_PIECE, end - start)]
            yield part[: os.preadv(self._fd, [part], start)]

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
        n = os.preadv(self._fd, [into], self._at)
        self._at += n
        return n

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # as readinto
        """Put bytes at the place, unless that has failed before.

        Parameters
        ----------
        data : bytes-like

        Returns
        -------
        int
            Their number.
        """
        view = memoryview(data).cast("B")
        written = len(view) if self._error else 0
        try:
            while written < len(view):  # a disk that fills up takes a part
                written += os.pwrite(self._fd, view[written:], self._at + written)
        except OSError as error:
            self._error, self._needed = error, max(self._needed, self._at + len(view))
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the number of bytes.

        Parameters
        ----------
        size : int, optional
            Up to the place unless given.

        Returns
        -------
        int
            The same.
        """
        wanted = self._at if size is None else size
        try:
            os.ftruncate(self._fd, wanted)
        except OSError as error:
            self._error = self._error or error
        return wanted


@contextmanager
def drafted(path: Path, overwrite: bool = False) -> Iterator[Draft]:
    """A file for HDF5 that gets its name at the end of the block; nothing is left where something fails.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Replace a file of this name.

    Yields
    ------
    Draft
        Whoever writes into it finishes within the block.

    Raises
    ------
    OutputFailed
        The file exists and may not be replaced, or the system refuses.
    """
    draft = Draft(path, overwrite)
    try:
        with draft.told():
            yield draft
        draft.commit()
    except BaseException:
        draft.abandon()
        raise
