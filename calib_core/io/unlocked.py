"""Opening HDF5 files for reading without a lock: who writes is not kept out, and file systems without locks will do.

HDF5 locks what it opens unless it is told not to, each time. ``HDF5_USE_FILE_LOCKING`` set for all would also take
the locks from whoever writes in this process, or is started by it. Where somebody has set that, it goes first.
"""

from __future__ import annotations

import errno
import fcntl
import os
from functools import cache
from pathlib import Path
from typing import IO

from calib_core.io.libraries import file_access, h5py

#: What HDF5 says of a file that this process has open with locks: the two share it, so no lock is taken for it.
_OPEN_WITH_LOCKS = "locking flag values don't match"


def open_unlocked(path: Path | str) -> h5py.File:
    """Open a file for reading, without a lock of our own.

    Parameters
    ----------
    path : Path or str

    Raises
    ------
    OSError
        As h5py raises it, or with the system's words where the file cannot be opened at all.
    """
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if _OPEN_WITH_LOCKS not in str(error):
            raise
        return h5py.File(path, "r")


def is_being_written(file: IO[bytes]) -> bool:
    """Whether another process has locked a file to write it; nothing is kept, and no is said where nobody can tell.

    Parameters
    ----------
    file : binary file
        Open for reading.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def access_unlocked(path: Path) -> file_access.FileAccess:
    """EXtra-data's access to a raw file, which opens it without a lock; the one that there is already.

    Parameters
    ----------
    path : Path
    """
    return _kind()(str(path))


@cache
def _kind() -> type[file_access.FileAccess]:
    class Unlocked(file_access.FileAccess):  # type: ignore[misc]
        """As EXtra-data's own but for the lock."""

        _file: h5py.File | None

        @property
        def file(self) -> h5py.File:
            """The open file, opened where it is not."""
            file_access.open_files_limiter.touch(self.filename)
            known: h5py.File | None = self._file  # which another thread may close
            if known is None:
                known = self._file = open_unlocked(self.filename)
            return known

    return Unlocked
