"""Numbers of versions packed as lines over time read them: by unit, kind and entry, beside the rows that they are of.

Thousands of rows take longer to read than to draw. What is packed follows from the rows: a change of one marks its
stretch of time (triggers of the index), and whoever has written packs that again before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Any
from zlib import crc32

import numpy as np

from calib_core.constants.statistics import COLUMNS, DRAWN_PLACES
from calib_core.store.local.schema import ALWAYS

#: Versions of a stretch of time; one that has twice as many is cut.
STRETCH = 48
#: A version of a line: its number, that of what it tells alike with others (0 where it has no numbers), and what
#: tells its numbers from those before, made of their checksum.
VERSION = np.dtype([("version", "<i8"), ("told", "<i4"), ("stamp", "<u4")])
#: What is packed of the rows of a line.
ROWS = "SELECT begin_at, version, told, sha256, numbers FROM line WHERE pdu = ? AND calibration = ?"
#: Bytes of the numbers of an entry in a row.
_OF_ENTRY = 8 * len(COLUMNS)


def pack(connection: Connection) -> None:
    """Pack what has changed since it was packed; to be called in the transaction that has changed it.

    Numbers that are damaged stay as they are: who reads them says so, and a check of the store.

    Parameters
    ----------
    connection : Connection
    """
    for pdu, calibration, since in connection.execute(
        "SELECT pdu, calibration, since FROM stretch WHERE versions IS NULL"
    ).fetchall():
        line = (pdu, calibration)
        until = connection.execute("SELECT min(since) FROM stretch WHERE pdu = ? AND calibration = ? AND since > ?",
                                   (*line, since)).fetchone()[0]
        rows = connection.execute(f"{ROWS} AND begin_at >= ? AND (? IS NULL OR begin_at < ?) "
                                  "ORDER BY begin_at, version", (*line, since, until, until)).fetchall()
        if any(map(is_damaged, rows)):
            continue
        connection.execute("DELETE FROM piece WHERE pdu = ? AND calibration = ? AND since = ?", (*line, since))
        for place, some in enumerate(_cut(rows)):
            begin = some[0][0] if place else since
            versions, numbers = packed(some)
            connection.execute("INSERT OR REPLACE INTO stretch VALUES (?, ?, ?, ?)", (*line, begin, versions))
            connection.executemany("INSERT INTO piece VALUES (?, ?, ?, ?, ?)", (
                (*line, entry, begin, image) for entry, image in numbers.items()))


def pack_anew(connection: Connection) -> None:
    """Forget what is packed, and pack all lines again.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    """
    for table in ("piece", "stretch"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("INSERT INTO stretch SELECT DISTINCT pdu, calibration, ?, NULL FROM line", (ALWAYS,))
    pack(connection)


def _cut(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Rows by stretches, of which each has versions of other times than the next."""
    begin = 0
    while len(rows) - begin >= 2 * STRETCH:
        end = begin + STRETCH
        while end < len(rows) and rows[end][0] == rows[end - 1][0]:
            end += 1
        yield rows[begin:end]
        begin = end
    if begin < len(rows) or not begin:
        yield rows[begin:]


def is_damaged(row: Any) -> bool:
    """Whether a row of a line has something else in place of its numbers.

    Parameters
    ----------
    row : sequence
        Of :data:`ROWS`.
    """
    _, _, told, _, numbers = row
    return len(numbers) % _OF_ENTRY != 0 or (told is not None and not numbers)


def packed(rows: Sequence[Any]) -> tuple[bytes, dict[int, bytes]]:
    """Rows of a line as they are packed.

    Parameters
    ----------
    rows : sequence
        Of :data:`ROWS`, none of them damaged.

    Returns
    -------
    versions : bytes
        (rows,) :data:`VERSION`.
    numbers : dict of int to bytes
        Of each entry, (rows, DRAWN) float64; NaN where a version lacks it.
    """
    versions = np.array([(version, told or 0, crc32(sha256.encode()))
                         for _, version, told, sha256, _ in rows], VERSION)
    numbers = [row[-1] for row in rows]
    nothing = np.full(max(map(len, numbers), default=0) // 8, np.nan).tobytes()
    table = np.frombuffer(b"".join([one + nothing[len(one):] for one in numbers]))
    entries = len(nothing) // _OF_ENTRY
    drawn = table.reshape(len(rows), entries, len(COLUMNS))[:, :, DRAWN_PLACES]
    return versions.tobytes(), {entry: drawn[:, entry].tobytes() for entry in range(entries)}
