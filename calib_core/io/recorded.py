"""What the files of a run look like from outside, so that nobody opens one that is still being written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calib_core.detector import Detector
from calib_core.errors import BadInput
from calib_core.io.run import Run


@dataclass(frozen=True)
class Recorded:
    """Files of a run as they were at one moment.

    Attributes
    ----------
    path : Path
        Folder of the run.
    files : tuple of (name, bytes, nanoseconds)
        Its HDF5 files with their sizes and times of last change, by name.
    """

    path: Path
    files: tuple[tuple[str, int, int], ...]

    @property
    def newest(self) -> float:
        """When one of them was changed last, seconds since 1970; 0 without a file."""
        return max((changed for _, _, changed in self.files), default=0) / 1e9

    @property
    def bytes(self) -> int:
        """Size of all of them."""
        return sum(size for _, size, _ in self.files)

    @property
    def words(self) -> str:
        """Such as ``3 files, 12.5 MB``."""
        return size_words(len(self.files), self.bytes)


def size_words(files: int, size: int) -> str:
    """Number and bytes of files, such as ``3 files, 12.5 MB``.

    Parameters
    ----------
    files, size : int
    """
    return f"{files} file{'s' * (files != 1)}, {size / 1e6:.1f} MB"


def recorded(path: Path) -> Recorded:
    """Look at the files of a run by their names, sizes and times.

    Parameters
    ----------
    path : Path
        Folder of the run.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        with os.scandir(path) as entries:
            found = [(one.name, one.stat()) for one in entries if one.name.endswith(".h5")]
    except OSError as error:
        raise BadInput(f"Run folder {path} cannot be read: {error.strerror}.") from error
    return Recorded(path, tuple(sorted((name, told.st_size, told.st_mtime_ns) for name, told in found)))


def uneven(run: Run, detector: Detector) -> str:
    """Which aggregator lacks a sequence that it or another one has, in words; empty where none does.

    Parameters
    ----------
    run : Run
    detector : Detector
        One of this run's.
    """
    names = {one.aggregator.partition("/")[0] for one in detector.modules}  # several may be in one file
    there = {name: {file.sequence for file in run.files if file.aggregator == name} for name in sorted(names)}
    most = max((number + 1 for found in there.values() for number in found), default=0)
    short = [f"{name} has {len(found)}" for name, found in there.items() if len(found) < most]
    others = f" and {len(short) - 1} more have too few" if len(short) > 1 else ""
    return f"{short[0]} of {most} sequences{others}{run.lost_files}" if short else ""
