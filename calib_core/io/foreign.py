"""The door for foreign HDF5 files: a child opens them first, because a damaged file can hang or crash HDF5.

HDF5 holds Python's interpreter lock while it opens files and reads text: a file that sends it into an endless loop
would hang the whole program, window included. The child (:mod:`calib_core.io.taster`) is kept for the life of the
process, and replaced when a file ended it. What it lived through is remembered as long as the file does not change.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from calib_core.errors import Cancelled
from calib_core.io.handles import TooManyFiles, is_exhausted
from calib_core.io.libraries import h5py
from calib_core.io.unlocked import open_unlocked

#: Whole seconds that a file has to open, unless the environment says otherwise.
SECONDS = 15
#: Environment variable with another number of seconds.
SECONDS_VARIABLE = "CALIBWB_FILE_TIMEOUT"
#: All that opening a raw file reads.
_OPENING = ("METADATA/", "INDEX/trainId", "INDEX/flag", "INDEX/timestamp")
_WHOLE = ("/",)
#: Time for the child itself to start, seconds.
_START_SECONDS = 60
_REMEMBERED = 200_000
_ENDLESS = "HDF5 does not come to an end with it"

_Key = tuple[int, int, int, int, int]


class UntrustedFile(OSError):
    """A file that ended the child or that did not answer (``unreachable``): nobody may read it in this process."""

    def __init__(self, reason: str, unreachable: bool = False) -> None:
        super().__init__(errno.EIO, reason)
        self.unreachable = unreachable


class _ChildDied(Exception):
    """The child ended without an answer; how it did."""


class _Child:
    """A process that reads files, started when it is first needed."""

    def __init__(self) -> None:
        specs = filter(None, map(find_spec, ("h5py", "numpy")))
        folders = sorted({str(Path(str(spec.origin)).parents[1]) for spec in specs})
        script = Path(__file__).with_name("taster.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), *folders], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="ascii", bufsize=1, start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
        self.owner = os.getpid()
        self._wait(_START_SECONDS)

    @property
    def busy_seconds(self) -> float:
        """Processor time that it has taken; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, request: dict[str, object], seconds: float) -> str:
        """Answer to a request; TimeoutError, or _ChildDied, where there is none."""
        _pipe(self._process.stdin).write(json.dumps(request) + "\n")
        return self._wait(seconds)

    def _wait(self, seconds: float) -> str:
        answers, end = _pipe(self._process.stdout), time.monotonic() + seconds
        ready = select.poll()
        ready.register(answers, select.POLLIN)
        while not ready.poll(max(0.0, end - time.monotonic()) * 1000):
            if time.monotonic() >= end:
                raise TimeoutError
        line = answers.readline()
        if not line:
            raise _ChildDied(_manner(self._process.wait()))
        return str(json.loads(line))

    def kill(self) -> None:
        """End it, whatever it does; who waits for its answer learns of that."""
        if self.owner == os.getpid():
            self._process.kill()

    def close(self) -> None:
        """End it and let go of it."""
        self.kill()
        if self.owner == os.getpid():
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _pipe(pipe).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _manner(status: int) -> str:
    """How a child ended, for the end of a sentence on the file that it read."""
    if status == -signal.SIGXCPU:
        return _ENDLESS
    if status < 0:
        return f"HDF5 crashes on it ({signal.strsignal(-status)})"
    return f"HDF5 ends on it (exit status {status})"


class _Taster:
    """Lets the child try files, one after the other, and remembers what came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._known: dict[tuple[_Key, str], str] = {}
        self._ended = False

    def try_names(self, path: Path, names: tuple[str, ...], sources: bool = False) -> None:
        """Raise UntrustedFile where the child did not live through names of a file; OSError where there is none."""
        key = _key(path)
        with self._lock:
            new = [name for name in names if (key, name) not in self._known]
            if new:
                said = self._asked(path, new, sources)
                if len(self._known) > _REMEMBERED:
                    self._known.clear()
                self._known.update({(key, name): said for name in new})
            reasons = [said for name in names if (said := self._known.get((key, name), ""))]
        if reasons:
            raise UntrustedFile(reasons[0])

    def end(self) -> None:
        """End the child, and let nobody wait for another."""
        self._ended, child = True, self._child
        if child is not None:
            child.kill()
            if self._lock.acquire(blocking=False):  # else who waits for it lets go of it
                self._let_go(child)
                self._lock.release()

    def go_on(self) -> None:
        """Let children be started again."""
        self._ended = False

    def _asked(self, path: Path, names: list[str], sources: bool) -> str:
        limit, child = seconds(), self._running()
        request = {"path": str(path.absolute()), "names": names, "sources": sources, "seconds": max(1, limit // 3)}
        before = child.busy_seconds
        try:
            return child.ask(request, limit)
        except (_ChildDied, BrokenPipeError) as error:
            self._let_go(child)
            self._check_going_on()
            return str(error) or "HDF5 ends on it"
        except TimeoutError as error:
            busy = child.busy_seconds - before > 0.1 * limit
            self._let_go(child)
            if busy:
                return _ENDLESS
            raise UntrustedFile(f"there was no answer within {limit} s; it may be on a disk or tape that does not "
                                f"answer (more time: {SECONDS_VARIABLE})", unreachable=True) from error
        except BaseException:
            self._let_go(child)
            raise

    def _check_going_on(self) -> None:
        if self._ended:
            raise Cancelled("The program ends.")

    def _running(self) -> _Child:
        self._check_going_on()
        if self._child is None or self._child.owner != os.getpid():
            self._child = _started()
        return self._child

    def _let_go(self, child: _Child) -> None:
        self._child = None
        child.close()


def _started() -> _Child:
    try:
        return _Child()
    except (OSError, _ChildDied) as error:  # also a TimeoutError
        if is_exhausted(error):
            raise TooManyFiles from error
        raise UntrustedFile(f"it cannot be checked, because a process for that cannot be started: {error}") from error


def seconds() -> int:
    """Whole seconds that a file has to open; the environment's where it says a number from 1 on."""
    said = os.environ.get(SECONDS_VARIABLE, "")
    return max(1, int(said)) if said.isascii() and said.isdigit() else SECONDS


def _key(path: Path) -> _Key:
    """What tells a file and its content from others."""
    info = os.stat(path)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file")
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


_taster = _Taster()
atexit.register(_taster.end)


def end_trying() -> None:
    """End the child for good: a program that ends does not wait for files; who does wait gets Cancelled."""
    _taster.end()


@contextmanager
def nobody_waits() -> Iterator[None]:
    """While something is brought to its end, nobody waits for files: who does gets Cancelled; afterwards all may."""
    _taster.end()
    try:
        yield
    finally:
        _taster.go_on()


def try_run_file(path: Path) -> None:
    """Let the child open a raw file as EXtra-data does.

    Raises
    ------
    UntrustedFile
        It must not be opened here; the reason ends a sentence.
    OSError
        It cannot be reached, or is no regular file.
    """
    _taster.try_names(path, _OPENING, sources=True)


def try_object(path: Path, name: str) -> None:
    """Let the child read what a dataset of a raw file tells of itself, and its text; raises as `try_run_file`."""
    _taster.try_names(path, (name,))


def open_hdf5(path: Path) -> h5py.File:
    """Open a small foreign HDF5 file for reading, after the child went through all of it; raises as `try_run_file`.

    Parameters
    ----------
    path : Path
        Such as that of a constant: all that it tells of itself is read, but no numbers.
    """
    _taster.try_names(path, _WHOLE)
    return open_unlocked(path)
