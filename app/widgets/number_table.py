"""A table of numbers that sorts by any of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.widgets.plain import tip

#: More columns than this do not share the width; none of them is longer than so many characters.
_MANY, _LONGEST = 9, 40
Value = str | int | float | None
Row = tuple[Value, ...]


@dataclass(frozen=True)
class TableColumn:
    """Title of a column, how its numbers are written, and what it means."""

    title: str
    form: str = "{}"
    help: str = ""

    def text(self, value: Value) -> str:
        """Value as it stands in the table; a dash where there is none."""
        return "–" if value is None else self.form.format(value)


class _Model(QAbstractTableModel):
    """Rows in the order of one column, which stays the same when rows are replaced; what has no value comes last."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[TableColumn, ...] = ()
        self.rows: list[Row] = []
        self._given: tuple[Row, ...] = ()
        self._order: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)

    def replace(self, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.columns, self._given = tuple(columns), tuple(rows)
        self._sort()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Rows of the table."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Columns of the table."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text of a place, to the right for numbers; of texts, which may be longer than a column, all as tool tip."""
        value = self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if isinstance(value, str) else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str):
            return tip(value)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.columns[index.column()].text(value)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Title of a column, and what it means."""
        if orientation == Qt.Orientation.Vertical or section >= len(self.columns):
            return None
        column = self.columns[section]
        return {Qt.ItemDataRole.DisplayRole: column.title, Qt.ItemDataRole.ToolTipRole: column.help}.get(role)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put rows in the order of a column; a negative one gives the order in which they came."""
        self.beginResetModel()
        self._order = (column, order)
        self._sort()
        self.endResetModel()

    def _sort(self) -> None:
        column, order = self._order
        self.rows = list(self._given)
        if 0 <= column < len(self.columns):
            known = [row for row in self.rows if row[column] is not None]
            known.sort(key=lambda row: row[column], reverse=order == Qt.SortOrder.DescendingOrder)
            self.rows = known + [row for row in self.rows if row[column] is None]


class NumberTable(QTableView):
    """Rows of numbers; a click on a title sorts, a click on a row tells the row."""

    row_chosen = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self.setModel(self._model)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.clicked.connect(lambda index: self.row_chosen.emit(self._model.rows[index.row()]))

    def set_rows(self, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        """Show other rows in the order that was chosen."""
        place, same = self.verticalScrollBar().value(), self._model.columns == tuple(columns)
        self._model.replace(columns, rows)
        if not same:
            self._share(len(columns))
        self.verticalScrollBar().setValue(place)

    def _share(self, columns: int) -> None:
        """Give columns equal parts of the width, or of many each what it needs, up to a limit."""
        header, many = self.horizontalHeader(), columns > _MANY
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive if many else QHeaderView.ResizeMode.Stretch)
        if many:
            self.resizeColumnsToContents()
            most = self.fontMetrics().averageCharWidth() * _LONGEST
            for column in range(columns):
                header.resizeSection(column, min(header.sectionSize(column), most))

    @property
    def rows(self) -> list[Row]:
        """Rows in the order in which they are shown."""
        return self._model.rows
