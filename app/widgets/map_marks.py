"""What is drawn over a map: the selected pixel, the shared cursor, modules without data, numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QBrush, QColor, QPainter, QPen

from app.widgets.tones import Tones

#: Smallest width, in logical pixels, of a pixel with its number in it.
NUMBER_WIDTH = 46
#: Height of the names of modules, pixels.
_NAME_SIZE = 10
WHITE_HALO = QColor(255, 255, 255, 210)
BLACK_HALO = QColor(0, 0, 0, 170)


def draw_selected(painter: QPainter, cell: QRectF, bounds: QRectF) -> None:
    """Mark the selected pixel by a box and lines to the edges, readable on light and dark colours."""
    box = (
        cell
        if cell.width() >= 9
        else QRectF(cell.center() - QPointF(4.5, 4.5), cell.center() + QPointF(4.5, 4.5))
    )
    centre = box.center()
    lines = [
        QLineF(bounds.left(), centre.y(), box.left() - 4, centre.y()),
        QLineF(box.right() + 4, centre.y(), bounds.right(), centre.y()),
        QLineF(centre.x(), bounds.top(), centre.x(), box.top() - 4),
        QLineF(centre.x(), box.bottom() + 4, centre.x(), bounds.bottom()),
    ]
    for colour, width in ((BLACK_HALO, 3.0), (WHITE_HALO, 1.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLines(lines)
        painter.drawRect(box)


def draw_cursor(painter: QPainter, cell: QRectF, bounds: QRectF) -> None:
    """Show where the pointer is in a linked map by thin dashed lines."""
    centre = cell.center()
    pen = QPen(QColor(255, 255, 255, 150), 1, Qt.PenStyle.CustomDashLine)
    pen.setDashPattern([2, 4])
    painter.setPen(pen)
    painter.drawLine(QPointF(bounds.left(), centre.y()), QPointF(bounds.right(), centre.y()))
    painter.drawLine(QPointF(centre.x(), bounds.top()), QPointF(centre.x(), bounds.bottom()))


def draw_coverage(painter: QPainter, tile: QRectF, part: float, name: str, tones: Tones) -> None:
    """Hatch a module that has no data yet; a bar at its lower edge shows how much of it has been read."""
    if part <= 0:
        painter.fillRect(tile, QBrush(QColor(tones.base)))
        painter.fillRect(tile, QBrush(QColor(tones.border), Qt.BrushStyle.BDiagPattern))
        text = f"{name} · no data"
        if painter.fontMetrics().horizontalAdvance(text) < tile.width() - 6 and tile.height() > 14:
            painter.setPen(QColor(tones.muted))
            painter.drawText(tile, Qt.AlignmentFlag.AlignCenter, text)
    elif part < 1:
        height = min(4.0, tile.height())
        track = QRectF(tile.left(), tile.bottom() - height, tile.width(), height)
        painter.fillRect(track, QColor(0, 0, 0, 160))
        painter.fillRect(QRectF(track.topLeft(), track.bottomRight() - QPointF((1 - part) * track.width(), 0)),
                         QColor(tones.accent))  # fmt: skip


@contextmanager
def small_letters(painter: QPainter) -> Iterator[None]:
    """Write in the size of the modules' names."""
    painter.save()
    font = painter.font()
    font.setPixelSize(_NAME_SIZE)
    painter.setFont(font)
    yield
    painter.restore()


def draw_name(painter: QPainter, tile: QRectF, name: str) -> None:
    """Write the name of a module into its corner where there is room, readable on any colours."""
    metrics = painter.fontMetrics()
    wide, high = metrics.horizontalAdvance(name) + 6, metrics.height()
    if tile.width() < wide + 4 or tile.height() < high + 2:
        return
    chip = QRectF(tile.left() + 1, tile.top() + 1, wide, high)
    painter.fillRect(chip, BLACK_HALO)
    painter.setPen(WHITE_HALO)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, name)


def draw_number(painter: QPainter, cell: QRectF, value: np.generic, ground: QColor) -> None:
    """Write the value of a pixel into it: black or white, whichever is readable; a mask of 0 stays empty."""
    if value.dtype.kind == "u" and value == 0:
        return
    text = f"{int(value):#x}" if value.dtype.kind == "u" else f"{float(value):.5g}"
    painter.setPen(Qt.GlobalColor.black if ground.lightnessF() > 0.55 else Qt.GlobalColor.white)
    painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
