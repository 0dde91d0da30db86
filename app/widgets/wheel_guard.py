"""Keeps the mouse wheel from changing controls that the pointer only passes over."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtWidgets import QWidget


class WheelGuard(QObject):
    """Event filter that lets a control see the wheel only while it has the keyboard focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hand the wheel on to the parent unless the control has the focus."""
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def guard_wheel(*controls: QWidget) -> None:
    """Protect spin boxes, sliders and combo boxes; a click or Tab gives them the wheel."""
    for control in controls:
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(WheelGuard(control))
