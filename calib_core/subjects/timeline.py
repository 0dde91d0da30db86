"""Constants over time: lines of modules, what has changed in them, and groups of pixels, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calib_core.axes import Label
from calib_core.constants.history import Judged, change_rule, judged, share_line
from calib_core.constants.statistics import LineKind, LineNumbers, VersionStatistics, columns_of
from calib_core.numerics.changes import Change, Reference
from calib_core.numerics.group_statistics import GOOD
from calib_core.store.images import PIXELS
from calib_core.subjects.same_conditions import Condition
from calib_core.subjects.version_list import Listed

_Float = NDArray[np.float64]
_Array = NDArray[Any]
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
    rows : tuple of Listed
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
    rows: tuple[Listed, ...]
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
    rows : tuple of Listed
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
    rows: tuple[Listed, ...]
    known: int
    number: int
    without_map: int

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Versions of the asked condition by their begins, the newest first."""
        return _moments(self.rows)


def timeline_of(rows: Sequence[Listed], numbers: Mapping[Path, LineNumbers], asked: Asked) -> Timeline:
    """Lines of versions whose numbers are known; conditions, units and shapes never share a line.

    Parameters
    ----------
    rows : sequence of Listed
        Of one kind and detector, in the order of time.
    numbers : mapping
        By the files of the versions.
    asked : Asked

    Returns
    -------
    Timeline
    """
    conditions = _by_condition(rows, asked.condition)
    wanted = conditions[0][1] if conditions else ()
    known = [(one, found) for one in wanted if (found := numbers.get(one.path)) is not None]
    lines = tuple(_line(module, unit, some, asked) for (module, unit, _), some in sorted(
        _by_unit(known).items(), key=lambda one: one[0][:2]))
    first = known[-1][1].kind if known else None
    unit = "" if first is None else _unit(first.unit, asked.quantity)
    return Timeline(asked, lines, unit, first.entries if first is not None else (), tuple(
        (condition, np.unique([one.second for one in some])) for condition, some in conditions),
        tuple(wanted), len(known), len(wanted), sum(not one.has_flags for _, one in known))


def _unit(unit: str, quantity: Quantity) -> str:
    return "logit" if quantity == "bad" else unit


def _by_condition(rows: Sequence[Listed], first: Condition | None) -> list[tuple[Condition, tuple[Listed, ...]]]:
    """Versions by their condition: the one that is asked for first, then that with the newest version."""
    found: dict[Condition, list[Listed]] = {}
    for one in rows:
        found.setdefault(one.condition, []).append(one)
    ordered = sorted(found, key=lambda one: (one == first, found[one][-1].begin), reverse=True)
    return [(one, tuple(found[one])) for one in ordered]


def _moments(rows: Iterable[Listed]) -> tuple[Moment, ...]:
    found: dict[datetime, list[Listed]] = {}
    for one in rows:
        found.setdefault(one.begin, []).append(one)
    return tuple(Moment(begin, tuple(found[begin])) for begin in sorted(found, reverse=True))


_Known = tuple[Listed, LineNumbers]


def _by_unit(known: Iterable[_Known]) -> dict[tuple[int, str, object], list[_Known]]:
    """Versions by module, unit and shape; of those of one time the last is taken."""
    found: dict[tuple[int, str, object], dict[datetime, _Known]] = {}
    for one, version in known:
        key = one.module, one.version.pdu, version.kind.shape
        found.setdefault(key, {})[one.begin] = one, version
    return {key: list(some.values()) for key, some in found.items()}


def _line(module: int, unit: str, versions: Sequence[_Known], asked: Asked) -> ModuleLine:
    numbers = [one for _, one in versions]
    values, errors = _values(numbers, asked)
    rows = tuple(one for one, _ in versions)
    confirmed = [place for place, one in enumerate(rows) if (unit, one.begin) in asked.confirmed]
    times = np.array([one.second for one in rows])
    return ModuleLine(module, unit, rows, numbers[-1].kind, times, values,
                      judged(values, errors, change_rule(), confirmed))


def _values(versions: Sequence[LineNumbers], asked: Asked) -> tuple[_Float, _Float]:
    """Numbers of an entry, and the counting errors of shares; NaN where a version has none."""
    columns = columns_of(versions, asked.entry)
    if asked.quantity != "bad" and not versions[0].kind.is_flags:
        values = columns[f"{asked.quantity} of good"]
        return values, np.zeros(len(values))
    logits, errors = share_line(columns["flagged"], np.nan_to_num(columns["values"]))
    return logits, np.nan_to_num(errors)


def groups_over_time(line: ModuleLine, groups: Mapping[Path, VersionStatistics], asked: Asked) -> _Float:
    """Shift of each group of pixels, such as an ASIC, from its own median over the reference of a line.

    Parameters
    ----------
    line : ModuleLine
    groups : mapping
        By the files of the versions; those of others are not known.
    asked : Asked

    Returns
    -------
    (groups, versions) float64
        Groups row by row as they lie in the module, the median over rows of memory cells; NaN without a value.
    """
    lengths = dict(line.kind.shape)
    down, across = (lengths.get(name, 1) // size for name, size in zip(PIXELS, line.kind.block_shape, strict=True))
    values = np.full((len(line.rows), down * across), np.nan)
    for place, one in enumerate(line.rows):
        if (found := groups.get(one.path)) is not None:
            _put_groups(values[place], found, asked)
    begin, reference = line.reference
    return (values - _median(values[begin:begin + max(1, reference.versions)])).T


def _put_groups(out: _Float, version: VersionStatistics, asked: Asked) -> None:
    """Numbers of groups, (groups,) float64; what there is none of stays as it is."""
    if asked.quantity != "bad" and version.groups is not None:
        out[:] = _median(getattr(version.groups, asked.quantity)[GOOD, asked.entry]).ravel()
    elif version.flags is not None:
        bad, total = (getattr(version.flags, name)[asked.entry].sum(axis=0) for name in ("number", "total"))
        out[:] = share_line(bad.ravel(), total.ravel())[0]


def _median(values: _Array) -> _Float:
    """Median along the first axis of what is a number; NaN where nothing is."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    middle = [np.take_along_axis(ordered, place.clip(0)[None], axis=0)[0] for place in ((count - 1) // 2, count // 2)]
    found: _Float = np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)
    return found


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
