"""Numbers of many modules over time: lines, what changed in them, operating conditions, and a brushed part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QResizeEvent, QTextOption
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.beside_line import BesideLine
from app.widgets.date_axis import DateAxis
from app.widgets.heat_rows import HeatRows
from app.widgets.series_plot import escaped
from app.widgets.time_box import Dots, TimeBox
from app.widgets.time_lines import TimeLine, TimeScene, drawn, nearest
from app.widgets.timeline_marks import Conditions, Marks, level_colour
from app.widgets.tones import Tones, tones_of
from app.widgets.used_again import UsedAgain

#: Width of the axes at the left, so that plots below each other have the same times.
_AXIS = 66
#: Pixels that a click may be away from a point.
_REACH = 16
#: Pixels that a click may be beside the line of a mark.
_NEAR = 4
#: Height of a row of operating conditions.
_ROW = 15
#: Points of the brushed part are drawn as dots up to so many.
_MOST_DOTS = 3000
#: Pixels of the screen between versions that are drawn as dots unasked.
_APART = 12
#: Room beside the oldest and newest version, as share of what is shown, and above and below the lines.
_MARGIN, _AIR = 0.02, 0.08
_DAY = 86400.0
_FAINT = 110
#: Share of the width that words have which stand in place of lines.
_HINT = 0.8
#: Share of the height that marks above the lines may take.
_MOST_ROOM = 0.5
#: Letters of what is compared, and the tones of their dots.
LETTERS = {"A": "accent", "B": "pending"}


class TimelinePlot(QWidget):
    """Lines over time above the conditions of the versions, and a heat map of groups below them.

    A click on a point tells it, dragging brushes a part, the wheel zooms, a double click shows everything.

    Signals
    -------
    pointed(key, index, shift)
        A point of a line was clicked, with Shift or without.
    brushed()
        A part was chosen, or none any more.
    row_pointed(row)
        A row of the heat map was clicked.
    exchange_pointed(time)
        The mark of an exchange was clicked, seconds since 1970.
    """

    pointed = pyqtSignal(int, int, bool)
    brushed = pyqtSignal()
    row_pointed = pyqtSignal(int)
    exchange_pointed = pyqtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline_plot")
        self.scene = TimeScene()
        self._letters: Mapping[str, tuple[float, float]] = {}
        self._letter_items: list[pg.GraphicsObject] = []
        self._curves: list[tuple[pg.PlotCurveItem, tuple[TimeLine, ...]]] = []
        self._view = pg.GraphicsLayoutWidget()
        self.box = TimeBox()
        self.plot, self.beside = self._add(0, self.box), BesideLine(self._add(1, TimeBox()))
        self.strip, self.heat = self._add(2, TimeBox()), HeatRows(self._add(3, TimeBox()))
        self._pool = UsedAgain(self.plot, lambda: pg.PlotCurveItem(connect="finite"))
        self.marks, self._conditions = Marks(self.plot), Conditions(self.strip)
        self.brush, self._dots = pg.LinearRegionItem(), Dots(size=4, pen=None)
        self._refused = Dots(size=14, symbol="x")
        self._refused.setZValue(40)  # over the dots of what is compared
        self._hint = pg.TextItem(anchor=(0.5, 0.5))
        self._hint.textItem.document().setDefaultTextOption(QTextOption(Qt.AlignmentFlag.AlignCenter))
        self._arrange()
        self._connect()
        self._take_colours()

    # -- making

    def _add(self, row: int, box: TimeBox) -> pg.PlotItem:
        plot = pg.PlotItem(viewBox=box, enableMenu=False, axisItems={"bottom": DateAxis()})
        plot.hideButtons()
        plot.getAxis("left").setWidth(_AXIS)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("left").setStyle(maxTickLevel=1)  # lines of the grid are as dear to paint as those of values
        self._view.addItem(plot, row=row, col=0)
        return plot

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)
        self._view.ci.setContentsMargins(0, 2, 6, 0)
        self._view.ci.setSpacing(2)
        self._view.ci.layout.setRowStretchFactor(0, 5)
        self._view.ci.layout.setRowStretchFactor(3, 3)
        self.brush.setZValue(-10)
        for item in (self._dots, self._refused):
            self.plot.addItem(item, ignoreBounds=True)
        self.show_heat("", np.empty(0), np.empty((0, 0)))

    def _connect(self) -> None:
        self.box.sigXRangeChanged.connect(lambda *_: self._draw())
        self.box.sigResized.connect(lambda *_: self._draw())
        self.box.pointed.connect(self._point)
        self.heat.plot.vb.pointed.connect(self._point_row)
        self.brush.sigRegionChangeFinished.connect(lambda *_: self._take_part())
        boxes = (self.box, self.beside.plot.vb, self.strip.vb, self.heat.plot.vb)
        for box in boxes:
            for other in boxes:  # links of the library shift the times by where the plots are on the screen
                box.sigXRangeChanged.connect(lambda _, span, other=other: other.setXRange(*span, padding=0))
            box.dragged.connect(lambda first, last: self.set_part((first, last)))
            box.dismissed.connect(self.show_all)

    def minimumSizeHint(self) -> QSize:
        """Return the least size in which lines can be read."""
        return QSize(200, 110)

    # -- what is shown

    def show_scene(self, scene: TimeScene) -> None:
        """Show other lines; a part of the times that is in sight stays, as long as any version is in it."""
        stays, self.scene = self._is_part(scene), scene
        tones = tones_of(self.palette())
        title = escaped(f"{scene.title} [{scene.unit}]" if scene.unit else scene.title)
        if title != self.plot.getAxis("left").labelText:
            self.plot.setLabel("left", title)
        self.marks.show_scene(scene, tones)
        rows = self._conditions.show_scene(scene, tones)
        self.strip.setVisible(rows > 0)
        self.strip.setFixedHeight(rows * _ROW + 4 if rows else 0)
        self._refused.setData(*scene.refused, brush=pg.mkBrush(tones.error), pen=pg.mkPen(tones.base))
        self._make_curves()
        if not stays:
            self.show_all()
        self._draw()
        self._draw_letters()

    def _is_part(self, scene: TimeScene) -> bool:
        """Whether a part of what there was is in sight, and some of what comes is in it."""
        (first, last), (low, high), (begin, end) = self.scene.span, self.box.viewRange()[0], scene.span
        return (first < low or last > high) and begin <= high and end >= low

    def show_heat(self, title: str, times: np.ndarray, rows: np.ndarray, level: float = 0.0) -> None:
        """Show (groups, versions) values at (versions,) times below the lines; no group takes the heat map away."""
        there = len(rows) > 0
        self.heat.plot.setVisible(there)
        self.heat.plot.setMaximumHeight(1 << 16 if there else 0)
        for plot, last in ((self.plot, False), (self.beside.plot, False), (self.strip, not there),
                           (self.heat.plot, True)):
            plot.getAxis("bottom").setStyle(showValues=last)
            plot.getAxis("bottom").setHeight(None if last else 2)
        self.heat.show_rows(title, times, rows, self.scene.breaks, level)

    def show_letters(self, letters: Mapping[str, tuple[float, float]]) -> None:
        """Show where what is compared lies: time and value for letters of :data:`LETTERS`; NaN has a line alone."""
        self._letters = letters
        self._draw_letters()

    def say(self, words: str) -> None:
        """Say why nothing is there; empty takes the words away."""
        self._hint.setText(words)
        if words and self._hint.scene() is None:
            self.plot.addItem(self._hint, ignoreBounds=True)
        elif not words and self._hint.scene() is not None:
            self.plot.removeItem(self._hint)
        self._lay_out_hint()

    def _lay_out_hint(self) -> None:
        """In the middle, in as many lines as it needs."""
        self._hint.setTextWidth(_HINT * self.box.width())
        self._hint.setPos(*(sum(ends) / 2 for ends in self.box.viewRange()))

    def show_all(self) -> None:
        """Show all times."""
        first, last = self.scene.span
        if np.isfinite(first):
            self.show_times(first, last)

    def show_times(self, first: float, last: float) -> None:
        """Show a part of the times, seconds since 1970."""
        room = max(_MARGIN * (last - first), 0.1 * _DAY)
        self.box.setXRange(first - room, last + room, padding=0)

    @property
    def part(self) -> tuple[float, float] | None:
        """What is brushed, seconds since 1970; None where nothing is."""
        return None if self.brush.scene() is None else tuple(map(float, self.brush.getRegion()))

    def set_part(self, part: tuple[float, float] | None) -> None:
        """Brush a part, or nothing."""
        there = self.brush.scene() is not None
        if part is not None:
            if not there:
                self.plot.addItem(self.brush, ignoreBounds=True)
            self.brush.setRegion(part)  # tells that it has changed
        elif there:
            self.plot.removeItem(self.brush)
            self._take_part()

    def _take_part(self) -> None:
        self._draw()
        self.brushed.emit()

    # -- drawing

    def _make_curves(self) -> None:
        """A curve for all lines without a change, and one for each other; a line that is alone stands out."""
        tones, lines = tones_of(self.palette()), self.scene.lines
        quiet = tuple(one for one in lines if not (one.level or one.chosen or one.tone))
        groups = [quiet] if quiet else []
        groups += [(one,) for one in lines if one.level or one.chosen or one.tone]
        self._pool.begin()
        self._curves = [(self._pool.take(), some) for some in groups]
        self._pool.end()
        for curve, some in self._curves:
            curve.setPen(pg.mkPen(_colour(tones, some[0], len(lines)),
                                  width=2 if some[0].level or some[0].tone else 1))

    def _draw(self) -> None:
        """Draw of all lines what can be told apart in what is in sight."""
        span, width = tuple(self.box.viewRange()[0]), max(1, int(self.box.width()))
        low, high = np.inf, -np.inf
        for curve, lines in self._curves:
            points = [drawn(one.times, one.values, span, width, self.scene.breaks, self.part) for one in lines]
            x, y = (np.concatenate([np.append(one[axis], np.nan) for one in points]) for axis in (0, 1))
            curve.setData(x, y)
            there = y[np.isfinite(y)]
            low, high = min(low, there.min(initial=np.inf)), max(high, there.max(initial=-np.inf))
        if low <= high:
            self._fit(low, high)
        self._draw_dots()
        self._lay_out_hint()
        self._conditions.lay_out(span, width)
        self.marks.lay_out(span, tuple(self.box.viewRange()[1]), width, self.box.pixel()[1])

    def _fit(self, low: float, high: float) -> None:
        """Show all values that are in sight, below what the marks need."""
        air = _AIR * (high - low) or 1.0
        low, high = low - air, high + air
        above = min(self.marks.room / max(1.0, self.box.height()), _MOST_ROOM)
        self.box.setYRange(low, low + (high - low) / (1 - above), padding=0)

    def _draw_dots(self) -> None:
        """Dots at the versions of the brushed part, or of all in sight that are far apart, unless they are too many:
        a line of a single version is nothing else."""
        part = self.part or self._sparse()
        inside = [] if part is None else [
            (line, slice(*np.searchsorted(line.times, (part[0], np.nextafter(part[1], np.inf)))))
            for line in self.scene.lines]
        if not inside or sum(place.stop - place.start for _, place in inside) > _MOST_DOTS:
            self._dots.setData([], [])
            return
        tones = tones_of(self.palette())
        brushes = [brush for line, place in inside
                   for brush in [pg.mkBrush(_colour(tones, line, len(inside)))] * (place.stop - place.start)]
        times, values = (np.concatenate([getattr(line, name)[place] for line, place in inside])
                         for name in ("times", "values"))
        there = np.isfinite(values)
        self._dots.setData(times[there], values[there], brush=[brushes[i] for i in np.flatnonzero(there)])

    def _sparse(self) -> tuple[float, float] | None:
        """The times in sight where no line has more versions there than dots can be told apart."""
        first, last = self.box.viewRange()[0]
        most = max((int(np.searchsorted(one.times, last) - np.searchsorted(one.times, first))
                    for one in self.scene.lines), default=0)
        return (first, last) if 0 < most * _APART <= self.box.width() else None

    def _draw_letters(self) -> None:
        for item in self._letter_items:
            self.plot.removeItem(item)
        self._letter_items = [item for letter, at in self._letters.items() for item in self._letter(letter, *at)]
        for item in self._letter_items:
            self.plot.addItem(item, ignoreBounds=True)

    def _letter(self, letter: str, x: float, y: float) -> list[pg.GraphicsObject]:
        """Line, dot and letter of what is compared."""
        colour = QColor(getattr(tones_of(self.palette()), LETTERS[letter]))
        line = pg.InfiniteLine(x, angle=90, pen=pg.mkPen(colour))
        if not np.isfinite(y):
            return [line]
        dot = Dots([x], [y], size=10, brush=pg.mkBrush(colour), pen=None)
        text = pg.TextItem(letter, color=colour, anchor=(1.3, 0.5) if letter == "B" else (-0.3, 0.5))
        font = QFont()
        font.setBold(True)
        text.setFont(font)
        text.setPos(x, y)
        for item in (dot, text):
            item.setZValue(30)
        return [line, dot, text]

    # -- the pointer

    def _point(self, x: float, y: float, shift: bool) -> None:
        by_level = sorted(self.scene.lines, key=lambda one: (not one.tone, not one.chosen, one.level == ""))
        found = nearest(tuple(by_level), (x, y), self.box.pixel(), _REACH)
        if found is not None:
            self.pointed.emit(found[0].key, found[1], shift)
        elif (at := self.marks.exchange_at((x, y), _NEAR * self.box.pixel()[0])) is not None:
            self.exchange_pointed.emit(at)
        elif self.part is not None and not self.part[0] <= x <= self.part[1]:
            self.set_part(None)

    def _point_row(self, _x: float, y: float) -> None:
        row = self.heat.row_at(y)
        if row >= 0:
            self.row_pointed.emit(row)

    # -- the theme

    def _take_colours(self) -> None:
        tones = tones_of(self.palette())
        self._view.setBackground(tones.base)
        for plot in (self.plot, self.beside.plot, self.strip, self.heat.plot):
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(tones.border)
                plot.getAxis(side).setTextPen(tones.muted)
        self.plot.showGrid(x=False, y=True, alpha=0.12)
        shade = QColor(tones.accent)
        shade.setAlpha(36)
        self.brush.setBrush(shade)
        self.brush.setHoverBrush(shade)
        for line in self.brush.lines:
            line.setPen(pg.mkPen(tones.accent))
        self._hint.setColor(QColor(tones.muted))
        self.heat.take_colours(tones)
        self.beside.take_colours(tones)
        self.show_scene(self.scene)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "_dots"):
            self._take_colours()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Draw for another width."""
        super().resizeEvent(event)
        self._draw()


def _colour(tones: Tones, line: TimeLine, number: int) -> QColor:
    """Colour of one of so many lines: faint where it has no change, is not looked at and not alone."""
    if line.tone and not line.level:
        return QColor(getattr(tones, line.tone))
    if line.level or line.chosen or number == 1:
        return level_colour(tones, line.level) if line.level else QColor(tones.accent)
    faint = QColor(tones.muted)
    faint.setAlpha(_FAINT)
    return faint
