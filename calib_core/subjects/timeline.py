"""Constants over time: lines of modules and what has changed in them, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calib_core.axes import Label
from calib_core.constants.history import Judged, change_rule, judged, share_line
from calib_core.constants.statistics import LineKind
from calib_core.numerics.changes import Change, Reference
from calib_core.numerics.rising import last_of_each
from calib_core.subjects.known_numbers import KnownNumbers, Numbered
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.same_conditions import Condition

_Float = NDArray[np.float64]
Quantity = Literal["median", "mean", "std", "bad"]

#: What a line is of: its title, and whether it is in the unit of the constant.
QUANTITIES: Mapping[Quantity, str] = {
    "median": "median, good pixels", "mean": "mean, good pixels", "std": "spread, good pixels",
    "bad": "share of bad pixels",
}


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see over time.

    Attributes
    ----------
    condition : tuple, optional
        Of the versions; None takes that of the newest.
    entry : int
        Of the gain stages, or what else the entries of the constant are.
    quantity : str
    confirmed : frozenset of (str, datetime) pairs
        Units, and times of their versions at which a change was confirmed: a new reference begins there.
    """

    condition: Condition | None = None
    entry: int = 0
    quantity: Quantity = "median"
    confirmed: frozenset[tuple[str, datetime]] = frozenset()


@dataclass(frozen=True, eq=False)
class ModuleLine:
    """Numbers of one unit at the place of a module, of comparable versions.

    Attributes
    ----------
    module : int
    unit : str
        Physical detector unit.
    rows : Rows
        Versions, in the order of time.
    kind : LineKind
        What its numbers have in common.
    times, values : (versions,) float64
        Seconds since 1970; in the unit of the constant, of shares their logit.
    judged : Judged
        What they tell.
    """

    module: int
    unit: str
    rows: Rows
    kind: LineKind
    times: _Float
    values: _Float
    judged: Judged

    @property
    def shifts(self) -> _Float:
        """Values less the median of the reference that is in force, (versions,) float64."""
        return self.values - self._in_force(lambda one: one.centre)

    @property
    def reference(self) -> tuple[int, Reference]:
        """Index of the version from which on the newest reference is in force, and the reference."""
        return self.judged.references[-1]

    @property
    def change(self) -> Change | None:
        """The change that the newest version shows, else the largest one of those before."""
        found = sorted(self.judged.changes, key=lambda one: one.score)
        return self.judged.now or (found[-1] if found else None)

    @property
    def level(self) -> str:
        """``red`` or ``amber`` by the largest change that still lasts or was told; nothing without one."""
        return self.change.level if self.change is not None else ""

    def _in_force(self, number: Any) -> _Float:
        out = np.empty(len(self.values))
        for begin, reference in self.judged.references:
            out[begin:] = number(reference)
        return out


@dataclass(frozen=True, eq=False)
class Moment:
    """Versions of all modules that begin to be valid at the same time.

    Attributes
    ----------
    begin : datetime
    rows : tuple of Listed
    """

    begin: datetime
    rows: tuple[Listed, ...]


@dataclass(frozen=True, eq=False)
class Timeline:
    """What is known of a kind of constants over time.

    Attributes
    ----------
    asked : Asked
        What it was made for.
    lines : tuple of ModuleLine
        By module and unit, those of the asked condition.
    unit : str
        Of the values.
    entries : tuple
        Labels of the gain stages, or what else the entries are.
    conditions : tuple of (Condition, (versions,) float64) pairs
        Times of the versions of each condition, each time once; the asked one is the first.
    rows : Rows
        Versions of the asked condition, in the order of time.
    known, number : int
        Versions of the asked condition whose numbers are known, and all of them.
    without_map : int
        Known versions that have no bad-pixel map, so that all of their pixels count as good.
    """

    asked: Asked
    lines: tuple[ModuleLine, ...]
    unit: str
    entries: tuple[Label, ...]
    conditions: tuple[tuple[Condition, _Float], ...]
    rows: Rows
    known: int
    number: int
    without_map: int

    @property
    def of_flags(self) -> bool:
        """Whether the lines are of flags."""
        return any(one.kind.is_flags for one in self.lines)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Versions of the asked condition by their begins, the newest first."""
        return _moments(self.rows)


def timeline_of(rows: Rows, numbers: KnownNumbers, asked: Asked) -> Timeline:
    """Lines of versions whose numbers are known; conditions, units and shapes never share a line.

    Parameters
    ----------
    rows : Rows
    numbers : KnownNumbers
    asked : Asked

    Returns
    -------
    Timeline
        Of flags, whatever was asked for: their share is the only number that they have.
    """
    conditions = rows.conditions(asked.condition)
    wanted = conditions[0][1] if conditions else np.empty(0, np.intp)
    numbered = numbers.of(rows, asked.entry)
    known = wanted[numbered.kind[wanted] >= 0]
    first = numbered.kinds[numbered.kind[known[-1]]] if len(known) else None
    if first is not None and first.is_flags:
        asked = replace(asked, quantity="bad")
    lines = tuple(_line(rows, places, numbered, asked) for places in _by_unit(rows, known, numbered))
    unit = "" if first is None else _unit(first.unit, asked.quantity)
    without_map = np.count_nonzero(np.isnan(numbered.column("values")[known]))
    return Timeline(asked, lines, unit, first.entries if first is not None else (), tuple(
        (condition, (times := rows.seconds[places])[last_of_each(times)]) for condition, places in conditions),
        rows.some(wanted), len(known), len(wanted), int(without_map))


def _unit(unit: str, quantity: Quantity) -> str:
    return "logit" if quantity == "bad" else unit


def _moments(rows: Iterable[Listed]) -> tuple[Moment, ...]:
    found: dict[datetime, list[Listed]] = {}
    for one in rows:
        found.setdefault(one.begin, []).append(one)
    return tuple(Moment(begin, tuple(found[begin])) for begin in sorted(found, reverse=True))


def _by_unit(rows: Rows, known: NDArray[np.intp], numbered: Numbered) -> Iterator[NDArray[np.intp]]:
    """Places of versions by module, unit and shape; of those of one time the last is taken."""
    shapes = list(dict.fromkeys(kind.shape for kind in numbered.kinds))
    shape = np.array([shapes.index(kind.shape) for kind in numbered.kinds], np.intp)
    keys = rows.units[1][known] * len(shapes) + shape[numbered.kind[known]]
    for key in np.flatnonzero(np.bincount(keys)):
        places = known[keys == key]
        yield places[last_of_each(rows.seconds[places])]


def _line(rows: Rows, places: NDArray[np.intp], numbered: Numbered, asked: Asked) -> ModuleLine:
    module, unit = rows.units[0][rows.units[1][places[0]]]
    kinds = numbered.kind[places]
    values, errors = _values(numbered, places, asked)
    times = rows.seconds[places]
    confirmed = np.flatnonzero(np.isin(times, [begin.timestamp() for of, begin in asked.confirmed if of == unit]))
    return ModuleLine(module, unit, rows.some(places), numbered.kinds[kinds[-1]], times, values,
                      judged(values, errors, change_rule(), confirmed.tolist()))


def _values(numbered: Numbered, places: NDArray[np.intp], asked: Asked) -> tuple[_Float, _Float]:
    """Numbers of an entry of some versions, and the counting errors of shares; NaN where a version has none."""
    if asked.quantity != "bad":
        return numbered.column(f"{asked.quantity} of good")[places], np.zeros(len(places))
    flagged, values = (numbered.column(name)[places] for name in ("flagged", "values"))
    logits, errors = share_line(flagged, np.nan_to_num(values))
    return logits, np.nan_to_num(errors)


def condition_names(conditions: Sequence[Condition], units: Mapping[str, str]) -> list[str]:
    """Conditions in short: values of the parameters in which they differ, with units; all where there is one.

    Parameters
    ----------
    conditions : sequence of Condition
    units : mapping of str to str
        By the database's names.
    """
    values = [dict(one) for one in conditions]
    names = dict.fromkeys(name for one in values for name in one)
    told = [name for name in names if len({one.get(name) for one in values}) > 1] or list(names)
    return [" · ".join(_said(one[name], units.get(name, "")) for name in told if name in one) or "no condition told"
            for one in values]


def _said(value: object, unit: str) -> str:
    text = f"{value:.6g}" if isinstance(value, int | float) else str(value)
    return f"{text} {unit}".rstrip()


def change_words(line: ModuleLine, change: Change, entry: Label, unit: str) -> tuple[str, ...]:
    """What is told of a change: a heading and sentences.

    Parameters
    ----------
    line : ModuleLine
    change : Change
    entry : str or number
        Label of the gain stage.
    unit : str
    """
    size = f"{change.size:+.3g} {unit}".rstrip()
    start, seen = line.rows[change.start].begin, line.rows[change.seen].begin
    reference = line.reference[1]
    since = f" on {start:%-d %b}" if change.kind == "step" else ""
    after = f", {change.seen - change.start + 1} versions after the start" if change.kind == "step" else ""
    over = line.rows[change.until + 1:change.until + 2]
    return (
        f"m{line.module} {entry}: {change.kind} of {size}{since}",
        f"{change.level} since {seen:%-d %b %Y}{after}",
        f"S {change.score:.1f} · {change.sigmas:+.1f} σ",
        f"reference {reference.versions} versions, spread {reference.spread:.3g} {unit}".rstrip(),
        *(f"over by {one.begin:%-d %b %Y}" for one in over),
    )
