"""Part of a plot over time: dragging brushes, the wheel zooms in time, a click points."""

from __future__ import annotations

import pyqtgraph as pg
from PyQt6.QtCore import Qt, pyqtSignal

_LEFT = Qt.MouseButton.LeftButton


class TimeBox(pg.ViewBox):
    """A view box that leaves what a drag means to whoever has it.

    Signals
    -------
    pointed(x, y, shift)
        A click, with Shift or without.
    dragged(first, last)
        The pointer is held and moved: from where to where along x.
    dismissed()
        A double click.
    """

    pointed = pyqtSignal(float, float, bool)
    dragged = pyqtSignal(float, float)
    dismissed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(x=True, y=False)

    def mouseClickEvent(self, event) -> None:
        """Tell where the click was; a second one soon after is none of its own."""
        if event.button() != _LEFT:
            return
        event.accept()
        if event.double():
            self.dismissed.emit()
            return
        at = self.mapSceneToView(event.scenePos())
        self.pointed.emit(at.x(), at.y(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseDragEvent(self, event, axis=None) -> None:
        """Tell what is dragged over by the left button; the others move along, as everywhere."""
        if event.button() != _LEFT:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        ends = sorted(self.mapSceneToView(place).x() for place in (event.buttonDownScenePos(), event.scenePos()))
        self.dragged.emit(*ends)

    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel of the screen in the units of the plot."""
        (left, right), (bottom, top) = self.viewRange()
        return (right - left) / max(1.0, self.width()), (top - bottom) / max(1.0, self.height())


class Dots(pg.ScatterPlotItem):
    """Dots that leave clicks to the box that they lie in."""

    def mouseClickEvent(self, event) -> None:
        """Take none."""
        event.ignore()
