"""Record of what a watch has done with the runs of a folder, so that nothing is done twice, whoever ends between."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from calib_core.errors import BadInput
from calib_core.io.recorded import Recorded, size_words
from calib_core.store.files import explained, make_folder, write_atomically


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UsedRun(_Model):
    """A run as it was when a job began to read it: its files, their bytes, and the last change (ns since 1970)."""

    path: Path
    files: int
    bytes: int
    changed: int

    @classmethod
    def of(cls, run: Recorded) -> Self:
        """What the record keeps of a run."""
        return cls(path=run.path, files=len(run.files), bytes=run.bytes,
                   changed=max((changed for _, _, changed in run.files), default=0))


    @property
    def words(self) -> str:
        """Such as ``3 files, 12.5 MB``."""
        return size_words(self.files, self.bytes)


class UsedSet(_Model):
    """Runs of a detector that a job was started with, its end, and the line for the log book."""

    detector: str
    runs: tuple[UsedRun, ...]
    ended: datetime
    state: str
    line: str


class WatchRecord(_Model):
    """What was done with the runs of a folder.

    Attributes
    ----------
    folder : Path
    since : datetime, optional
        Sets whose last run was closed before it are not started; None where all are.
    sets : tuple of UsedSet
        In the order in which they ended.
    """

    format: Literal[1] = 1
    folder: Path
    since: datetime | None = None
    sets: tuple[UsedSet, ...] = ()


def place_of(folder: Path, out_folder: Path) -> Path:
    """File of the record of a folder, among what is made of its runs.

    Parameters
    ----------
    folder, out_folder : Path
    """
    return out_folder / f"watched-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}.json"


def read_record(path: Path) -> WatchRecord | None:
    """Read a record; None where there is none.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        It cannot be understood, so that nobody knows what was done.
    """
    try:
        return WatchRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; it tells which runs were done already.") from error
    except ValidationError as error:
        raise BadInput(f"{path} is no record of a watch ({error.errors()[0]['msg']}); put it away, and give --since "
                       "so that no runs are done again.") from error


def put_record(path: Path, record: WatchRecord) -> None:
    """Write a record in place of the one before; OutputFailed where it cannot be written, and the one before stays.

    Parameters
    ----------
    path : Path
    record : WatchRecord
    """
    write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode(), overwrite=True)


@contextmanager
def watched_alone(path: Path, folder: Path) -> Iterator[None]:
    """Be the only one that watches a folder for a record; the lock ends with the process that has it.

    Parameters
    ----------
    path : Path
        Of the record.
    folder : Path

    Raises
    ------
    BadInput
        Another one watches it.
    OutputFailed
        The lock cannot be made.
    """
    lock = path.with_suffix(".lock")
    with explained(lock, 0):
        make_folder(lock.parent)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadInput(f"{folder} is watched already, by another program that writes into {path.parent}; "
                       "end that one, or choose another output folder.") from error
    try:
        yield
    finally:
        os.close(descriptor)
