"""Programs that write the same thing wait for each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calib_core.store.files import explained, make_folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Be the only one that has a lock, which ends with the process; whoever comes second waits.

    Parameters
    ----------
    lock : Path
        An empty file, which is made and stays.

    Raises
    ------
    OutputFailed
        It cannot be made.
    """
    with explained(lock, 0):
        make_folder(lock.parent)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    try:
        with explained(lock, 0):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
