"""Sentences in a small window of their own that goes with the next click elsewhere, or with Esc."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QTextOption
from PyQt6.QtWidgets import QFrame, QTextEdit, QVBoxLayout, QWidget

from app.widgets.plain import PlainLabel

_WIDTH, _TALLEST = 520, 420


class SentenceList(QFrame):
    """A heading and sentences below it, as plain text that can be selected and scrolled."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("sentence_list")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.heading, self.text = PlainLabel(), QTextEdit(readOnly=True)
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.heading.setWordWrap(True)
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        column = QVBoxLayout(self)
        column.addWidget(self.heading)
        column.addWidget(self.text)

    def show_at(self, place: QPoint, heading: str, sentences: Sequence[str]) -> None:
        """Show sentences with their top left corner at a place of the screen, or as near as there is room.

        Further lines of a sentence stand below it.
        """
        self.heading.setText(heading)
        self.text.setPlainText("\n".join(map(_item, sentences)))
        self.text.document().setTextWidth(_WIDTH - 30)
        high = round(self.text.document().size().height()) + self.heading.sizeHint().height() + 40
        self.resize(_WIDTH, min(high, _TALLEST))
        room = self.parentWidget().screen().availableGeometry()
        self.move(max(room.left(), min(place.x(), room.right() - self.width())),
                  max(room.top(), min(place.y(), room.bottom() - self.height())))
        self.show()


def _item(sentence: str) -> str:
    lines = (" ".join(line.split()) for line in sentence.splitlines() or [""])
    return "• " + "\n    ".join(lines)
