"""A sheet of keys that lies over the window until it is clicked away."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from app.widgets.plain import PlainLabel

_ROWS = 18


class KeySheet(QFrame):
    """Keys and what they do in two columns, in the middle of its parent."""

    def __init__(self, rows: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("key_sheet")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(24, 18, 24, 18)
        grid.setHorizontalSpacing(18)
        for i, (keys, text) in enumerate(rows):
            column = 2 * (i // _ROWS)
            key = QLabel(f"<b>{keys}</b>")
            key.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(key, i % _ROWS, column)
            grid.addWidget(PlainLabel(text), i % _ROWS, column + 1)
        parent.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        """Show the sheet, or hide it."""
        self.setVisible(self.isHidden())
        if not self.isHidden():
            self._centre()
            self.raise_()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Hide."""
        self.hide()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay in the middle."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._centre()
        return False

    def _centre(self) -> None:
        self.adjustSize()
        room = self.parentWidget().rect()
        self.move((room.width() - self.width()) // 2, (room.height() - self.height()) // 2)
