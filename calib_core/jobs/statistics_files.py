"""Files of a job that makes statistics of constants: numbers as HDF5, lines and changes as tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.characterisation.change_checks import judged_lines
from calib_core.characterisation.outputs import StatisticsOutput
from calib_core.constants.history import Judged
from calib_core.constants.statistics import Line, VersionStatistics, together
from calib_core.jobs.board import Written
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.numerics.group_statistics import ALL, GOOD
from calib_core.store.statistics import write_statistics
from calib_core.store.table import Cell, Column, write_csv

#: Names of the files.
STATISTICS, LINES, CHANGES = "statistics.h5", "statistics_lines.csv", "statistics_changes.csv"
_OF = ("calibration", "module", "unit of hardware", "condition", "entry")
_LINES = (*map(Column, (*_OF, "begin")), *(Column(f"{name} of {some}") for some in ("all", "good")
                                           for name in ("mean", "std", "median", "n")),
          Column("flagged"), Column("values"), Column("unit"), Column("line"), Column("score"), Column("reference"),
          Column("bad-pixel map"), Column("file"))
_CHANGES = (*map(Column, (*_OF, "kind", "level", "since", "seen", "until", "score")), Column("size"), Column("unit"),
            Column("size", "σ"))
_ABOUT_LINES = """Statistics of constants over time, one row for each version and entry.
line: what is judged, the median of good values, or of flags the logit of their share; score: S of docs/changes.md"""
_ABOUT_CHANGES = """Changes of constants over time; only a step has a begin (since)."""


def write_statistics_files(
    plan: Plan, output: StatisticsOutput, results: Mapping[int | None, Results]
) -> list[Written]:
    """Write the statistics of all modules.

    Parameters
    ----------
    plan : Plan
    output : StatisticsOutput
    results : mapping
        By module.

    Raises
    ------
    OutputFailed
        A file cannot be written.
    """
    versions = [one for module, found in results.items() if module is not None
                for one in output.versions(plan.context, module, found.values)]
    folder, lines = plan.spec.out_folder, judged_lines(versions)
    write_statistics(folder / STATISTICS, versions, overwrite=True)
    write_csv(folder / LINES, _LINES, _line_rows(versions, lines), _ABOUT_LINES, overwrite=True)
    write_csv(folder / CHANGES, _CHANGES, _change_rows(lines), _ABOUT_CHANGES, overwrite=True)
    return [_written(folder / STATISTICS, "file"), *(_written(folder / name, "table") for name in (LINES, CHANGES))]


def _written(path: Path, what: str) -> Written:
    data = path.read_bytes()
    return Written(path, what, hashlib.sha256(data).hexdigest(), len(data))


def _of(module: int, line: Line) -> tuple[Cell, ...]:
    """What a row is of."""
    condition = "; ".join(f"{name} = {value}" for name, value in line.comparable.condition)
    return line.comparable.calibration, module, line.comparable.unit, condition, str(line.entry)


def _line_rows(
    versions: Sequence[VersionStatistics], lines: Sequence[tuple[int, Line, Judged]]
) -> Iterator[Sequence[Cell]]:
    """Rows of all lines, version by version; of a number that is none the cell is empty."""
    by_line = {(line.comparable, line.entry): (module, line, found) for module, line, found in lines}
    for some in together(versions).values():
        for entry, label in enumerate(some[0].about.entries):
            module, line, found = by_line[some[0].about.comparable, label]
            for place, one in enumerate(some):
                yield (*_of(module, line), one.about.begin.isoformat(), *_numbers(one, entry), *_flagged(one, entry),
                       line.unit, *map(_number, (line.values[place], found.score[place])),
                       found.forming or found.blind, "" if one.map is None else one.map.path, one.about.path)


def _numbers(one: VersionStatistics, entry: int) -> Iterator[Cell]:
    for some in (ALL, GOOD):
        for name in ("mean", "std", "median", "n"):
            yield None if one.whole is None else _number(getattr(one.whole, name)[some, entry])


def _flagged(one: VersionStatistics, entry: int) -> tuple[Cell, Cell]:
    """Flagged values and all; nothing without a map."""
    if one.flags is None:
        return None, None
    return int(one.flags.number[entry].sum()), int(one.flags.total[entry].sum())


def _number(value: float | np.integer[Any]) -> Cell:
    if isinstance(value, np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None


def _change_rows(lines: Sequence[tuple[int, Line, Judged]]) -> Iterator[Sequence[Cell]]:
    for module, line, found in lines:
        for one in found.changes:
            since = line.begins[one.start].isoformat() if one.kind == "step" else None
            yield (*_of(module, line), one.kind, one.level, since, line.begins[one.seen].isoformat(),
                   line.begins[one.until].isoformat(), one.score, one.size, line.unit, one.sigmas)
