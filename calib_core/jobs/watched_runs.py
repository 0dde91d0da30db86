"""Runs of a watched folder: which of them are closed, and what each of those is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from calib_core.characterisation.family import Family, characterisations
from calib_core.characterisation.method import Method
from calib_core.detector import Detector, DetectorType, FrameSelection
from calib_core.errors import BadInput, CalibrationError, StillWritten
from calib_core.io.locate import holds_run, label
from calib_core.io.recorded import Recorded, recorded, uneven
from calib_core.io.run import Run
from calib_core.ranges import format_numbers

#: Frames of one memory cell that tell whether a run may be what it is to be taken for.
_FRAMES = 48
#: Runs whose last change is so many times the wait ago are closed, whoever looks for the first time.
_LONG = 10
#: Seconds without a change after which nobody looks at the files of a run any more.
_SETTLED = timedelta(days=1).total_seconds()
_FOLDER = re.compile(r"r\d{4}", re.ASCII)
#: Begins what is told of a run that may still become part of a set.
WAITS = "waits"


@dataclass(frozen=True)
class Closed:
    """A closed run: its detectors, and by their identifiers why it is nothing for them; empty where it may be."""

    files: Recorded
    detectors: tuple[Detector, ...] = ()
    against: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    error: str = ""

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return self.files.path


class WatchedRuns:
    """Looks at the runs of a folder again and again; opens only those that nobody writes any more, each once.

    Parameters
    ----------
    folder : Path
        With the runs, or with a folder ``raw`` of them.
    settle : float
        Seconds without a change after which a run is closed.
    once : bool
        Whether times of files alone tell it, since nobody looks a second time.
    """

    def __init__(self, folder: Path, settle: float, once: bool) -> None:
        self._folder, self._settle, self._once = folder, settle, once
        self._seen: dict[Path, tuple[Recorded, float]] = {}
        self._known: dict[Recorded, Closed] = {}
        self._settled: dict[Path, Recorded] = {}

    def look(self, least: float, told: dict[str, str]) -> Iterator[Closed]:
        """Closed runs that can be understood, by name.

        Parameters
        ----------
        least : float
            Runs that were closed before, seconds since 1970, are old: they are not opened.
        told : dict
            Gets, by run, what else there is to say.

        Raises
        ------
        BadInput
            The folder cannot be read.
        """
        old: list[Path] = []
        for path in self._paths():
            try:
                found = self._settled.get(path) or recorded(path)
            except BadInput as error:
                told[label(path)] = str(error)
                continue
            if found.files and time.time() - found.newest > _SETTLED:
                self._settled[path] = found
            if found.files and found.newest < least:
                old.append(path)
            elif why := self._why_open(found):
                told[label(path)] = f"{WAITS} {why}"
            else:
                yield from self._told_or_closed(found, told)
        if old:
            told[range_text(old)] = f"{'is' if len(old) == 1 else 'are'} from before the watch began"

    def _told_or_closed(self, found: Recorded, told: dict[str, str]) -> Iterator[Closed]:
        closed = self._look_into(found)
        if closed.error:
            told[label(found.path)] = closed.error
        else:
            yield closed

    def _paths(self) -> list[Path]:
        """Folders of runs by name."""
        place = self._folder / "raw" if (self._folder / "raw").is_dir() else self._folder
        try:
            return sorted(path for path in place.iterdir() if _FOLDER.fullmatch(path.name) or (
                not path.name.startswith(".") and path.is_dir() and holds_run(path)))
        except OSError as error:
            raise BadInput(f"{place} cannot be read: {error.strerror}.") from error

    def _why_open(self, found: Recorded) -> str:
        """What a run waits for that may still be written; empty where it is closed."""
        if not found.files:
            return "for its first file"
        now = time.monotonic()
        before, since = self._seen.get(found.path, (None, now))
        if before != found:
            since = now
            self._seen[found.path] = found, now
        quiet = time.time() - found.newest
        if quiet >= _LONG * self._settle:
            return ""
        if not self._once:  # the clock of the files may be ahead or behind: what was seen here counts as well
            quiet = now - since if quiet < 0 else min(quiet, now - since)
        return "" if quiet >= self._settle else (
            f"until none of its files has changed for {self._settle:g} s ({max(0.0, quiet):.0f} s by now)")

    def _look_into(self, found: Recorded) -> Closed:
        """What a run is; looked at once, as long as its files stay as they are and none of them is locked."""
        if found not in self._known:
            try:
                self._known[found] = _closed(found)
            except StillWritten as error:
                return Closed(found, error=f"{WAITS} until nobody writes it: {error}")
            except CalibrationError as error:
                self._known[found] = Closed(found, error=f"cannot be characterised: {error}")
        return self._known[found]


def by_itself(kind: DetectorType) -> tuple[Family, Method] | None:
    """The first characterisation of a detector type that may begin without an operator; None without one.

    Parameters
    ----------
    kind : DetectorType
    """
    return next((one for one in characterisations(kind) if one[1].by_itself), None)


def range_text(paths: Sequence[Path]) -> str:
    """Runs in short, such as ``p900450 r1-3``.

    Parameters
    ----------
    paths : sequence of Path
        At least one.
    """
    if not all(_FOLDER.fullmatch(path.name) for path in paths):
        return ", ".join(map(label, paths))
    proposal = label(paths[0]).rpartition(" ")[0]
    return f"{proposal} r{format_numbers(int(path.name[1:]) for path in paths)}".strip()


def _closed(found: Recorded) -> Closed:
    with Run.open(found.path) as run:
        if run.being_written:
            raise StillWritten(run.being_written)
        if not run.detectors:
            return Closed(found, error="has no detector that is known")
        against = {one.identifier: _against(run, one) for one in run.detectors}
        return Closed(found, run.detectors, against, run.start_time)


def _against(run: Run, detector: Detector) -> str:
    """Why a run is nothing for a detector; empty where it may be one of a set."""
    task = by_itself(detector.type)
    if task is None:
        return "has nothing that is started by itself"
    if why := uneven(run, detector):
        return f"{WAITS} for files: {why}"
    for module in detector.modules:
        with suppress(BadInput):  # the job tells of modules that it leaves out
            frames = run.frames(detector, module, FrameSelection())
            some = frames.some(_FRAMES, frames.cells[:1])
            why = task[1].why_not(some.adc, some.gain)
            return f"is not taken for {task[1].title.lower()}: {why} (module {module.number})" if why else ""
    return "has no frames that can be read"
