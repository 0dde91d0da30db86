"""The title of a map."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QWidget

from app.widgets.elided_label import ElidedLabel


class MapTitle(ElidedLabel):
    """One line in the middle of its room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map_title")
        self.setMargin(2)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def show_map(self, title: str, unit: str, counted: str = "") -> None:
        """Show the title of a map with its unit, and how much is behind it."""
        of_what = f"{title}  [{unit}]" if unit else title
        self.setText(f"{of_what} · {counted}" if counted else of_what)
