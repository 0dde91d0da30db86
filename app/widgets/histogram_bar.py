"""The colour bar of a map, with the histogram of the pixels in sight and two handles for the levels."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from app.widgets.levels import count_bins
from app.widgets.tones import tones_of
from calib_core.typed import is_number, parse_number

BINS = 96
HISTOGRAM = 30
STRIP = 12
LABELS = 70
#: Digits of a number, so that the bar has room for it.
_DIGITS = 6
MARGIN = 12
GRIP = 7


class HistogramBar(QWidget):
    """Vertical colour bar; handles drag, a double click on one edits its number, elsewhere it resets both."""

    levels_dragged = pyqtSignal(float, float)
    auto_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogram_bar")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setToolTip("Drag the handles to change the levels, double-click one to type its value,\n"
                        "double-click elsewhere for automatic levels")  # fmt: skip
        self._levels = (0.0, 1.0)
        self._range = (0.0, 1.0)
        self._sample = np.empty(0, np.float32)
        self._stale = False
        self._counts = np.zeros(BINS, np.int64)
        self._table: np.ndarray | None = None
        self._unit = ""
        self._message = ""
        self._grabbed: str | None = None
        self._grab_value = 0.0
        self._edited = "high"
        self._editor = self._make_editor()

    def _make_editor(self) -> QLineEdit:
        editor = QLineEdit(self, objectName="level_editor")
        editor.editingFinished.connect(self._take_number)
        editor.hide()
        return editor

    def sizeHint(self) -> QSize:
        """Return a fixed width, so that linked maps have pictures of the same size."""
        return QSize(HISTOGRAM + STRIP + LABELS, 200)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(HISTOGRAM + STRIP + LABELS, 40)

    # -- what is shown

    def set_unit(self, unit: str) -> None:
        """Write the unit of the numbers above the colours."""
        if unit != self._unit:
            self._unit = unit
            self.update()

    def set_levels(self, low: float, high: float) -> None:
        """Move the handles."""
        self._levels, self._message = (low, high), ""
        self._rescale()

    def set_colours(self, table: np.ndarray) -> None:
        """Show colours from the low to the high level: (n,) uint32 as 0xAARRGGBB."""
        self._table = table
        self.update()

    def set_sample(self, sample: np.ndarray) -> None:
        """Show the histogram of values: (n,) float32, finite."""
        self._sample = sample
        self._rescale()

    def set_message(self, message: str) -> None:
        """Show a text in place of colours, for a picture without levels."""
        self._message, self._table = message, None
        self.update()

    def counts(self) -> np.ndarray:
        """Histogram that is being drawn, over the range of the bar: (n,) int64."""
        self._count()
        return self._counts

    @property
    def has_scale(self) -> bool:
        """Whether there are colours and levels, and no text in their place."""
        return self._table is not None

    @property
    def levels(self) -> tuple[float, float]:
        """Values at the handles."""
        return self._levels

    def _rescale(self) -> None:
        """Count when it is painted: levels and values change together."""
        self._stale = True
        self.update()

    def _count(self) -> None:
        if not self._stale:
            return
        self._stale = False
        # the range stays while a handle is held: it would run away from the pointer
        if self._grabbed is None:
            self._range = self._wanted_range()
        self._counts = np.zeros(BINS, np.int64)
        if len(self._sample):  # a window without a map is painted before there are kernels
            count_bins(self._sample, *self._range, self._counts)

    def _wanted_range(self) -> tuple[float, float]:
        low, high = self._levels
        if len(self._sample):
            places = [round((len(self._sample) - 1) * part) for part in (0.002, 0.998)]
            ends = np.partition(self._sample, places)[places]
            # far outliers must not squeeze the levels into a line
            reach = 1.5 * (high - low)
            low, high = min(low, max(ends[0], low - reach)), max(high, min(ends[1], high + reach))
        pad = max(0.06 * (high - low), 1e-9 * max(abs(low), abs(high)), 1e-30)
        return float(low - pad), float(high + pad)

    # -- geometry

    def _y_of(self, value: float) -> float:
        low, high = self._range
        return MARGIN + (high - value) / (high - low) * max(1, self.height() - 2 * MARGIN)

    def _value_at(self, y: float) -> float:
        low, high = self._range
        return high - (y - MARGIN) / max(1, self.height() - 2 * MARGIN) * (high - low)

    def _handle_at(self, y: float) -> str | None:
        distances = {
            "low": abs(y - self._y_of(self._levels[0])),
            "high": abs(y - self._y_of(self._levels[1])),
        }
        nearest = min(distances, key=distances.__getitem__)
        return nearest if distances[nearest] <= GRIP else None

    # -- painting

    def paintEvent(self, event) -> None:
        """Draw histogram, colours, ticks and handles."""
        self._count()
        painter = QPainter(self)
        tones = tones_of(self.palette())
        if self._table is None:
            painter.setPen(QColor(tones.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._message)
            return
        self._draw_histogram(painter, QColor(tones.muted))
        self._draw_strip(painter, QColor(tones.border))
        self._draw_ticks(painter, QColor(tones.muted))
        self._draw_unit(painter, QColor(tones.text))
        self._draw_handles(painter, QColor(tones.text), QColor(tones.accent))

    def _draw_unit(self, painter: QPainter, colour: QColor) -> None:
        """In the margin above histogram and colours, where it fits; numbers beside them may come up to there."""
        painter.save()
        font = painter.font()
        font.setPixelSize(MARGIN - 2)
        painter.setFont(font)
        painter.setPen(colour)
        box = QRectF(0, 0, HISTOGRAM + STRIP + 2, MARGIN - 1)
        if painter.fontMetrics().horizontalAdvance(self._unit) <= box.width():  # cut it would be another unit
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._unit)
        painter.restore()

    def _draw_histogram(self, painter: QPainter, colour: QColor) -> None:
        if not self._counts.any():
            return
        lengths = np.log1p(self._counts) / np.log1p(self._counts.max()) * (HISTOGRAM - 2)
        edges = np.linspace(self.height() - MARGIN, MARGIN, BINS + 1)
        points = [QPointF(HISTOGRAM, edges[0])]
        for length, below, above in zip(lengths, edges[:-1], edges[1:], strict=True):
            points += [QPointF(HISTOGRAM - length, below), QPointF(HISTOGRAM - length, above)]
        points.append(QPointF(HISTOGRAM, edges[-1]))
        fill = QColor(colour)
        fill.setAlpha(110)
        painter.setBrush(fill)
        painter.setPen(QPen(colour, 1))
        painter.drawPolygon(QPolygonF(points))

    def _draw_strip(self, painter: QPainter, border: QColor) -> None:
        top, bottom = self._y_of(self._levels[1]), self._y_of(self._levels[0])
        column = np.ascontiguousarray(self._table[::-1])
        image = QImage(column.data, 1, len(column), 4, QImage.Format.Format_RGB32)
        whole = QRectF(HISTOGRAM + 2, MARGIN, STRIP, max(1, self.height() - 2 * MARGIN))
        painter.fillRect(QRectF(whole.topLeft(), QPointF(whole.right(), top)), QColor(int(self._table[-1])))
        painter.fillRect(
            QRectF(QPointF(whole.left(), bottom), whole.bottomRight()), QColor(int(self._table[0]))
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(whole.left(), top, STRIP, bottom - top), image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(border)
        painter.drawRect(whole)

    def _draw_ticks(self, painter: QPainter, colour: QColor) -> None:
        painter.setPen(colour)
        left, half = HISTOGRAM + STRIP + 4, painter.fontMetrics().height() / 2
        taken = [self._y_of(level) for level in self._levels]
        step = tick_step(*self._range, max(2, self.height() // 48))
        first = math.ceil(self._range[0] / step)
        for number in range(first, math.floor(self._range[1] / step) + 1):
            y = self._y_of(number * step)
            painter.drawLine(QPointF(left - 2, y), QPointF(left + 2, y))
            if all(abs(y - other) > 2 * half for other in taken):
                box = QRectF(left + 8, y - half, LABELS - 8, 2 * half)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, _number(number * step, step))

    def _draw_handles(self, painter: QPainter, text: QColor, accent: QColor) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        right, half = HISTOGRAM + STRIP + 2, painter.fontMetrics().height() / 2
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        low, high = (self._y_of(level) for level in self._levels)
        # numbers of close levels move apart rather than overlap
        spread = max(0.0, half - abs(low - high) / 2)
        for value, y, shift in ((self._levels[0], low, spread), (self._levels[1], high, -spread)):
            painter.setPen(QPen(accent, 1.5))
            painter.drawLine(QPointF(0, y), QPointF(right, y))
            painter.setBrush(accent)
            painter.drawPolygon(
                QPolygonF([QPointF(right, y), QPointF(right + 6, y - 4), QPointF(right + 6, y + 4)])
            )
            painter.setPen(text)
            box = QRectF(right + 10, y + shift - half, LABELS - 10, 2 * half)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._label(value))

    def _label(self, value: float) -> str:
        low, high = self._levels
        return _number(value, (high - low) / 100)

    # -- mouse and numbers

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take a handle, or both when pressed between them."""
        if event.button() != Qt.MouseButton.LeftButton or self._table is None:
            return
        value = self._value_at(event.position().y())
        between = self._levels[0] < value < self._levels[1]
        self._grabbed = self._handle_at(event.position().y()) or ("both" if between else None)
        self._grab_value = value

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Drag what was taken; otherwise show where a handle can be taken."""
        if self._grabbed is None:
            near = self._table is not None and self._handle_at(event.position().y()) is not None
            self.setCursor(Qt.CursorShape.SizeVerCursor if near else Qt.CursorShape.ArrowCursor)
            return
        self._drag_to(self._value_at(event.position().y()))

    def _drag_to(self, value: float) -> None:
        low, high = self._levels
        if self._grabbed == "both":
            low, high = low + value - self._grab_value, high + value - self._grab_value
            self._grab_value = value
        elif self._grabbed == "low":
            low = value
        else:
            high = value
        self._propose(low, high)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Let go."""
        if self._grabbed is not None:
            self._grabbed = None
            self._rescale()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Edit the number of the handle under the pointer, or ask for automatic levels."""
        if self._table is None:
            return
        handle = self._handle_at(event.position().y())
        if handle is None:
            self.auto_requested.emit()
        else:
            self.edit_level(handle)

    def edit_level(self, handle: str) -> None:
        """Open the editor for the number of the ``low`` or ``high`` handle."""
        self._edited = handle
        value = self._levels[handle == "high"]
        left = HISTOGRAM + STRIP + 2
        y = min(max(0, round(self._y_of(value)) - 12), max(0, self.height() - 24))
        self._editor.setGeometry(left, y, self.width() - left, 24)
        self._editor.setText(f"{value:.6g}")
        self._editor.show()
        self._editor.selectAll()
        self._editor.setFocus()

    def keyPressEvent(self, event) -> None:
        """Esc leaves the number as it was."""
        if event.key() == Qt.Key.Key_Escape and self._editor.isVisible():
            self._editor.setText("")
            self._editor.hide()
        else:
            super().keyPressEvent(event)

    def _take_number(self) -> None:
        # hiding the editor takes its focus, which ends the editing a second time
        if not self._editor.isVisible() or not is_number(self._editor.text()):
            return
        value = parse_number(self._editor.text())
        self._editor.hide()
        low, high = self._levels
        self._propose(*((low, value) if self._edited == "high" else (value, high)))

    def _propose(self, low: float, high: float) -> None:
        if math.isfinite(low) and math.isfinite(high) and low < high and (low, high) != self._levels:
            self.set_levels(low, high)
            self.levels_dragged.emit(low, high)


def tick_step(low: float, high: float, count: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides a range into about ``count`` parts."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)


def _number(value: float, step: float) -> str:
    if value and (abs(value) >= 1e6 or abs(value) < 1e-4):
        return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-")
    decimals = min(6, max(0, -math.floor(math.log10(step)))) if step > 0 else 3
    decimals = min(decimals, max(0, _DIGITS - len(str(int(abs(value))))))
    return f"{value:.{decimals}f}"
