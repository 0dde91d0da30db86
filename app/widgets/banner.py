"""A strip over the top of a widget for what the operator must know now."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QEvent, QObject, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPen, QTextOption
from PyQt6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QTextEdit, QToolButton, QWidget

from app.widgets.icons import icon
from app.widgets.plain import PlainLabel
from app.widgets.tones import tones_of

_WORDS = {"error": "Error", "warning": "Warning", "info": "Note", "ok": "Done"}
_ICONS = {"error": "error", "warning": "warning", "info": "info", "ok": "approve"}
_EDGE = 4


@dataclass(frozen=True)
class _Message:
    level: str
    text: str
    cause: str
    button: QAbstractButton | None

    def replaces(self, other: _Message) -> bool:
        return self.text == other.text or (bool(self.cause) and self.cause == other.cause)


class Banner(QWidget):
    """Messages with icon, word and colour of their level, one in sight, until they are closed or their cause is gone.

    It lies over its widget and moves nothing there; ``covers(height)`` tells how much of it is out of sight.

    Parameters
    ----------
    over : QWidget
        Widget over whose top it lies; it has a parent.
    below : QWidget, optional
        Part of that widget, at its top, that stays in sight.
    """

    closed = pyqtSignal()
    covers = pyqtSignal(int)

    def __init__(self, over: QWidget, below: QWidget | None = None) -> None:
        super().__init__(over.parentWidget())
        self.setObjectName("banner")
        self._over, self._below = over, below
        self._messages: list[_Message] = []
        self._place = 0
        self._icon, self._text = PlainLabel(objectName="banner_icon"), _Text()
        self._next = QToolButton(objectName="banner_next", toolTip="Show the next message")
        self._next.clicked.connect(self._step)
        self._close = QToolButton(objectName="banner_close", autoRaise=True, toolTip="Close this message (Esc)")
        self._close.clicked.connect(self.dismiss)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, _EDGE, _EDGE, _EDGE)
        for widget in (self._icon, self._text, self._next, self._close):
            self._row.addWidget(widget, int(widget is self._text), Qt.AlignmentFlag.AlignTop)
        for one in filter(None, (over, below)):
            one.installEventFilter(self)
        self.hide()

    @property
    def message(self) -> str:
        """The message in sight, empty when there is none."""
        return self._messages[self._place].text if self._messages else ""

    @property
    def count(self) -> int:
        """Number of messages."""
        return len(self._messages)

    def say(self, level: str, text: str, cause: str = "", button: QAbstractButton | None = None) -> None:
        """Show a message of level ``error``, ``warning`` (or ``warn``), ``info`` or ``ok``, as plain text.

        It takes the place of an older one of the same text or cause; an error stays in sight before lesser ones.

        Parameters
        ----------
        cause : str, optional
            Name by which :meth:`clear` takes the message away.
        button : QAbstractButton, optional
            What can be done about it.
        """
        level = {"warn": "warning"}.get(level, level)
        if level not in _WORDS:
            raise ValueError(f"a message is one of {', '.join(_WORDS)}, not {level!r}")
        new = _Message(level, text, cause, button)
        shown = self._messages[self._place] if self._messages else new
        self._messages = [one for one in self._messages if not new.replaces(one)] + [new]
        kept = shown in self._messages and shown.level == "error" and level != "error"
        self._show(self._messages.index(shown) if kept else len(self._messages) - 1)

    def clear(self, cause: str) -> None:
        """Take away the messages of a cause that is gone."""
        self._keep([one for one in self._messages if one.cause != cause])

    def dismiss(self) -> None:
        """Close the message in sight; the next comes forth."""
        self._keep([one for i, one in enumerate(self._messages) if i != self._place])

    def _keep(self, messages: list[_Message]) -> None:
        if len(messages) == len(self._messages):
            return
        shown = self._messages[self._place]
        self._messages = messages
        self._show(messages.index(shown) if shown in messages else len(messages) - 1)
        if not messages:
            self.closed.emit()

    def _step(self) -> None:
        self._show((self._place + 1) % len(self._messages))

    def _show(self, place: int) -> None:
        self._place = max(place, 0)
        for one in self._messages:
            if one.button is not None:
                self._row.insertWidget(2, one.button, 0, Qt.AlignmentFlag.AlignTop)
                one.button.hide()
        self.setVisible(bool(self._messages))
        if not self._messages:
            self.covers.emit(0)
            return
        shown, more = self._messages[self._place], len(self._messages) - 1
        self._text.setPlainText(f"{_WORDS[shown.level]}: {' '.join(shown.text.split())}")
        self._next.setText(f"{more} more")
        self._next.setVisible(more > 0)
        if shown.button is not None:
            shown.button.show()
        self._take_colours()
        self._lie()

    def _lie(self) -> None:
        """Lie over the top, high enough for the text but never over more than half."""
        self._row.activate()
        width = self._over.width()
        others = [self._row.itemAt(i).widget() for i in range(self._row.count())]
        used = sum(one.sizeHint().width() + self._row.spacing() for one in others
                   if one is not self._text and not one.isHidden())
        height = max(self._text.height_for(width - used - 12 - _EDGE), 24) + 2 * _EDGE
        shown = self._below is not None and not self._below.isHidden()
        top = self._over.y() + (self._below.geometry().bottom() + 1 if shown else 0)
        self.setGeometry(self._over.x(), top, width, min(height, max(self._over.height() // 2, 32)))
        self.raise_()
        self.covers.emit(self.height())

    def _take_colours(self) -> None:
        tones, level = tones_of(self.palette()), self._messages[self._place].level
        self._icon.setPixmap(icon(_ICONS[level], tones.of_level(level)).pixmap(18, 18))
        self._close.setIcon(icon("close", QColor(tones.text)))
        self.update()

    def paintEvent(self, event) -> None:
        """Draw the ground tinted by the level, and a stripe of its colour."""
        if not self._messages:
            return
        painter = QPainter(self)
        colour = tones_of(self.palette()).of_level(self._messages[self._place].level)
        painter.fillRect(self.rect(), self.palette().window())
        painter.fillRect(0, 0, 4, self.height(), colour)
        colour.setAlpha(34)
        painter.fillRect(self.rect(), colour)
        painter.setPen(QPen(self.palette().mid().color(), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the widget below."""
        moves = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
        if event.type() in moves and not self.isHidden():
            self._lie()
        return False

    def changeEvent(self, event) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and getattr(self, "_messages", None):
            self._take_colours()


class _Text(QTextEdit):
    """Plain text that can be selected and breaks anywhere rather than being cut."""

    def __init__(self) -> None:
        super().__init__(objectName="banner_text", readOnly=True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.document().setDocumentMargin(2)

    def height_for(self, width: int) -> int:
        """Height of all lines at a width."""
        lines = self.document().clone()
        lines.setDefaultFont(self.font())
        lines.setTextWidth(width)
        return round(lines.size().height()) + 2

    def sizeHint(self) -> QSize:
        """Take what height there is."""
        return QSize(200, 1000)

    def minimumSizeHint(self) -> QSize:
        """Room for one line."""
        return QSize(60, 24)
