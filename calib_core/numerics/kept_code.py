"""Compiled kernels on disk: in a folder of the user's own, each file checked before it is believed.

Machine code that is cut or flipped ends the process, and a pickle of somebody else runs what he wants. So a file
begins with a hash over its name and its content, and it lies in a folder that only its owner may enter. What does not
agree is as if it were not there: it is compiled again and replaced. Each file is a kernel for one signature, one
processor and one version of all that made it, which is its name; there is no index that two programs could write at
once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs

FOLDER_VARIABLE = "NUMBA_CACHE_DIR"
#: Kernels that a packager brings with the software, copied from a folder of his own that was filled by a first job.
SHIPPED = Path(__file__).resolve().parents[1] / "kernels"
SUFFIX = ".kernel"
#: Of texts that take longer to make than to read, which are kept in the same way.
TEXT = ".text"

_MAGIC = b"calibwb kernel 1"
_DIGEST = hashlib.sha256().digest_size
#: Files that nobody has loaded for so long are of former versions.
_FORGOTTEN_AFTER = 60 * 86400.0
_DAY = 86400.0

log = logging.getLogger(__name__)
_told: list[str] = []
_listeners: list[Callable[[], None]] = []


def notes() -> tuple[str, ...]:
    """What was said about the folder in this process, one sentence each."""
    return tuple(_told)


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Have ``tell`` called when the first kernel that nobody has kept is about to be compiled, at most once."""
    def once() -> None:
        if once in _listeners:
            _listeners.remove(once)
            tell()

    _listeners.append(once)
    try:
        yield
    finally:
        if once in _listeners:
            _listeners.remove(once)


def compiling() -> None:
    """Tell those who listen that a kernel is compiled now."""
    for tell in list(_listeners):
        tell()


def load(name: str) -> bytes | None:
    """Kept kernel of that name; nothing where there is none, or none that is whole.

    What comes from the packager's folder is kept in the user's own as well.
    """
    own = own_folder()
    if own is not None and (code := _read(own / name)) is not None:
        _mark_as_used(own / name)
        return code
    code = _read(SHIPPED / name) if _is_trusted(SHIPPED) else None
    if code is not None:
        save(name, code)
    return code


def save(name: str, code: bytes) -> None:
    """Keep a kernel, where there is a folder; a disk that refuses costs the next start some time, nothing else."""
    own = own_folder()
    if own is None:
        return
    _forget_old(own)
    temporary = own / f"{name}.{secrets.token_hex(8)}"
    try:
        temporary.write_bytes(_sealed(name, code))
        temporary.replace(own / name)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        _tell(f"Compiled kernels could not be kept in {own} ({error.strerror}); each start compiles them again.")


def _sealed(name: str, code: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(name.encode() + code).digest() + code


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    code = data[len(_MAGIC) + _DIGEST:]
    return code if data == _sealed(path.name, code) else None


@cache
def own_folder() -> Path | None:
    """Folder to read and write, found once in a process; the next start may find another."""
    refused = []
    for folder in _candidates():
        reason = _make_private(folder)
        if not reason:
            return folder
        refused.append(f"{folder} {reason}")
    where = "; ".join(refused) or "there is no home folder"
    _tell(f"Compiled kernels are not kept: {where}. Each start compiles them again, which takes half a minute; "
          f"set {FOLDER_VARIABLE} to a folder that you can write.")
    return None


def has_folder() -> bool:
    """Whether there is a folder to read and write; nothing is said where there is none."""
    return any(not _make_private(folder) for folder in _candidates())


def _candidates() -> list[Path]:
    given = os.environ.get(FOLDER_VARIABLE)
    users = Path(platformdirs.user_cache_dir("calibwb"))  # not absolute for a user without a home
    return [base / "kernels" for base in ((Path(given).absolute() / "calibwb",) if given else ()) + (users,)
            if base.is_absolute()]


def _make_private(folder: Path) -> str:
    """Make the folder if need be; says why it cannot be used, else nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            return "is no folder"
        if status.st_uid != os.geteuid():
            return "belongs to somebody else"
        if status.st_mode & 0o077:
            _take_back(folder)
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "cannot be written"


def _take_back(folder: Path) -> None:
    """Shut a folder that others could enter, and believe nothing that lies there."""
    folder.chmod(0o700)
    for path in _ours(folder):
        path.unlink()


def _ours(folder: Path) -> list[Path]:
    return [path for suffix in (SUFFIX, TEXT) for path in folder.glob(f"*{suffix}*")]


def _is_trusted(folder: Path) -> bool:
    """Whether a folder of the software was filled by whom the software itself is from."""
    try:
        status, software = folder.lstat(), Path(__file__).stat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (0, software.st_uid) and not status.st_mode & 0o022


def _mark_as_used(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _DAY:
            path.touch()
    except OSError:
        log.debug("%s could not be touched", path)


@cache
def _forget_old(folder: Path) -> None:
    """Remove our own kernels that are of former versions, and what a killed program left; once, where others come."""
    latest = time.time() - _FORGOTTEN_AFTER
    for path in _ours(folder):
        try:
            if path.lstat().st_mtime < latest:
                path.unlink()
        except OSError:
            log.debug("%s could not be removed", path)


def _tell(sentence: str) -> None:
    if sentence not in _told:
        _told.append(sentence)
        log.warning(sentence)
