"""Clicks of an operator, counted: on buttons, in tables and on maps."""

from __future__ import annotations

from PyQt6.QtCore import QPoint, Qt


class Clicks:
    """Clicks of the operator, counted."""

    def __init__(self, qtbot):
        self.qtbot, self.number = qtbot, 0

    def button(self, widget):
        assert widget.isVisible()
        assert widget.isEnabled()
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
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
