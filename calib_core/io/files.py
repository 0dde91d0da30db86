"""Opening the files of a run: what is wrong with one becomes a problem with a code, never an exception."""

from __future__ import annotations

import errno
import os
import re
import stat
import warnings
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calib_core.errors import BadInput, NoMemory
from calib_core.io.datasets import UnfitError, check_opening
from calib_core.io.foreign import UntrustedFile, try_run_file
from calib_core.io.handles import Identity, TooManyFiles, is_exhausted, share_out
from calib_core.io.inventory import Problem, Severity
from calib_core.io.libraries import extra_data_errors, file_access, h5py
from calib_core.io.unlocked import access_unlocked, is_being_written
from calib_core.plain_text import shown

_NAME = re.compile(r"(?P<category>[A-Z]+)-R(?P<run>\d{4})-(?P<aggregator>\w+?)(?:-S(?P<sequence>\d{5}))?\.h5")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LOCKED = (errno.EAGAIN, errno.EDEADLK, 524)
#: What HDF5 says where another process locks a file, or writes it for others to read at the same time.
_WRITTEN = ("unable to lock", "already open for write")
#: Everything that HDF5, h5py and EXtra-data raise on a damaged file that could be opened.
HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError,
               MemoryError)


@dataclass(frozen=True)
class RunFile:
    """A usable file of a run; ``category`` is ``RAW`` or ``CORR``, empty where the name does not tell.

    ``identity`` is what it was before it was opened: what is opened later must be the same.
    """

    path: Path
    category: str
    aggregator: str
    sequence: int
    access: file_access.FileAccess
    identity: Identity

    @property
    def name(self) -> str:
        """Name of the file, as it is shown."""
        return shown(self.path.name)

    @property
    def h5(self) -> h5py.File:
        """The open HDF5 file, opened again where it was closed for others; BadInput where it is another one now."""
        try:
            found = self.access.file
        except OSError as error:
            if is_exhausted(error):
                raise TooManyFiles from error
            raise
        self.identity.check(self.name, Identity.of(found.id.get_vfd_handle()))
        return found

    def check_unchanged(self) -> None:
        """Raise StillWritten where the file at this path is another one now; one that is gone was read before."""
        with suppress(OSError):
            self.identity.check(self.name, Identity.of(self.path))

    def close(self) -> None:
        """Let go of the file; EXtra-data must forget it too, or it would hand out the old index of a changed file."""
        self.access.close()
        if file_access.file_access_registry.get(self.access.filename) is self.access:
            del file_access.file_access_registry[self.access.filename]

    def problem(self, severity: Severity, code: str, path: str, detail: str, module: int | None = None) -> Problem:
        """Say that something is wrong with this file.

        Parameters
        ----------
        severity : {"refuse", "exclude", "warn"}
        code : str
            Such as ``R04``; the help has a page for it.
        path : str
            Dataset or group inside the file; empty for the file as a whole.
        detail : str
            Words that continue “<file>, <path>: ”, without full stop.
        module : int, optional
            None where the whole run is concerned.
        """
        return Problem(severity, code, self.name, path, detail, module)


def cause_of(error: BaseException) -> str:
    """Cause of an error in HDF5 for the end of a sentence.

    Parameters
    ----------
    error : BaseException
        Of h5py, the system, or EXtra-data.

    Returns
    -------
    str
        One line of at most 160 characters: the system's words where there are any, else what HDF5 put in brackets;
        never empty.
    """
    said = error.strerror if isinstance(error, OSError) else None
    text = " ".join(str(said or (error.args[0] if len(error.args) == 1 else error)).split())
    inner = None if said or isinstance(error, UnfitError) else re.search(r"\((.*)\)", text)
    return (inner[1] if inner else text)[:160] or type(error).__name__


def open_run_files(
    folder: Path, names: Collection[str] = ()
) -> tuple[tuple[RunFile, ...], tuple[Problem, ...]]:
    """Open the HDF5 files of a run folder.

    Parameters
    ----------
    folder : Path
    names : collection of str
        Of the files that are opened; all unless given.

    Returns
    -------
    files : tuple of RunFile
        Those that can be used, by aggregator and sequence.
    problems : tuple of Problem
        One for each file that cannot.

    Raises
    ------
    BadInput
        The folder itself cannot be read, or there are no handles for its files.
    """
    share_out()
    opened = [open_file(path) for path in _candidates(folder) if not names or path.name in names]
    files = sorted((f for f in opened if isinstance(f, RunFile)), key=lambda f: (f.aggregator, f.sequence, f.name))
    return tuple(files), tuple(p for p in opened if isinstance(p, Problem))


def _candidates(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise BadInput(f"Run folder {folder} cannot be read: {error.strerror}.") from error
    return [folder / n for n in names if n.endswith(".h5") and not n.lower().endswith("overview.h5")]


def open_file(path: Path) -> RunFile | Problem:
    """Open one file, or say in a problem why it cannot be used.

    Parameters
    ----------
    path : Path
        Looked at before HDF5 gets it: pipes and devices would block, and empty files make unclear errors.

    Returns
    -------
    RunFile or Problem
        Problems exclude the file: R01 damaged, R02 empty or no HDF5, R03 no complete raw file, R23 still being
        written, R24 not reachable, R25 no regular file or a broken link, R26 no permission.

    Raises
    ------
    TooManyFiles, NoMemory
        The system has no handle or no memory for it, which says nothing of the file.
    """
    code, reason = _unsuitable(path)
    if code:
        return Problem("exclude", code, shown(path.name), "", reason)
    try:
        identity = Identity.of(path)
        try_run_file(path)
        check_opening(path)
        access = _access(path)
    except UntrustedFile as error:
        return Problem("exclude", "R24" if error.unreachable else "R01", shown(path.name), "", _untrusted(error))
    except UnfitError as unfit:
        return Problem("exclude", unfit.code, shown(path.name), unfit.path, unfit.detail)
    except extra_data_errors.FileStructureError as error:
        return Problem("exclude", "R03", shown(path.name), "", f"this is no complete raw file: {error}")
    except OSError as error:
        if is_exhausted(error):
            raise TooManyFiles from error
        if NoMemory.is_cause(error):
            raise NoMemory from error
        return Problem("exclude", *_open_failure(path, error))
    except HDF5_ERRORS as error:
        if NoMemory.is_cause(error):
            raise NoMemory from error
        detail = f"METADATA or INDEX cannot be read: {cause_of(error)}"
        return Problem("exclude", "R03", shown(path.name), "", detail)
    return _described(path, access, identity)


def _access(path: Path) -> file_access.FileAccess:
    with warnings.catch_warnings():
        # What EXtra-data warns of in version 1.1, other flags of trains, is heeded where they are read.
        warnings.filterwarnings("ignore", "Train validation is not fully supported", UserWarning)
        access = access_unlocked(path)
    # EXtra-data loses count of a file that it opens while it has as many open as it may; known ones it counts.
    file_access.open_files_limiter.touch(access.filename)
    return access


def _described(path: Path, access: file_access.FileAccess, identity: Identity) -> RunFile:
    match = _NAME.fullmatch(path.name)
    named: dict[str, Any] = match.groupdict() if match else {}
    return RunFile(path, named.get("category") or "", named.get("aggregator") or path.stem,
                   int(named.get("sequence") or 0), access, identity)


def _unsuitable(path: Path) -> tuple[str, str]:
    """Code and reason why a file must not even be given to HDF5; empty where it may."""
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            return "R25", "this is not a regular file"
        if info.st_size == 0:
            return "R02", "the file is empty (0 bytes)"
        return _unsuitable_content(path)
    except PermissionError:
        return "R26", "there is no permission to read this file"
    except OSError as error:
        if is_exhausted(error):
            raise TooManyFiles from error
        code = "R25" if path.is_symlink() else "R24"
        return code, f"the file cannot be reached: {error.strerror}"


def _unsuitable_content(path: Path) -> tuple[str, str]:
    with open(path, "rb") as file:
        if is_being_written(file):
            return "R23", "the file is still being written: another process has locked it"
        start = file.read(1 << 13)
    known = any(start[at:at + 8] == _SIGNATURE for at in (0, 512, 1024, 2048, 4096))
    return ("", "") if known else ("R02", "this is not an HDF5 file")


def _untrusted(error: UntrustedFile) -> str:
    return cause_of(error) if error.unreachable else f"the file is damaged: {cause_of(error)}"


def _open_failure(path: Path, error: OSError) -> tuple[str, str, str, str]:
    name, cause = shown(path.name), cause_of(error)
    if error.errno in _LOCKED or any(words in str(error) for words in _WRITTEN):
        return "R23", name, "", f"the file is still being written or locked: {cause}"
    return "R01", name, "", f"the file is damaged: {cause}"

