"""Files that appear together or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from calib_core.store.files import appear


class Withheld:
    """Files whose content is on the disk under temporary names, until all of them appear at once.

    What :func:`~calib_core.store.files.sweep` finds of them after a crash is temporary files.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Path, Path] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def hold(self, temporary: Path, path: Path) -> None:
        """Take a file that is on the disk under a temporary name, and give it its name with the others."""
        with self._lock:
            self._waiting[path] = temporary

    def touch(self) -> None:
        """Say that somebody still waits for these files, so that nobody takes them for left over."""
        with self._lock:
            for temporary in self._waiting.values():
                with suppress(OSError):  # one that is gone is told when it should appear
                    os.utime(temporary)

    def release(self) -> None:
        """Give all files their names.

        Raises
        ------
        OutputFailed
            One of them cannot appear; then none of them is there.
        """
        waiting, self._waiting = self._waiting, {}
        shown: list[Path] = []
        try:
            for path, temporary in waiting.items():
                appear(temporary, path)
                shown.append(path)
        except BaseException:
            _remove({path: path for path in shown})
            _remove(waiting)
            raise

    def drop(self) -> None:
        """Remove all files that have not appeared."""
        waiting, self._waiting = self._waiting, {}
        _remove(waiting)


def _remove(files: Mapping[Path, Path]) -> None:
    for path in files.values():
        path.unlink(missing_ok=True)
