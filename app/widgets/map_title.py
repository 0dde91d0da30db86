"""The title of a map."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QWidget

from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import tip


class MapTitle(ElidedLabel):
    """One line in the middle of its room; of how much is behind a map all is drawn or nothing: no number is cut."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map_title")
        self.setMargin(2)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._of_what = ""

    def show_map(self, title: str, unit: str, counted: str = "") -> None:
        """Show the title of a map with its unit, and how much is behind it."""
        self._of_what = f"{title}  [{unit}]" if unit else title
        self.setText(f"{self._of_what} · {counted}" if counted else self._of_what)
        self.setToolTip(tip(self.text()))

    def shown(self, width: int) -> str:
        """All of the text, else what is shown with dots in place of how much is behind it."""
        shown = super().shown(width)
        if shown == self.text() or self.text() == self._of_what:
            return shown
        return self.fontMetrics().elidedText(f"{self._of_what} · …", Qt.TextElideMode.ElideRight, width)
