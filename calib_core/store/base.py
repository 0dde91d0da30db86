"""Stores of constants: what all of them answer, wherever the constants are and whoever keeps them.

A store finds versions by what is asked, and reads those that are wanted. A folder of files is one, our own store with
its index is another, and so is the facility's database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from calib_core.constants.condition import Value
from calib_core.constants.matching import Setting, best, difference
from calib_core.errors import BadInput
from calib_core.store.constants import StoredConstant
from calib_core.store.stated import understood
from calib_core.store.statuses import ACCEPTED, Status

#: Which of the versions that answer: one of each kind and unit, those next to the time, or all.
Take = Literal["prior", "closest", "newest", "around", "all"]
#: How many of each operating condition are next to a time, on both of its sides.
AROUND = 2


@dataclass(frozen=True)
class Query:
    """What is asked of a store.

    Attributes
    ----------
    calibrations : tuple of str
        The database's names; empty for all.
    units : tuple of str
        Physical detector units; empty for all, or for those of ``detector``.
    detector : str
        Identifier of a detector whose units are asked for, as they were at ``mapped_at``.
    detector_type : str
        The database's name; empty for any.
    condition : mapping, optional
        Values by the database's names, without those that it leaves out; None for any condition.
    at : datetime, optional
        Aware; now unless given.
    take : str
        ``prior`` or ``closest``: one of each kind and unit, by its time. ``newest``: the last of each, whatever
        ``at`` is. ``around``: of each kind, unit and operating condition the two before and the two after. ``all``:
        all of them.
    snapshot : datetime, optional
        Aware: what was known by then, with what had been decided by then; None for what is known now.
    mapped_at : datetime, optional
        Aware: units as they were installed then; at ``at`` unless given.
    statuses : frozenset of Status
        Those that answer; stores that know no decisions do not ask.
    """

    calibrations: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    detector: str = ""
    detector_type: str = ""
    condition: Mapping[str, Value] | None = None
    at: datetime | None = None
    take: Take = "prior"
    snapshot: datetime | None = None
    mapped_at: datetime | None = None
    statuses: frozenset[Status] = ACCEPTED


@dataclass(frozen=True)
class Version:
    """One version of a constant of one unit, as a store knows it; the values are in its file.

    Attributes
    ----------
    path : Path
        Its file.
    pdu, calibration, detector_type : str
        Physical detector unit, kind and type by the database's names.
    begin : datetime or None
        From when on it is valid, aware UTC; of files that tell none when they were made.
    created : datetime or None
        When its file was made, aware UTC.
    conditions : mapping
        What is known of its operating condition, by the database's names: value, unit, and ``lower`` and ``upper``
        deviation where the store has them.
    whole : bool
        Whether that is all there is, so that a parameter that is not there was left out; of files nobody knows.
    number : int
        In its store; 0 where versions have none.
    dataset : str
        Group of the file that has the values, such as ``/<PDU>/<Calibration>/0``.
    status : Status, optional
        None where nobody decides.
    sha256, identity : str
        Of the file with its seal, and without; empty where nobody has noted them.
    injected : datetime, optional
        When the store got it, aware UTC.
    author, comment : str
        Of what was decided last.
    raw_data : str
        Runs that it was made of, as text.
    detector, aggregator : str
        Where the unit is installed at the time that was asked for; empty where nobody knows.
    module : int, optional
        Its number there.
    report : str
        Path of the report on it.
    """

    path: Path
    pdu: str
    calibration: str
    detector_type: str
    begin: datetime | None
    created: datetime | None
    conditions: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False
    number: int = 0
    dataset: str = ""
    status: Status | None = None
    sha256: str = ""
    identity: str = ""
    injected: datetime | None = None
    author: str = ""
    comment: str = ""
    raw_data: str = ""
    detector: str = ""
    aggregator: str = ""
    module: int | None = None
    report: str = ""


class UnknownKind(BadInput):
    """A store does not know a kind of constants, so that it cannot have any."""


class ConstantStore(Protocol):
    """What constants are taken of."""

    @property
    def title(self) -> str:
        """What people call it, such as its folder."""

    #: Whether it can be asked for any operating condition, so that what just missed can be told.
    tells_others: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on answers so far that are not of now, and on what the store does not know."""

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer, by kind, unit and begin.

        Parameters
        ----------
        query : Query

        Raises
        ------
        BadInput
            The store, or a file of a folder, cannot be read.
        """

    def read(self, version: Version) -> StoredConstant:
        """The file of a version, after it was made sure that it is still the one.

        Parameters
        ----------
        version : Version

        Raises
        ------
        BadInput
            It is gone, damaged or another one.
        """

    def units_of(self, detector: str, at: datetime | None) -> Mapping[str, str]:
        """Physical units that were installed in a detector, by their aggregators.

        Parameters
        ----------
        detector : str
        at : datetime or None
            Aware; now where there is none.

        Returns
        -------
        mapping of str to str
            Without those that the store does not know.
        """

    def close(self) -> None:
        """Let go of what it holds open; it opens that again when it is asked."""


def settings_in(conditions: Mapping[str, Any]) -> dict[str, Setting]:
    """Settings of an operating condition by the database's names, with the deviations that are told.

    Parameters
    ----------
    conditions : mapping
        As in :class:`Version`.
    """
    return {name: Setting(one["value"], one.get("lower", 0.0), one.get("upper", 0.0),
                          tuple(one.get("values", ()))[1:], bool(one.get("absent")), one.get("unit", ""))
            for name, one in conditions.items()}


def answering(versions: Iterable[Version], query: Query, now: datetime) -> tuple[Version, ...]:
    """Those of some versions that answer; their units' places are not looked at, nor a snapshot.

    Parameters
    ----------
    versions : iterable of Version
    query : Query
    now : datetime
        Taken where the query has no time, aware.

    Returns
    -------
    tuple of Version
        By kind, unit and begin.
    """
    groups: dict[tuple[str, str], list[Version]] = {}
    for one in versions:
        if _is_asked(one, query):
            groups.setdefault((one.calibration, one.pdu), []).append(one)
    return tuple(one for _, group in sorted(groups.items()) for one in taken(group, query, query.at or now))


def taken(group: Sequence[Version], query: Query, at: datetime) -> list[Version]:
    """Those that a query takes of the versions of one kind and unit.

    Parameters
    ----------
    group : sequence of Version
    query : Query
    at : datetime
        Aware.
    """
    ordered = sorted(group, key=in_time) if len(group) > 1 else list(group)
    if query.take == "all":
        return ordered
    if query.take == "around":
        return _around(ordered, at)
    if query.take == "newest":
        return ordered[-1:]
    found = best(ordered, at, query.take)
    return [found] if found is not None else []


def in_time(one: Version) -> tuple[bool, float, int, str]:
    """Order by begin, then by number and name; those that tell no time come first.

    Parameters
    ----------
    one : Version
    """
    begin = one.begin
    return begin is not None, 0.0 if begin is None else begin.timestamp(), one.number, one.path.name


def _is_asked(one: Version, query: Query) -> bool:
    return ((not query.calibrations or one.calibration in query.calibrations)
            and (not query.units or one.pdu in query.units)
            and query.detector_type.lower() in ("", one.detector_type.lower())
            and (one.status is None or one.status in query.statuses)
            and (query.condition is None or _answers(one, query.condition)))


def _answers(one: Version, condition: Mapping[str, Value]) -> bool:
    with understood(one):
        return not difference(settings_in(one.conditions), {name: (value,) for name, value in condition.items()})


def _around(ordered: Sequence[Version], at: datetime) -> list[Version]:
    """Of each operating condition some before and some after; all that tell no time."""
    before: dict[str, list[Version]] = {}
    after: dict[str, list[Version]] = {}
    for one in ordered:
        side = before if one.begin is not None and one.begin <= at else after
        side.setdefault(repr(sorted(one.conditions.items())), []).append(one)
    near = {id(one) for side in before.values() for one in side[-AROUND:]}
    near |= {id(one) for side in after.values() for one in [v for v in side if v.begin is not None][:AROUND]}
    return [one for one in ordered if id(one) in near or one.begin is None]
