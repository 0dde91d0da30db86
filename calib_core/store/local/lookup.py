"""Questions to an index: which versions are next to a time, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.store.base import AROUND, Query, Version, taken
from calib_core.store.local.index import Index
from calib_core.store.local.kept import Kept, KnownConstant
from calib_core.store.local.records import Place, as_time, microseconds
from calib_core.store.statuses import Status

_VERSION = """
    SELECT v.constant, v.path, p.name, v.begin_at, v.created_at, v.id, v.dataset, d.status, v.sha256, v.identity,
           i.at, a.author, a.comment, v.raw_data, r.path
    FROM version v JOIN pdu p ON p.id = v.pdu
    JOIN decision d ON d.id = (SELECT max(id) FROM decision WHERE version = v.id)
    JOIN act a ON a.id = d.act JOIN act i ON i.id = v.act LEFT JOIN report r ON r.id = v.report
    WHERE v.id IN """
_NAMED = f"{_VERSION} (SELECT value FROM json_each(:numbers))"
_NOWHERE = Place("", "")
_STATUSES = {str(one): one for one in Status}
#: A time at which nothing begins.
_NEVER = -1 << 62


class Lookup:
    """Answers questions.

    Parameters
    ----------
    index : Index
    folder : Path
        Of the store, for the paths of files.
    """

    def __init__(self, index: Index, folder: Path) -> None:
        self._index, self._folder = index, folder
        self._kept = Kept(index)

    def forget(self) -> None:
        """Forget what was kept, so that it is read again."""
        self._kept.forget()

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer, by kind, unit and begin.

        Parameters
        ----------
        query : Query
        """
        self._kept.renew()
        at = query.at or datetime.now(UTC)
        places = self._kept.places(query.mapped_at or at)
        units, constants = self._kept.units(_units_of(query, places)), self._kept.answering(query)
        if not constants or not units:
            return ()
        values = {"units": json.dumps(units), "constants": json.dumps(constants),
                  "statuses": json.dumps(sorted(query.statuses))}
        groups: dict[tuple[str, str], list[Version]] = {}
        for one in self._candidates(query, values, at, places):
            groups.setdefault((one.calibration, one.pdu), []).append(one)
        return tuple(one for _, group in sorted(groups.items()) for one in taken(group, query, at))

    def versions(self, numbers: Iterable[int]) -> list[Version]:
        """What is known of versions.

        Parameters
        ----------
        numbers : iterable of int
        """
        self._kept.renew()
        return self._versions(_NAMED, {"numbers": json.dumps(list(numbers))}, {})

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

    def constant(self, number: int) -> KnownConstant:
        """What versions of a constant have in common.

        Parameters
        ----------
        number : int
            That there is.
        """
        self._kept.renew()
        return self._kept.constants[number]

    def places(self, at: datetime) -> dict[str, Place]:
        """Where units are at a time, by their names.

        Parameters
        ----------
        at : datetime
            Aware.
        """
        self._kept.renew()
        return self._kept.places(at)

    def _candidates(
        self, query: Query, values: Mapping[str, Any], at: datetime, places: Mapping[str, Place]
    ) -> list[Version]:
        """Versions among which those are that the query takes, with what they are, or were at a snapshot."""
        if query.snapshot is None:
            time = _NEVER if query.take == "newest" else microseconds(at)
            return self._versions(_NEAR[query.take], {**values, "at": time}, places)
        then = {row[0]: Status(row[1]) for row in self._index.rows(
            _KNOWN_THEN, {**values, "then": microseconds(query.snapshot)})}
        return [replace(one, status=then[one.number]) for one in
                self._versions(_NAMED, {"numbers": json.dumps(list(then))}, places)]

    def _versions(self, sql: str, values: Mapping[str, Any], places: Mapping[str, Place]) -> list[Version]:
        return [self._version(places, *row) for row in self._index.rows(sql, values)]

    def _version(
        self, places: Mapping[str, Place], constant: int, path: str, unit: str, begin: int, created: int, number: int,
        dataset: str, status: str, sha256: str | None, identity: str, injected: int, author: str, comment: str,
        raw_data: str, report: str | None,
    ) -> Version:
        known, place = self._kept.constants[constant], places.get(unit, _NOWHERE)
        return Version(
            self._folder / path, unit, known.calibration, known.detector_type, as_time(begin), as_time(created),
            known.conditions, True, number, dataset, _STATUSES[status], sha256 or "", identity, as_time(injected),
            author, comment, raw_data, place.detector, place.aggregator, place.module, report or "")


def _units_of(query: Query, places: Mapping[str, Place]) -> tuple[str, ...] | None:
    """Units that a query asks for; None for all."""
    if not query.detector:
        return query.units or None
    return tuple(name for name, place in places.items()
                 if place.detector == query.detector and (not query.units or name in query.units))


def _next(number: int, comparison: str, order: str) -> str:
    """Question for those next to a time, of each unit, constant and status; empty where there is none."""
    one = f"""
        SELECT (SELECT version FROM standing WHERE pdu = u.value AND constant = c.value AND status = t.value
                AND begin_at {comparison} :at ORDER BY begin_at {order}, version DESC LIMIT 1 OFFSET %d)
        FROM json_each(:units) u, json_each(:constants) c, json_each(:statuses) t"""
    return " UNION ALL ".join(one % behind for behind in range(number))


#: Questions for candidates, by what a query takes; which of them it is are not theirs to say.
_NEAR = {take: f"{_VERSION} ({' UNION ALL '.join(sides)})" for take, sides in {
    "prior": (_next(1, "<=", "DESC"),),
    "closest": (_next(1, "<=", "DESC"), _next(1, ">", "ASC")),
    "newest": (_next(1, "!=", "DESC"),),
    "around": (_next(AROUND, "<=", "DESC"), _next(AROUND, ">", "ASC")),
    "all": ("""SELECT s.version FROM json_each(:units) u, json_each(:constants) c, json_each(:statuses) t
               JOIN standing s ON s.pdu = u.value AND s.constant = c.value AND s.status = t.value""",),
}.items()}
#: Versions that had one of the statuses by the last decision until a time.
_KNOWN_THEN = """
    SELECT id, status FROM (
        SELECT v.id, (SELECT d.status FROM decision d JOIN act a ON a.id = d.act
                      WHERE d.version = v.id AND a.at <= :then ORDER BY d.id DESC LIMIT 1) AS status
        FROM version v WHERE v.pdu IN (SELECT value FROM json_each(:units))
        AND v.constant IN (SELECT value FROM json_each(:constants)))
    WHERE status IN (SELECT value FROM json_each(:statuses))"""
