"""How far the files are that a job writes while it reads."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from calib_core.jobs.board import LEFT, THERE, WAITING, WRITING, WRITTEN, FileProgress
from calib_core.jobs.plan import Plan


@dataclass
class _File:
    name: str
    due: int
    done: int = 0
    state: str = WAITING


class FileStates:
    """Counts the frames of each file of a job that are done; threads may tell at once.

    Parameters
    ----------
    plan : Plan
        Of a correction.
    """

    def __init__(self, plan: Plan) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, _File] = {}
        for frames in plan.frames.values():
            for sequence in frames.sequences:
                path = frames.file_of(sequence).path
                one = self._files.setdefault(path, _File(path.name.replace("RAW-", "CORR-", 1), 0))
                one.due += frames.number_of(sequence)

    def begin(self, raw: Path, name: str, there: bool) -> None:
        """A file of this name is begun for a raw file, or is there already."""
        with self._lock:
            one = self._files[raw]
            one.name, one.state = name, THERE if there else WRITING

    def add(self, raw: Path, frames: int) -> None:
        """Frames of a file are done."""
        with self._lock:
            self._files[raw].done += frames

    def written(self, name: str) -> None:
        """A file has appeared."""
        with self._lock:
            for one in self._files.values():
                if one.name == name:
                    one.state = WRITTEN

    def close(self) -> None:
        """Nothing more is written."""
        with self._lock:
            for one in self._files.values():
                if one.state in (WAITING, WRITING):
                    one.state = LEFT

    @property
    def all(self) -> tuple[FileProgress, ...]:
        """All files in the order of their names."""
        with self._lock:
            whole = (WRITTEN, THERE)
            found = [FileProgress(one.name, 1.0 if one.state in whole else one.done / max(1, one.due), one.state, raw)
                     for raw, one in self._files.items()]
        return tuple(sorted(found, key=lambda one: one.name))
