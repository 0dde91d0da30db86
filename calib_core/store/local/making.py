"""Making an index, and what SQLite says of it in one sentence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from calib_core.errors import BadInput, OutputFailed
from calib_core.store.alone import alone
from calib_core.store.files import TEMPORARY_PREFIX, appear, explained, make_folder
from calib_core.store.local.packing import pack
from calib_core.store.local.schema import bring_up, statements

#: Names in the store's folder.
INDEX, LOCK = "index.sqlite", ".calibwb-store.lock"
#: Longest wait for another program that writes, seconds.
PATIENCE = 30.0
#: Kinds of file systems that several machines may have at once, by their first letters.
_SHARED = ("nfs", "cifs", "smb", "gpfs", "lustre", "beegfs", "ceph", "afs", "9p", "fuse.sshfs")


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
        make_folder(folder)
    with alone(folder / LOCK):
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


def renew(folder: Path, found: int) -> None:
    """Bring an index of an older format up, in one go; programs that do so at once wait for each other.

    Parameters
    ----------
    folder : Path
    found : int
        Its format.

    Raises
    ------
    OutputFailed
        It cannot be written.
    """
    path = folder / INDEX
    try:
        with alone(folder / LOCK), closing(sqlite3.connect(path, PATIENCE, isolation_level=None)) as made:
            made.execute("PRAGMA synchronous = FULL")
            made.execute("PRAGMA foreign_keys = OFF")  # since a table is put in place of another
            made.execute("BEGIN IMMEDIATE")
            if made.execute("PRAGMA user_version").fetchone()[0] == found:
                for statement in bring_up(found):
                    made.execute(statement)
                pack(made)
            made.execute("COMMIT")
    except sqlite3.Error as error:
        raise sentence_of(path, error) from error


def shared_over_a_network(folder: Path, mounts: str | None = None) -> str:
    """Kind of the file system of a folder, where several machines may have it; empty where it is one's own.

    Parameters
    ----------
    folder : Path
        That is there.
    mounts : str, optional
        What is mounted where, as the system tells it; what it tells now unless given.
    """
    try:
        told = Path("/proc/self/mounts").read_text("utf-8", "replace") if mounts is None else mounts
    except OSError:
        return ""
    kinds = {fields[1].replace("\\040", " "): fields[2] for fields in map(str.split, told.splitlines())
             if len(fields) > 2}
    place = folder.resolve()
    kind = next((kinds[str(one)] for one in (place, *place.parents) if str(one) in kinds), "")
    return kind if kind.startswith(_SHARED) else ""


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
    return BadInput(f"{path} cannot be read as an index of constants: {said}; take a copy from before, or inject the "
                    "files of its folder into a new store.")
