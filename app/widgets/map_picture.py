"""A map as a picture for a file: every pixel of the detector, a caption that says whose it is, and a colour bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from app.widgets import colour

#: Pixels are drawn larger until the longer side of the map has so many of the file's.
_LEAST_SIDE = 900
_GROUND, _TEXT, _MUTED = "#ffffff", "#1b1e23", "#5a616b"
_MARGIN, _BAR, _LABELS = 18, 22, 96
_TICKS = 6


@dataclass(frozen=True)
class PaintedMap:
    """A map as it is on the screen.

    Attributes
    ----------
    index : (rows, columns) int32
        Flat index of the pixel at each place of the picture, -1 where there is none.
    values : (n,) float32, optional
        None for a map of flags alone.
    flags : (n,) uint32, optional
    drawn : int
        Mask of the flags that are drawn.
    paint : Paint
    """

    index: np.ndarray
    values: np.ndarray | None
    flags: np.ndarray | None
    drawn: int
    paint: colour.Paint


def map_image(painted: PaintedMap, title: str, caption: Sequence[str]) -> QImage:
    """Draw a map with at least one pixel of the file for each of its pixels, a caption above and its colours beside.

    Parameters
    ----------
    painted : PaintedMap
    title : str
        Of the map, with its unit.
    caption : sequence of str
        Lines below the title.
    """
    picture = _drawn(painted)
    beside = _BAR + _LABELS if painted.values is not None else 0
    image = with_caption(picture, title, caption, beside)
    if beside:
        painter = QPainter(image)
        _draw_bar(painter, painted.paint, image.height() - picture.height() - _MARGIN, picture)
        painter.end()
    return image


def with_caption(picture: QImage, title: str, caption: Sequence[str], beside: int = 0) -> QImage:
    """Put a title and lines over a picture, and room for something beside it."""
    large, small = _font(17, bold=True), _font(12)
    heights = [QFontMetricsF(large).height(), *(QFontMetricsF(small).height() for _ in caption)]
    widest = max(QFontMetricsF(font).horizontalAdvance(text) for font, text in _lines(title, caption, large, small))
    width = max(picture.width() + beside, round(widest)) + 2 * _MARGIN
    top = _MARGIN + round(sum(heights)) + 8
    image = QImage(width, top + picture.height() + _MARGIN, QImage.Format.Format_RGB32)
    image.fill(QColor(_GROUND))
    painter, y = QPainter(image), float(_MARGIN)
    for (font, text), height in zip(_lines(title, caption, large, small), heights, strict=True):
        painter.setFont(font)
        painter.setPen(QColor(_TEXT if font is large else _MUTED))
        painter.drawText(QRectF(_MARGIN, y, width - 2 * _MARGIN, height), Qt.AlignmentFlag.AlignLeft, text)
        y += height
    painter.drawImage(_MARGIN, top, picture)
    painter.end()
    return image


def side_by_side(images: Sequence[QImage], columns: int) -> QImage:
    """Put pictures into a grid."""
    wide, high = max(one.width() for one in images), max(one.height() for one in images)
    whole = QImage(wide * min(columns, len(images)), high * -(-len(images) // columns), QImage.Format.Format_RGB32)
    whole.fill(QColor(_GROUND))
    painter = QPainter(whole)
    for number, one in enumerate(images):
        painter.drawImage(number % columns * wide, number // columns * high, one)
    painter.end()
    return whole


def with_words(image: QImage, words: Mapping[str, str]) -> QImage:
    """Write texts by their names into what a PNG file tells of itself."""
    for name, text in words.items():
        image.setText(name, text)
    return image


def _lines(title: str, caption: Sequence[str], large: QFont, small: QFont) -> list[tuple[QFont, str]]:
    return [(large, title), *((small, line) for line in caption)]


def _font(size: int, bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setPixelSize(size)
    font.setBold(bold)
    return font


def _drawn(painted: PaintedMap) -> QImage:
    """The map alone, by the kernels of the screen."""
    rows, columns = painted.index.shape
    scale = max(1, -(-_LEAST_SIDE // max(rows, columns)))
    view = colour.Viewport(columns * scale, rows * scale, columns / 2, rows / 2, float(scale))
    out = np.empty((view.height, view.width), np.uint32)
    layer = None
    if painted.flags is not None and painted.drawn:
        layer = np.zeros_like(out)
        colour.lay_flags(layer, view, painted.index, painted.flags, painted.drawn, colour.flag_table())
    colour.render(out, view, painted.index, painted.values, layer, painted.paint)
    return QImage(out.data, view.width, view.height, 4 * view.width, QImage.Format.Format_RGB32).copy()


def _draw_bar(painter: QPainter, paint: colour.Paint, top: int, picture: QImage) -> None:
    """The colours from the low to the high level, with numbers."""
    left, height = _MARGIN + picture.width() + 10, picture.height()
    for line in range(height):
        at = round((1 - line / max(1, height - 1)) * (len(paint.table) - 1))
        painter.setPen(QColor(int(paint.table[at]) & 0xFFFFFF))
        painter.drawLine(left, top + line, left + _BAR, top + line)
    painter.setFont(_font(12))
    painter.setPen(QColor(_TEXT))
    for tick in range(_TICKS + 1):
        y = top + round((1 - tick / _TICKS) * (height - 1))
        value = paint.low + (paint.high - paint.low) * tick / _TICKS
        painter.drawLine(left + _BAR, y, left + _BAR + 4, y)
        painter.drawText(QRectF(left + _BAR + 8, y - 9, _LABELS, 18),
                         Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{value:.5g}")
