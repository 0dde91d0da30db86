"""The camera that linked maps share: where they look and how large a pixel is drawn."""

from __future__ import annotations

from PyQt6.QtCore import QObject, pyqtSignal

from app.widgets.made_once import MadeOnce
from app.widgets.turns import Turns

SMALLEST_SCALE = 1 / 64
LARGEST_SCALE = 160.0

Point = tuple[float, float]


class CameraModel(QObject):
    """Centre and scale of the view on a placement, shared by all linked maps.

    Placement coordinates are continuous: pixel (row y, column x) covers [x, x + 1) × [y, y + 1).
    """

    changed = pyqtSignal()
    cursor_moved = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        #: Flags as all linked maps of one size show them.
        self.layers = MadeOnce(2)
        #: Good values of the maps, as levels and histograms of all linked maps take them.
        self.samples = MadeOnce(12)
        #: In which linked maps are brought up to date.
        self.turns = Turns(self)
        #: Where samples are taken from.
        self.places = MadeOnce(2)
        self._centre: Point = (0.0, 0.0)
        self._scale = 1.0
        self._cursor: tuple[int, int] | None = None
        self._follows_size = True

    @property
    def centre(self) -> Point:
        """Placement point (x, y) in the middle of the canvas."""
        return self._centre

    @property
    def scale(self) -> float:
        """Device pixels per placement pixel."""
        return self._scale

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Placement pixel (x, y) under the pointer, in whichever linked map it is."""
        return self._cursor

    @property
    def follows_size(self) -> bool:
        """Whether the view still shows everything, so that a resized canvas may fit again."""
        return self._follows_size

    def fit(self, width: int, height: int, placement_shape: tuple[int, int]) -> None:
        """Show the whole placement (rows, columns) in a canvas of ``width`` × ``height`` device pixels."""
        rows, columns = placement_shape
        if min(width, height, rows, columns) <= 0:
            return
        self._follows_size = True
        self._move((columns / 2, rows / 2), 0.97 * min(width / columns, height / rows))

    def zoom(self, factor: float, anchor: Point | None = None) -> None:
        """Enlarge by ``factor``; the placement point ``anchor`` (by default the centre) stays where it is."""
        scale = _clamp_scale(self._scale * factor)
        ratio = self._scale / scale
        ax, ay = self._centre if anchor is None else anchor
        x, y = self._centre
        self._follows_size = False
        self._move((ax + (x - ax) * ratio, ay + (y - ay) * ratio), scale)

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by (dx, dy) device pixels."""
        x, y = self._centre
        self._follows_size = False
        self._move((x - dx / self._scale, y - dy / self._scale), self._scale)

    def look_at(self, x: float, y: float, scale: float) -> None:
        """Put the placement point (x, y) in the middle at the given scale, to restore a saved view."""
        self._follows_size = False
        self._move((x, y), scale)

    def set_cursor(self, x: int | None, y: int | None = None) -> None:
        """Tell all linked maps which placement pixel is under the pointer; None when it has left."""
        cursor = None if x is None or y is None else (x, y)
        if cursor != self._cursor:
            self._cursor = cursor
            self.cursor_moved.emit(cursor)

    def _move(self, centre: Point, scale: float) -> None:
        scale = _clamp_scale(scale)
        if (centre, scale) != (self._centre, self._scale):
            self._centre, self._scale = centre, scale
            self.changed.emit()


def _clamp_scale(scale: float) -> float:
    return min(max(scale, SMALLEST_SCALE), LARGEST_SCALE)
