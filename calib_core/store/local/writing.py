"""Records that are written in one go, and the checksums that chain them.

Each record's checksum holds that of the one before, so that what is changed by hand is found.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from calib_core.store.local.packing import pack_anew

#: What the first record has before it.
BEGINNING = "0" * 64
Row = Mapping[str, Any]


class Writing:
    """Records that are being written in one go.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        last = connection.execute("SELECT sha256 FROM chain ORDER BY id DESC LIMIT 1").fetchone()
        self._last: str = last[0] if last else BEGINNING

    def add(self, table: str, **values: Any) -> int:
        """Write a record; returns its number.

        Parameters
        ----------
        table : str
        **values
            By the names of the columns; others are empty.
        """
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        number = self._connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values())).lastrowid
        assert number is not None
        row = self._connection.execute(f"SELECT * FROM {table} WHERE id = ?", (number,)).fetchone()
        self._last = linked(self._last, table, dict(row))
        self._connection.execute("INSERT INTO chain (of_table, of_row, sha256) VALUES (?, ?, ?)",
                                 (table, number, self._last))
        return number

    def same(self, table: str, **values: Any) -> int:
        """Number of the record that has these values; it is written where there is none.

        Parameters
        ----------
        table : str
        **values
            Not empty.
        """
        where = " AND ".join(f"{name} = ?" for name in values)
        found = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", tuple(values.values())).fetchone()
        return int(found[0]) if found else self.add(table, **values)

    def renew_standing(self) -> None:
        """Make anew what the index keeps of the last decisions, which is no record."""
        self._connection.execute("DELETE FROM standing")
        self._connection.execute(
            "INSERT INTO standing (version, constant, pdu, begin_at, status) SELECT v.id, v.constant, v.pdu, "
            "v.begin_at, (SELECT status FROM decision d WHERE d.version = v.id ORDER BY d.id DESC LIMIT 1) "
            "FROM version v")

    def renew_packed(self) -> None:
        """Make anew what the index keeps packed of numbers of versions."""
        pack_anew(self._connection)

    def beside(self, sql: str, values: Sequence[Any]) -> None:
        """Write what is no record, since it can be made anew.

        Parameters
        ----------
        sql : str
        values : sequence
        """
        self._connection.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows that a question gets, with what is being written.

        Parameters
        ----------
        sql : str
        values : sequence
        """
        return self._connection.execute(sql, values).fetchall()


def linked(before: str, table: str, row: Row) -> str:
    """Checksum of a record and of all before it.

    Parameters
    ----------
    before : str
        Checksum of the one before.
    table : str
    row : mapping
        All columns.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    said = json.dumps([before, table, dict(row)], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
