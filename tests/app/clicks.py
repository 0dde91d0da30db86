"""Clicks of an operator, counted: on buttons, in tables and on maps."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def mouse(widget, kind, point, button=LEFT):
    """One event of the mouse, as the pointer would give it."""
    held = NONE if kind == QEvent.Type.MouseButtonRelease else button
    event = QMouseEvent(kind, point, widget.mapToGlobal(point), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def drag(widget, *points):
    """Press at the first point, move over the others, let go at the last."""
    mouse(widget, QEvent.Type.MouseButtonPress, points[0])
    for point in points[1:]:
        mouse(widget, QEvent.Type.MouseMove, point)
    mouse(widget, QEvent.Type.MouseButtonRelease, points[-1])


def module_point(window, module, row, col) -> QPointF:
    """Point of the first map over the upper left corner of a detector pixel as the picture shows it."""
    placement, shape = window.maps.presenter.placement, window.session.shown.kind.shape
    place = placement.modules.index(module)
    y, x = np.argwhere(placement.index == (place * shape[0] + row) * shape[1] + col)[0]
    return window.maps.views[0].canvas.area_of(x, y, x, y).topLeft()


class Clicks:
    """Clicks of the operator, counted."""

    def __init__(self, qtbot):
        self.qtbot, self.number = qtbot, 0

    def button(self, widget):
        assert widget.isVisible()
        assert widget.isEnabled()
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
        self.number += 1

    def key(self, widget, key):
        """Enter, which counts as a click."""
        self.qtbot.keyClick(widget, key)
        self.number += 1

    def choose(self, box, begin):
        """An entry of a list by its first letters, which the keyboard finds once it is there."""
        box.setFocus(Qt.FocusReason.TabFocusReason)
        self.qtbot.keyClicks(box, begin)
        self.number += 1

    def row(self, table, row, modifier=Qt.KeyboardModifier.NoModifier):
        at = table.visualItemRect(table.item(row, 1)).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, at)

    def pixel(self, view, pixel):
        """Where a pixel (index of the module, row, column) is on the canvas of a map."""
        canvas = view.canvas
        x, y = canvas._placement.place_of(pixel)
        window, ratio = canvas.viewport(), canvas.devicePixelRatioF()
        across = (x + 0.5 - window.x) * window.scale + window.width / 2
        down = (y + 0.5 - window.y) * window.scale + window.height / 2
        self.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(int(across / ratio), int(down / ratio)))
        self.number += 1

    def drag(self, widget, *points):
        drag(widget, *points)
        self.number += 1


def place(timeline, x, y):
    """Where a time and a value of a plot over time are on the screen."""
    plot = timeline.plot
    return plot._view.viewport(), plot._view.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


class Pointer(Clicks):
    """Clicks and drags on the plot over time, counted."""

    def point(self, timeline, x, y, modifier=Qt.KeyboardModifier.NoModifier):
        self.qtbot.wait(500)  # else it is the second of a double click
        viewport, at = place(timeline, x, y)
        self.qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, modifier, at)
        self.number += 1

    def drag(self, timeline, first, last, y):
        viewport, begin = place(timeline, first, y)
        _, end = place(timeline, last, y)
        self.qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=begin)
        for part in (0.3, 0.7, 1.0):
            self.qtbot.mouseMove(viewport, begin + QPoint(round((end - begin).x() * part), 0))
        self.qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)
        self.number += 1
