"""Texts in the colour of a state, which follow the theme."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import QWidget

from app.widgets.plain import PlainLabel, tip


class ToneLabel(PlainLabel):
    """Label with the colour of a tone such as ``muted`` or ``error``."""

    def __init__(self, text: str = "", tone: str = "text") -> None:
        super().__init__(text)
        self.set_tone(tone)

    def set_tone(self, tone: str) -> None:
        """Take the colour of a tone."""
        self.tone = tone
        colour_text(self, tone)


class NoteLabel(ToneLabel):
    """Sentences: they wrap, can be selected, and take no room while there are none."""

    def __init__(self, tone: str = "text") -> None:
        super().__init__("", tone)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setVisible(False)

    def say(self, text: str, tone: str | None = None) -> None:
        """Show a text, in another tone where one is given; an empty text hides the label."""
        if tone is not None:
            self.set_tone(tone)
        self.setText(text)
        self.setVisible(bool(text))


class RowLabel(PlainLabel):
    """Name of a form's row: in one line where there is room, else in several, never cut."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setWordWrap(True)

    def sizeHint(self) -> QSize:
        """Room for one line; a label that wraps would ask for a square."""
        return QSize(self._width(self.text()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Room for the longest word."""
        return QSize(max(map(self._width, self.text().split() or [""])), super().minimumSizeHint().height())

    def _width(self, text: str) -> int:
        return self.fontMetrics().horizontalAdvance(text) + 2


class OriginLabel(ToneLabel):
    """A small line, cut in the middle where there is no room; the tooltip has all of it."""

    def __init__(self) -> None:
        super().__init__("", "muted")
        self._text = ""
        self.setMinimumWidth(40)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.85)
        self.setFont(font)

    def say(self, text: str) -> None:
        """Show a text."""
        self._text = text
        self.setToolTip(tip(text))
        self._cut()

    def resizeEvent(self, event: object) -> None:
        """Cut the text to the new width."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        room = max(self.width(), 40)
        self.setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, room))


def colour_text(widget: QWidget, tone: str | None) -> None:
    """Give the text of one widget the colour of a tone; None gives it back to the theme.

    The style sheet of the theme has the colours, so that a theme that changes asks no widget.
    """
    if widget.property("tone") == tone:
        return
    widget.setProperty("tone", tone)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
