"""The log of the session, with filters."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from PyQt6.QtGui import QColor, QFontDatabase, QTextCharFormat
from PyQt6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QPlainTextEdit, QWidget

from app.widgets.tones import tones_of
from app.widgets.wheel_guard import guard_wheel

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_TONE_OF = {"DEBUG": "muted", "INFO": "text", "WARNING": "warning", "ERROR": "error"}
MOST_LINES = 5000


@dataclass(frozen=True)
class LogLine:
    """One message with its time and level."""

    time: str
    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.time}  {self.level:<7}  {self.text}"


class LogView(QWidget):
    """Shows messages as plain text, newest last; keeps the last 5000 and filters them by level and words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("log_view")
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._level = QComboBox(objectName="log_level")
        self._level.addItems(f"{level.capitalize()} and above" for level in LEVELS)
        self._level.setCurrentIndex(LEVELS.index("INFO"))
        guard_wheel(self._level)
        self._words = QLineEdit(objectName="log_words", placeholderText="Filter", clearButtonEnabled=True)
        self._page = QPlainTextEdit(objectName="log_page", readOnly=True, maximumBlockCount=MOST_LINES)
        self._page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._page.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        layout = QGridLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self._level, 0, 0)
        layout.addWidget(self._words, 0, 1)
        layout.addWidget(self._page, 1, 0, 1, 2)
        layout.setColumnStretch(1, 1)
        self._level.currentIndexChanged.connect(self._show_again)
        self._words.textChanged.connect(self._show_again)

    def append(self, time: datetime | str, level: str, text: str) -> None:
        """Add a message; ``level`` is one of ``LEVELS``, CRITICAL counts as ERROR."""
        clock = time if isinstance(time, str) else f"{time:%H:%M:%S}"
        name = {"CRITICAL": "ERROR", "WARN": "WARNING"}.get(level.upper(), level.upper())
        line = LogLine(clock, name, text)
        self._lines.append(line)
        if self._passes(line):
            self._write(line)

    def text(self) -> str:
        """Return the lines that pass the filters."""
        return self._page.toPlainText()

    def clear(self) -> None:
        """Forget all messages."""
        self._lines.clear()
        self._page.clear()

    def _passes(self, line: LogLine) -> bool:
        rank = LEVELS.index(line.level) if line.level in LEVELS else LEVELS.index("INFO")
        return rank >= self._level.currentIndex() and self._words.text().lower() in str(line).lower()

    def _write(self, line: LogLine) -> None:
        look = QTextCharFormat()
        look.setForeground(QColor(getattr(tones_of(self.palette()), _TONE_OF.get(line.level, "text"))))
        bar = self._page.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        cursor = self._page.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        cursor.insertText("\n" * (not self._page.document().isEmpty()) + str(line), look)
        # someone who reads older lines must not be moved away
        if at_end:
            bar.setValue(bar.maximum())

    def _show_again(self) -> None:
        self._page.clear()
        for line in filter(self._passes, self._lines):
            self._write(line)

    def changeEvent(self, event) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and hasattr(self, "_page"):
            self._show_again()
