"""A map as a picture for a file: every pixel of the detector, words that say whose it is, and a colour bar.

Files are for paper and log books: their ground is white in every theme, the colours of values and flags are those of
the screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QTransform

from app.widgets import colour
from app.widgets.region_tool import border_path, draw_path

#: Ground of files: gaps are nearly white, so that modules stand out.
PAPER = colour.Ground(gap=0xFFE4E7EB, nan=0xFF75787D, good=0xFFFAFBFC)
#: Pixels are drawn larger until the longer side of the map has so many of the file's.
_LEAST_SIDE = 900
#: Few rows, such as those of strips, are drawn higher than wide.
_LEAST_HEIGHT = 240
_GROUND, _TEXT, _MUTED = "#ffffff", "#1b1e23", "#5a616b"
_MARGIN, _BAR, _LABELS = 18, 22, 96
#: Longer texts are broken, in pixels of the smallest font.
_LEAST_WIDTH = 560
_TICKS = 6
_PAGE_RATIO = 1.4


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
    names : tuple of str
        Of the modules.
    boxes : (modules, 4) int64, optional
        Left, top, right and bottom of each module in the picture.
    region : (n,) bool, optional
        Pixels whose border is drawn.
    """

    index: np.ndarray
    values: np.ndarray | None
    flags: np.ndarray | None
    drawn: int
    paint: colour.Paint
    names: tuple[str, ...] = ()
    boxes: np.ndarray | None = None
    region: np.ndarray | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the modules that are in the picture."""
        boxes = np.zeros((0, 4)) if self.boxes is None else self.boxes
        return tuple(name for name, box in zip(self.names, boxes, strict=False) if box[2] > box[0])


def map_image(
    painted: PaintedMap, title: str, caption: Sequence[str], flag_names: Mapping[int, str] | None = None
) -> QImage:
    """Draw a map with at least one pixel of the file for each of its pixels, a caption above and its colours beside.

    Parameters
    ----------
    painted : PaintedMap
    title : str
        Of the map, with its unit.
    caption : sequence of str
        Lines below the title.
    flag_names : mapping of int to str, optional
        By the number of the bit: the flags that are drawn and occur are named with their colours.
    """
    picture = _drawn(painted)
    beside = _BAR + _LABELS if painted.values is not None else 0
    image = with_caption(picture, title, caption, beside, _legend(painted, flag_names or {}))
    if beside:
        painter = QPainter(image)
        _draw_bar(painter, painted.paint, image.height() - picture.height() - _MARGIN, picture)
        painter.end()
    return image


def with_caption(
    picture: QImage, title: str, caption: Sequence[str], beside: int = 0, legend: Sequence[tuple[int, str]] = (),
    margin: int = _MARGIN, size: float = 0.0,
) -> QImage:
    """Put a title, lines and a legend of (0xAARRGGBB, text) over a picture, and room for something beside it.

    Texts are as large as the picture wants them, and broken where they are wider than the page. ``margin`` is that of
    the picture, 0 where it has one itself; ``size`` enlarges texts, 0 as the picture wants it.
    """
    size = size or min(max((picture.width() + picture.height()) / 1900, 1.0), 3.0)
    lines = [(_font(17 * size, bold=True), _TEXT, title), *((_font(13 * size), _MUTED, line) for line in caption)]
    needed = max(QFontMetricsF(font).horizontalAdvance(text) for font, _, text in lines) + 2
    own = picture.width() + beside - 2 * (_MARGIN - margin)
    room = max(own, math.ceil(min(needed, _LEAST_WIDTH * size)))
    boxes = [_box(font, text, room) for font, _, text in lines]
    marks = _flow(legend, _font(12 * size), room)
    below = marks[-1][0].bottom() + 4 if marks else 0.0
    top = _MARGIN + math.ceil(sum(box.height() for box in boxes) + below) + 8
    image = QImage(room + 2 * _MARGIN, top + picture.height() + margin, QImage.Format.Format_RGB32)
    image.fill(QColor(_GROUND))
    painter, y = QPainter(image), float(_MARGIN)
    for (font, ink, text), box in zip(lines, boxes, strict=True):
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(box.translated(_MARGIN, y), Qt.TextFlag.TextWordWrap, text)
        y += box.height()
    _draw_legend(painter, marks, _font(12 * size), y + 2)
    painter.drawImage(margin, top, picture)
    painter.end()
    return image


def side_by_side(images: Sequence[QImage]) -> QImage:
    """Put pictures into a grid that is about as wide and high as a page."""
    wide, high = max(one.width() for one in images), max(one.height() for one in images)
    ways = range(1, len(images) + 1)
    columns = min(ways, key=lambda n: (-(-len(images) // n) * n - len(images),
                                       abs(math.log(n * wide / (-(-len(images) // n) * high) / _PAGE_RATIO))))
    whole = QImage(wide * columns, high * -(-len(images) // columns), QImage.Format.Format_RGB32)
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


def round_ticks(low: float, high: float, most: int = _TICKS) -> list[float]:
    """Round numbers between two levels, at most ``most`` of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * part for part in (1, 2, 5, 10) if power * part >= rough * 0.999999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _font(size: float, bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setPixelSize(round(size))
    font.setBold(bold)
    return font


def _box(font: QFont, text: str, room: float) -> QRectF:
    """Room that a text takes, broken at words."""
    box = QFontMetricsF(font).boundingRect(QRectF(0, 0, room, 1e6), Qt.TextFlag.TextWordWrap.value, text)
    return QRectF(0, 0, room, max(box.height(), QFontMetricsF(font).height()))


# -- the map

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
    colour.render(out, view, painted.index, painted.values, layer, replace(painted.paint, ground=PAPER))
    higher = max(1, -(-_LEAST_HEIGHT // view.height))
    out = np.ascontiguousarray(out.repeat(higher, 0))
    image = QImage(out.data, view.width, view.height * higher, 4 * view.width, QImage.Format.Format_RGB32).copy()
    _draw_names(image, painted, scale, scale * higher)
    if painted.region is not None:
        painter = QPainter(image)
        border = border_path(painted.region[painted.index] & (painted.index >= 0))
        draw_path(painter, border, QTransform.fromScale(scale, scale * higher))
        painter.end()
    return image


def _draw_names(image: QImage, painted: PaintedMap, across: int, down: int) -> None:
    """Name each module of several at its upper left corner."""
    if len(painted.shown) < 2:
        return
    painter, font = QPainter(image), _font(13)
    painter.setFont(font)
    for name, (left, top, right, _) in zip(painted.names, painted.boxes, strict=True):
        if right > left:
            box = QFontMetricsF(font).boundingRect(name).adjusted(-4, -1, 4, 1)
            box.moveTopLeft(QRectF(left * across + 2, top * down + 2, 0, 0).topLeft())
            painter.fillRect(box, QColor(255, 255, 255, 215))
            painter.setPen(QColor(_TEXT))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)
    painter.end()


def _draw_bar(painter: QPainter, paint: colour.Paint, top: int, picture: QImage) -> None:
    """The colours from the low to the high level, with both and round numbers between."""
    left, height = _MARGIN + picture.width() + 10, picture.height()
    for line in range(height):
        at = round((1 - line / max(1, height - 1)) * (len(paint.table) - 1))
        painter.setPen(QColor(int(paint.table[at]) & 0xFFFFFF))
        painter.drawLine(left, top + line, left + _BAR, top + line)
    span = paint.high - paint.low
    inner = [value for value in round_ticks(paint.low, paint.high)
             if 24 / height < (value - paint.low) / span < 1 - 24 / height]
    painter.setPen(QColor(_TEXT))
    for value in (paint.low, *inner, paint.high):
        painter.setFont(_font(13, bold=value in (paint.low, paint.high)))
        y = top + round((paint.high - value) / span * (height - 1))
        painter.drawLine(left + _BAR, y, left + _BAR + 4, y)
        inside = min(max(y, top + 8), top + height - 8)
        painter.drawText(QRectF(left + _BAR + 8, inside - 9, _LABELS, 18),
                         Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{value:.5g}")


# -- the legend

def _legend(painted: PaintedMap, names: Mapping[int, str]) -> list[tuple[int, str]]:
    """Colour, name, number and share of the pixels of each drawn flag that occurs in the picture."""
    if painted.flags is None:
        return []
    shown = painted.flags[painted.index[painted.index >= 0]]
    counts = {bit: int(np.count_nonzero(shown & np.uint32(1 << bit)))
              for bit in names if painted.drawn & 1 << bit}
    return [(int(colour.flag_table()[bit]), f"{names[bit]} {count} ({count / shown.size:.2%})")
            for bit, count in counts.items() if count]


def _flow(legend: Sequence[tuple[int, str]], font: QFont, room: float) -> list[tuple[QRectF, int, str]]:
    """Place entries one after the other, in as many rows as they need."""
    height = QFontMetricsF(font).height()
    found, x, y = [], 0.0, 0.0
    for ink, text in legend:
        wide = height + QFontMetricsF(font).horizontalAdvance(text) + 16
        if x and x + wide > room:
            x, y = 0.0, y + height + 2
        found.append((QRectF(x, y, wide, height), ink, text))
        x += wide
    return found


def _draw_legend(painter: QPainter, marks: Sequence[tuple[QRectF, int, str]], font: QFont, top: float) -> None:
    painter.setFont(font)
    for box, ink, text in marks:
        place = box.translated(_MARGIN, top)
        side = 0.7 * place.height()
        mark = QRectF(place.left(), place.top() + 0.15 * place.height(), side, side)
        painter.fillRect(mark, QColor(ink & 0xFFFFFF))
        painter.setPen(QColor(_TEXT))
        painter.drawText(place.adjusted(side + 6, 0, 6, 0), Qt.AlignmentFlag.AlignVCenter, text)
