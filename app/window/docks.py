"""Panels of the window in docks: arranged by a layout, in one column or two, so that the maps keep their width."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from functools import partial

from PyQt6.QtCore import QByteArray, Qt, QTimer
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

from app.window.layouts import BOTTOM, ELSEWHERE, LEFT, MAPS_SHARE, NARROW, RIGHT, Layout, Place

_ACROSS, _DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


class Docks:
    """The docks of a window by the name of their panel.

    A narrow window has the docks of the right side as tabs among those of the left; as soon as it is wide again they
    go back, and what the operator has moved stays where it is.
    """

    def __init__(self, window: QMainWindow, panels: Mapping[str, QWidget], layout: Layout) -> None:
        self._window, self.layout = window, layout
        self._docks = {name: self._make(name, panel) for name, panel in panels.items()}
        self._folded: list[str] = []
        self._foremost = ""
        self._growth = QTimer(window, singleShot=True, interval=0)
        self._growth.timeout.connect(self._give_height)
        self._states: dict[str, QByteArray] = {}
        window.setTabPosition(LEFT | RIGHT, QTabWidget.TabPosition.North)
        self.reset()
        for name, dock in self._docks.items():
            dock.visibilityChanged.connect(partial(self._come_forth, name))

    def __getitem__(self, name: str) -> QDockWidget:
        """Dock of a panel."""
        return self._docks[name]

    def _make(self, name: str, panel: QWidget) -> QDockWidget:
        dock = QDockWidget(self._window, objectName=f"dock_{name}")
        dock.setWidget(panel)
        return dock

    # -- layouts

    def take(self, layout: Layout) -> None:
        """Change to a layout, as it was when it was left."""
        if layout is self.layout:
            return
        self._states = self.states()
        self.layout = layout
        self.reset()
        self._restore()

    def states(self) -> dict[str, QByteArray]:
        """What Qt keeps of the docks, by the names of the layouts that were there."""
        return {**self._states, self.layout.name: self._window.saveState(self._version(bool(self._folded)))}

    def restore(self, states: Mapping[str, QByteArray], layout: Layout) -> None:
        """Bring back states, and a layout as it was."""
        self._states = dict(states)
        if layout is not self.layout:
            self.layout = layout
            self.reset()
        self._restore()

    def _restore(self) -> None:
        """Put docks where they were; a state of other docks, of a program before this one, is left."""
        state = self._states.get(self.layout.name)
        for narrow in () if state is None else (False, True):
            if self._window.restoreState(state, self._version(narrow)):
                self._folded = [name for name in self._of(RIGHT) if narrow and self._area(name) == LEFT]
        self.fit()

    def _version(self, narrow: bool) -> int:
        """Version of a state: of which docks it is, and whether it is of a narrow window."""
        return (zlib.crc32(" ".join(sorted(self.layout.places)).encode()) & 0x3FFFFFFF) * 2 + narrow

    def reset(self) -> None:
        """Put all docks back where they belong."""
        self._window.setUpdatesEnabled(False)
        self._take_corners()
        for name, dock in self._docks.items():
            dock.setFloating(False)
            self._window.removeDockWidget(dock)
            dock.hide()  # else it comes back with the window
            dock.setWindowTitle(self._place(dock).title or name.capitalize())
        self._folded = self._of(RIGHT) if self._is_narrow() else []
        if self._folded:
            self._pile(LEFT, [*self._of(LEFT), *self._folded])
        else:
            for area in (LEFT, RIGHT):
                self._stack(area, self._of(area))
        self._pile(BOTTOM, self._of(BOTTOM))
        self.share()
        self._window.setUpdatesEnabled(True)

    def _take_corners(self) -> None:
        """Let the bottom be as wide as the window, or between the side columns."""
        for corner, side in ((Qt.Corner.BottomLeftCorner, LEFT), (Qt.Corner.BottomRightCorner, RIGHT)):
            self._window.setCorner(corner, BOTTOM if self.layout.wide_bottom else side)

    def _of(self, area: Qt.DockWidgetArea) -> list[str]:
        return [name for name, place in self.layout.places.items() if place.area == area and name in self._docks]

    def _stack(self, area: Qt.DockWidgetArea, names: Iterable[str]) -> None:
        """Put docks one below the other, or as tabs with those that they belong beside."""
        for name in names:
            dock = self._docks[name]
            beside = self._docks.get(self._place(dock).beside)
            self._window.addDockWidget(area, dock)
            if beside is not None and self._area_of(beside) == area:
                self._window.tabifyDockWidget(beside, dock)
            dock.show()
            if beside is not None:
                beside.raise_()

    def _pile(self, area: Qt.DockWidgetArea, names: list[str]) -> None:
        """Put docks into one place as tabs, at once: side by side they would widen the window."""
        first = self._docks[names[0]]
        self._window.addDockWidget(area, first)
        for name in names[1:]:
            self._window.tabifyDockWidget(first, self._docks[name])
        for name in names:
            self._docks[name].show()
        first.raise_()

    # -- sizes

    def fit(self) -> None:
        """One column or two by the width of the window; the maps keep their part of it."""
        if self._is_narrow() and not self._folded:
            self._fold()
        elif self._folded and not self._is_narrow():
            self._unfold()
        elif self._window.centralWidget().width() < MAPS_SHARE * self._window.width():
            self.share()

    def _is_narrow(self) -> bool:
        return self._window.width() < NARROW

    def _area(self, name: str) -> Qt.DockWidgetArea:
        return self._area_of(self._docks[name])

    def _area_of(self, dock: QDockWidget) -> Qt.DockWidgetArea:
        return self._window.dockWidgetArea(dock)

    def _in(self, area: Qt.DockWidgetArea) -> list[QDockWidget]:
        """Docks that are at a side now, whoever put them there."""
        return [dock for name, dock in self._docks.items()
                if self._area(name) == area and not dock.isFloating() and not dock.isHidden()]

    def _fold(self) -> None:
        left = self._in(LEFT)
        self._folded = [name for name in self._docks if self._docks[name] in self._in(RIGHT)]
        for dock in [*left[1:], *(self._docks[name] for name in self._folded)]:
            if left:
                self._window.tabifyDockWidget(left[0], dock)
            else:
                self._window.addDockWidget(LEFT, dock)
        if left:
            max(left, key=lambda dock: self._place(dock).share).raise_()
        self.share()

    def _unfold(self) -> None:
        right = [self._docks[name] for name in self._folded]
        left = [dock for dock in self._in(LEFT) if dock not in right]
        for dock in (*left, *right):
            self._window.removeDockWidget(dock)
        names = {dock: name for name, dock in self._docks.items()}
        for area, docks in ((LEFT, left), (RIGHT, right)):
            self._stack(area, [names[dock] for dock in docks])
        self._folded = []
        self.share()

    def share(self) -> None:
        """Give each dock its share of the window; Qt follows only once the window is shown."""
        width, right = self._window.width(), self._in(RIGHT)
        for area, docks in ((LEFT, self._in(LEFT)), (RIGHT, right)):
            self._window.resizeDocks(docks, [self._height(dock) for dock in docks], _DOWN)
            first = docks[:1]
            self._window.resizeDocks(first, [self.layout.width(area if right else None, width)] * len(first), _ACROSS)
        bottom = self._in(BOTTOM)
        bottom = [dock for dock in bottom if not dock.visibleRegion().isEmpty()][:1] or bottom[:1]  # that in front
        self._window.resizeDocks(bottom, [self._height(dock) for dock in bottom], _DOWN)

    def _place(self, dock: QDockWidget) -> Place:
        return self.layout.places.get(next(name for name, one in self._docks.items() if one is dock), ELSEWHERE)

    def _height(self, dock: QDockWidget) -> int:
        return self._place(dock).share * self._window.height() // 100

    def _come_forth(self, name: str, shown: bool) -> None:
        if shown:  # Qt lays the window out once more after it has told
            self._foremost = name
            self._growth.start()

    def _give_height(self) -> None:
        """Let a panel at the bottom that comes to the front have the height that it can be read in."""
        dock = self._docks[self._foremost]
        if self._area(self._foremost) == BOTTOM and not dock.isFloating() and dock.height() < self._height(dock):
            self._window.resizeDocks([dock], [self._height(dock)], _DOWN)

    # -- single panels

    def bring(self, name: str) -> None:
        """Show a panel and put it in front."""
        dock = self._docks[name]
        if self._area(name) == Qt.DockWidgetArea.NoDockWidgetArea:
            self._window.addDockWidget(self._place(dock).area, dock)
        dock.show()
        dock.raise_()

    def toggle(self, name: str) -> None:
        """Hide a panel that is to be seen, show one that is not."""
        dock = self._docks[name]
        if dock.isVisible() and not dock.visibleRegion().isEmpty():
            dock.hide()
        else:
            self.bring(name)
