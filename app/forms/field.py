"""One line of a form: mark, label, editor, unit, reset button, and a sentence below where something is wrong."""

from __future__ import annotations

from enum import Enum
from typing import Any

from PyQt6.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QGuiApplication
from PyQt6.QtWidgets import QGridLayout, QSizePolicy, QToolButton, QWidget

from app.forms.editors import Editor
from app.forms.tone_label import NoteLabel, RowLabel, ToneLabel, colour_text
from app.widgets.icons import icon
from app.widgets.plain import tip
from app.widgets.tones import tones_of

COLUMNS = 5


class Mark(Enum):
    """What a field tells besides its value: a sign, the tone of its colour, and words for the tooltip."""

    PLAIN = ("", "text", "")
    PENDING = ("…", "pending", "typed, not applied yet")
    CHANGED = ("*", "pending", "changed")
    UNSURE = ("?", "pending", "please check")
    WRONG = ("!", "error", "not allowed")

    @property
    def sign(self) -> str:
        """Sign in front of the label, so that colour is never alone."""
        return self.value[0]

    @property
    def tone(self) -> str:
        """Tone of its colour."""
        return self.value[1]

    @property
    def words(self) -> str:
        """Meaning for the tooltip of the sign."""
        return self.value[2]


class Field(QObject):
    """A labelled editor inside a form's grid.

    ``tall`` puts the editor below the label, over the whole width. The owner decides what the field's mark is.
    """

    edited = pyqtSignal(str)
    committed = pyqtSignal(str)
    reset = pyqtSignal(str)
    confirmed = pyqtSignal(str)

    def __init__(self, name: str, label: str, editor: Editor, unit: str = "", tooltip: str = "",
                 parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name, self.editor, self.mark = name, editor, Mark.PLAIN
        self.sign, self.label, self.unit = _sign_label(), RowLabel(label), ToneLabel(unit, "muted")
        self.error, self.button = NoteLabel("error"), _button()
        self._tooltip = tooltip
        editor.setObjectName(name)
        editor.edited.connect(lambda: self.edited.emit(name))
        editor.committed.connect(lambda: self.committed.emit(name))
        self.button.clicked.connect(self._press)
        self.show_mark(Mark.PLAIN)
        self.button.installEventFilter(self)

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """All widgets of this line."""
        return self.sign, self.label, self.editor, self.unit, self.button, self.error

    def add_to(self, grid: QGridLayout, row: int, tall: bool = False) -> int:
        """Place the widgets from a row of the grid on; the row that follows."""
        top = Qt.AlignmentFlag.AlignTop if tall else Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(self.sign, row, 0, top)
        grid.addWidget(self.label, row, 1, 1, 2 if tall else 1, top)
        grid.addWidget(self.button, row, 4)
        below = row + 1 if tall else row
        grid.addWidget(self.editor, below, 1 if tall else 2, 1, 2 if tall else 1)
        grid.addWidget(self.unit, below, 3)
        grid.addWidget(self.error, below + 1, 1, 1, COLUMNS - 1)
        self.label.setBuddy(self.editor)
        return below + 2

    def show_mark(self, mark: Mark, sentence: str = "") -> None:
        """Show what the owner decided: the sign, its colour on the editor, and a sentence below."""
        self.mark = mark
        self._draw_button()
        for part in self.editor.coloured:
            colour_text(part, None if mark is Mark.PLAIN else mark.tone)
        self.sign.setText(mark.sign)
        self.sign.set_tone(mark.tone)
        self.error.say(sentence)
        self._name_button()
        words = f"{self._tooltip}\n({mark.words})" if mark.words else self._tooltip
        for widget in (self.sign, self.label, self.editor, self.unit):
            widget.setToolTip(tip(words))

    def set_tooltip(self, text: str) -> None:
        """Replace the tooltip."""
        self._tooltip = text
        self.show_mark(self.mark, self.error.text())

    def value(self) -> Any:
        """What the editor shows now."""
        return self.editor.value()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the theme."""
        if event.type() == QEvent.Type.StyleChange and self.mark is not Mark.PLAIN:
            self._draw_button()
        return False

    def _press(self) -> None:
        (self.confirmed if self.mark is Mark.UNSURE else self.reset).emit(self.name)

    def _name_button(self) -> None:
        """One button: it takes a doubtful value as right, or brings a changed one back."""
        word = "Take this value as right" if self.mark is Mark.UNSURE else "Back to the value before the change"
        self.button.setToolTip(tip(word))
        self.button.setAccessibleName(f"{word}: {self.label.text()}")
        set_shown(self.button, self.mark is not Mark.PLAIN)

    def _draw_button(self) -> None:
        shape = "approve" if self.mark is Mark.UNSURE else "undo"
        self.button.setIcon(icon(shape, QColor(tones_of(QGuiApplication.palette()).muted)))


def set_shown(widget: QWidget, shown: bool) -> None:
    """Show or hide without moving its neighbours."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)
    widget.setVisible(shown)


def form_grid(parent: QWidget | None = None) -> QGridLayout:
    """Empty grid for fields: sign, label, editor, unit, reset button."""
    grid = QGridLayout(parent) if parent is not None else QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(4)
    grid.setVerticalSpacing(3)
    grid.setColumnMinimumWidth(0, 10)
    grid.setColumnStretch(2, 1)
    return grid


def _sign_label() -> ToneLabel:
    label = ToneLabel()
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def _button() -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    button.setObjectName("small")
    button.setFixedSize(20, 20)
    return button
