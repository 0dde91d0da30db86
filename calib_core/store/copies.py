"""Copies of files that appear whole, made piece by piece."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from calib_core.store.disk import LARGE, put, reserve
from calib_core.store.files import begin, explained, readable


def copied(source: Path, path: Path) -> tuple[Path, str]:
    """Bring a copy of a file to the disk piece by piece, under a temporary name which :func:`appear` takes.

    Parameters
    ----------
    source : Path
    path : Path
        Name that the copy will get.

    Returns
    -------
    Path
        The temporary name.
    str
        SHA-256 of what was copied, hexadecimal.

    Raises
    ------
    BadInput
        The source cannot be read.
    OutputFailed
        As in :func:`write_atomically`.
    """
    descriptor, temporary = begin(path)
    try:
        try:
            return temporary, _copy(source, descriptor, path)
        finally:
            os.close(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy(source: Path, descriptor: int, path: Path) -> str:
    with readable(source):
        size = source.stat().st_size
    digest = hashlib.sha256()
    with explained(path, size):
        reserve(descriptor, size)
    for piece in _pieces(source):
        digest.update(piece)
        with explained(path, size):
            put(descriptor, piece)
    with explained(path, size):
        os.fsync(descriptor)
    return digest.hexdigest()


def _pieces(source: Path) -> Iterator[memoryview]:
    """All bytes of a file; each piece holds until the next is asked for."""
    memory = memoryview(mmap.mmap(-1, LARGE))  # begins with a page, as the disk wants it
    with readable(source), source.open("rb", buffering=0) as file:
        while number := file.readinto(memory):
            yield memory[:number]
