"""Progress bars in the cells of a table."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex, QRect, Qt
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from app.widgets.tones import tones_of

#: Role under which a model gives the state word: running, done, failed, …
STATE_ROLE = Qt.ItemDataRole.UserRole + 1
_TONE_OF = {"failed": "error", "cancelled": "muted", "done": "ok", "queued": "muted"}


class ProgressDelegate(QStyledItemDelegate):
    """Draws a number from 0 to 1 as a bar with per cent; ``STATE_ROLE`` may add a state word and its colour."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw bar and text; values that are no numbers are left to the view."""
        value = index.data(Qt.ItemDataRole.DisplayRole)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            super().paint(painter, option, index)
            return
        state = index.data(STATE_ROLE) or "running"
        part = min(max(float(value), 0.0), 1.0) if value == value else 0.0
        tones = tones_of(option.palette)
        track = option.rect.adjusted(3, 4, -3, -4)
        painter.save()
        painter.fillRect(track, QColor(tones.raised))
        colour = QColor(getattr(tones, _TONE_OF.get(state, "accent")))
        colour.setAlpha(150)
        painter.fillRect(
            QRect(track.left(), track.top(), round(track.width() * part), track.height()), colour
        )
        painter.setPen(QColor(tones.text))
        text = f"{part:.0%}" if state == "running" else state
        painter.drawText(track, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
