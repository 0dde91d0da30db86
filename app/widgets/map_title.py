"""The title of a map, cut at its end where there is no room for all of it."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QLabel, QWidget


class MapTitle(QLabel):
    """One line in the middle of its room; plain text, since titles may hold any character."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map_title")
        self.setTextFormat(Qt.TextFormat.PlainText)

    def show_map(self, title: str, unit: str) -> None:
        """Show the title of a map with its unit."""
        self.setText(f"{title}  [{unit}]" if unit else title)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the text, or its beginning."""
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width() - 4)
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, shown)
        painter.end()
