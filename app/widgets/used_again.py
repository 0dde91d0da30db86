"""Items of a plot that are used again for what is shown next: adding and removing them is dearer than a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import pyqtgraph as pg

_Item = TypeVar("_Item", bound=pg.GraphicsObject)


class UsedAgain(Generic[_Item]):
    """Items of one kind in a plot, as many as are taken from one beginning to the next end.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    make : callable
        Makes one more.
    z : float
        Order in which they are drawn.
    """

    def __init__(self, plot: pg.PlotItem, make: Callable[[], _Item], z: float = 0.0) -> None:
        self._plot, self._make, self._z = plot, make, z
        self._items: list[_Item] = []
        self._taken = 0

    def begin(self) -> None:
        """Begin anew: all may be taken again."""
        self._taken = 0

    def take(self) -> _Item:
        """One that was not taken since the beginning."""
        if self._taken == len(self._items):
            made = self._make()
            made.setZValue(self._z)
            self._plot.addItem(made, ignoreBounds=True)
            self._items.append(made)
        self._taken += 1
        return self._items[self._taken - 1]

    def end(self) -> None:
        """Take away those that nobody took."""
        for item in self._items[self._taken:]:
            self._plot.removeItem(item)
        del self._items[self._taken:]
