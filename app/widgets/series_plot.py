"""Small plots of one pixel: values over memory cells, and its histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QPainter, QPalette
from PyQt6.QtWidgets import QStackedLayout, QWidget

from app.widgets.colour import OKABE_ITO
from app.widgets.plain import PlainLabel
from app.widgets.tones import LIGHT, tones_of
from app.widgets.whole_axis import WholeAxis

BAND_ALPHA = 70

#: Curves of no more points have them drawn: a single one has no line.
_FEW = 40


class PixelPlot(QWidget):
    """A plot with axis labels that shows a hint while it has nothing to show.

    What draws it is made when there is something to draw: a window has many that nobody looks at.
    """

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._below = WholeAxis()
        self._plot: pg.PlotWidget | None = None
        self._hint = PlainLabel(hint, alignment=Qt.AlignmentFlag.AlignCenter, objectName="plot_hint", wordWrap=True)
        self._layout = QStackedLayout(self)
        self._layout.addWidget(self._hint)

    @property
    def plot(self) -> pg.PlotWidget:
        """What draws it."""
        if self._plot is None:
            # menus are hundreds of widgets that would follow each change of the theme
            self._plot = pg.PlotWidget(enableMenu=False, axisItems={"bottom": self._below})
            self._plot.hideButtons()
            self._layout.addWidget(self._plot)
            self._dress()
            self._take_colours()
        return self._plot

    def _dress(self) -> None:
        """Give what draws it all that stays there."""

    def set_labels(self, title: str, x: str, y: str, x_unit: str = "", y_unit: str = "") -> None:
        """Name the axes, with units in square brackets; units are not rescaled to kilo or mega."""
        self.plot.setTitle(escaped(title) or None, size="10pt", color=tones_of(self.palette()).text)
        for side, name, unit in (("bottom", x, x_unit), ("left", y, y_unit)):
            axis = self.plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setLabel(escaped(f"{name} [{unit}]" if unit else name))

    def clear(self) -> None:
        """Show the hint again."""
        if self._plot is not None:
            self._plot.clear()
        self._layout.setCurrentWidget(self._hint)

    def say(self, hint: str) -> None:
        """Show another hint while there is nothing to show."""
        self._hint.setText(hint)

    @property
    def is_empty(self) -> bool:
        """Whether the hint is being shown."""
        return self._layout.currentWidget() is self._hint

    def paper_image(self, least_width: int) -> QImage:
        """Return the plot as it is drawn, on white whatever the theme, enlarged by a whole number."""
        light = QPalette()
        light.setColor(QPalette.ColorRole.Base, QColor(LIGHT.base))
        self.setPalette(light)
        factor = max(1, -(-least_width // max(1, self.plot.width())))
        image = QImage(self.plot.size() * factor, QImage.Format.Format_RGB32)
        image.fill(QColor(LIGHT.base))
        image.setDevicePixelRatio(factor)  # the legend ignores other enlargements
        painter = QPainter(image)
        self.plot.render(painter, QRectF(self.plot.rect()))
        painter.end()
        image.setDevicePixelRatio(1)
        self.setPalette(QPalette())
        return image

    def _begin(self) -> None:
        self.plot.clear()
        self._layout.setCurrentWidget(self.plot)

    def _line(self, x: float, label: str, colour: QColor, height: float = 0.92) -> pg.InfiniteLine:
        pen = pg.mkPen(colour, style=Qt.PenStyle.DashLine)
        options = {"position": height, "color": colour}
        line = pg.InfiniteLine(x, angle=90, pen=pen, label=label or None, labelOpts=options)
        self.plot.addItem(line, ignoreBounds=True)
        return line

    def _take_colours(self) -> None:
        tones = tones_of(self.palette())
        self.plot.setBackground(tones.base)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(tones.border)
            self.plot.getAxis(side).setTextPen(tones.muted)
        title = self.plot.getPlotItem().titleLabel
        title.setText(title.text, color=tones.text)
        legend = self.plot.getPlotItem().legend
        if legend is not None:
            legend.setLabelTextColor(tones.text)
            for _, label in legend.items:  # the colour alone is not drawn
                label.setText(label.text)
        self.plot.showGrid(x=True, y=True, alpha=0.12)

    def changeEvent(self, event) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and getattr(self, "_plot", None) is not None:
            self._take_colours()


@dataclass(frozen=True)
class _Curve:
    """A curve that is shown: its name, positions, line, dots where they are few, and whether errors go with it."""

    name: str
    x: np.ndarray
    line: pg.PlotDataItem
    dots: pg.PlotDataItem | None
    has_band: bool

    def put(self, y: np.ndarray) -> None:
        """Show other values."""
        self.line.setData(self.x, y)
        if self.dots is not None:
            shown = np.isfinite(y)
            self.dots.setData(self.x[shown], y[shown])


class SeriesPlot(PixelPlot):
    """Curves over the memory cells (or trains, or scan points) with bands of their errors and a marker."""

    x_clicked = pyqtSignal(float)

    def __init__(
        self, parent: QWidget | None = None, hint: str = ""
    ) -> None:
        super().__init__(hint, parent)
        self.setObjectName("series_plot")
        self._count = 0
        self._curves: list[_Curve] = []
        self._marker: list[pg.GraphicsObject] = []
        self._marker_at: tuple[float | None, float] = (None, np.nan)

    def _dress(self) -> None:
        # two names side by side leave room for the curves of low plots
        self.plot.addLegend(offset=(-6, 2), labelTextSize="9pt", labelTextColor=tones_of(self.palette()).text,
                            colCount=2, verSpacing=-4)
        self.plot.scene().sigMouseClicked.connect(self._clicked)

    def set_curve(
        self, x: np.ndarray, y: np.ndarray, error: np.ndarray | None = None, name: str = ""
    ) -> None:
        """Show one curve alone: (n,) positions, values (NaN leaves a gap) and optional errors."""
        self.clear()
        self.add_curve(x, y, error, name)

    def add_curve(
        self, x: np.ndarray, y: np.ndarray, error: np.ndarray | None = None, name: str = ""
    ) -> None:
        """Add a curve in the next colour."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"a curve needs as many positions as values, not {x.shape} and {y.shape}")
        if self._count == 0:
            self._begin()
        colour = QColor(curve_colour(self._count))
        if error is not None:
            self._add_band(x, y, np.asarray(error, float), colour)
        line = self.plot.plot(x, y, pen=pg.mkPen(colour, width=1), name=escaped(name) or None, connect="finite")
        few = {"pen": None, "symbol": "o", "symbolSize": 5, "symbolPen": None, "symbolBrush": colour}
        dots = self.plot.plot([], [], **few) if x.size <= _FEW and np.isfinite(y).any() else None
        self._curves.append(_Curve(name, x, line, dots, error is not None))
        self._curves[-1].put(y)
        self._below.set_whole(all((one.x == np.rint(one.x)).all() for one in self._curves))
        self._count += 1
        self._mark_anew()

    def renew(self, x: np.ndarray, curves: Sequence[tuple[str, np.ndarray]]) -> bool:
        """Put other values in place of those that are shown, which costs a part of showing them anew.

        Returns
        -------
        bool
            False, and nothing is changed, where other curves or positions are shown, or errors.
        """
        same = [name for name, _ in curves] == [one.name for one in self._curves] and all(
            np.array_equal(one.x, x) and not one.has_band and (one.dots is not None or one.x.size > _FEW)
            for one in self._curves)
        if not self._count or not same:
            return False
        for one, (_, y) in zip(self._curves, curves, strict=True):
            one.put(np.asarray(y, float))
        return True

    def add_marks(self, x: np.ndarray, y: np.ndarray, colours: Sequence[str], size: int = 7) -> None:
        """Add a mark at each of (n,) positions and values, in its colour."""
        if len(x):
            known = {one: pg.mkBrush(one) for one in set(colours)}
            marks = pg.ScatterPlotItem(x, y, brush=[known[one] for one in colours], pen=None, size=size)
            self.plot.addItem(marks, ignoreBounds=True)

    def mark(self, positions: Sequence[tuple[float, str]]) -> None:
        """Mark positions by lines with their names, below what the legend hides."""
        colour = QColor(tones_of(self.palette()).muted)
        for x, name in positions:
            self._line(x, name, colour, 0.06)

    def shade(self, chosen: np.ndarray, filled: bool = True) -> None:
        """Shade, or outline, the positions 0, 1, … of which (n,) bool tells that they are chosen."""
        edges = np.diff(np.pad(chosen, 1).astype(np.int8))
        colour = QColor(tones_of(self.palette()).pending)
        pen = pg.mkPen(None if filled else QColor(colour))
        colour.setAlpha(BAND_ALPHA // 2 if filled else 0)
        for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            shade = pg.LinearRegionItem((first - 0.5, end - 0.5), movable=False, brush=colour, pen=pen)
            shade.setZValue(-10)
            self.plot.addItem(shade, ignoreBounds=True)

    def _add_band(self, x: np.ndarray, y: np.ndarray, error: np.ndarray, colour: QColor) -> None:
        fine = np.isfinite(x) & np.isfinite(y) & np.isfinite(error)
        if np.count_nonzero(fine) == 1:  # a band has no width there
            self.plot.addItem(pg.ErrorBarItem(
                x=x[fine], y=y[fine], height=2 * error[fine], pen=pg.mkPen(colour, width=2)))
            return
        edges = [pg.PlotCurveItem(x[fine], (y + sign * error)[fine], pen=None) for sign in (-1, 1)]
        colour = QColor(colour)
        colour.setAlpha(BAND_ALPHA)
        for item in (*edges, pg.FillBetweenItem(*edges, brush=colour)):
            self.plot.addItem(item)

    def set_marker(self, x: float | None, y: float = np.nan) -> None:
        """Mark a position, usually the memory cell, by a line and a value there by a ring; None removes both."""
        if self._marker and np.array_equal((x, y), self._marker_at, equal_nan=x is not None):
            return
        self._marker_at = (x, y)
        self._mark_anew()

    def _mark_anew(self) -> None:
        x, y = self._marker_at
        for item in self._marker:
            self.plot.removeItem(item)
        self._marker = []
        if x is None or not self._count:
            return
        colour = QColor(tones_of(self.palette()).pending)
        self._marker.append(self._line(x, "", colour))
        if np.isfinite(y):
            ring = pg.ScatterPlotItem([x], [y], size=11, pen=pg.mkPen(colour, width=2), brush=None)
            self.plot.addItem(ring, ignoreBounds=True)
            self._marker.append(ring)

    def clear(self) -> None:
        """Remove all curves."""
        self._count, self._curves, self._marker = 0, [], []
        super().clear()

    def _clicked(self, event) -> None:
        if self._count and event.button() == Qt.MouseButton.LeftButton:
            self.x_clicked.emit(self.plot.getViewBox().mapSceneToView(event.scenePos()).x())


def curve_colour(number: int) -> str:
    """Return the colour of the n-th curve, told apart by colour-blind eyes."""
    return f"#{OKABE_ITO[number % len(OKABE_ITO)]:06x}"


def escaped(text: str) -> str:
    """Return text that a rich-text label shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
