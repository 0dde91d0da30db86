"""Writing to the disk: room first, and large data past the system's cache."""

from __future__ import annotations

import errno
import fcntl
import os

import numpy as np

_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_CANNOT_PASS_CACHE = (errno.EINVAL, errno.EOPNOTSUPP)
#: Where large data begin, so that they need not go through the system's cache.
PAGE = 4096
#: Data that are worth it, bytes.
LARGE = 16 << 20


def put(descriptor: int, view: memoryview) -> None:
    """Write all of some data at a file's place.

    Parameters
    ----------
    descriptor : int
    view : memoryview
        Of bytes.
    """
    written = _past_the_cache(descriptor, view)
    while written < len(view):
        written += os.write(descriptor, view[written:])


def _past_the_cache(descriptor: int, view: memoryview) -> int:
    """Write the whole pages of large data past the system's cache, where it can be; says how many bytes were written.

    They are forced to the disk anyhow; a copy of them would cost time, and push out raw data that others read.
    """
    whole, written = len(view) // PAGE * PAGE, 0
    if whole < LARGE or np.frombuffer(view, np.uint8).ctypes.data % PAGE or not hasattr(os, "O_DIRECT"):
        return 0
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
        while written < whole and written % PAGE == 0:
            written += os.write(descriptor, view[written:whole])
    except OSError as error:  # what was written before is there
        if error.errno not in _CANNOT_PASS_CACHE:
            raise
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
    return written


def reserve(descriptor: int, size: int) -> None:
    """Claim the space first, so that a full disk shows before anything is written.

    Parameters
    ----------
    descriptor : int
        Of a new file.
    size : int
        Bytes.
    """
    try:
        if size:
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
