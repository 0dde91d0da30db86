"""A grid whose cells are of one size to the pixel, so that what is drawn for one of them serves the others."""

from __future__ import annotations

from PyQt6.QtCore import QRect
from PyQt6.QtWidgets import QGridLayout


class EvenGrid(QGridLayout):
    """A grid of widgets; up to a pixel less than there is for each row and column stays free at right and bottom.

    Linked maps of one size share the layer of their flags, which takes as long as all else of a map.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows = self._columns = 1

    def set_cells(self, rows: int, columns: int) -> None:
        """Divide the room into so many rows and columns; all others have none."""
        self._rows, self._columns = rows, columns
        for i in range(max(self.rowCount(), rows)):
            self.setRowStretch(i, int(i < rows))
        for i in range(max(self.columnCount(), columns)):
            self.setColumnStretch(i, int(i < columns))

    def setGeometry(self, room: QRect) -> None:
        """Lay the widgets out in what divides evenly."""
        edges = self.contentsMargins()
        width = room.width() - edges.left() - edges.right() - (self._columns - 1) * self.horizontalSpacing()
        height = room.height() - edges.top() - edges.bottom() - (self._rows - 1) * self.verticalSpacing()
        super().setGeometry(room.adjusted(0, 0, -(width % self._columns), -(height % self._rows)))
