"""Which runs of a scan charge which lines of pixels, as a table to look at before the scan is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation import by_pattern
from calib_core.characterisation.inputs import Arranged
from calib_core.characterisation.method import Method
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.detector import DetectorType
from calib_core.detector.injection import Injection


@dataclass(frozen=True)
class ChargedLines:
    """One run of a scan.

    Attributes
    ----------
    label : str
    lines : tuple of int
        Lines of pixels that change in its frames, ascending.
    pattern : int
        What it is taken for.
    scan : int
        Which scan it is of, where there are several, from 0.
    moved : bool
        Whether its place is another than the one that it was given at.
    by_job : bool
        Whether a job has seen so in all of its trains; else a few frames show it.
    """

    label: str
    lines: tuple[int, ...]
    pattern: int
    scan: int
    moved: bool
    by_job: bool = False


@dataclass(frozen=True)
class Charges:
    """All runs of one or several scans of a source.

    Attributes
    ----------
    runs : tuple of ChargedLines
    noun : str
        What lines are called, such as “columns”.
    number : int
        Lines that a module has.
    """

    runs: tuple[ChargedLines, ...]
    noun: str
    number: int

    @property
    def table(self) -> Array:
        """Whether each run charges each line, (run, line) bool."""
        found = np.zeros((len(self.runs), self.number), bool)
        for row, run in zip(found, self.runs, strict=True):
            row[list(run.lines)] = True
        return found

    @property
    def scans(self) -> tuple[int, ...]:
        """Numbers of the scans, from 0."""
        return tuple(sorted({run.scan for run in self.runs}))

    @property
    def is_whole(self) -> bool:
        """Whether each line is charged in exactly one run of each scan."""
        return all((self.times(scan) == 1).all() for scan in self.scans)

    @property
    def read(self) -> int:
        """How many of the runs a job has read."""
        return sum(run.by_job for run in self.runs)

    def times(self, scan: int) -> Array:
        """In how many runs of a scan each line is charged, (line,) int64.

        Parameters
        ----------
        scan : int
        """
        own = [run.scan == scan for run in self.runs]
        return np.asarray(self.table[own].sum(axis=0))

    def sentences(self) -> tuple[str, ...]:
        """How many lines are charged in exactly one run, in none, in several: a sentence for each scan."""
        if len(self.scans) == 1:
            return (self._sentence(self.scans[0]),)
        return tuple(f"Scan {scan + 1}: {self._sentence(scan)}" for scan in self.scans)

    def _sentence(self, scan: int) -> str:
        times = self.times(scan)
        once, never, more = (int(np.count_nonzero(one)) for one in (times == 1, times == 0, times > 1))
        others = [f"{number:,} in {where}" for number, where in ((never, "none"), (more, "several")) if number]
        return ", ".join([f"{once:,} of {self.number:,} {self.noun} charged in exactly one run", *others])


def charges_of(method: Method, kind: DetectorType, arranged: Iterable[Arranged]) -> Charges | None:
    """What runs of a scan charge by their own frames, in the order of ``arranged``.

    Parameters
    ----------
    method : Method
    kind : DetectorType
    arranged : iterable of Arranged
        Those without a run are passed over.

    Returns
    -------
    Charges or None
        None where the method is none of scans, or no run was given.
    """
    runs = [one for one in arranged if one.run is not None and one.run.scan is not None]
    if not isinstance(method, ScanMethod) or not runs:
        return None
    return _charges(method.injection(kind), kind, runs)


def as_read(found: Charges, arranged: Iterable[Arranged], changes: Array) -> Charges:
    """What runs of a scan charge, of those that a job has read by what it saw.

    Parameters
    ----------
    found : Charges
        By a few frames.
    arranged : iterable of Arranged
        The runs of the job.
    changes : ([current,] pattern, line) float32, ADU
        How much lines change; NaN in runs that were not read yet.
    """
    seen = {one.run.label: changes[tuple(one.at[name] for name in ("current", "pattern") if name in one.at)]
            for one in arranged if one.run is not None}
    rows = (replace(row, lines=tuple(by_pattern.changed(seen[row.label]).tolist()), by_job=True)
            if row.label in seen and np.isfinite(seen[row.label]).all() else row for row in found.runs)
    return replace(found, runs=tuple(rows))


def _charges(injection: Injection, kind: DetectorType, runs: Sequence[Arranged]) -> Charges:
    rows = tuple(
        ChargedLines(one.run.label, by_pattern.charged(injection, one.run), one.at["pattern"],
                     one.at.get("current", 0), one.moved)
        for one in runs if one.run is not None)
    return Charges(rows, injection.lines, kind.shape[injection.axis] * injection.halves)
