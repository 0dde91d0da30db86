"""The index of a store: one SQLite file that several programs may use at once.

What is written is on the disk before anybody is told so (write-ahead log, FULL); a power cut takes none of it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calib_core.errors import BadInput, OutputFailed
from calib_core.store.local.making import INDEX, PATIENCE, make, renew, sentence_of
from calib_core.store.local.packing import pack
from calib_core.store.local.schema import APPLICATION, FORMAT, stand_ins
from calib_core.store.local.writing import Writing


def is_index(folder: Path) -> bool:
    """Whether a folder is a store with an index.

    Parameters
    ----------
    folder : Path
    """
    return (folder / INDEX).is_file()


class Index:
    """Rows of a store.

    Parameters
    ----------
    folder : Path
        Of the store.
    create : bool
        Whether it is made where there is none.

    Attributes
    ----------
    read_only : str
        Why nothing can be written; empty where it can.

    Raises
    ------
    BadInput
        There is none, it is something else, damaged, or of a newer program.
    OutputFailed
        It cannot be made.
    """

    def __init__(self, folder: Path, create: bool = False) -> None:
        self.path = folder / INDEX
        self._here = threading.local()
        self._opened: list[sqlite3.Connection] = []
        if create:
            make(folder)
        elif not is_index(folder):
            raise BadInput(f"{folder} is no store of constants: it has no {INDEX}; "
                           "calibwb store inject makes one.")
        writable = os.access(folder, os.W_OK) and os.access(self.path, os.W_OK)
        self.read_only = "" if writable else "it is read-only"
        self._format = FORMAT
        self._format = self._check_format()
        if self._format < FORMAT:
            self._bring_up(folder)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the thread that asks."""
        found: sqlite3.Connection | None = getattr(self._here, "connection", None)
        if found is None:
            found = self._here.connection = self._connect()
            self._opened.append(found)
        return found

    def close(self) -> None:
        """Let go of the file; what was written is there anyhow."""
        for one in self._opened:
            one.close()
        self._opened.clear()
        self._here = threading.local()

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Rows that a question gets.

        Parameters
        ----------
        sql : str
        values : sequence or mapping

        Raises
        ------
        BadInput
            The index is damaged.
        """
        with self._told():
            return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The only value of a question, or None where there is none.

        Parameters
        ----------
        sql : str
        values : sequence
        """
        found = self.rows(sql, values)
        return found[0][0] if found else None

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Write records, all of them or none; others who write wait.

        Raises
        ------
        OutputFailed
            The store cannot be written, the disk is full, or another program writes for too long.
        """
        if self.read_only:
            raise OutputFailed(f"{self.path} cannot be written: {self.read_only}.")
        with self._told():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield Writing(self.connection)
                pack(self.connection)
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _bring_up(self, folder: Path) -> None:
        """Bring an older index up; one that cannot be written has what it lacks empty."""
        self.close()
        if not self.read_only:
            renew(folder, self._format)
            self._format = FORMAT  # by which connections have nothing that stands in for tables that are there
            self._check_format()

    def _check_format(self) -> int:
        """Format of the index; BadInput where it is another's, or newer."""
        with self._told():
            application = self.one("PRAGMA application_id")
            found = self.one("PRAGMA user_version")
        if application != APPLICATION:
            raise BadInput(f"{self.path} is no index of a store of constants.")
        if found > FORMAT:
            raise BadInput(f"{self.path} was made by a newer program (format {found}, and this one knows {FORMAT}); "
                           "use that one, or a newer.")
        return int(found)

    def _connect(self) -> sqlite3.Connection:
        with self._told():
            if self.read_only:
                return self._for_reading()
            return self._connected("mode=rw")

    def _for_reading(self) -> sqlite3.Connection:
        """A connection to an index that cannot be written; what is still in its log must be readable too."""
        log = self.path.with_name(INDEX + "-wal")
        if not log.exists() or not log.stat().st_size:
            return self._connected("mode=ro&immutable=1")
        try:
            return self._connected("mode=ro")
        except sqlite3.OperationalError as error:
            raise BadInput(f"{self.path} cannot be read: it is read-only, and a program that was ended has left "
                           f"records in {log.name}; copy the store to where it can be written.") from error

    def _connected(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{mode}"
        made = sqlite3.connect(uri, PATIENCE, isolation_level=None, check_same_thread=False, uri=True)
        made.row_factory = sqlite3.Row
        made.execute("PRAGMA synchronous = FULL")
        made.execute("PRAGMA foreign_keys = ON")
        made.execute("PRAGMA recursive_triggers = ON")
        for statement in stand_ins(self._format):
            made.execute(statement)
        return made

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into one sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise sentence_of(self.path, error) from error
