"""Lines of pixels that runs charge: a row for each run, a mark for each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.widgets.plain import tip
from app.widgets.tones import Tones, tones_of

#: Least width of a line that can be told from its neighbour, in pixels of the screen.
_LEAST = 1.0
_GAP, _SMALL = 6, 0.8
_LIGHT = 0.35


@dataclass(frozen=True)
class MatrixRow:
    """One run: what stands before it, the lines that are marked, whether in the colour of a warning, its tooltip.

    Those of a run that is still to be read are light.
    """

    label: str
    lines: tuple[int, ...]
    marked: bool
    told: str
    light: bool = False


class ChargeMatrix(QWidget):
    """Draws rows over as many lines as can be told apart; the axis below says how many these are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[MatrixRow, ...] = ()
        self._number = 0
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * _SMALL)
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_rows(self, rows: Sequence[MatrixRow], number: int) -> None:
        """Show rows over so many lines."""
        self.rows, self._number = tuple(rows), number
        self.setAccessibleDescription("\n".join(row.told for row in rows))
        self.updateGeometry()
        self.update()

    @property
    def drawn(self) -> int:
        """Lines that there is room for, from the first."""
        return min(self._number, int(self._field().width() / _LEAST))

    def sizeHint(self) -> QSize:
        """A line of text for each row, and one for the axis."""
        return QSize(200, self._height() * (len(self.rows) + 1) + 2)

    def minimumSizeHint(self) -> QSize:
        """As high as all rows are."""
        return QSize(120, self.sizeHint().height())

    def place_of(self, row: int, line: int) -> QRectF:
        """Where a mark is drawn."""
        field, height = self._field(), self._height()
        width = field.width() / max(self.drawn, 1)
        return QRectF(field.left() + line * width, row * height + 1, max(width * 0.8, 1.0), height - 2)

    def event(self, event: QEvent | None) -> bool:
        """Tell of the row under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = event.pos().y() // self._height()
            QToolTip.showText(event.globalPos(), tip(self.rows[row].told) if row < len(self.rows) else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw labels, marks and the axis."""
        painter, tones = QPainter(self), tones_of(self.palette())
        for index, row in enumerate(self.rows):
            self._draw_row(painter, tones, index, row)
        self._draw_axis(painter, tones)

    def _draw_row(self, painter: QPainter, tones: Tones, index: int, row: MatrixRow) -> None:
        height, field = self._height(), self._field()
        painter.fillRect(QRectF(field.left(), index * height, field.width(), height), QColor(tones.base))
        colour = QColor(tones.warning if row.marked else tones.accent)
        painter.setPen(colour if row.marked else QColor(tones.muted))
        painter.drawText(QRectF(0, index * height, field.left(), height), Qt.AlignmentFlag.AlignVCenter, row.label)
        if row.light:
            colour.setAlphaF(_LIGHT)
        for line in row.lines:
            if line < self.drawn:
                painter.fillRect(self.place_of(index, line), colour)

    def _draw_axis(self, painter: QPainter, tones: Tones) -> None:
        height, field = self._height(), self._field()
        below = QRectF(field.left(), len(self.rows) * height, field.width(), height)
        last = self.drawn - 1
        rest = f" of {self._number:,}" if self.drawn < self._number else ""
        painter.setPen(QColor(tones.muted))
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, str(last // 2))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{last}{rest}")

    def _field(self) -> QRectF:
        """Room of the marks, of any height."""
        metrics = self.fontMetrics()
        left = max((metrics.horizontalAdvance(row.label) for row in self.rows), default=0) + _GAP
        return QRectF(left, 0, max(self.width() - left, 1), 0)

    def _height(self) -> int:
        return self.fontMetrics().height()
