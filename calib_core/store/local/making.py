"""Making an index, and what SQLite says of it in one sentence."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from calib_core.errors import BadInput, OutputFailed
from calib_core.store.files import TEMPORARY_PREFIX, appear, explained
from calib_core.store.local.schema import statements

#: Names in the store's folder.
INDEX, LOCK = "index.sqlite", ".calibwb-store.lock"
#: Longest wait for another program that writes, seconds.
PATIENCE = 30.0


def make(folder: Path) -> None:
    """Make an index where there is none; programs that do so at once wait for each other.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OutputFailed
        It cannot be made.
    """
    path = folder / INDEX
    if path.is_file():
        return
    with explained(folder, 0):
        folder.mkdir(0o755, parents=True, exist_ok=True)
    with _locked(folder):
        if path.is_file():
            return
        temporary = folder / (TEMPORARY_PREFIX + INDEX)
        for left in folder.glob(temporary.name + "*"):  # its maker was killed, since nobody else has the lock
            left.unlink()
        try:
            with closing(sqlite3.connect(temporary, PATIENCE, isolation_level=None)) as made:
                made.execute("PRAGMA synchronous = FULL")
                made.execute("PRAGMA journal_mode = WAL")
                made.execute("BEGIN IMMEDIATE")
                for statement in statements():
                    made.execute(statement)
                made.execute("COMMIT")
        except sqlite3.Error as error:
            raise sentence_of(path, error) from error
        appear(temporary, path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the store's lock, which ends with the process that has it."""
    with explained(folder / LOCK, 0):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sentence_of(path: Path, error: sqlite3.Error) -> BadInput | OutputFailed:
    """What SQLite says of an index, as one sentence.

    Parameters
    ----------
    path : Path
        Of the index.
    error : Error
    """
    said = str(error)
    if "full" in said or "disk I/O" in said:
        return OutputFailed(f"{path} could not be written: {said}; make room on the disk.")
    if "locked" in said or "busy" in said:
        return OutputFailed(f"{path} could not be written: another program has been writing for {PATIENCE:g} s; "
                            "try it again.")
    if "readonly" in said:
        return OutputFailed(f"{path} cannot be written: it is read-only.")
    if "never changed" in said:
        return OutputFailed(f"{path} was not written: records are never changed.")
    return BadInput(f"{path} cannot be read as an index of constants: {said}; take a copy from before, and compare "
                    "it with the files by calibwb store check.")
