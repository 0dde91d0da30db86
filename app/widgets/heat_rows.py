"""Groups of pixels over time as a heat map: a row for each group, a column for what is in sight at that time."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF

from app.widgets.colour import DARK_GROUND, IN_LIGHT, LIGHT_GROUND, colour_table
from app.widgets.levels import percentile_levels
from app.widgets.series_plot import escaped
from app.widgets.time_lines import columns_of
from app.widgets.tones import DARK, Tones

_COLOURS = "diverging"
#: Share of the values, in per cent, that the colours reach on either side of zero.
_REACH = 98.0


class HeatRows:
    """Draws into a plot; what is in sight is made anew of the values in memory whenever the times change.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self.plot = plot
        self.times, self.rows, self.breaks = np.empty(0), np.empty((0, 0)), 0.0
        self.level = 1.0
        self._image = pg.ImageItem(axisOrder="row-major")
        self._frame = pg.LinearRegionItem(orientation="horizontal", movable=False, brush=(0, 0, 0, 0))
        self._chosen, self._tones = -1, DARK
        plot.addItem(self._image, ignoreBounds=True)
        plot.setMouseEnabled(x=True, y=False)
        plot.vb.sigXRangeChanged.connect(lambda *_: self.draw())

    def show_rows(self, title: str, times: np.ndarray, rows: np.ndarray, breaks: float, level: float = 0.0) -> None:
        """Show (groups, versions) values at (versions,) times; neighbours more than ``breaks`` apart are not joined.

        ``level`` is the value at the ends of the colours; 0 takes one by the values.
        """
        self.times, self.rows, self.breaks = times, rows, breaks
        there = np.abs(rows[np.isfinite(rows)])
        self.level = level or max(percentile_levels(there, 0, _REACH)[1], np.finfo(float).tiny)
        self.plot.setLabel("left", escaped(title))
        self.plot.vb.setYRange(0, max(1, len(rows)), padding=0)
        self.plot.getAxis("left").setTicks([[(i + 0.5, str(i)) for i in _named(len(rows))]])
        self.choose(self._chosen)
        self.draw()

    def choose(self, row: int) -> None:
        """Frame a row; a negative one frames none."""
        self._chosen = row
        if not 0 <= row < len(self.rows):
            if self._frame.scene() is not None:
                self.plot.removeItem(self._frame)
            return
        self._frame.setRegion((row, row + 1))
        if self._frame.scene() is None:
            self.plot.addItem(self._frame, ignoreBounds=True)

    def row_at(self, y: float) -> int:
        """Row at a height of the plot; −1 outside."""
        return int(y) if 0 <= y < len(self.rows) else -1

    def take_colours(self, tones: Tones) -> None:
        """Follow the theme."""
        self._tones = tones
        for line in self._frame.lines:
            line.setPen(pg.mkPen(tones.text))
        self.draw()

    def table(self) -> np.ndarray:
        """Colours from the least to the largest value, (n,) uint32."""
        return colour_table(_COLOURS if self._tones is DARK else IN_LIGHT[_COLOURS])

    def draw(self) -> None:
        """Draw what is in sight."""
        width = int(self.plot.vb.width())
        span = tuple(self.plot.vb.viewRange()[0])
        if not len(self.rows) or width < 1 or span[1] <= span[0]:
            self._image.clear()
            return
        values = columns_of(self.times, self.rows, span, width, self.breaks)
        table = self.table()
        place = np.clip((values / self.level + 1) / 2 * (len(table) - 1), 0, len(table) - 1)
        ground = DARK_GROUND if self._tones is DARK else LIGHT_GROUND
        argb = np.where(np.isnan(values), np.uint32(ground.gap), table[np.nan_to_num(place).astype(int)])
        self._image.setImage(_rgba(argb), levels=None, autoLevels=False)
        self._image.setRect(QRectF(span[0], 0, span[1] - span[0], len(self.rows)))


def _named(number: int) -> range:
    """Rows that have their number beside them."""
    return range(0, number, max(1, -(-number // 4)))


def _rgba(argb: np.ndarray) -> np.ndarray:
    """Bytes of red, green, blue, alpha, (rows, columns, 4) uint8."""
    return np.stack([(argb >> shift & 255).astype(np.uint8) for shift in (16, 8, 0, 24)], axis=-1)

