"""Numbers of versions that an index keeps: lines in its table, and blocks in files beside the constants.

They can be made anew of the constants at any time, so that they are no records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from calib_core.constants.statistics import LineNumbers
from calib_core.numerics.group_statistics import Cut
from calib_core.store.about import FLAGS
from calib_core.store.base import Version
from calib_core.store.constants import StoredConstant
from calib_core.store.local.blocks import Made, line_kind
from calib_core.store.local.index import Index
from calib_core.store.local.pieces import KeptLines, lines_of
from calib_core.store.local.records import microseconds
from calib_core.store.local.writing import Writing

_OF = """
    SELECT l.version, l.told, l.map, l.blocks, l.sha256, l.numbers, t.said, v.shape, v.dims, v.dtype
    FROM line l JOIN version v ON v.id = l.version LEFT JOIN told t ON t.id = l.told WHERE l.version IN """
_NAMED = f"{_OF} (SELECT value FROM json_each(?))"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Kept:
    """What an index keeps of the numbers of a version.

    Attributes
    ----------
    numbers : LineNumbers, optional
        None for what is no stack of images, which has none.
    blocks : Path
        File of all numbers.
    sha256 : str
        Of that file.
    map : int, optional
        Version that is its bad-pixel map.
    told : mapping
        What the constant's file tells, as plain JSON.
    shape, dims : tuple
    dtype : str
        Of the values.
    """

    numbers: LineNumbers | None
    blocks: Path
    sha256: str
    map: int | None
    told: Mapping[str, Any]
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    dtype: str

    @property
    def cut(self) -> Cut:
        """How values were cut into groups; there are numbers."""
        rows, columns = self.told["spShape"]
        return Cut((rows, columns), self.told["nMemToShow"])

    def stored(self, one: Version) -> StoredConstant:
        """What the constant's file tells, without a look at it.

        Parameters
        ----------
        one : Version
            That it is of.
        """
        times = {"begin_validity": one.begin, "creation_time": one.created}
        told = {name: time.isoformat() for name, time in times.items() if time is not None}
        return StoredConstant(one.path, one.pdu, one.calibration, self.shape, self.dims, self.dtype,
                              {**self.told, **told}, {})


class Lines:
    """Looks numbers of versions up.

    Parameters
    ----------
    index : Index
    folder : Path
        Of the store.
    """

    def __init__(self, index: Index, folder: Path) -> None:
        self._index, self._folder = index, folder

    def of(self, versions: Iterable[int]) -> dict[int, Kept]:
        """What is kept of versions, by their numbers; those that nothing is kept of are left out.

        Parameters
        ----------
        versions : iterable of int
        """
        rows = self._index.rows(_NAMED, (json.dumps(list(versions)),))
        return {row["version"]: self._kept(row) for row in rows}

    def _kept(self, row: Any) -> Kept:
        numbers = None if row["told"] is None else LineNumbers(line_kind(row["said"]), row["numbers"])
        return Kept(numbers, self._folder / row["blocks"], row["sha256"], row["map"], _said(row["said"]),
                    tuple(json.loads(row["shape"])), tuple(json.loads(row["dims"])), row["dtype"])

    def numbers_of(self, units: Iterable[str], calibration: str, entry: int) -> KeptLines:
        """Numbers of an entry of all versions of some units and a kind.

        Parameters
        ----------
        units : iterable of str
        calibration : str
            The database's name.
        entry : int
        """
        return lines_of(self._index, units, calibration, entry)

    def lacking(self) -> list[int]:
        """Numbers of the versions whose statistics are not kept; of those without a file there are none."""
        return [row[0] for row in self._index.rows(
            "SELECT id FROM version WHERE sha256 IS NOT NULL AND id NOT IN (SELECT version FROM line) ORDER BY id")]

    def named_files(self) -> dict[Path, str]:
        """SHA-256 of all files of numbers that are kept, by their paths."""
        return {self._folder / row["blocks"]: row["sha256"] for row in self._index.rows(
            "SELECT blocks, sha256 FROM line WHERE blocks != ''")}

    def maps_near(self, unit: str, begin: datetime, span: timedelta) -> list[int]:
        """Numbers of the bad-pixel maps of a unit that begin within a span of a time.

        Parameters
        ----------
        unit : str
        begin : datetime
            Aware.
        span : timedelta
        """
        at, away = microseconds(begin), span // _MICROSECOND
        return [row[0] for row in self._index.rows(
            "SELECT v.id FROM version v JOIN pdu p ON p.id = v.pdu JOIN constant c ON c.id = v.constant "
            "JOIN calibration k ON k.id = c.calibration WHERE p.name = ? AND v.begin_at BETWEEN ? AND ? "
            f"AND v.sha256 IS NOT NULL AND k.name LIKE '{FLAGS}%' ORDER BY v.id", (unit, at - away, at + away))]


@lru_cache(1024)
def _said(said: str | None) -> Mapping[str, Any]:
    return {} if said is None else json.loads(said)


def put_line(writing: Writing, version: int, made: Made, blocks: str) -> None:
    """Keep the numbers of a version in place of those before; its map is a version that is there by then.

    Parameters
    ----------
    writing : Writing
    version : int
    made : Made
    blocks : str
        File of all numbers, below the store's folder; empty where there are none.
    """
    told = None
    if made.told is not None:
        said = json.dumps(made.told, sort_keys=True)
        writing.beside("INSERT INTO told (said) VALUES (?) ON CONFLICT DO NOTHING", (said,))
        told = writing.rows("SELECT id FROM told WHERE said = ?", (said,))[0][0]
    map_ = writing.rows("SELECT id FROM version WHERE sha256 = ?", (made.map_sha256,))
    writing.beside(
        "INSERT OR REPLACE INTO line SELECT v.pdu, c.calibration, v.begin_at, v.id, ?, ?, ?, ?, ? FROM version v "
        "JOIN constant c ON c.id = v.constant WHERE v.id = ?",
        (told, map_[0][0] if map_ else None, blocks, made.sha256, made.line.numbers if made.line else b"", version))


def drop_lines_without_map(writing: Writing, map_: int, span: timedelta) -> None:
    """Forget numbers of versions that had no bad-pixel map, since one has come that may be theirs.

    Parameters
    ----------
    writing : Writing
    map_ : int
        Number of the version that has come.
    span : timedelta
        How far in time it may be from them.
    """
    writing.beside(
        "DELETE FROM line WHERE version IN (SELECT l.version FROM version m JOIN line l ON l.pdu = m.pdu "
        "JOIN calibration k ON k.id = l.calibration "
        f"WHERE m.id = ? AND l.map IS NULL AND l.told IS NOT NULL AND k.name NOT LIKE '{FLAGS}%' "
        "AND l.begin_at BETWEEN m.begin_at - ? AND m.begin_at + ?)", (map_, *(2 * (span // _MICROSECOND,))))


def drop_lines(writing: Writing, versions: Sequence[int]) -> None:
    """Forget numbers of versions, so that they are made anew.

    Parameters
    ----------
    writing : Writing
    versions : sequence of int
    """
    writing.beside("DELETE FROM line WHERE version IN (SELECT value FROM json_each(?))",
                   (json.dumps(list(versions)),))
