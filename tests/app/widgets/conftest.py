"""The scene and the driving of the mouse that tests of widgets share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QWidget

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def turn_wheel(qapp):
    """Turn the wheel over a point of a widget."""

    def turn(widget: QWidget, at: QPoint, steps: int = 1) -> None:
        none = Qt.KeyboardModifier.NoModifier
        place = QPointF(at)
        event = QWheelEvent(
            place, QPointF(widget.mapToGlobal(at)), QPoint(), QPoint(0, 120 * steps),
            Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)

    return turn
