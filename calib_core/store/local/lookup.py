"""Questions to an index: which versions are next to a time, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.constants.condition import Value
from calib_core.constants.matching import Setting, difference
from calib_core.store.base import AROUND, Query, Version, taken
from calib_core.store.local.index import Index
from calib_core.store.local.records import Place, as_time, microseconds
from calib_core.store.statuses import Status

_VERSION = """
    SELECT v.id, v.constant, v.path, v.dataset, v.begin_at, v.created_at, v.sha256, v.identity, v.raw_data,
           p.name AS pdu, s.status, d.act, r.path AS report, i.at AS injected, a.author, a.comment
    FROM version v JOIN pdu p ON p.id = v.pdu JOIN standing s ON s.version = v.id
    JOIN decision d ON d.id = (SELECT max(id) FROM decision WHERE version = v.id)
    JOIN act a ON a.id = d.act JOIN act i ON i.id = v.act LEFT JOIN report r ON r.id = v.report
"""
_NOWHERE = Place("", "")
#: A time at which nothing begins.
_NEVER = -1 << 62


@dataclass(frozen=True)
class Constant:
    """What versions of one constant have in common."""

    number: int
    calibration: str
    detector_type: str
    settings: Mapping[str, Setting]
    conditions: Mapping[str, Any]


class Lookup:
    """Answers questions; what is written once and never changed is kept.

    Parameters
    ----------
    index : Index
    folder : Path
        Of the store, for the paths of files.
    """

    def __init__(self, index: Index, folder: Path) -> None:
        self._index, self._folder = index, folder
        self._constants: dict[int, Constant] = {}
        self._mapping: tuple[int, list[Any]] = (0, [])

    def forget(self) -> None:
        """Forget what was kept, so that it is read again."""
        self._constants, self._mapping = {}, (0, [])

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer, by kind, unit and begin.

        Parameters
        ----------
        query : Query
        """
        at = query.at or datetime.now(UTC)
        places = self.places(query.mapped_at or at)
        units = self._units(query, places)
        constants = [one.number for one in self.constants() if _is_asked(one, query)]
        if not constants or not units:
            return ()
        groups: dict[tuple[str, str], list[Version]] = {}
        for one in self._candidates(query, units, constants, at, places):
            groups.setdefault((one.calibration, one.pdu), []).append(one)
        return tuple(one for _, group in sorted(groups.items()) for one in taken(group, query, at))

    def versions(self, numbers: Iterable[int], places: Mapping[str, Place] | None = None) -> list[Version]:
        """What is known of versions.

        Parameters
        ----------
        numbers : iterable of int
        places : mapping, optional
            Where units are, by their names.
        """
        constants = {one.number: one for one in self.constants()}
        return [self._version(row, constants[row["constant"]], (places or {}).get(row["pdu"], _NOWHERE))
                for row in self._index.rows(f"{_VERSION} WHERE v.id IN (SELECT value FROM json_each(?))",
                                            (json.dumps(list(numbers)),))]

    def history(self, one: Version) -> tuple[Version, ...]:
        """A version after each decision on it, the oldest first; ``injected`` is when it was decided.

        Parameters
        ----------
        one : Version
        """
        return tuple(replace(one, status=Status(row["status"]), author=row["author"], comment=row["comment"],
                             injected=as_time(row["at"])) for row in self._index.rows(
            "SELECT d.status, a.author, a.comment, a.at FROM decision d JOIN act a ON a.id = d.act "
            "WHERE d.version = ? ORDER BY d.id", (one.number,)))

    def constants(self) -> Sequence[Constant]:
        """All constants with their operating conditions."""
        last = self._index.one("SELECT max(id) FROM constant") or 0
        if last > max(self._constants, default=0):
            self._constants = {**self._constants, **self._read_constants(max(self._constants, default=0))}
        return list(self._constants.values())

    def places(self, at: datetime) -> dict[str, Place]:
        """Where units are at a time, by their names.

        Before the first time that anybody knows of a place, what was there first counts.

        Parameters
        ----------
        at : datetime
            Aware.
        """
        last = self._index.one("SELECT max(id) FROM mapping") or 0
        if last != self._mapping[0]:
            self._mapping = last, self._index.rows(
                "SELECT m.*, d.identifier, p.name FROM mapping m JOIN detector d ON d.id = m.detector "
                "LEFT JOIN pdu p ON p.id = m.pdu ORDER BY m.begin_at, m.id")
        return _placed(self._mapping[1], microseconds(at))

    def _read_constants(self, after: int) -> dict[int, Constant]:
        settings: dict[int, dict[str, Setting]] = {}
        for row in self._index.rows(
            "SELECT s.*, p.name, p.unit FROM setting s JOIN parameter p ON p.id = s.parameter"
        ):
            value: Value = row["value"] if row["text"] is None else row["text"]
            settings.setdefault(row["condition"], {})[row["name"]] = Setting(
                value, row["lower"], row["upper"], tuple(json.loads(row["others"])), bool(row["absent"]), row["unit"])
        rows = self._index.rows(
            "SELECT c.id, c.condition, k.name AS calibration, t.name AS detector_type FROM constant c "
            "JOIN calibration k ON k.id = c.calibration JOIN detector_type t ON t.id = c.detector_type "
            "WHERE c.id > ? ORDER BY c.id", (after,))
        return {row["id"]: Constant(row["id"], row["calibration"], row["detector_type"],
                                    settings.get(row["condition"], {}), _plain(settings.get(row["condition"], {})))
                for row in rows}

    def _units(self, query: Query, places: Mapping[str, Place]) -> list[int]:
        """Numbers of the units that are asked for."""
        if not query.units and not query.detector:
            return [row[0] for row in self._index.rows("SELECT id FROM pdu")]
        here = {name for name, place in places.items() if place.detector == query.detector}
        wanted = set(query.units) & here if query.units and query.detector else set(query.units) or here
        return [row[0] for row in self._index.rows(
            "SELECT id FROM pdu WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(sorted(wanted)),))]

    def _candidates(
        self, query: Query, units: list[int], constants: list[int], at: datetime, places: Mapping[str, Place]
    ) -> list[Version]:
        """Versions among which those are that the query takes, with what they are, or were at a snapshot."""
        values = {"units": json.dumps(units), "constants": json.dumps(constants),
                  "statuses": json.dumps(sorted(map(str, query.statuses)))}
        if query.snapshot is None:
            sides = _SIDES[query.take]
            time = _NEVER if query.take == "newest" else microseconds(at)
            return self.versions((row[0] for sql in sides for row in self._index.rows(
                sql, {**values, "at": time})), places)
        then = {row[0]: Status(row[1]) for row in self._index.rows(
            _KNOWN_THEN, {**values, "then": microseconds(query.snapshot)})}
        return [replace(one, status=then[one.number]) for one in self.versions(then, places)]

    def _version(self, row: Any, constant: Constant, place: Place) -> Version:
        return Version(
            self._folder / row["path"], row["pdu"], constant.calibration, constant.detector_type,
            as_time(row["begin_at"]), as_time(row["created_at"]), constant.conditions, True, row["id"],
            row["dataset"], Status(row["status"]), row["sha256"] or "", row["identity"], as_time(row["injected"]),
            row["author"], row["comment"], row["raw_data"], place.detector, place.aggregator, place.module,
            row["report"] or "")


def _placed(rows: Sequence[Any], at: int) -> dict[str, Place]:
    """The last that is known of each place until a time, and of each unit; rows are in the order of time."""
    there: dict[tuple[str, str], Any] = {}
    for row in rows:
        key = row["identifier"], row["aggregator"]
        if row["begin_at"] <= at or key not in there:
            there[key] = row
    found: dict[str, Any] = {}
    for row in sorted(there.values(), key=lambda one: (one["begin_at"] <= at, one["begin_at"], one["id"])):
        if row["name"] is not None:
            found[row["name"]] = row
    return {name: Place(row["identifier"], row["aggregator"], row["module"], row["virtual_name"])
            for name, row in found.items()}


def _next(number: int, comparison: str, order: str) -> str:
    """Question for those next to a time, of each unit, constant and status."""
    return f"""
        SELECT s.version FROM json_each(:units) u, json_each(:constants) c, json_each(:statuses) t, standing s
        WHERE s.version IN (
            SELECT version FROM standing WHERE pdu = u.value AND constant = c.value AND status = t.value
            AND begin_at {comparison} :at ORDER BY begin_at {order}, version DESC LIMIT {number})"""


#: Questions for candidates, by what a query takes; which of them it is are not theirs to say.
_SIDES = {
    "prior": (_next(1, "<=", "DESC"),),
    "closest": (_next(1, "<=", "DESC"), _next(1, ">", "ASC")),
    "newest": (_next(1, "!=", "DESC"),),
    "around": (_next(AROUND, "<=", "DESC"), _next(AROUND, ">", "ASC")),
    "all": ("""SELECT s.version FROM json_each(:units) u, json_each(:constants) c, json_each(:statuses) t
               JOIN standing s ON s.pdu = u.value AND s.constant = c.value AND s.status = t.value""",),
}
#: Versions that had one of the statuses by the last decision until a time.
_KNOWN_THEN = """
    SELECT id, status FROM (
        SELECT v.id, (SELECT d.status FROM decision d JOIN act a ON a.id = d.act
                      WHERE d.version = v.id AND a.at <= :then ORDER BY d.id DESC LIMIT 1) AS status
        FROM version v WHERE v.pdu IN (SELECT value FROM json_each(:units))
        AND v.constant IN (SELECT value FROM json_each(:constants)))
    WHERE status IN (SELECT value FROM json_each(:statuses))"""


def _is_asked(one: Constant, query: Query) -> bool:
    return ((not query.calibrations or one.calibration in query.calibrations)
            and query.detector_type.lower() in ("", one.detector_type.lower())
            and (query.condition is None or not difference(
                one.settings, {name: (value,) for name, value in query.condition.items()})))


def _plain(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Settings as versions tell them."""
    return {name: {"value": one.value, "unit": one.unit, "lower": one.lower, "upper": one.upper,
                   **({"values": list(one.values)} if one.others else {}), **({"absent": True} if one.absent else {})}
            for name, one in settings.items()}
