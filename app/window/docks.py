"""Panels of the window in docks, and where they are when the layout is reset."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QWidget

_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


@dataclass(frozen=True)
class Place:
    """Where a dock is after a reset: area, and its share of the height of the area in per cent."""

    title: str
    area: Qt.DockWidgetArea
    share: int


PLACES = {
    "runs": Place("Runs", _LEFT, 24),
    "job": Place("Job", _LEFT, 50),
    "tasks": Place("Tasks", _LEFT, 26),
    "navigation": Place("Navigator · bad-pixel flags", _RIGHT, 36),
    "inspector": Place("Inspector", _RIGHT, 64),
    "log": Place("Log", _BOTTOM, 100),
    "asics": Place("ASICs", _BOTTOM, 100),
    "stages": Place("Gain stages", _BOTTOM, 100),
    "frames": Place("Frames", _BOTTOM, 100),
    "export": Place("Export", _BOTTOM, 100),
}
#: Width of the side areas and height of the bottom area, as shares of the window; least width in pixels.
_WIDTHS = {_LEFT: 0.2, _RIGHT: 0.25}
_LEAST_WIDTHS = {_LEFT: 315, _RIGHT: 325}
_BOTTOM_SHARE = 0.16


class Docks:
    """The docks of a window by the name of their panel."""

    def __init__(self, window: QMainWindow, panels: dict[str, QWidget]) -> None:
        self._window = window
        self._docks = {name: self._make(name, PLACES[name], panel) for name, panel in panels.items()}
        window.setCorner(Qt.Corner.BottomLeftCorner, _LEFT)
        window.setCorner(Qt.Corner.BottomRightCorner, _RIGHT)
        self.reset()

    def __getitem__(self, name: str) -> QDockWidget:
        """Dock of a panel."""
        return self._docks[name]

    def _make(self, name: str, place: Place, panel: QWidget) -> QDockWidget:
        dock = QDockWidget(place.title, self._window, objectName=f"dock_{name}")
        panel.setMinimumWidth(_LEAST_WIDTHS.get(place.area, 0))
        dock.setWidget(panel)
        return dock

    def reset(self) -> None:
        """Put all docks back where they belong."""
        for name, dock in self._docks.items():
            dock.setFloating(False)
            self._window.addDockWidget(PLACES[name].area, dock)
            dock.show()
        for name in ("asics", "stages", "frames", "export"):
            self._window.tabifyDockWidget(self._docks["log"], self._docks[name])
        self._docks["log"].raise_()
        self.share()

    def share(self) -> None:
        """Give each dock its share of the window; Qt follows only once the window is shown."""
        width, height = self._window.width(), self._window.height()
        for area, share in _WIDTHS.items():
            names = [name for name in self._docks if PLACES[name].area == area]
            docks = [self._docks[name] for name in names]
            heights = [PLACES[name].share * height // 100 for name in names]
            self._window.resizeDocks(docks, heights, Qt.Orientation.Vertical)
            self._window.resizeDocks(docks[:1], [round(share * width)], Qt.Orientation.Horizontal)
        self._window.resizeDocks([self._docks["log"]], [round(_BOTTOM_SHARE * height)], Qt.Orientation.Vertical)

    def bring(self, name: str) -> None:
        """Show a panel and put it in front."""
        self._docks[name].show()
        self._docks[name].raise_()

    def toggle(self, name: str) -> None:
        """Hide a panel that is to be seen, show one that is not."""
        dock = self._docks[name]
        if dock.isVisible() and not dock.visibleRegion().isEmpty():
            dock.hide()
        else:
            self.bring(name)
