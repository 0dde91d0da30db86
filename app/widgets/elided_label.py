"""A line of text, cut at its end where there is no room for all of it, which dots tell."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.widgets.plain import PlainLabel


class ElidedLabel(PlainLabel):
    """Plain text that never widens its surroundings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the text, or its beginning."""
        room = self.contentsRect().adjusted(self.margin(), 0, -self.margin(), 0)
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, self.alignment() | Qt.AlignmentFlag.AlignVCenter, self.shown(room.width()))
        painter.end()

    def shown(self, width: int) -> str:
        """What of the text is drawn in so many pixels."""
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, width)
