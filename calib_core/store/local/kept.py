"""What of an index is kept in memory: rows that are few, written once and never changed, so that they stay true."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calib_core.constants.condition import Value
from calib_core.constants.matching import Setting, difference
from calib_core.store.base import Query
from calib_core.store.local.index import Index
from calib_core.store.local.records import Place, microseconds

#: Questions whose constants are kept.
_QUESTIONS = 64


@dataclass(frozen=True)
class KnownConstant:
    """What versions of one constant have in common."""

    number: int
    calibration: str
    detector_type: str
    settings: Mapping[str, Setting]
    conditions: Mapping[str, Any]


class Kept:
    """Constants with their operating conditions, units, and where these are; more is read when there is more.

    Parameters
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.forget()

    def forget(self) -> None:
        """Forget everything, so that it is read again."""
        self.constants: dict[int, KnownConstant] = {}
        self._last: tuple[int, int, int] = (0, 0, 0)
        self._answering: OrderedDict[Any, list[int]] = OrderedDict()
        self._units: dict[str, int] = {}
        self._mapping: list[Any] = []
        self._begins: list[int] = []
        self._placed: dict[int, dict[str, Place]] = {}

    def renew(self) -> None:
        """Read what has been written since."""
        row = self._index.rows("SELECT (SELECT max(id) FROM constant), (SELECT max(id) FROM mapping), "
                               "(SELECT max(id) FROM pdu)")[0]
        last = (row[0] or 0, row[1] or 0, row[2] or 0)
        if last[0] != self._last[0]:
            self.constants, self._answering = self._read_constants(), OrderedDict()
        if last[1] != self._last[1]:
            self._mapping = self._index.rows(
                "SELECT m.*, d.identifier, p.name FROM mapping m JOIN detector d ON d.id = m.detector "
                "LEFT JOIN pdu p ON p.id = m.pdu ORDER BY m.begin_at, m.id")
            self._begins, self._placed = sorted({one["begin_at"] for one in self._mapping}), {}
        if last[2] != self._last[2]:
            self._units = {row["name"]: row["id"] for row in self._index.rows("SELECT id, name FROM pdu")}
        self._last = last

    def answering(self, query: Query) -> list[int]:
        """Numbers of the constants whose kind, type and operating condition a query asks for.

        Parameters
        ----------
        query : Query
        """
        condition = None if query.condition is None else tuple(query.condition.items())
        key = query.calibrations, query.detector_type, condition
        found = self._answering.pop(key, None)
        if found is None:
            found = [one.number for one in self.constants.values() if _is_asked(one, query)]
        self._answering[key] = found
        if len(self._answering) > _QUESTIONS:
            self._answering.popitem(last=False)
        return found

    def units(self, names: Collection[str] | None) -> list[int]:
        """Numbers of units, of those that there are; of all where none are named.

        Parameters
        ----------
        names : collection of str, optional
        """
        if names is None:
            return list(self._units.values())
        return [self._units[name] for name in names if name in self._units]

    def places(self, at: datetime) -> dict[str, Place]:
        """Where units are at a time, by their names.

        Before the first time that anybody knows of a place, what was there first counts.

        Parameters
        ----------
        at : datetime
            Aware.
        """
        time = microseconds(at)
        span = bisect_right(self._begins, time)  # nothing changes between two begins
        if span not in self._placed:
            self._placed[span] = placed(self._mapping, time)
        return self._placed[span]

    def _read_constants(self) -> dict[int, KnownConstant]:
        settings: dict[int, dict[str, Setting]] = {}
        for row in self._index.rows(
            "SELECT s.*, p.name, p.unit FROM setting s JOIN parameter p ON p.id = s.parameter"
        ):
            value: Value = row["value"] if row["text"] is None else row["text"]
            settings.setdefault(row["condition"], {})[row["name"]] = Setting(
                value, row["lower"], row["upper"], tuple(json.loads(row["others"])), bool(row["absent"]), row["unit"])
        rows = self._index.rows(
            "SELECT c.id, c.condition, k.name AS calibration, t.name AS detector_type FROM constant c "
            "JOIN calibration k ON k.id = c.calibration JOIN detector_type t ON t.id = c.detector_type ORDER BY c.id")
        plain = {number: _plain(one) for number, one in settings.items()}
        return {row["id"]: KnownConstant(row["id"], row["calibration"], row["detector_type"],
                                         settings.get(row["condition"], {}), plain.get(row["condition"], {}))
                for row in rows}


def placed(rows: Sequence[Any], at: int) -> dict[str, Place]:
    """The last that is known of each place until a time, and of each unit.

    Parameters
    ----------
    rows : sequence
        Of the mapping, in the order of time.
    at : int
        Microseconds.

    Returns
    -------
    dict of str to Place
        By unit.
    """
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


def _is_asked(one: KnownConstant, query: Query) -> bool:
    return ((not query.calibrations or one.calibration in query.calibrations)
            and query.detector_type.lower() in ("", one.detector_type.lower())
            and (query.condition is None or not difference(
                one.settings, {name: (value,) for name, value in query.condition.items()})))


def _plain(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Settings as versions tell them."""
    return {name: {"value": one.value, "unit": one.unit, "lower": one.lower, "upper": one.upper,
                   **({"values": list(one.values)} if one.others else {}), **({"absent": True} if one.absent else {})}
            for name, one in settings.items()}
