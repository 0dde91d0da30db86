"""What has no pixels: a table of rows, or curves over one axis, in the place of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.widgets.map_title import MapTitle
from app.widgets.number_table import NumberTable, Row, TableColumn
from app.widgets.series_plot import SeriesPlot

_HINT = "Nothing is known yet"


@dataclass(frozen=True)
class Rows:
    """A table: its columns, and rows with a value for each."""

    columns: tuple[TableColumn, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Curves:
    """Curves by their names over common (n,) positions along an axis."""

    axis: str
    x: np.ndarray
    curves: tuple[tuple[str, np.ndarray], ...]


class ValuesView(QWidget):
    """Shows :class:`Rows` or :class:`Curves` under a title as maps have it.

    ``menu_requested`` asks for the menu of the slot at a place on the screen.
    """

    menu_requested = pyqtSignal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table, self.plot = NumberTable(self), SeriesPlot(self, _HINT)
        self._title, self._pages = MapTitle(self), QStackedWidget(self)
        for page in (self.plot, self.table):
            self._pages.addWidget(page)
            page.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            page.customContextMenuRequested.connect(
                lambda at, page=page: self.menu_requested.emit(page.mapToGlobal(at)))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._pages, 1)

    def show_content(self, title: str, unit: str, content: Rows | Curves | None) -> None:
        """Show values under their title, a hint where there are none."""
        self._title.show_map(title, unit)
        if isinstance(content, Rows):
            self.table.set_rows(content.columns, content.rows)
            self._pages.setCurrentWidget(self.table)
            return
        self._pages.setCurrentWidget(self.plot)
        self.plot.clear()
        for name, values in content.curves if content is not None else ():
            self.plot.set_labels("", content.axis, title, "", unit)
            self.plot.add_curve(content.x, values, None, name)

    @property
    def rows(self) -> Sequence[Row]:
        """Rows of the table, in the order in which they are shown."""
        return self.table.rows
