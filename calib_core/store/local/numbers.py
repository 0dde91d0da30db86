"""Records of an index by their numbers: detectors, units, operating conditions and reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from calib_core.store.local.index import Index

_OF_VERSIONS = """
    SELECT v.id, v.constant, c.condition, k.digest, v.pdu, v.report FROM version v
    JOIN constant c ON c.id = v.constant JOIN condition k ON k.id = c.condition
    WHERE v.id IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True)
class Unit:
    """A physical detector unit: its number, name, and the database's name of its type."""

    number: int
    name: str
    detector_type: str


@dataclass(frozen=True)
class Behind:
    """Numbers of the records that a version stands on, and what tells its operating condition from others.

    Attributes
    ----------
    constant, condition, unit : int
    report : int, optional
        None where there is none on it.
    digest : str
        Of the operating condition.
    """

    constant: int
    condition: int
    unit: int
    report: int | None
    digest: str


class Numbers:
    """Looks records up by number.

    Parameters
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def detectors(self) -> dict[str, int]:
        """Numbers of detectors by their identifiers, the first known first."""
        return {row["identifier"]: row["id"] for row in self._index.rows("SELECT * FROM detector ORDER BY id")}

    def units(self) -> dict[str, Unit]:
        """Units by their names."""
        return {row["name"]: Unit(row["id"], row["name"], row["type"]) for row in self._index.rows(
            "SELECT p.id, p.name, t.name AS type FROM pdu p JOIN detector_type t ON t.id = p.detector_type "
            "ORDER BY p.id")}

    def behind(self, versions: Iterable[int]) -> Mapping[int, Behind]:
        """Records that versions stand on.

        Parameters
        ----------
        versions : iterable of int
        """
        return {row["id"]: Behind(row["constant"], row["condition"], row["pdu"], row["report"], row["digest"])
                for row in self._index.rows(_OF_VERSIONS, (json.dumps(list(versions)),))}

    def report(self, number: int) -> str | None:
        """Path of a report; None where there is none of a number.

        Parameters
        ----------
        number : int
        """
        found: str | None = self._index.one("SELECT path FROM report WHERE id = ?", (number,))
        return found

    def of_report(self, report: int | str) -> list[int]:
        """Numbers of the versions that a report is on.

        Parameters
        ----------
        report : int or str
            Its number or path.
        """
        column = "path" if isinstance(report, str) else "id"
        return [row[0] for row in self._index.rows(
            f"SELECT v.id FROM version v JOIN report r ON r.id = v.report WHERE r.{column} = ? ORDER BY v.id",
            (report,))]

    def constant_of(self, condition: int) -> tuple[int, str] | None:
        """A constant of an operating condition, and what tells that from others; None where there is none.

        Parameters
        ----------
        condition : int
        """
        found = self._index.rows("SELECT c.id, k.digest FROM constant c JOIN condition k ON k.id = c.condition "
                                 "WHERE k.id = ? LIMIT 1", (condition,))
        return (found[0]["id"], found[0]["digest"]) if found else None
