"""Labels and tool tips that show text as it is: names of files and devices may look like HTML."""

from __future__ import annotations

from html import escape
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel


class PlainLabel(QLabel):
    """A label without rich text."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"textFormat": Qt.TextFormat.PlainText, **options})


def tip(text: str) -> str:
    """Text for a tool tip, which takes for HTML what looks like it."""
    if "<" not in text and "&" not in text:
        return text
    return f"<qt>{escape(text)}</qt>".replace("\n", "<br>")
