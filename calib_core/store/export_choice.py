"""Which versions of a store are copied: those that answer, or those of another operating condition instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from calib_core.constants.condition import Value
from calib_core.errors import BadParameter
from calib_core.resource_files import read_resource
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.export_summary import earlier_rows
from calib_core.store.exporting import Exported
from calib_core.store.files import check_writable

#: A century: no constant is further away.
MOST_DAYS = 36_525


@dataclass(frozen=True)
class Chosen:
    """What is copied.

    Attributes
    ----------
    versions : tuple of Version
    instead : tuple of Version
        Those of them that are of the other operating condition.
    absent : tuple of Exported
        What was asked for and has no version.
    at : datetime
        Time that was asked for, aware.
    asked : Query, optional
        What was asked of the store; None where versions were named.
    """

    versions: tuple[Version, ...]
    instead: tuple[Version, ...]
    absent: tuple[Exported, ...]
    at: datetime
    asked: Query | None = None

    def marked(self, made: Sequence[Exported]) -> tuple[Exported, ...]:
        """Copies of the versions with those told that are of the other condition, and behind them what is missing.

        Parameters
        ----------
        made : sequence of Exported
        """
        return (*(replace(one, fallback=one.version in self.instead) for one in made), *self.absent)


def choose(
    store: ConstantStore, query: Query, at: datetime, other: Mapping[str, Value], days: float | None = None
) -> Chosen:
    """Versions that are to be copied.

    Parameters
    ----------
    store : ConstantStore
    query : Query
    at : datetime
        Aware: that of the query, or now.
    other : mapping
        What differs in the operating condition that may be taken instead, by the database's names; empty where none
        may.
    days : float, optional
        How much closer in time it must be; what is usual unless given.

    Raises
    ------
    BadParameter
        Another condition goes with one version of each kind and unit alone, and so many days.
    """
    exact = store.find(query)
    found = _with_others(store, query, at, other, exact, days) if other else exact
    absent = missing(found, query.calibrations, _units(store, query, at))
    return Chosen(tuple(found), tuple(one for one in found if one not in exact), absent, at, query)


def check_room(chosen: Chosen, folder: Path) -> None:
    """Make sure before an export that its folder takes the files and their table.

    Parameters
    ----------
    chosen : Chosen
    folder : Path

    Raises
    ------
    OutputFailed
        It cannot be written, has no room, or has a table of something else.
    """
    check_writable(folder, sum(one.path.stat().st_size for one in chosen.versions if one.path.is_file()))
    earlier_rows(folder)


def _with_others(store: ConstantStore, query: Query, at: datetime, other: Mapping[str, Value],
                 exact: Sequence[Version], days: float | None) -> Sequence[Version]:
    if query.take not in ("prior", "closest"):
        raise BadParameter(f"--fallback goes with --take prior or closest, not {query.take}: it chooses one of each "
                           "kind and unit.")
    needed = days_that_count() if days is None else days
    if not 0 <= needed <= MOST_DAYS:
        raise BadParameter(f"--fallback-days {needed:g} is not allowed; it takes 0 to {MOST_DAYS:,}.")
    return with_fallback(exact, store.find(other_condition(query, other)), at, needed)


def _units(store: ConstantStore, query: Query, at: datetime) -> tuple[str, ...]:
    """Units that were asked for, by name or as those of a detector."""
    if query.units or not query.detector:
        return query.units
    return tuple(sorted(store.units_of(query.detector, query.mapped_at or at).values()))


def days_that_count() -> float:
    """How much closer in time a constant of the other condition must be to be taken, days."""
    return float(read_resource("store", "export")["days_closer"])


def aged_words(versions: Sequence[Version], at: datetime, take: str) -> str:
    """Sentence on constants that begin long before or after the time they are wanted for; empty where none does.

    Parameters
    ----------
    versions : sequence of Version
    at : datetime
        Aware.
    take : str
        Which were asked for; of a whole history nothing is told.
    """
    most = timedelta(days=float(read_resource("store", "export")["days_that_are_told"]))
    far = [one for one in versions if one.begin is not None and _away(one, at) > most]
    if not far or take not in ("prior", "closest"):
        return ""
    one = max(far, key=lambda one: _away(one, at))
    away = f"{_away(one, at).days:,} days {'before' if one.begin is not None and one.begin < at else 'after'}"
    return (f"{len(far)} of {len(versions)} constants begin{'s' * (len(far) == 1)} more than {most.days} days from "
            f"{at:%Y-%m-%d %H:%M} UTC; furthest is {one.calibration} of {one.pdu}, {away}.")


def with_fallback(
    found: Sequence[Version], others: Sequence[Version], at: datetime, days: float
) -> tuple[Version, ...]:
    """Of each kind and unit the version of the condition that was asked for, or that of another one.

    The other is taken where there is no exact one, or where it is more days closer to the time.

    Parameters
    ----------
    found, others : sequence of Version
        One of each kind and unit: of the condition, and of the other one.
    at : datetime
        Aware.
    days : float
    """
    best = {(one.calibration, one.pdu): one for one in others}
    for one in found:
        key = one.calibration, one.pdu
        other = best.get(key)
        if other is None or _away(one, at) <= _away(other, at) + timedelta(days=days):
            best[key] = one
    return tuple(best[key] for key in sorted(best))


def other_condition(query: Query, changes: Mapping[str, Value]) -> Query:
    """The same question of another operating condition.

    Parameters
    ----------
    query : Query
    changes : mapping
        Values by the database's names.
    """
    return replace(query, condition={**(query.condition or {}), **changes})


def _away(one: Version, at: datetime) -> timedelta:
    return abs(one.begin - at) if one.begin is not None else timedelta.max / 2


def missing(
    found: Sequence[Version], calibrations: Sequence[str], units: Sequence[str]
) -> tuple[Exported, ...]:
    """Kinds and units that were asked for and have no version.

    Parameters
    ----------
    found : sequence of Version
    calibrations, units : sequence of str
        All that was asked for by name. Where no unit was, those of which any version was found count, and where no
        kind was, those that were found of a unit's own detector type, or of any where nothing was found of the unit.
    """
    there = {(one.calibration, one.pdu) for one in found}
    types = {one.pdu: one.detector_type for one in found}
    kinds = {type_: sorted({one.calibration for one in found if type_ in ("", one.detector_type)})
             for type_ in {"", *types.values()}}
    return tuple(Exported(unit, kind) for unit in units or sorted(types)
                 for kind in calibrations or kinds[types.get(unit, "")] if (kind, unit) not in there)
