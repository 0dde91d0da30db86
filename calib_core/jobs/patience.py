"""Runs that are still being written: a job looks again a few times before it refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from calib_core.errors import StillWritten
from calib_core.io.run import Run

Found = TypeVar("Found")

#: Seconds after which runs are looked at again.
PAUSES = (1, 2, 4, 8)

#: Called with seconds to wait and why; raises Cancelled where nobody wants to wait any more.
Wait = Callable[[int, str], None]


def patiently(look: Callable[[], Found], wait: Wait | None) -> Found:
    """Do something with runs, again after a pause where one is still being written.

    Parameters
    ----------
    look : callable
    wait : callable, optional
        None does it once.

    Raises
    ------
    StillWritten
        One is still being written after the last pause.
    """
    for seconds in PAUSES if wait is not None else ():
        try:
            return look()
        except StillWritten as error:
            if wait is not None:
                wait(seconds, str(error))
    return look()


def open_runs(paths: Iterable[Path], opened: dict[Path, Run], partial: bool) -> None:
    """Open runs into a mapping, each once.

    Parameters
    ----------
    paths : iterable of Path
    opened : dict
        Gets the runs one by one, so that whoever called can close them.
    partial : bool
        Whether a run may be used without those of its files that are still being written.

    Raises
    ------
    StillWritten
        A file of a run is still being written and ``partial`` is not set.
    """
    for path in paths:
        if path not in opened:
            opened[path] = run = Run.open(path)
            if run.being_written and not partial:
                raise StillWritten(f"Run {run.label} is still being written: {run.being_written}; wait until it is "
                                   "complete, or use the rest of it with --partial.")


def check_unchanged(runs: Mapping[Path, Run]) -> None:
    """Raise StillWritten where a file of a run was changed since it was opened."""
    for run in runs.values():
        for file in run.files:
            file.check_unchanged()
