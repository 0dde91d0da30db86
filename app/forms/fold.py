"""Part of a form that folds away below a heading."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPaintEvent
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

#: Width of a heading that no form has to be wider for.
_LEAST = 120
#: Arrow, and what is left free at both sides of the text.
_BESIDE_TEXT = 34


class _Heading(QToolButton):
    """A heading that ends with … where there is no room for it, so that a long one cuts nothing else off."""

    def minimumSizeHint(self) -> QSize:
        return QSize(min(_LEAST, super().minimumSizeHint().width()), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        room = self.width() - _BESIDE_TEXT
        option.text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        QStylePainter(self).drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)


class Fold(QWidget):
    """A heading that shows and hides ``content``; the heading tells how much inside was changed."""

    toggled = pyqtSignal(bool)

    def __init__(self, title: str, shown: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.content = QWidget()
        self.heading = _Heading()
        self.heading.setText(title)
        self.heading.setCheckable(True)
        self.heading.setAutoRaise(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.setObjectName("fold_heading")
        self.heading.toggled.connect(self._show)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self._row.addWidget(self.heading, 1)
        column.addLayout(self._row)
        column.addWidget(self.content, 1)
        self.heading.setChecked(shown)
        self._show(shown)

    def add_beside(self, *widgets: QWidget) -> None:
        """Put widgets beside the heading, such as the switch of what it folds."""
        for widget in widgets:
            self._row.addWidget(widget)

    def open(self, shown: bool) -> None:
        """Show or hide the content."""
        self.heading.setChecked(shown)

    def set_title(self, title: str) -> None:
        """Change the heading."""
        self._title = title
        self.heading.setText(title)

    def say_changed(self, number: int) -> None:
        """Tell in the heading how many values inside differ from their defaults."""
        self.heading.setText(f"{self._title}  (* {number} changed)" if number else self._title)

    def _show(self, shown: bool) -> None:
        self.heading.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.content.setVisible(shown)
        self.toggled.emit(shown)
