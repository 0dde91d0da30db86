"""Tables as CSV files that a spreadsheet opens safely."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.store.files import write_atomically

Cell = float | int | str | bool | None
_FORMULA_STARTS = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Column:
    """A column of a table: name and unit."""

    name: str
    unit: str = ""

    @property
    def heading(self) -> str:
        """Name with the unit in brackets, such as ``noise [ADU]``."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], comment: str = "",
              overwrite: bool = False) -> None:
    """Write a table as CSV (UTF-8, comma, point), whole or not at all.

    Parameters
    ----------
    columns : sequence of Column
        Headings carry the units.
    rows : iterable of sequences
        One value per column; missing values are None. Text becomes one line, and gets a quote in
        front where a spreadsheet would take it for a formula.
    comment : str
        Lines before the heading, each behind ``# ``.

    Raises
    ------
    ValueError
        A row has not as many values as there are columns.
    OutputFailed
        The file cannot be written.
    """
    buffer = io.StringIO()
    buffer.writelines(f"# {line}\n" for line in comment.splitlines())
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_text(c.heading) for c in columns])
    for row in rows:
        writer.writerow([_text(value) for _, value in zip(columns, row, strict=True)])
    write_atomically(path, buffer.getvalue().encode(), overwrite)


def _text(value: Cell) -> str:
    """Value as text; only text can hide a formula, numbers keep their sign."""
    if value is None:
        return ""
    if isinstance(value, str):
        line = " ".join(value.split())
        return "'" + line if line.startswith(_FORMULA_STARTS) else line
    return repr(value.item() if hasattr(value, "item") else value)
