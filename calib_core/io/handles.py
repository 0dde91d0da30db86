"""Handles on the files of runs: few at a time, opened again when needed, and always on the file that was surveyed."""

from __future__ import annotations

import errno
import os
import resource
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calib_core.errors import BadInput, StillWritten
from calib_core.io.libraries import file_access, h5py

if TYPE_CHECKING:
    from calib_core.io.files import RunFile

#: Handles that the rest of the program needs: windows, pipes, scratch, libraries.
_RESERVE = 64
#: Files that HDF5 holds open at most: 1.3 to 2 MiB each with its tables of nodes and the chunks that it keeps, so a
#: run of hundreds of files would take what no budget has foreseen. Four a processor, or one thread closes another's.
MOST_OPEN = max(48, 4 * (os.cpu_count() or 1))
_NO_HANDLES = (errno.EMFILE, errno.ENFILE)


class TooManyFiles(BadInput):
    """The system gives this process no more handles; the sentence has the limit."""

    def __init__(self) -> None:
        limit, held = allowed(), _held()
        super().__init__(f"Too many files are open: this process may have {limit} open at a time and has {held}; "
                         f"allow more (such as ulimit -n {max(1024, 2 * limit)}) and start again.")


def allowed() -> int:
    """Files that this process may have open: as many as the system lets it take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def _held() -> int:
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return allowed()


def check_room(files: int) -> None:
    """Make sure that there are handles for what is opened next.

    Parameters
    ----------
    files : int
        Files that will be open at the same time, besides those that are.

    Raises
    ------
    TooManyFiles
        The system does not give so many.
    """
    if _held() + files > allowed():
        raise TooManyFiles


def share_out() -> None:
    """Let EXtra-data keep few files open, half of the handles at most, and close those that were used long ago."""
    file_access.open_files_limiter.maxfiles = max(2, min(_room() // 2, MOST_OPEN))


def _room() -> int:
    """Handles for the files of runs."""
    limit = allowed()
    return limit - min(_RESERVE, limit // 2)


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that there are no more handles.

    Parameters
    ----------
    error : BaseException
        Of the system, or of HDF5, which hides the number of the error in its words.
    """
    return isinstance(error, OSError) and (
        error.errno in _NO_HANDLES or any(f"errno = {number}," in str(error) for number in _NO_HANDLES))


@dataclass(frozen=True)
class Identity:
    """What tells a file from another of the same name, and from itself after it was changed."""

    device: int
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, file: Path | int) -> Identity:
        """Identity of a file as it is now.

        Parameters
        ----------
        file : Path or int
            A path, or an open descriptor.

        Raises
        ------
        OSError
            It cannot be reached.
        """
        info = os.stat(file)
        return cls(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)

    def check(self, name: str, now: Identity) -> None:
        """Make sure that a file is what it was when it was looked at.

        Parameters
        ----------
        name : str
            Of the file, for the sentence.
        now : Identity
            Of what is there now.

        Raises
        ------
        StillWritten
            It was replaced, grew or shrank, or was written to.
        """
        if now == self:
            return
        what = "was replaced by another file after it was looked at"
        if (now.device, now.inode) == (self.device, self.inode):
            what = "was written to after it was looked at" if now.size == self.size else (
                f"had {self.size} bytes when it was looked at and has {now.size} now")
        raise StillWritten(f"{name} {what}; its data cannot be trusted, look at the run again when nobody writes "
                           "to it.")


class StoredDataset:
    """A dataset of a raw file that is opened again for each use, so that it holds no handle.

    Attributes
    ----------
    file : RunFile
    name : str
        Path in the file.
    shape, dtype, chunks
        As h5py has them.
    """

    def __init__(self, file: RunFile, dataset: h5py.Dataset) -> None:
        self.file, self.name = file, str(dataset.name)
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype, self.chunks = dataset.dtype, dataset.chunks

    def __len__(self) -> int:
        """Rows."""
        return self.shape[0]

    def open(self) -> h5py.Dataset:
        """The dataset itself; to be let go of soon."""
        return self.file.h5[self.name]

    @property
    def id(self) -> Any:
        """HDF5's own object; to be let go of soon."""
        return self.open().id


class Descriptor:
    """Descriptor of a file, opened when it is needed and closed when others need theirs."""

    def __init__(self, file: RunFile) -> None:
        self._path, self._name, self._identity = file.path, file.name, file.identity
        self._fd, self._users = -1, 0

    def __del__(self) -> None:
        """Close the file."""
        with _pool.lock:
            _pool.opened.pop(id(self), None)
            self.close()

    @contextmanager
    def use(self) -> Iterator[int]:
        """Keep the file open for a while.

        Raises
        ------
        BadInput
            The file cannot be opened or is not the one that was surveyed, or there are no handles.
        """
        with _pool.lock:
            if self._fd < 0:
                self._open()
            self._users += 1
            _pool.touch(self)
        try:
            yield self._fd
        finally:
            with _pool.lock:
                self._users -= 1

    def _open(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if is_exhausted(error):
                raise TooManyFiles from error
            raise BadInput(f"{self._name} cannot be read: {error.strerror}.") from error
        try:
            self._identity.check(self._name, Identity.of(fd))
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Close the file, unless somebody reads."""
        with _pool.lock:
            if self.is_idle:
                _pool.opened.pop(id(self), None)
                self.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody reads."""
        return not self._users

    def close(self) -> None:
        """Close the file until it is needed again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Pool:
    """All descriptors that are open, those used last at the end; ``lock`` guards them and itself."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.opened: OrderedDict[int, weakref.ref[Descriptor]] = OrderedDict()

    def touch(self, used: Descriptor) -> None:
        """Note the use of one, and close the idle ones beyond a quarter of the handles that there are."""
        self.opened[id(used)] = weakref.ref(used)
        self.opened.move_to_end(id(used))
        beyond = len(self.opened) - max(2, _room() // 4)
        for key, reference in list(self.opened.items())[:max(0, beyond)]:
            one = reference()
            if one is not None and one.is_idle:
                one.close()
                self.opened.pop(key, None)


_pool = _Pool()
