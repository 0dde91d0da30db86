"""Scores of lines over time against the two limits at which a change is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor

from app.widgets.date_axis import DateAxis
from app.widgets.series_plot import PixelPlot, escaped
from app.widgets.timeline_marks import level_colour
from app.widgets.tones import tones_of


class ScorePlot(PixelPlot):
    """Curves of scores in the colours of their lines."""

    def __init__(self) -> None:
        super().__init__("No version has a score yet")
        self.setObjectName("score_plot")
        self._shown: tuple = ()

    def _dress(self) -> None:
        self.plot.setAxisItems({"bottom": DateAxis()})
        self.plot.setMouseEnabled(x=False, y=False)

    def show_scores(
        self, title: str, limits: tuple[float, float], curves: Sequence[tuple[str, np.ndarray, np.ndarray]]
    ) -> None:
        """Show (level, (n,) seconds, (n,) scores) of some lines; NaN where there is none.

        Parameters
        ----------
        title : str
            What stands at the axis.
        limits : (float, float)
            Scores above which a change is amber, and red.
        curves : sequence
        """
        self._shown = (title, limits, curves)
        there = [one for one in curves if np.isfinite(one[2]).any()]
        self.clear()
        if not there:
            return
        self._begin()
        self.plot.setLabel("left", escaped(title))
        tones = tones_of(self.palette())
        for level, times, scores in there:
            colour = level_colour(tones, level) if level else QColor(tones.accent)
            self.plot.plot(times, scores, pen=pg.mkPen(colour, width=1), connect="finite")
        for limit, level in zip(limits, ("amber", "red"), strict=True):
            self._limit(limit, level, level_colour(tones, level))
        self._fit(there, limits)

    def _limit(self, limit: float, level: str, colour: QColor) -> None:
        side = (0, 1) if level == "red" else (0, 0)  # above the upper line and below the lower one
        line = pg.InfiniteLine(limit, angle=0, pen=pg.mkPen(colour, style=Qt.PenStyle.DashLine), label=(
            f"{level} > {limit:g}"), labelOpts={"position": 0.02, "color": colour, "anchors": [side, side]})
        self.plot.addItem(line, ignoreBounds=True)

    def _fit(self, curves: Sequence[tuple[str, np.ndarray, np.ndarray]], limits: tuple[float, float]) -> None:
        """Show the versions that have a score, and both limits."""
        scored = [(times[known], scores[known]) for _, times, scores in curves for known in [np.isfinite(scores)]]
        times, scores = (np.concatenate(some) for some in zip(*scored, strict=True))
        self.plot.setXRange(times.min(), times.max())
        self.plot.setYRange(0, max(1.25 * limits[1], 1.05 * scores.max()), padding=0)

    def changeEvent(self, event) -> None:
        """Draw anew in the colours of the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and getattr(self, "_shown", ()):
            self.show_scores(*self._shown)
