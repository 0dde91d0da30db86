"""Table of what was copied out of stores into a folder and what is missing, which grows with each export into it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from calib_core.errors import OutputFailed
from calib_core.store.alone import alone
from calib_core.store.exporting import Exported
from calib_core.store.table import Cell, Column, write_csv
from calib_core.typed import is_number

SUMMARY = "summary.csv"
#: Exports into one folder add their lines one after the other.
_LOCK = ".summary.lock"
_COLUMNS = (Column("module"), Column("aggregator"), Column("unit"), Column("calibration"), Column("state"),
            Column("condition"), Column("valid from (UTC)"), Column("made (UTC)"), Column("age", "days"),
            Column("version"), Column("raw data"), Column("file"), Column("bytes"), Column("SHA-256"),
            Column("as of (UTC)"))
#: The same as columns of a result, with the type of their values.
TABLE_COLUMNS = tuple((one.heading, "f8" if one.name == "age" else "O") for one in _COLUMNS)
_UNIT, _CALIBRATION, _FILE = (next(i for i, one in enumerate(_COLUMNS) if one.name == name)
                              for name in ("unit", "calibration", "file"))
#: Columns of numbers, which are numbers again where a line is written anew.
_NUMBERS = [i for i, one in enumerate(_COLUMNS) if one.name in ("module", "age", "version", "bytes")]
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Summary:
    """A table that was written.

    Attributes
    ----------
    path : Path
    kept : int
        Lines of earlier exports into the same folder that are still in it.
    """

    path: Path
    kept: int = 0

    @property
    def words(self) -> str:
        """Sentence on lines that were there before; nothing where there were none."""
        return (f"{self.path} keeps {self.kept} line{'s' * (self.kept != 1)} of earlier exports into this folder."
                if self.kept else "")


def earlier_rows(folder: Path) -> tuple[Row, ...]:
    """Lines of the table that earlier exports have left in a folder; none where there is none.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OutputFailed
        What has its name cannot be read, or is another table, which would be lost.
    """
    path = folder / SUMMARY
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputFailed(f"{path} is there already and cannot be read: {error}; give another folder.") from error
    headings, *rows = list(csv.reader(lines)) or [[]]
    if headings != [one.heading for one in _COLUMNS] or any(len(row) != len(_COLUMNS) for row in rows):
        raise OutputFailed(f"{path} is there already and is no table of an export; give another folder.")
    return tuple(tuple(_cell(i, text) for i, text in enumerate(row)) for row in rows)


def write_summary(folder: Path, made: Sequence[Exported], at: datetime) -> Summary:
    """Write the table of what was copied and what is missing.

    Lines of earlier exports into the folder stay, but for those of the same files, and of what was missing then.

    Parameters
    ----------
    folder : Path
    made : sequence of Exported
    at : datetime
        Ages are as of then, aware.

    Raises
    ------
    OutputFailed
        It cannot be written, or what has its name is another table.
    """
    new = [row_of(one, folder, at) for one in sorted(made, key=lambda one: (one.unit, one.calibration))]
    there, places = {row[_FILE] for row in new}, {(row[_UNIT], row[_CALIBRATION]) for row in new}
    with alone(folder / _LOCK):
        kept = [row for row in earlier_rows(folder)
                if (row[_FILE] not in there if row[_FILE] else (row[_UNIT], row[_CALIBRATION]) not in places)]
        said = f"Constants as of {at:%Y-%m-%d %H:%M:%S} UTC."
        if kept:
            said += f"\nBelow them {len(kept)} of earlier exports into this folder, as of their own times."
        write_csv(folder / SUMMARY, _COLUMNS, [*new, *kept], said, overwrite=True)
    return Summary(folder / SUMMARY, len(kept))


def row_of(one: Exported, folder: Path, at: datetime) -> Row:
    """What became of a constant that was asked for, a cell of each column; None where there is nothing to tell.

    Parameters
    ----------
    one : Exported
    folder : Path
        Where copies are.
    at : datetime
        Its age is as of then, aware.
    """
    version, as_of = one.version, f"{at:%Y-%m-%d %H:%M:%S}"
    if version is None:
        return (None, None, one.unit, one.calibration, one.state, *[None] * 9, as_of)
    age = None if version.begin is None else round((at - version.begin) / timedelta(days=1), 3)
    times = (f"{time:%Y-%m-%d %H:%M:%S}" if time else None for time in (version.begin, version.created))
    file = (str(one.path.relative_to(folder)), one.bytes, one.sha256) if one.path is not None else (None,) * 3
    return (version.module, version.aggregator, one.unit, one.calibration, one.state, one.condition, *times, age,
            version.number or None, version.raw_data, *file, as_of)


def _cell(column: int, text: str) -> Cell:
    """What a cell was before it became text."""
    if column in _NUMBERS and is_number(text):
        return float(text) if "." in text else int(text)
    return text or None
