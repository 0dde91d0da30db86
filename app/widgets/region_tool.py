"""Marking of a region by the mouse, and its border over a map."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QTransform

from app.widgets.map_marks import BLACK_HALO, WHITE_HALO

Point = tuple[float, float]
#: Least number of points of each form; more than that only a lasso has.
LEAST_POINTS = {"rectangle": 2, "ring": 3, "lasso": 3, "asic": 1}


class RegionTool:
    """Makes an outline of presses, moves and releases, each with a place in the picture.

    An ASIC is clicked; a rectangle and a lasso are drawn in one drag. A ring is dragged from its middle to one of its
    circles; the other follows the pointer until the next click.
    """

    def __init__(self) -> None:
        self.form = ""
        self.points: list[Point] = []
        self._dragging = False

    def begin(self, form: str) -> None:
        """Draw another outline, one of :data:`LEAST_POINTS`, or none."""
        self.form, self.points, self._dragging = form, [], False

    def press(self, place: Point) -> None:
        """Begin; the second press of a ring fixes its other circle."""
        self._dragging = True
        if not self.points:
            self.points = [place]

    def move(self, place: Point) -> None:
        """Follow the pointer."""
        if self.form == "lasso" and self._dragging:
            self.points.append(place)
        elif self.form == "rectangle" and self._dragging:
            self.points[1:] = [place]
        elif self.form == "ring" and self.points:
            fixed = 2 if len(self.points) > 1 and (not self._dragging or len(self.points) > 2) else 1
            self.points[fixed:] = [place]

    def release(self, place: Point) -> tuple[Point, ...]:
        """End a drag; the points of the outline where it is whole, else none."""
        if not self._dragging:
            return ()
        self.move(place)
        self._dragging = False
        if len(self.points) >= LEAST_POINTS[self.form]:
            return tuple(self.points)
        if self.form != "ring":
            self.points = []
        return ()

    @property
    def path(self) -> QPainterPath:
        """What is drawn so far, in places of the picture."""
        path, points = QPainterPath(), [QPointF(*point) for point in self.points]
        if len(points) < 2:
            return path
        if self.form == "lasso":
            path.moveTo(points[0])
            for point in points[1:]:
                path.lineTo(point)
        elif self.form == "rectangle":
            path.addRect(QRectF(*points).normalized())
        else:
            for point in points[1:]:
                away = point - points[0]
                radius = float(np.hypot(away.x(), away.y()))
                path.addEllipse(points[0], radius, radius)
        return path


def border_path(inside: np.ndarray) -> QPainterPath:
    """Border of the pixels of a picture, (height, width) bool, that are in a region; in places of the picture."""
    path = QPainterPath()
    for across, lines in ((False, inside), (True, inside.T)):
        edges = np.diff(np.pad(lines, ((1, 1), (0, 0))).astype(np.int8), axis=0) != 0
        ends = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        for (at, first), (_, last) in zip(np.argwhere(ends == 1), np.argwhere(ends == -1), strict=True):
            begin, end = ((at, first), (at, last)) if across else ((first, at), (last, at))
            path.moveTo(*map(float, begin))
            path.lineTo(*map(float, end))
    return path


#: Regions with more pieces have no border but a veil: it is drawn as fast, however many pieces there are.
MOST_PIECES = 5000


def is_scattered(inside: np.ndarray) -> bool:
    """Whether the pixels of a picture, (height, width) bool, that are in a region are in very many pieces."""
    return int(np.count_nonzero(inside[:, 1:] & ~inside[:, :-1])) > MOST_PIECES


def veil(inside: np.ndarray) -> QImage:
    """Picture that is white, half transparent, where pixels are in a region, else nothing."""
    colours = np.where(inside, np.uint32(0xB0B0B0B0), np.uint32(0))  # colours are multiplied by how opaque they are
    height, width = inside.shape
    return QImage(colours.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def draw_path(
    painter: QPainter, path: QPainterPath, to_widget: QTransform, dashed: bool = False, colour: QColor = WHITE_HALO
) -> None:
    """Draw a path of the picture, readable on light and dark colours."""
    painter.save()
    painter.setTransform(to_widget, True)
    for tone, width in ((BLACK_HALO, 3.0), (colour, 1.4)):
        pen = QPen(tone, width, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawPath(path)
    painter.restore()


def draw_region(painter: QPainter, region: QPainterPath | QImage, to_widget: QTransform) -> None:
    """Draw a region of the picture: its border, or its veil."""
    if isinstance(region, QPainterPath):
        draw_path(painter, region, to_widget)
        return
    painter.save()
    painter.setTransform(to_widget, True)
    painter.drawImage(QRectF(0, 0, region.width(), region.height()), region)
    painter.restore()
