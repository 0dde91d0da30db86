"""Part of a form that folds away below a heading."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """A heading that shows and hides ``content``; the heading tells how much inside was changed."""

    toggled = pyqtSignal(bool)

    def __init__(self, title: str, shown: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.content = QWidget()
        self.heading = QToolButton()
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
