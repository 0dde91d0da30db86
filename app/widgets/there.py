"""Which entries of an axis there is something of, as a strip below the control that chooses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QBrush, QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

from app.widgets.tones import Tones, tones_of

#: Share of each entry that is there, 0 to 1; NaN where nothing will be.
Shares = npt.NDArray[np.float64]
#: Height of the strip in pixels of the screen.
STRIP = 5
WHOLE, PARTLY, LACKING = "whole", "partly", "lacking"


def stretches(shares: Shares) -> Iterator[tuple[str, int, int]]:
    """Neighbouring entries that are alike: what they are, the first and the last; nothing of those to come never."""
    kinds = np.where(np.isnan(shares), -1, np.where(shares >= 1, 2, (shares > 0).astype(int)))
    edges = np.flatnonzero(np.diff(kinds)) + 1
    for first, end in zip([0, *edges], [*edges, len(kinds)], strict=True):
        if first < end and kinds[first] >= 0:
            yield (LACKING, PARTLY, WHOLE)[kinds[first]], int(first), int(end) - 1


def draw_there(painter: QPainter, tones: Tones, shares: Shares, place: Callable[[int, int], QRectF]) -> None:
    """Draw a strip: full where all is there, light where something is, hatched where nothing is yet.

    Parameters
    ----------
    painter : QPainter
    tones : Tones
    shares : (entries,) float64
    place : callable
        Where neighbouring entries lie, by the first and the last of them.
    """
    light = QColor(tones.accent)
    light.setAlphaF(0.4)
    brushes = {WHOLE: QBrush(QColor(tones.accent)), PARTLY: QBrush(light),
               LACKING: QBrush(QColor(tones.muted), Qt.BrushStyle.BDiagPattern)}
    for kind, first, last in stretches(shares):
        painter.fillRect(place(first, last), brushes[kind])


class MarkedSlider(QSlider):
    """A slider whose lower edge shows which of its places there is something of."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName(name)
        self.there: Shares | None = None

    def set_there(self, there: Shares | None) -> None:
        """Mark shares of the places, one for each; None marks nothing."""
        self.there = there
        self.update()

    def place(self, first: int, last: int) -> QRectF:
        """Where the strip of neighbouring places is."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style, control = self.style(), QStyle.ComplexControl.CC_Slider
        groove, handle = (style.subControlRect(control, option, part, self) for part in (
            QStyle.SubControl.SC_SliderGroove, QStyle.SubControl.SC_SliderHandle))
        span, half = groove.width() - handle.width(), handle.width() / 2
        step = span / max(1, self.maximum())
        left, right = (groove.left() + half + (index + side) * step for index, side in ((first, -0.5), (last, 0.5)))
        left, right = max(left, groove.left()), min(right, groove.left() + groove.width())
        return QRectF(left, self.height() - STRIP, max(right - left, 1.0), STRIP)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the strip over the slider."""
        super().paintEvent(event)
        if self.there is not None and len(self.there) == self.maximum() + 1:
            draw_there(QPainter(self), tones_of(self.palette()), self.there, self.place)
