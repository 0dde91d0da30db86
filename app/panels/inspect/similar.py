"""Pixels that fail as the selected one does: a table of them, and marks in the maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.panels.inspect.tables import TablePresenter, Work, heading_label, show_rows
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import asic_number, flag_names
from app.panels.maps.slots import Choice
from app.running.background import Background
from app.session.session import Session
from app.widgets.number_table import NumberTable, Row, TableColumn
from calib_core.axes import Array
from calib_core.subjects.shown import Shown
from calib_core.subjects.similar import Alike, alike

_WORK, _MOST = "Pixels that fail alike", 2000
_HINT = "Select a pixel with a flag to see all that fail like it."
_PLACE = (TableColumn("module"), TableColumn("ASIC"), TableColumn("row"), TableColumn("column"))


class SimilarTable(QWidget):
    """A row for each pixel with its values in the shown maps; a click selects it."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self.heading, self.table = heading_label("similar_heading"), NumberTable(self)
        self.table.setObjectName("similar_table")
        self.presenter = TablePresenter(session, background, _WORK, self._work, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self.heading)
        column.addWidget(self.table, 1)
        self.presenter.ready.connect(self._show)
        self.table.row_chosen.connect(lambda row: session.set_pixel((row[0], *row[2:4])))
        session.pixel_changed.connect(self.presenter.refresh)
        maps.slots_changed.connect(self.presenter.refresh)

    def set_shown(self, shown: bool) -> None:
        """Tell whether the table is to be seen; its pixels are marked while it is."""
        self.presenter.set_shown(shown)
        if not shown:
            self._session.set_outlined({})

    def _work(self) -> Work | None:
        shown = self._session.shown
        if shown.pixel is None or shown.picture is None:
            return None
        chosen = [one for one in dict.fromkeys(self._maps.chosen) if not one.is_flags and one.result.pixels]
        return shown.place_text, partial(similar_table, shown, chosen)

    def _show(self, place: str, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        found = rows.found if isinstance(rows, Rows) else None
        show_rows(self.heading, self.table, _HINT if found is None else heading(found, place), columns, rows)
        self._session.set_outlined({} if found is None else by_module(found.pixels))


class Rows(list[Row]):
    """Rows of a table, with all pixels that they are the first of."""

    def __init__(self, rows: Sequence[Row], found: Alike | None) -> None:
        super().__init__(rows)
        self.found = found if found is not None and found.flags else None


def similar_table(shown: Shown, chosen: Sequence[Choice]) -> tuple[tuple[TableColumn, ...], Rows]:
    """Columns and rows of the pixels that fail as the selected one does, with their values in the shown maps."""
    found = alike(shown.subject, shown.pixel, shown.at)
    columns = (*_PLACE, *(TableColumn(one.heading, "{:.5g}") for one in chosen))
    if found is None:
        return columns, Rows((), None)
    first = found.pixels[:_MOST]
    values = [_values(shown, one, first) for one in chosen]
    rows = [(module, asic_number(shown.kind, row, col), row, col,
             *(float(one[i]) if np.isfinite(one[i]) else None for one in values))
            for i, (module, row, col) in enumerate(first.tolist())]
    return columns, Rows(rows, found)


def _values(shown: Shown, choice: Choice, pixels: Array) -> Array:
    """Values of pixels in a map, NaN where a module has none."""
    found = np.full(len(pixels), np.nan)
    for module in np.unique(pixels[:, 0]).tolist():
        plane, mine = shown.subject.plane(choice.result.name, module, {**shown.at, **dict(choice.pick.at)}), (
            pixels[:, 0] == module)
        if plane is not None:
            found[mine] = plane[tuple(pixels[mine, 1:].T)]
    return found


def heading(found: Alike, place: str) -> str:
    """How many pixels fail alike, and in which way."""
    states = ", ".join(f"{name} {value:g}" for name, value in found.states if np.isfinite(value))
    number = len(found.pixels)
    said = f"{number:,} pixel{'s' if number > 1 else ''} of {found.modules} module{'s' if found.modules > 1 else ''}"
    cut = f" · the first {_MOST:,} are listed, all are marked" if number > _MOST else ""
    return f"{said} fail like this at {place}: {flag_names(found.flags)}{f' ({states})' if states else ''}{cut}"


def by_module(pixels: Array) -> dict[int, Array]:
    """Rows and columns of pixels, (n, 2), by the number of their module."""
    return {module: pixels[pixels[:, 0] == module, 1:] for module in np.unique(pixels[:, 0]).tolist()}
