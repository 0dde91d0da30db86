"""A line of other numbers below the lines of a plot over time, with an axis of its own."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from app.widgets.series_plot import escaped
from app.widgets.time_box import Dots
from app.widgets.time_lines import drawn, longest_step
from app.widgets.tones import Tones

_AIR = 0.1
#: Height that it takes of the plots, pixels, at most.
_HEIGHT = 90


class BesideLine:
    """Draws into a plot whose times are those of others; without values the plot takes no room.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self.plot = plot
        self.times, self.values = np.empty(0), np.empty(0)
        self._curve, self._dots = pg.PlotCurveItem(connect="finite"), Dots(size=4, pen=None)
        for item in (self._curve, self._dots):
            plot.addItem(item, ignoreBounds=True)
        plot.vb.sigXRangeChanged.connect(lambda *_: self.draw())
        self.show_values("", self.times, self.values)

    def show_values(self, title: str, times: np.ndarray, values: np.ndarray) -> None:
        """Show (n,) values, NaN where there are none, at (n,) times that rise; a long time without one is a gap."""
        self.times, self.values = times, values
        there = bool(len(values))
        self.plot.setVisible(there)
        self.plot.setMaximumHeight(_HEIGHT if there else 0)
        self.plot.setLabel("left", escaped(title))
        self.draw()

    def draw(self) -> None:
        """Draw what is in sight; all of it that there is has its height."""
        known = np.isfinite(self.values)
        if not known.any():
            self._curve.setData([], [])
            self._dots.setData([], [])
            return
        span, width = tuple(self.plot.vb.viewRange()[0]), max(1, int(self.plot.vb.width()))
        x, y = drawn(self.times, self.values, span, width, longest_step(self.times))
        self._curve.setData(x, y)
        self._dots.setData(x[np.isfinite(y)], y[np.isfinite(y)])
        low, high = float(self.values[known].min()), float(self.values[known].max())
        air = _AIR * (high - low) or 0.5
        self.plot.vb.setYRange(low - air, high + air, padding=0)

    def take_colours(self, tones: Tones) -> None:
        """Follow the theme."""
        self._curve.setPen(pg.mkPen(tones.ok))
        self._dots.setBrush(pg.mkBrush(tones.ok))
