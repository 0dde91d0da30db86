"""The picture of one map: colours at device resolution, marks, and the mouse."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from PyQt6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PyQt6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.widgets import map_marks as marks
from app.widgets.camera import CameraModel
from app.widgets.colour import Paint, Viewport, flag_table, lay_flags, render
from app.widgets.placement import Pixel, Placement
from app.widgets.region_tool import RegionTool, border_path, draw_path, draw_region, is_scattered, veil
from app.widgets.tones import tones_of

WHEEL_FACTOR = 1.25


class MapCanvas(QWidget):
    """Shows values and flags of a placement through a camera; a click selects, a drag pans, the wheel zooms.

    While there is a tool a drag marks a region: ``marked`` has its form and its points.
    """

    hovered = pyqtSignal(object)
    clicked = pyqtSignal(int, int, int)
    painted = pyqtSignal(float)
    menu_requested = pyqtSignal(QPoint)
    view_changed = pyqtSignal()
    marked = pyqtSignal(str, tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map_canvas")
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(40, 40)
        self.paint_count = 0
        self.last_paint = 0.0
        self._placement: Placement | None = None
        self._values: np.ndarray | None = None
        self._flag_state: tuple[np.ndarray | None, int, np.ndarray] = (None, 0, flag_table())
        self._paint: Paint | None = None
        self._coverage: np.ndarray | None = None
        self._selected: Pixel | None = None
        self._selected_place: tuple[int, int] | None = None
        self._tool = RegionTool()
        self._region: np.ndarray | None = None
        self._border: QPainterPath | QImage | None = None
        self._outlined: np.ndarray | None = None
        self._outlines: QPainterPath | None = None
        self._pressed: QPointF | None = None
        self._dragged = False
        self._buffer = np.empty((0, 0), np.uint32)
        self._stale = True
        self._camera = CameraModel(self)
        self._link(self._camera)

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for four maps in a window."""
        return QSize(360, 300)

    # -- what is shown

    def set_placement(self, placement: Placement | None) -> None:
        """Show another layout; the view fits again when the picture has another shape."""
        before = None if self._placement is None else self._placement.index.shape
        self._placement, self._border, self._outlines = placement, None, None
        self._mark_selected()
        if placement is not None and placement.index.shape != before:
            self.fit()
        self.invalidate()

    def set_picture(self, values: np.ndarray | None, paint: Paint | None) -> None:
        """Show flat values, or good pixels in one colour; without ``paint`` the canvas is empty."""
        self._values, self._paint = values, paint
        self._stale = True
        self.update()

    def set_flags(self, flags: np.ndarray | None, selected: int, colours: np.ndarray) -> None:
        """Lay the selected flags, (n,) uint32, over the values in the colours of their bits."""
        flags = flags if selected else None
        old_flags, old_selected, old_colours = self._flag_state
        if flags is not old_flags or colours is not old_colours or selected != old_selected:
            self._flag_state = (flags, selected, colours)
            self.invalidate()

    def set_coverage(self, coverage: np.ndarray | None) -> None:
        """Show how much of each module has been read: (modules,) from 0 to 1."""
        self._coverage = coverage
        self.update()

    def set_selected(self, pixel: Pixel | None) -> None:
        """Mark a detector pixel."""
        before, self._selected = self._selected_place, pixel
        self._mark_selected()
        if self._selected_place != before:
            self.update()

    def _mark_selected(self) -> None:
        known = self._selected is not None and self._placement is not None
        self._selected_place = self._placement.place_of(self._selected) if known else None

    def set_tool(self, form: str) -> None:
        """Mark a region of a form by the next drag; empty for none any more."""
        self._tool.begin(form)
        self.setCursor(Qt.CursorShape.CrossCursor if form else Qt.CursorShape.ArrowCursor)
        self.update()

    def set_region(self, region: np.ndarray | None) -> None:
        """Draw the border of a region: (n,) bool, flat; None for none."""
        if region is not self._region:
            self._region, self._border = region, None
            self.update()

    def set_outlined(self, pixels: np.ndarray | None) -> None:
        """Draw the border of what is remarkable: (n,) bool, flat; None for nothing."""
        if pixels is not self._outlined:
            self._outlined, self._outlines = pixels, None
            self.update()

    def invalidate(self) -> None:
        """Colour anew at the next paint."""
        self._stale = True
        self.update()

    # -- camera

    @property
    def camera(self) -> CameraModel:
        """The camera through which this canvas looks."""
        return self._camera

    def set_camera(self, camera: CameraModel) -> None:
        """Look through a camera, usually one shared with other maps."""
        self._camera.changed.disconnect(self._camera_moved)
        self._camera.cursor_moved.disconnect(self.update)
        self._camera = camera
        self._link(camera)
        self._camera_moved()

    def _link(self, camera: CameraModel) -> None:
        camera.changed.connect(self._camera_moved)
        camera.cursor_moved.connect(self.update)

    def _camera_moved(self) -> None:
        self.invalidate()
        self.view_changed.emit()

    def centre_on(self, pixel: Pixel) -> None:
        """Put a pixel (module, row, column) that is not in sight into the middle."""
        place = None if self._placement is None else self._placement.place_of(pixel)
        if place is None:
            return
        view = self.viewport()
        x, y = place[0] + 0.5, place[1] + 0.5
        if abs(x - view.x) * view.scale > view.width / 2 or abs(y - view.y) * view.scale > view.height / 2:
            self.camera.look_at(x, y, self.camera.scale)

    def fit(self) -> None:
        """Show the whole placement."""
        if self._placement is not None:
            width, height = self._device_size()
            self._camera.fit(width, height, self._placement.index.shape)

    def viewport(self) -> Viewport:
        """Return which part of the placement is in sight."""
        width, height = self._device_size()
        x, y = self._camera.centre
        return Viewport(width, height, x, y, self._camera.scale)

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return round(self.width() * ratio), round(self.height() * ratio)

    def place_at(self, position: QPointF) -> QPointF:
        """Return the placement point under a point of the widget."""
        view, ratio = self.viewport(), self.devicePixelRatioF()
        return QPointF(
            view.x + (position.x() * ratio - view.width / 2) / view.scale,
            view.y + (position.y() * ratio - view.height / 2) / view.scale,
        )

    def area_of(self, left: float, top: float, right: float, bottom: float) -> QRectF:
        """Return the part of the widget that a rectangle of placement points covers."""
        view, ratio = self.viewport(), self.devicePixelRatioF()
        scale = view.scale / ratio
        x = (left - view.x) * scale + view.width / 2 / ratio
        y = (top - view.y) * scale + view.height / 2 / ratio
        return QRectF(x, y, (right - left) * scale, (bottom - top) * scale)

    def _to_widget(self) -> QTransform:
        """From places of the picture to points of the widget."""
        view, ratio = self.viewport(), self.devicePixelRatioF()
        shift = QTransform.fromTranslate(view.width / 2 / ratio, view.height / 2 / ratio)
        return QTransform.fromTranslate(-view.x, -view.y) * QTransform.fromScale(
            view.scale / ratio, view.scale / ratio) * shift

    def pixel_at(self, position: QPointF) -> Pixel | None:
        """Return the detector pixel under a point of the widget."""
        if self._placement is None:
            return None
        place = self.place_at(position)
        return self._placement.pixel_at(math.floor(place.x()), math.floor(place.y()))

    # -- painting

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the coloured picture and the marks over it."""
        painter = QPainter(self)
        if not self._is_drawable:
            painter.fillRect(self.rect(), self.palette().base())
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no map")
        else:
            painter.drawImage(0, 0, self._picture())
            self._draw_marks(painter)
        painter.end()
        self.paint_count += 1
        self.last_paint = perf_counter()
        self.painted.emit(self.last_paint)

    @property
    def _is_drawable(self) -> bool:
        return self._placement is not None and self._paint is not None and min(self._device_size()) > 0

    def prepare(self) -> None:
        """Colour the picture now, so that all that is left is to paint it together with everything else."""
        if self._is_drawable:
            self._picture()
        self.update()

    def _picture(self) -> QImage:
        view = self.viewport()
        if self._buffer.shape != (view.height, view.width):
            self._buffer = np.empty((view.height, view.width), np.uint32)
            self._stale = True
        if self._stale:
            render(
                self._buffer, view, self._placement.index, self._values, self._flag_layer(view), self._paint
            )
            self._stale = False
        image = QImage(self._buffer.data, view.width, view.height, 4 * view.width, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(self.devicePixelRatioF())
        return image

    def _flag_layer(self, view: Viewport) -> np.ndarray | None:
        flags, selected, colours = self._flag_state
        if flags is None:
            return None
        index = self._placement.index

        def make() -> np.ndarray:
            made = np.empty((view.height, view.width), np.uint32)
            lay_flags(made, view, index, flags, selected, colours)
            return made

        return self._camera.layers.of((index, flags, colours), (view, selected), make)

    def _draw_marks(self, painter: QPainter) -> None:
        bounds = QRectF(self.rect())
        if self._coverage is not None:
            self._draw_coverage(painter)
        self._draw_names(painter)
        shown = self._flag_state[0] if self._values is None else self._values
        if shown is not None and self._cell(0, 0).width() >= marks.NUMBER_WIDTH:
            self._draw_numbers(painter, shown)
        self._draw_region(painter)
        if self._selected_place is not None:
            marks.draw_selected(painter, self._cell(*self._selected_place), bounds)
        if self._camera.cursor is not None and not self.underMouse():
            marks.draw_cursor(painter, self._cell(*self._camera.cursor), bounds)

    def _draw_region(self, painter: QPainter) -> None:
        if self._outlined is not None:
            index = self._placement.index
            self._outlines = self._outlines or border_path(self._outlined[index] & (index >= 0))
            draw_path(painter, self._outlines, self._to_widget(), colour=QColor(tones_of(self.palette()).pending))
        if self._region is not None:
            if self._border is None:
                index = self._placement.index
                inside = self._region[index] & (index >= 0)
                self._border = veil(inside) if is_scattered(inside) else border_path(inside)
            draw_region(painter, self._border, self._to_widget())
        if self._tool.points:
            draw_path(painter, self._tool.path, self._to_widget(), dashed=True)

    def _cell(self, x: int, y: int) -> QRectF:
        return self.area_of(x, y, x + 1, y + 1)

    def _draw_numbers(self, painter: QPainter, shown: np.ndarray) -> None:
        view, index = self.viewport(), self._placement.index
        top, bottom, left, right = view.window(index.shape)
        for y in range(top, bottom):
            i = min(max(0, round((y + 0.5 - view.y) * view.scale + view.height / 2)), view.height - 1)
            for x in range(left, right):
                j = min(max(0, round((x + 0.5 - view.x) * view.scale + view.width / 2)), view.width - 1)
                if index[y, x] >= 0:
                    ground = QColor(int(self._buffer[i, j]))
                    marks.draw_number(painter, self._cell(x, y), shown[index[y, x]], ground)

    def _draw_coverage(self, painter: QPainter) -> None:
        tones = tones_of(self.palette())
        for number, name, tile in self._tiles():
            if (part := float(self._coverage[number])) < 1:
                marks.draw_coverage(painter, tile, part, name, tones)

    def _draw_names(self, painter: QPainter) -> None:
        """Names of the modules that have data; where there is none, the hatching has the name."""
        with marks.small_letters(painter):
            for number, name, tile in self._tiles():
                if self._coverage is None or self._coverage[number] > 0:
                    marks.draw_name(painter, tile, name)

    def _tiles(self) -> Iterator[tuple[int, str, QRectF]]:
        """Number, name and place on the screen of each module that has pixels here."""
        to_widget, boxes = self._to_widget(), self._placement.module_boxes.tolist()
        for number, (name, (left, top, right, bottom)) in enumerate(zip(self._placement.names, boxes, strict=False)):
            if right > left:
                yield number, name, to_widget.mapRect(QRectF(left, top, right - left, bottom - top))

    # -- events

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep centre and scale, but fit again while the whole placement is being shown."""
        if self._camera.follows_size:
            self.fit()
        self.invalidate()
        self.view_changed.emit()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a click or a drag."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self._tool.form:
            self._tool.press(self._point(event))
        else:
            self._pressed, self._dragged = event.position(), False

    def _point(self, event: QMouseEvent) -> tuple[float, float]:
        place = self.place_at(event.position())
        return place.x(), place.y()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Pan while dragging; otherwise tell which pixel is under the pointer."""
        if self._pressed is None:
            if self._tool.form:
                self._tool.move(self._point(event))
                self.update()
            self._hover(event.position())
            return
        moved = event.position() - self._pressed
        if self._dragged or moved.manhattanLength() >= QApplication.startDragDistance():
            self._dragged = True
            self._pressed = event.position()
            ratio = self.devicePixelRatioF()
            self._camera.pan(moved.x() * ratio, moved.y() * ratio)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Select the pixel under the pointer, unless it was a drag."""
        if event.button() == Qt.MouseButton.LeftButton and self._tool.form:
            form, points = self._tool.form, self._tool.release(self._point(event))
            self.update()
            if points:
                self.marked.emit(form, points)
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        self._pressed = None
        pixel = self.pixel_at(event.position())
        if not self._dragged and pixel is not None:
            self.clicked.emit(*pixel)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Show the whole placement."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.fit()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom around the pointer."""
        steps = event.angleDelta().y() / 120
        place = self.place_at(event.position())
        self._camera.zoom(WHEEL_FACTOR**steps, (place.x(), place.y()))
        event.accept()

    def contextMenuEvent(self, event) -> None:
        """Ask the owner for a menu."""
        self.menu_requested.emit(event.globalPos())

    def leaveEvent(self, event) -> None:
        """Forget the pointer in all linked maps."""
        self._camera.set_cursor(None)
        self.hovered.emit(None)

    def _hover(self, position: QPointF) -> None:
        place = self.place_at(position)
        self._camera.set_cursor(math.floor(place.x()), math.floor(place.y()))
        self.hovered.emit(self.pixel_at(position))
