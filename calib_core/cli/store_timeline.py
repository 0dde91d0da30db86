"""What ``calibwb store timeline`` tells: numbers of versions over time, of modules or a region, and what changed."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Label
from calib_core.constants.condition import Value
from calib_core.constants.statistics import LineNumbers, line_numbers
from calib_core.errors import BadInput, BadParameter, and_others
from calib_core.pixel_rectangles import mask_of, parse_rectangles
from calib_core.ranges import parse_numbers
from calib_core.store.files import write_atomically
from calib_core.store.statuses import Status
from calib_core.subjects.kept_lines import confirmed_changes, kept_numbers
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.pixels_over_time import ChosenPixels, chosen_region, numbers_of_pixels, pixel_line
from calib_core.subjects.region import region_of
from calib_core.subjects.same_conditions import Condition
from calib_core.subjects.timeline import Asked, ModuleLine, Timeline, change_words, timeline_of
from calib_core.subjects.version_list import VersionList, list_versions, numbers_for

_ROW = "{:<19}  {:>6}  {:<28}  {:>12}  {:>12}  {:<10}  {}"
_COLUMNS = ("begin", "module", "unit", "value", "shift", "status", "version", "file")


@dataclass(frozen=True)
class Told:
    """Lines over time, and what is to be said of them.

    Attributes
    ----------
    timeline : Timeline
    lines : tuple of ModuleLine
        Of modules, or of the region in one.
    words : str
        Whose lines they are.
    entry : str or number
        Label of the gain stage, or what else there is.
    notes : tuple of str
    """

    timeline: Timeline
    lines: tuple[ModuleLine, ...]
    words: str
    entry: Label
    notes: tuple[str, ...]


def told_of(namespace: argparse.Namespace, folder: Path, condition: Mapping[str, Value]) -> Told:
    """Read what a store, or the places that are named, have over time.

    Parameters
    ----------
    namespace : Namespace
        With the flags of the command.
    folder : Path
        Of the store.
    condition : mapping
        What is asked of the operating condition; that of the newest version where nothing is.

    Raises
    ------
    BadInput
        There is nothing such, or it cannot be read.
    BadParameter
        Several detectors or kinds are there and none is named, or a region is none.
    """
    region = _region(namespace.region)
    listed = list_versions(*map(str, namespace.given or [folder]))
    rows = _asked_rows(namespace, listed, None if region is None else region[0])
    numbers, failed = _numbers(rows, listed)
    asked = Asked(_condition(rows, condition), 0, namespace.quantity, frozenset(
        (one.version.pdu, one.begin) for one, _ in confirmed_changes(rows)))
    timeline = timeline_of(rows, numbers, asked)
    if not timeline.lines:
        raise BadInput(failed[0] if failed else f"{len(rows)} versions have no numbers: none is a stack of images.")
    entry = _entry(namespace.entry, timeline.entries)
    if entry:
        numbers = replace(numbers, kept=kept_numbers(rows, entry))
        timeline = timeline_of(rows, numbers, replace(asked, entry=entry))
    lines, words = timeline.lines, "modules"
    if region is not None:
        lines, words, failed = _of_region(timeline, listed, region, namespace.cell)
    notes = tuple(_notes(timeline, failed, listed.merged, namespace.quantity))
    return Told(timeline, lines, words, timeline.entries[entry], notes)


def _asked_rows(namespace: argparse.Namespace, listed: VersionList, module: int | None) -> Rows:
    """Versions of one kind of a detector that are asked for."""
    detector = _only(namespace.karabo_id, listed.detectors, "detector", "--karabo-id")
    kind = _only(namespace.calibration, listed.calibrations(detector), "kind of constant", "--calibration")
    modules = (module,) if module is not None else parse_numbers(namespace.modules)
    statuses = {None, *({Status(word) for word in namespace.status} or {Status.ACCEPTED})}
    statuses |= {Status.DRAFT} if namespace.drafts else set()
    there = [one for one in listed.of(detector, kind) if not modules or one.module in modules]
    rows = Rows(one for one in there if one.version.status in statuses)
    if not rows:
        others = f"; {len(there)} have another status (--status, --drafts)" if there else ""
        raise BadInput(f"There is no version of {kind} of {detector} that answers{others}.")
    return rows


def _only(asked: str, there: Sequence[str], what: str, flag: str) -> str:
    """What was asked for, else the only one that there is."""
    found = [one for one in there if asked.lower() in ("", one.lower())]
    if not there:
        raise BadInput(f"There is no {what} yet: no constants of which there could be a line over time.")
    if len(found) != 1:
        raise BadParameter(f"There {'is no such' if not found else 'is more than one'} {what}: "
                           f"{', '.join(there)}; name one of them ({flag}).")
    return found[0]


def _numbers(rows: Rows, listed: VersionList) -> tuple[KnownNumbers, list[str]]:
    """Numbers of versions: those of the first entry that are kept, and the others made of the files."""
    kept, made, failed = kept_numbers(rows, 0), dict[Path, LineNumbers](), list[str]()
    unknown = np.ones(len(rows), bool)
    for (folder, _), lines in kept.items():
        places, numbers = rows.of_stores[folder]
        unknown[places[lines.places_of(numbers)[0]]] = False
    for one in map(rows.__getitem__, np.flatnonzero(unknown)):
        try:
            found = listed.numbers.get(one.path) or numbers_for(one, listed)
        except BadInput as error:
            failed.append(str(error))
        else:
            made |= {} if found is None else {one.path: line_numbers(found)}
    return KnownNumbers(made, kept), failed


def _condition(rows: Sequence[Listed], asked: Mapping[str, Value]) -> Condition | None:
    """The operating condition of the newest version that has all that is asked; None where nothing is."""
    if not asked:
        return None
    for one in reversed(rows):
        own = {name: entry.get("value") for name, entry in one.version.conditions.items()}
        if asked.items() <= dict(one.condition).items() or asked.items() <= own.items():
            return one.condition
    words = ", ".join(f"{name}={value}" for name, value in asked.items())
    raise BadInput(f"None of the {len(rows)} versions was made at {words}.")


def _entry(asked: str, entries: Sequence[Label]) -> int:
    """Place of a gain stage, or what else the entries are; the first unless one is named."""
    names = list(map(str, entries))
    if asked and asked not in names:
        raise BadParameter(f"--entry {asked} is none of {', '.join(names)}.")
    return names.index(asked) if asked else 0


_Region = tuple[int, tuple[int, int, int, int]]


def _region(text: str) -> _Region | None:
    """Module, first and last row, first and last column; None where no region is asked for."""
    found = parse_rectangles(text, "--region")
    if len(found) > 1:
        raise BadParameter(f"--region {text} has {len(found)} rectangles; it takes one.")
    return (found[0][0], found[0][1:]) if found else None


def _of_region(
    timeline: Timeline, listed: VersionList, region: _Region, cell: str
) -> tuple[tuple[ModuleLine, ...], str, list[str]]:
    """Lines of a region over the versions of its module, its words, and why versions are left out."""
    found, failed = [], list[str]()
    words = ""
    for line in timeline.lines:
        chosen = _chosen(line, region, cell)
        words, numbers = chosen.words, {}
        for one in line.rows:
            try:
                numbers[one.path] = numbers_of_pixels(one, listed, chosen)
            except BadInput as error:
                failed.append(str(error))
        found.append(pixel_line(line, numbers, timeline.asked))
    if not any(found):
        raise BadInput(failed[0])
    return tuple(one for one in found if one is not None), f"{words} in memory cell {cell}", failed


def _chosen(line: ModuleLine, region: _Region, cell: str) -> ChosenPixels:
    module, ends = region
    lengths = dict(line.kind.shape)
    shape = lengths.get("slow_scan", 1), lengths.get("fast_scan", 1)
    mask = mask_of([(module, *ends)], module, shape, "--region")[None]
    chosen = chosen_region(region_of("rectangle", mask, [module]), module, int(cell) if cell.isdigit() else cell)
    assert chosen is not None
    return chosen


def _notes(timeline: Timeline, failed: Sequence[str], merged: Sequence[str], asked: str) -> Iterator[str]:
    of = timeline.rows[-1]
    if asked not in (timeline.asked.quantity, Asked().quantity):
        yield f"{of.version.calibration} are flags, of which there is no {asked}: the share of bad pixels is told."
    yield from (one for one in merged if one.startswith(f"{of.detector} {of.version.calibration}: "))
    others = sum(len(times) for _, times in timeline.conditions[1:])
    if others:
        yield (f"{others} versions of {len(timeline.conditions) - 1} other operating conditions are no part of these "
               "lines (--condition).")
    if timeline.without_map:
        yield f"{timeline.without_map} of {timeline.known} versions have no bad-pixel map: all of their pixels count."
    if failed:
        yield failed[0] + and_others(len(failed) - 1, "version cannot be read either")


def lines_of(told: Told) -> Iterator[str]:
    """A table of all versions, and what has changed.

    Parameters
    ----------
    told : Told
    """
    unit = f" [{told.timeline.unit}]" if told.timeline.unit else ""
    quantity = told.timeline.asked.quantity
    yield f"{'share of bad pixels' if quantity == 'bad' else quantity} of {told.words}, {told.entry}{unit}"
    yield _ROW.format("valid from (UTC)", "module", "unit", "value", "shift", "status", "of")
    for row in rows_of(told):
        yield _ROW.format(row["begin"][:19].replace("T", " "), row["module"], row["unit"], _said(row["value"]),
                          _said(row["shift"]), row["status"] or "–", row["runs"])
    for line in told.lines:
        for change in line.judged.changes:
            yield "! " + "; ".join(change_words(line, change, told.entry, told.timeline.unit))
        if words := line.judged.forming or line.judged.blind:
            yield f"m{line.module}: {words}"
    yield from (f"WARN  {note}" for note in told.notes)


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def rows_of(told: Told) -> Iterator[dict[str, Any]]:
    """Versions with their numbers as plain JSON, in the order of modules and time.

    Parameters
    ----------
    told : Told
    """
    for line in told.lines:
        for one, value, shift in zip(line.rows, line.values.tolist(), line.shifts.tolist(), strict=True):
            yield {"begin": one.begin.isoformat(), "module": line.module, "unit": line.unit,
                   "value": value if np.isfinite(value) else None, "shift": shift if np.isfinite(shift) else None,
                   "status": str(one.version.status or ""), "version": one.version.number, "file": str(one.path),
                   "runs": one.runs}


def as_json(told: Told) -> dict[str, Any]:
    """All of it as plain JSON.

    Parameters
    ----------
    told : Told
    """
    changes = [{"module": line.module, "unit": line.unit, "kind": one.kind, "level": one.level, "score": one.score,
                "start": line.rows[one.start].begin.isoformat(), "seen": line.rows[one.seen].begin.isoformat(),
                "size": one.size, "sigmas": one.sigmas} for line in told.lines for one in line.judged.changes]
    return {"of": told.words, "quantity": told.timeline.asked.quantity, "entry": told.entry,
            "values_unit": told.timeline.unit, "condition": dict(told.timeline.conditions[0][0]),
            "versions": list(rows_of(told)), "changes": changes, "notes": list(told.notes)}


def write_table(path: Path, told: Told, overwrite: bool) -> str:
    """Write all versions as a table (CSV); says so.

    Parameters
    ----------
    path : Path
    told : Told
    overwrite : bool

    Raises
    ------
    OutputFailed
        It is there already, or cannot be written.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    rows = list(rows_of(told))
    table.writerows(rows)
    write_atomically(path, text.getvalue().encode(), overwrite)
    return f"{len(rows)} version{'s' * (len(rows) != 1)} written: {path}"
