"""Corrected files that several modules write to, since their raw data are in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from calib_core.errors import OutputFailed
from calib_core.store.corrected import CorrectedFile

#: Makes a file, or None where it is there already.
Make = Callable[[], CorrectedFile | None]


@dataclass
class _Shared:
    """A file that modules are at: which of its sources are not whole, how many write, whether one of them failed."""

    file: CorrectedFile | None
    waiting: set[str]
    writing: int = 0
    broken: bool = False


class SharedFiles:
    """Keeps files open until all modules of each have written their frames; may be used from several threads."""

    def __init__(self) -> None:
        self._lock, self._files = Lock(), dict[Path, _Shared]()

    def join(self, path: Path, sources: Sequence[str], make: Make) -> CorrectedFile | None:
        """Begin to write to a file.

        Parameters
        ----------
        path : Path
        sources : sequence of str
            Names of all its sources.
        make : callable
            Makes it, when the first module comes.

        Returns
        -------
        CorrectedFile or None
            None where it is there already; then nobody leaves it.

        Raises
        ------
        OutputFailed
            It cannot be made, or another of its modules failed.
        """
        with self._lock:
            if path not in self._files:
                self._files[path] = _Shared(make(), set(sources))
            one = self._files[path]
            if one.broken:
                raise _lost(path)
            one.writing += 1
            return one.file

    def leave(self, path: Path, source: str, whole: bool) -> Path | None:
        """End to write to a file, which appears with the last of its sources.

        Parameters
        ----------
        path : Path
        source : str
        whole : bool
            Whether all frames of the source are there; if not, nothing will be left of the file.

        Returns
        -------
        Path or None
            The file, if it has appeared.

        Raises
        ------
        OutputFailed
            It cannot be finished, or another of its modules failed.
        """
        with self._lock:
            one = self._files[path]
            assert one.file is not None
            one.writing -= 1
            one.broken |= not whole
            one.waiting.discard(source)
            if one.broken and not one.writing:
                one.file.abandon()
            if one.broken and whole:
                raise _lost(path)
            if one.broken or one.waiting:
                return None
            one.broken = True  # unless it appears now
        found = one.file.commit()  # takes long, and others have files of their own
        one.broken = False
        return found

    def close(self) -> list[Path]:
        """Leave nothing of files that modules are missing of, once nobody writes any more.

        Returns
        -------
        list of Path
            Files that do not appear though some of their modules were whole.
        """
        with self._lock:
            left = {path: one for path, one in self._files.items()
                    if one.file is not None and one.waiting and not one.broken}
            for one in left.values():
                one.broken = True
                if one.file is not None:
                    one.file.abandon()
            return sorted(left)


def _lost(path: Path) -> OutputFailed:
    return OutputFailed(f"{path} is not written, since another module failed whose frames it would have too.")
