"""One line above the maps for what the operator must know now."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app.widgets.icons import icon
from app.widgets.tones import tones_of

_WORDS = {"error": "Error", "warning": "Warning", "info": "Note", "ok": "Done"}
_ICONS = {"error": "error", "warning": "warning", "info": "info", "ok": "approve"}


class Banner(QWidget):
    """Shows one message with icon, word and colour of its level, until it is closed or replaced."""

    closed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._level = "info"
        self._icon = QLabel(objectName="banner_icon")
        self._text = QLabel(objectName="banner_text")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._close = QToolButton(objectName="banner_close", autoRaise=True, toolTip="Close this message")
        self._close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 4, 4)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._close)
        self.hide()

    @property
    def message(self) -> str:
        """The message as it was given, empty when closed."""
        return self._text.toolTip() if self.isVisibleTo(self.parentWidget()) else ""

    @property
    def level(self) -> str:
        """Level of the last message."""
        return self._level

    def show_message(self, level: str, text: str) -> None:
        """Show a message of level ``error``, ``warning`` (or ``warn``), ``info`` or ``ok``, as plain text."""
        level = {"warn": "warning"}.get(level, level)
        if level not in _WORDS:
            raise ValueError(f"a message is one of {', '.join(_WORDS)}, not {level!r}")
        self._level = level
        line = " ".join(text.split())
        self._text.setText(f"{_WORDS[level]}: {line}")
        self._text.setToolTip(text)
        self._take_colours()
        self.show()

    def dismiss(self) -> None:
        """Close the message."""
        self.hide()
        self.closed.emit()

    def _take_colours(self) -> None:
        tones = tones_of(self.palette())
        self._icon.setPixmap(icon(_ICONS[self._level], tones.of_level(self._level)).pixmap(18, 18))
        self._close.setIcon(icon("close", QColor(tones.text)))
        self.update()

    def paintEvent(self, event) -> None:
        """Draw the ground tinted by the level, and a stripe of its colour."""
        painter = QPainter(self)
        colour = tones_of(self.palette()).of_level(self._level)
        painter.fillRect(0, 0, 4, self.height(), colour)
        colour.setAlpha(34)
        painter.fillRect(self.rect(), colour)
        painter.setPen(QPen(self.palette().mid().color(), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    def changeEvent(self, event) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and hasattr(self, "_close"):
            self._take_colours()
