"""Watching a folder of runs: which sets of them can be characterised by now, and what every other run waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calib_core.errors import BadInput, CalibrationError
from calib_core.io.locate import label
from calib_core.io.recorded import Recorded, recorded
from calib_core.jobs.condition_of_runs import check_same_condition
from calib_core.jobs.survey import Survey, survey
from calib_core.jobs.watch_record import (
    UsedRun,
    UsedSet,
    WatchRecord,
    place_of,
    put_record,
    read_record,
    watched_alone,
)
from calib_core.jobs.watched_runs import WAITS, Closed, WatchedRuns, by_itself, range_text
from calib_core.jobs.watched_sets import grouped

#: How long after their set ended runs are looked at for more files.
_GROWING = timedelta(days=1)


@dataclass(frozen=True)
class Watched:
    """What is watched, and for what.

    Attributes
    ----------
    folder : Path
        With the runs, or with a folder ``raw`` of them.
    out_folder : Path
        Where constants and the record go.
    settle : float
        Seconds without a change of any file after which a run counts as closed.
    within : timedelta
        Runs of a set begin within it.
    since : datetime, optional
        Sets whose last run was closed before are not started. None takes what the record has, else the time at which
        the folder is watched for the first time.
    once : bool
        Whether it is looked at once: without ``since`` every set is started that was not, however old.
    detectors : tuple of str
        Identifiers; empty takes all.
    """

    folder: Path
    out_folder: Path
    settle: float = 60.0
    within: timedelta = timedelta(hours=2)
    since: datetime | None = None
    once: bool = False
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ready:
    """A set of runs to be characterised, and their files as they were when they were looked at."""

    survey: Survey
    runs: tuple[Recorded, ...]

    @property
    def detector(self) -> str:
        """Identifier."""
        return self.survey.detector.identifier if self.survey.detector else ""

    @property
    def words(self) -> str:
        """Such as ``p900450 r1-3``."""
        return range_text([run.path for run in self.runs])


@dataclass(frozen=True)
class Look:
    """What a look at the folder found.

    Attributes
    ----------
    ready : tuple of Ready
    told : mapping of str to str
        By run, and by run and detector, why something is not started, and what is waited for.
    """

    ready: tuple[Ready, ...]
    told: Mapping[str, str]

    @property
    def waiting(self) -> str:
        """The newest of what is waited for, as one line."""
        waits = [f"{who} {why}" for who, why in self.told.items() if why.startswith(WAITS)]
        return waits[-1] if waits else f"{WAITS} for the next run"


class Watch:
    """Looks at a folder again and again; to be used by one thread at a time, and closed.

    Raises
    ------
    BadInput
        There is no such folder, another program watches it, or its record cannot be read.
    OutputFailed
        The record cannot be written.
    """

    def __init__(self, watched: Watched) -> None:
        if not watched.folder.is_dir():
            raise BadInput(f"{watched.folder} is no folder; name one with runs r0001, r0002, … in it.")
        self.watched, self.place = watched, place_of(watched.folder, watched.out_folder)
        self._runs = WatchedRuns(watched.folder, watched.settle, watched.once)
        self._begun: list[tuple[str, Path]] = []
        self._since: datetime | None = None
        self._surveys: dict[tuple[str, tuple[Recorded, ...]], Survey | str] = {}
        with ExitStack() as stack:
            stack.enter_context(watched_alone(self.place, watched.folder))
            self.record = self._known_before()
            self._held = stack.pop_all()

    def _known_before(self) -> WatchRecord:
        """What was done, and from when on it is watched, which one look alone leaves as it was."""
        known, since = read_record(self.place), self.watched.since
        before = known.since if known else None
        if not self.watched.once:
            since = before = since or before or datetime.now(UTC)
        self._since = since
        record = WatchRecord(folder=self.watched.folder, since=before, sets=known.sets if known else ())
        put_record(self.place, record)
        return record

    @property
    def since(self) -> float:
        """Begin of what is started, seconds since 1970; 0 where everything is."""
        return self._since.timestamp() if self._since is not None else 0.0

    def close(self) -> None:
        """Let others watch the folder."""
        self._held.close()

    def look(self) -> Look:
        """Look at all runs that may matter; reads names, sizes and times, and a few frames of runs that are closed.

        A folder that cannot be read now, as of a server that is away, is waited for.
        """
        told: dict[str, str] = {}
        try:
            closed = list(self._runs.look(self.since - self.watched.within.total_seconds(), told))
        except BadInput as error:
            return Look((), {self.watched.folder.name: f"{WAITS} until it can be read: {error}"})
        wanted = self.watched.detectors
        names = sorted({name for one in closed for name in one.against if not wanted or name in wanted})
        ready = [made for name in names for made in self._sets(name, closed, told)]
        told.update(self._changed())
        return Look(tuple(ready), told)

    def begin(self, ready: Ready) -> None:
        """Take a set as started: it is not found again, unless this program ends before the set does."""
        self._begun += [(ready.detector, run.path) for run in ready.runs]

    def end(self, ready: Ready, state: str, line: str) -> None:
        """Keep that the job of a set has ended.

        Parameters
        ----------
        ready : Ready
        state : str
            Of the job.
        line : str
            For the log book.

        Raises
        ------
        OutputFailed
            The record cannot be written.
        """
        runs = tuple(UsedRun.of(run) for run in ready.runs)
        used = UsedSet(detector=ready.detector, runs=runs, ended=datetime.now(UTC), state=state, line=line)
        self.record = self.record.model_copy(update={"sets": (*self.record.sets, used)})
        put_record(self.place, self.record)

    def _changed(self) -> Iterator[tuple[str, str]]:
        """Runs that were used and have other files since, with the numbers of both."""
        for one in (one for one in self.record.sets if datetime.now(UTC) - one.ended < _GROWING):
            for run in one.runs:
                with suppress(BadInput):  # it was taken away, which changes no result
                    now = recorded(run.path)
                    if UsedRun.of(now) != run:
                        yield f"{label(run.path)} {one.detector}", (
                            f"has changed since it was used: {run.words} then, {now.words} now; nothing is started "
                            "again, do it by hand if it shall be")

    # -- sets

    def _sets(self, name: str, closed: Sequence[Closed], told: dict[str, str]) -> Iterator[Ready]:
        """Sets of a detector that may start; all else is told."""
        mine = {one.path: one for one in closed if name in one.against}
        used = {run.path for one in self.record.sets if one.detector == name for run in one.runs}
        used |= {path for detector, path in self._begun if detector == name}
        free = [one for one in mine.values() if one.path not in used]
        told.update((f"{label(one.path)} {name}", one.against[name]) for one in free if one.against[name])
        found = grouped([path for path, one in mine.items() if path in used or not one.against[name]], used,
                        lambda paths: self._together(name, [mine[path] for path in paths]))
        told.update((f"{label(path)} {name}", why) for path, why in found.told.items())
        for made in found.ready:
            ready = Ready(made, tuple(mine[run.path].files for run in made.runs))
            if max(run.newest for run in ready.runs) < self.since:
                told[f"{ready.words} {name}"] = "make a set from before the watch began"
            else:
                yield ready

    def _together(self, name: str, runs: Sequence[Closed]) -> Survey | str:
        """Survey of runs of a detector as one set, or why they are none; made once."""
        key = name, tuple(one.files for one in runs)
        if key not in self._surveys:
            self._surveys[key] = self._apart(runs) or _surveyed(name, runs)
        return self._surveys[key]

    def _apart(self, runs: Sequence[Closed]) -> str:
        """Sentence on runs that begin too far apart; empty where they do not."""
        starts = [one.start for one in runs if one.start is not None]
        apart, most = max(starts, default=None), self.watched.within
        if apart is None or apart - min(starts) <= most:
            return ""
        hours, limit = (span / timedelta(hours=1) for span in (apart - min(starts), most))
        return (f"{label(runs[0].path)} and {label(runs[-1].path)} begin {hours:.1f} h apart, and runs of a set at "
                f"most {limit:g} h")


def _surveyed(name: str, runs: Sequence[Closed]) -> Survey | str:
    kind = next(one.type for one in runs[0].detectors if one.identifier == name)
    task = by_itself(kind)
    assert task is not None
    try:
        found = survey([one.path for one in runs], task[0].name, name, task[1].command)
        check_same_condition(found)
    except CalibrationError as error:
        return str(error)
    return found
