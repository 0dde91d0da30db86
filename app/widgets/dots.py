"""Points of a plot that are all alike, drawn at once: pyqtgraph makes a picture and a place for each of them."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen, QPolygonF

#: Least and largest position along an axis.
_Ends = tuple[float, float]


class Dots(pg.GraphicsObject):
    """Small squares of one colour: round ones take five times as long.

    Parameters
    ----------
    colour : QColor
    size : float
        Their side in pixels of the screen.

    Attributes
    ----------
    x, y : (n,) float64
        Where they are.
    """

    def __init__(self, colour: QColor, size: float = 3.0) -> None:
        super().__init__()
        self._pen = QPen(colour, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap)
        self._pen.setCosmetic(True)
        self.x = self.y = np.empty(0)
        self._bounds: tuple[_Ends, _Ends] | None = None
        self._points = QPolygonF()

    def setData(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw (n,) points in place of those before; those that are no numbers are left out."""
        known = np.isfinite(x) & np.isfinite(y)
        self.prepareGeometryChange()
        self.x, self.y = np.asarray(x, float)[known], np.asarray(y, float)[known]
        self._bounds = (_ends(self.x), _ends(self.y)) if known.any() else None
        self._points = pg.functions.arrayToQPolygonF(self.x, self.y)
        self.informViewBoundsChanged()
        self.update()

    def dataBounds(self, axis: int, *_: object, **_more: object) -> _Ends | tuple[None, None]:
        """Least and largest position along an axis, whatever else is asked for; nothing without points."""
        return (None, None) if self._bounds is None else self._bounds[axis]

    def pixelPadding(self) -> float:
        """By how much points reach over their bounds, in pixels of the screen."""
        return self._pen.widthF() / 2 + 1

    def boundingRect(self) -> QRectF:
        """Where anything is drawn."""
        if self._bounds is None:
            return QRectF()
        (left, right), (bottom, top) = self._bounds
        wide, high = (self.pixelPadding() * (size or 0.0) for size in (self.pixelWidth(), self.pixelHeight()))
        return QRectF(left - wide, bottom - high, right - left + 2 * wide, top - bottom + 2 * high)

    def viewTransformChanged(self) -> None:
        """Its bounds are wider by pixels, which are others now."""
        self.prepareGeometryChange()

    def paint(self, painter: QPainter, *_: object) -> None:
        """Draw all points."""
        painter.setPen(self._pen)
        painter.drawPoints(self._points)


def _ends(values: np.ndarray) -> _Ends:
    return float(values.min()), float(values.max())
