"""Files without a name in memory, which vanish with the process, and what they have in common with those on disks."""

from __future__ import annotations

import os
from typing import IO


def memory_file() -> IO[bytes] | None:
    """A file in memory; None where the system makes none."""
    try:
        return os.fdopen(os.memfd_create("calibwb-scratch"), "r+b")
    except (AttributeError, OSError):
        return None


def size_of(file: IO[bytes]) -> int:
    """Space that a file takes, without its holes, bytes."""
    return os.fstat(file.fileno()).st_blocks * 512


def copy_file(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy what a file has into an empty one, without its holes; OSError where the disk is full or fails."""
    of, into, begin, length = source.fileno(), target.fileno(), 0, os.fstat(source.fileno()).st_size
    while begin < length:
        try:
            begin = os.lseek(of, begin, os.SEEK_DATA)
        except OSError:  # a hole is all that is left
            return
        end = os.lseek(of, begin, os.SEEK_HOLE)
        os.lseek(into, begin, os.SEEK_SET)
        while begin < end:  # a disk that fills up takes a part
            begin += os.sendfile(into, of, begin, end - begin)
