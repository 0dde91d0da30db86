"""Files that appear whole or not at all.

Data go to a temporary name in the target's folder, are forced to the disk and then renamed. A crash leaves at
most a temporary file, which :func:`sweep` removes.
"""

from __future__ import annotations

import errno
import mmap
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from calib_core.errors import BadInput, OutputFailed
from calib_core.store.disk import put, reserve

#: Of this program alone: what others leave behind is theirs.
TEMPORARY_PREFIX = ".calibwb-tmp-"
#: Rights of files: whatever the umask is, only the owner may write; or nobody else may read either.
READABLE, PRIVATE = 0o644, 0o600
_FOLDER_MODE = 0o755
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
#: File systems without it; a disk that fails says EIO.
_CANNOT_SYNC_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def write_atomically(
    path: Path, data: memoryview | bytes, overwrite: bool = False, mode: int = READABLE
) -> None:
    """Write a file so that its name shows the whole content or does not exist.

    Parameters
    ----------
    path : Path
        Target; missing folders are made.
    data : bytes-like
    overwrite : bool
        Replace a file of this name; readers that have it open keep the old content.
    mode : int
        Rights of the file, of which the umask may take more away.

    Raises
    ------
    OutputFailed
        The file exists and ``overwrite`` is false, or the system refuses. Nothing is left behind; a file that was
        to be replaced holds its old or its new content, whole.
    """
    appear(prepare(path, data, overwrite, mode), path, overwrite)


def prepare(path: Path, data: memoryview | bytes, overwrite: bool = False, mode: int = READABLE) -> Path:
    """Bring a file's content to the disk under a temporary name beside it, which :func:`appear` takes.

    Raises
    ------
    OutputFailed
        As in :func:`write_atomically`.
    """
    view = memoryview(data).cast("B")
    with explained(path, len(view)):
        make_folder(path.parent)
        _refuse_existing(path, overwrite)
        return _write_temporary(path.parent, view, mode)


def write_together(
    files: Mapping[Path, memoryview | bytes],
    before: Callable[[], Mapping[Path, memoryview | bytes]] = dict[Path, bytes],
) -> None:
    """Write files whose names appear one after the other, once the contents of all are on the disk.

    Parameters
    ----------
    files : mapping
        Contents by targets, in the order in which they appear.
    before : callable
        Tells contents that appear before these; asked when these are on the disk, so that they may be made meanwhile.

    Raises
    ------
    OutputFailed
        As in :func:`write_atomically`; of the files before there may be names.
    """
    prepared = dict[Path, Path]()
    try:
        for path, data in files.items():
            prepared[path] = prepare(path, data)
        others = before()
        for path, data in others.items():
            prepared[path] = prepare(path, data)
        for path in (*others, *files):
            appear(prepared.pop(path), path)
    finally:
        for temporary in prepared.values():
            temporary.unlink(missing_ok=True)


def begin(path: Path, overwrite: bool = False) -> tuple[int, Path]:
    """Open an empty file under a temporary name beside a target, for reading and writing.

    Parameters
    ----------
    path : Path
        Name that :func:`appear` gives it later; missing folders are made.
    overwrite : bool

    Returns
    -------
    int
        Its descriptor, for the caller to close.
    Path
        The temporary name, for :func:`appear`, or for the caller to remove.

    Raises
    ------
    OutputFailed
        As in :func:`write_atomically`.
    """
    with explained(path, 0):
        make_folder(path.parent)
        _refuse_existing(path, overwrite)
        return _open_temporary(path.parent)


def appear(temporary: Path, path: Path, overwrite: bool = False) -> None:
    """Give a prepared file its name.

    Raises
    ------
    OutputFailed
        As in :func:`write_atomically`; the prepared file is gone.
    """
    with explained(path, 0):
        try:
            _refuse_existing(path, overwrite)
            os.rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_name(path, withdraw=not overwrite)


def mapped(path: Path) -> memoryview:
    """All bytes of a file, without a copy of them in memory; it is let go of with the last view of them.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        It cannot be read.
    """
    with readable(path), path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that is read into one sentence.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        It says something.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def check_writable(folder: Path, needed_bytes: int = 0) -> None:
    """Make sure before a job that a folder takes files and has room for its results.

    Raises
    ------
    OutputFailed
        The folder cannot be made or written, or has less than ``needed_bytes`` free.
    """
    with explained(folder, needed_bytes):
        make_folder(folder)
        _write_temporary(folder, memoryview(b"")).unlink()
        if shutil.disk_usage(folder).free < needed_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def sweep(folder: Path, older_than: float = 3600.0, below: bool = True) -> tuple[Path, ...]:
    """Remove temporary files that an interrupted program left in a folder.

    Parameters
    ----------
    folder : Path
    older_than : float
        Least age in seconds, so that files that are being written now are kept.
    below : bool
        Whether those of its folders are looked for too.

    Returns
    -------
    tuple of Path
        What was removed.
    """
    latest = time.time() - older_than
    old = [path for path, status in _temporaries(folder, below) if status.st_mtime < latest]
    for path in old:
        with explained(path, 0):
            path.unlink(missing_ok=True)
    return tuple(old)


def unfinished(folder: Path, below: bool = True) -> tuple[int, ...]:
    """Sizes of temporary files in a folder, of programs that write them now or were interrupted, bytes.

    Parameters
    ----------
    folder : Path
    below : bool
        Whether those of its folders are looked for too.
    """
    return tuple(status.st_size for _, status in _temporaries(folder, below))


def _temporaries(folder: Path, below: bool) -> Iterator[tuple[Path, os.stat_result]]:
    """Temporary files by their paths, but those that go meanwhile."""
    for path in sorted((folder.rglob if below else folder.glob)(TEMPORARY_PREFIX + "*")):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise OSError(errno.EEXIST, "it exists already; choose another folder or allow to replace it")


def _write_temporary(folder: Path, view: memoryview, mode: int = READABLE) -> Path:
    descriptor, path = _open_temporary(folder, mode)
    try:
        try:
            _fill(descriptor, view)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _open_temporary(folder: Path, mode: int = READABLE) -> tuple[int, Path]:
    path = folder / (TEMPORARY_PREFIX + secrets.token_hex(8))
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), path


def _fill(descriptor: int, view: memoryview) -> None:
    reserve(descriptor, len(view))
    put(descriptor, view)
    os.fsync(descriptor)


def _sync_name(path: Path, withdraw: bool) -> None:
    """Force the new name to the disk; where it replaced nothing, a name that may not last is taken back."""
    try:
        sync_folder(path.parent)
    except BaseException:
        if withdraw:
            path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk.

    Parameters
    ----------
    folder : Path
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, on the disk before this returns.

    Parameters
    ----------
    folder : Path
    """
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for new in reversed(missing):
        new.mkdir(_FOLDER_MODE, exist_ok=True)
        sync_folder(new.parent)


@contextmanager
def explained(path: Path, needed: int) -> Iterator[None]:
    """Turn the system's error into one sentence for the operator.

    Parameters
    ----------
    path : Path
        What was to be written.
    needed : int
        Its size in bytes, which is told where there is no room.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        room = _room(path, needed) if error.errno in _NO_SPACE else ""
        raise OutputFailed(f"{path} could not be written: {reason}{room}.") from error


def _room(path: Path, needed: int) -> str:
    existing = next(f for f in (path, *path.parents) if f.exists())
    free = shutil.disk_usage(existing).free
    return f"; it needs {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free"
