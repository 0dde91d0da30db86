"""A plot that somebody has made of things to draw, and ranges in it that can be dragged."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import partial

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QWidget

from app.widgets.dots import Dots
from app.widgets.series_plot import BAND_ALPHA, PixelPlot, curve_colour, escaped
from app.widgets.tones import tones_of
from calib_core.explanation import Bars, Level, Line, Mark, Plot, Points, Span

#: Milliseconds between two tellings of a range that is being dragged.
_INTERVAL = 30
#: Logarithm that stands for no count.
_NO_COUNT = -0.3
#: Where names of marks stand, in parts of the height: below a title inside the plot, or at its top.
_BELOW_HEADING, _AT_TOP = 0.55, 0.92
#: Width of the axis of values, device pixels, so that plots one below the other have the same places along x.
_AXIS_WIDTH = 56


class ExplanationPlot(PixelPlot):
    """Bars as steps, points, curves, levels and marks as lines, spans as pairs of lines or as ranges.

    Signals
    -------
    span_moved(span, low, high)
        Somebody drags a range that a parameter stands for.
    restyled()
        The colours are others: whoever has the plot shows it again.
    """

    span_moved = pyqtSignal(object, float, float)
    restyled = pyqtSignal()

    def __init__(
        self, parent: QWidget | None = None, hint: str = "Click a pixel to see its histogram"
    ) -> None:
        super().__init__(hint, parent)
        self.setObjectName("histogram_plot")
        self.shown: Plot | None = None
        self._ranges: dict[str, _Range] = {}
        #: Groups of points and curves that are drawn, by their look: others of that look take their place.
        self._drawn: dict[tuple[Hashable, ...], Dots | pg.PlotDataItem | pg.PlotCurveItem] = {}
        self._levels: list[pg.InfiniteLine] = []
        self._level_names: tuple[str, ...] = ()
        self._named: object = None
        self._heading: pg.LabelItem | None = None

    def _dress(self) -> None:
        self.plot.addLegend(offset=(-6, 14), labelTextSize="9pt", labelTextColor=tones_of(self.palette()).text)
        self._heading = pg.LabelItem("", size="8pt", justify="left")
        self._heading.setParentItem(self.plot.getPlotItem().vb)
        self._heading.anchor(itemPos=(0, 0), parentPos=(0, 0), offset=(2, -4))
        self.plot.getViewBox().sigResized.connect(self._wrap)

    def show_plot(self, plot: Plot, in_strip: bool = False, named: Collection[str] = (), last: bool = True) -> None:
        """Draw a plot in place of what was drawn before.

        Parameters
        ----------
        plot : Plot
        in_strip : bool
            Whether it stands among others of the same axis along x: low, with its title and names inside.
        named : collection of str
            Points and curves whose names stand in another strip.
        last : bool
            Whether it is the strip that has the numbers along x.
        """
        bars = [item for item in plot.items if isinstance(item, Bars) and len(item.counts)]
        groups = [item for item in plot.items if isinstance(item, Points) and len(item.x)]
        if not bars and not groups:
            self.clear()
            return
        groups += [item for item in plot.items if isinstance(item, Line)]
        self._layout.setCurrentWidget(self.plot)
        self.shown = plot
        self.plot.getAxis("left").setLogMode(y=plot.log)
        if bars:
            self._remove_items()
            self._drawn.clear()
        self._draw_groups({_look_of(item): item for item in groups})
        self._name(plot, in_strip, last, [item for item in groups if item.name and item.name not in named])
        self._draw_levels(plot)
        spans = [item for item in plot.items if isinstance(item, Span)]
        if bars:
            self._draw_bars(bars, spans)
            self._draw_lines(plot, QColor(tones_of(self.palette()).muted), QColor(tones_of(self.palette()).pending),
                             in_strip)
        else:
            self._show_ranges(spans)

    def _draw_groups(self, groups: Mapping[tuple[Hashable, ...], Points | Line]) -> None:
        """Draw points and curves by items that are there already, as far as they look so, and let others go."""
        for look in [look for look in self._drawn if look not in groups]:
            self.plot.removeItem(self._drawn.pop(look))
        for place, (look, one) in enumerate(groups.items()):
            if look not in self._drawn:
                self._drawn[look] = self._draw(one)
            self._drawn[look].setData(one.x, self._drawn_values(one.y))
            self._drawn[look].setZValue(place)

    def settle(self) -> None:
        """Take the range of what is drawn now: found while it is painted, it would have all painted twice.

        Sizes of points in the new range move its ends again.
        """
        for _ in range(2):
            self.plot.getViewBox().prepareForPaint()

    def clear(self) -> None:
        """Show the hint again."""
        self._ranges.clear()
        self._drawn.clear()
        self._levels.clear()
        self.shown = None
        super().clear()

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew in the colours of the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and getattr(self, "_drawn", None):
            self._remove_items()
            self._drawn.clear()
            self._named = None
            self.restyled.emit()

    def _remove_items(self) -> None:
        """Take away all but the ranges, one of which may be in somebody's hand."""
        kept = [one.item for one in self._ranges.values()]
        for item in [one for one in self.plot.getPlotItem().items if not any(one is own for own in kept)]:
            self.plot.removeItem(item)
        self._levels.clear()

    def _name(self, plot: Plot, in_strip: bool, last: bool, named: Sequence[Points | Line]) -> None:
        """Name the axes and what is drawn; a name that stays costs nothing."""
        names = (plot.title, plot.x, plot.y, plot.x_unit, plot.y_unit, in_strip, last, *map(_look_of, named))
        if names == self._named:
            return
        self._named = names
        y, y_unit = (plot.y_unit or plot.y, "") if in_strip else (plot.y, plot.y_unit)
        self.set_labels("" if in_strip else plot.title, plot.x, y, plot.x_unit, y_unit)
        tones = tones_of(self.palette())
        heading = [escaped(plot.title) if in_strip else "",
                   *(f"<span style='color:{self._colour(one).name()}'>{_sign(one)}&nbsp;{_together(one.name)}</span>"
                     for one in named)]
        self._heading.setText("&nbsp; ".join(filter(None, heading)), color=tones.muted)
        self._wrap()
        bottom, left = self.plot.getAxis("bottom"), self.plot.getAxis("left")
        bottom.showLabel(last)
        bottom.setStyle(showValues=last)
        left.setWidth(_AXIS_WIDTH if in_strip else None)
        self.plot.showGrid(x=not in_strip, y=not in_strip, alpha=0.12)  # a grid takes as long as all else

    def _wrap(self) -> None:
        """Have names that are too long for one line go on in another."""
        text, room = self._heading.item, int(self.plot.getViewBox().width()) - 4
        text.setTextWidth(-1)
        if 0 < room < text.boundingRect().width():
            text.setTextWidth(room)

    def _colour(self, one: Points | Line) -> QColor:
        plain = isinstance(one, Line) or (one.large and not one.number)
        return QColor(tones_of(self.palette()).text if plain else curve_colour(one.number))

    def _draw(self, one: Points | Line) -> Dots | pg.PlotDataItem | pg.PlotCurveItem:
        """A group of points in the colour that others have for curves, or a line over them."""
        colour = self._colour(one)
        if isinstance(one, Line):
            style = Qt.PenStyle.DashLine if one.dashed else Qt.PenStyle.SolidLine
            return self._added(pg.PlotCurveItem(pen=pg.mkPen(colour, width=1, style=style), connect="finite"))
        if not one.large:
            return self._added(Dots(colour))
        sign, size = ("o", 15) if one.number else ("x", 11)
        return self.plot.plot(pen=None, symbol=sign, symbolSize=size, symbolPen=pg.mkPen(colour, width=2),
                              symbolBrush=None)

    def _added(self, item: Dots | pg.PlotCurveItem) -> Dots | pg.PlotCurveItem:
        self.plot.addItem(item)
        return item

    def _draw_levels(self, plot: Plot) -> None:
        """Move the lines of levels that are there, where they are as many and have the same names."""
        levels = [item for item in plot.items if isinstance(item, Level)]
        names = tuple(item.name for item in levels)
        if names != self._level_names or len(self._levels) != len(levels):
            for line in self._levels:
                self.plot.removeItem(line)
            colour = QColor(tones_of(self.palette()).muted)
            self._levels, self._level_names = [self._level(item.y, item.name, colour) for item in levels], names
        for line, item in zip(self._levels, levels, strict=True):
            line.setValue(item.y)
            if item.name:
                line.label.setFormat(f"{item.name} {item.y:.5g}")

    def _level(self, y: float, label: str, colour: QColor) -> pg.InfiniteLine:
        pen = pg.mkPen(colour, style=Qt.PenStyle.DashLine)
        options = {"position": 0.99, "color": colour, "anchors": [(1, 0), (1, 0)]}
        line = pg.InfiniteLine(y, angle=0, pen=pen, label=f"{label} {y:.5g}" if label else None, labelOpts=options)
        self.plot.addItem(line, ignoreBounds=True)
        return line

    @property
    def _floor(self) -> float:
        """Where bars stand."""
        return _NO_COUNT if self.shown is not None and self.shown.log else 0.0

    def _drawn_values(self, values: np.ndarray) -> np.ndarray:
        """Values as they are drawn: by their logarithm where the plot says so, NaN for those that have none."""
        if self.shown is None or not self.shown.log:
            return values
        return np.log10(values, where=values > 0, out=np.full(len(values), np.nan))

    def _draw_bars(self, bars: Sequence[Bars], spans: Sequence[Span]) -> None:
        for number, one in enumerate(bars):
            colour = QColor(curve_colour(number))
            fill = QColor(colour)
            fill.setAlpha(BAND_ALPHA)
            values = np.nan_to_num(self._drawn_values(one.counts), nan=_NO_COUNT)
            self.plot.plot(one.edges, values, stepMode="center", fillLevel=self._floor, pen=pg.mkPen(colour),
                           brush=fill, name=one.name if len(bars) > 1 else None)
        # lines do not count for the automatic range, yet the spans must be in sight
        ends = [*(end for one in bars for end in (one.edges[0], one.edges[-1])),
                *(end for one in spans for end in (one.low, one.high) if np.isfinite(end))]
        self.plot.setXRange(min(ends), max(ends), padding=0.04)

    def _draw_lines(self, plot: Plot, of_spans: QColor, of_marks: QColor, in_strip: bool) -> None:
        for item in plot.items:
            if isinstance(item, Span):
                for end in (item.low, item.high):
                    self._line(float(end), item.name, of_spans)
            elif isinstance(item, Mark) and np.isfinite(item.x):
                label = item.name if item.one_of_many else f"{item.name} {item.x:.6g}"
                self._line(float(item.x), label, of_marks, _BELOW_HEADING if in_strip else _AT_TOP)

    # -- ranges

    def _show_ranges(self, spans: Sequence[Span]) -> None:
        """Move the ranges that are there, make new ones and let others go."""
        for name in [name for name in self._ranges if name not in {one.name for one in spans}]:
            self.plot.removeItem(self._ranges.pop(name).item)
        for span in spans:
            if span.name not in self._ranges:
                self._ranges[span.name] = _Range(self, span)
            self._ranges[span.name].show(span)

    @property
    def ranges(self) -> dict[str, pg.LinearRegionItem]:
        """Ranges that are drawn, by the names of their spans."""
        return {name: one.item for name, one in self._ranges.items()}


class _Range:
    """A range in a plot; only ends that a parameter stands for can be dragged."""

    def __init__(self, plot: ExplanationPlot, span: Span) -> None:
        self._plot, self._span = plot, span
        colour = QColor(curve_colour(span.number))
        fill = QColor(colour)
        fill.setAlpha(BAND_ALPHA // 3)
        self.item = pg.LinearRegionItem(
            brush=fill, pen=pg.mkPen(colour, width=1), hoverPen=pg.mkPen(colour, width=3), swapMode="block")
        self.item.setZValue(-10)
        self._timer = QTimer(plot, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self._tell)
        self.item.sigRegionChanged.connect(partial(self._start, False))
        self.item.sigRegionChangeFinished.connect(partial(self._start, True))
        plot.plot.addItem(self.item, ignoreBounds=True)

    def show(self, span: Span) -> None:
        """Be where a span is, unless somebody drags it."""
        self._span = span
        self.item.setMovable(False)
        for end, movable in zip(self.item.lines, (not np.isfinite(span.origin), True), strict=True):
            end.setMovable(bool(span.knob) and movable)
        if not any(one.moving for one in self.item.lines):
            with QSignalBlocker(self.item):
                self.item.setRegion((span.low, span.high))

    def _start(self, at_end: bool) -> None:
        if at_end:
            self._timer.start(0)
        elif not self._timer.isActive():
            self._timer.start(_INTERVAL)

    def _tell(self) -> None:
        self._plot.span_moved.emit(self._span, *map(float, self.item.getRegion()))


def _look_of(one: Points | Line) -> tuple[Hashable, ...]:
    """What tells groups apart, and what they are drawn like."""
    return (one.name, "line", one.dashed) if isinstance(one, Line) else (one.name, one.number, one.large)


def _together(name: str) -> str:
    """A name as rich text that is not broken."""
    return escaped(name).replace(" ", "&nbsp;")


def _sign(one: Points | Line) -> str:
    """Sign in front of a name."""
    if isinstance(one, Line):
        return "╌" if one.dashed else "—"
    return ("○" if one.number else "✕") if one.large else "●"
