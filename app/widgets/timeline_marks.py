"""What stands in a plot over time beside its lines: gaps, the reference, changes, operating conditions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QFont

from app.widgets.time_lines import TimeLine, TimeMark, TimeScene, one_in_each
from app.widgets.tones import Tones
from app.widgets.used_again import UsedAgain

#: Changes that have their words in the plot; all are in the table.
MOST_WORDS = 3
#: Height of the bar over the reference, of the first words and of each further line, pixels from above.
_BAR, _TOP, _LINE = 21, 1, 19
_DAY = 86400.0
#: Width of a letter, pixels, as far as words in gaps are concerned.
_LETTER = 6.5
#: Rows of operating conditions that have their marks; all further ones share the last.
MOST_ROWS = 4


def level_colour(tones: Tones, level: str) -> QColor:
    """Colour of a line with a change of a level, or with none."""
    return QColor({"red": tones.error, "amber": tones.warning}.get(level, tones.muted))


def marked(scene: TimeScene) -> list[tuple[TimeLine, TimeMark]]:
    """Changes of all lines, the largest first."""
    found = [(line, mark) for line in scene.lines for mark in line.marks]
    return sorted(found, key=lambda one: -one[1].score)


def words_of(line: TimeLine, mark: TimeMark, unit: str) -> str:
    """A change as it stands in the plot."""
    sign = "▲" if mark.size > 0 else "▼"
    what = f"{sign} {line.name}" if mark.steps else f"{sign} {line.name} drifts"
    return f"{what} {mark.size:+.3g} {unit}".rstrip() + f"  S {mark.score:.1f}"


class Marks:
    """Draws into a plot and takes it away again; what has its place by the size of the plot is laid out anew.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self._texts = UsedAgain(plot, _new_text, 20)
        self._shades = UsedAgain(plot, lambda: pg.LinearRegionItem(movable=False, pen=pg.mkPen(None)), -20)
        self._bars = UsedAgain(plot, pg.PlotCurveItem)
        self._upright = UsedAgain(plot, lambda: pg.InfiniteLine(angle=90), 5)
        self._gaps: list[tuple[pg.TextItem, float, float]] = []
        self._words: list[tuple[pg.TextItem, float]] = []
        self._exchanges: list[float] = []
        self._boxes: list[tuple[tuple[float, float], tuple[float, float]]] = []
        self._reference: list[tuple[pg.GraphicsObject, tuple[float, float]]] = []

    def show_scene(self, scene: TimeScene, tones: Tones) -> None:
        """Draw the marks of a scene in place of those before."""
        pools = (self._texts, self._shades, self._bars, self._upright)
        for pool in pools:
            pool.begin()
        self._gaps, self._words, self._reference = [], [], []
        for first, last in scene.gaps():
            self._add_gap(first, last, tones)
        if scene.reference is not None:
            self._add_reference(scene.reference, scene.forming, tones)
        for at, words in scene.exchanges[-MOST_WORDS:]:
            self._add_words(at, words, QColor(tones.error), True, tones)
            self._words[-1][0].setToolTip("Click: maps of before as A, of then as B")
        self._exchanges = [at for _, at in self._words]
        for line, mark in marked(scene)[:MOST_WORDS]:
            self._add_change(line, mark, scene.unit, tones)
        for pool in pools:
            pool.end()

    @property
    def room(self) -> int:
        """Pixels above the lines that the marks need."""
        return (_BAR + _LINE * len(self._words)) if self._words or self._reference else 0

    def lay_out(self, span: tuple[float, float], heights: tuple[float, float], width: float, pixel: float) -> None:
        """Put words where they are in sight; those that a gap has no room for are left out.

        ``width`` is in pixels of the screen, ``pixel`` the height of one in the unit of the values.
        """
        per_pixel = (span[1] - span[0]) / max(1.0, width)
        bar, top = (heights[1] - down * pixel for down in (_BAR, _TOP))
        for text, first, last in self._gaps:
            first, last = max(first, span[0]), min(last, span[1])
            text.setVisible(bool((last - first) / per_pixel > _LETTER * len(text.toPlainText())))
            text.setPos((first + last) / 2, top)
        for item, (first, last) in self._reference:
            if isinstance(item, pg.TextItem):
                most = span[1] - len(item.toPlainText()) * _LETTER * per_pixel  # to the left where there is no room
                item.setPos(max(min(first, most), span[0]), top)
            else:
                item.setData([first, last], [bar, bar])
        self._boxes = []
        for number, (text, x) in enumerate(self._words):
            wide, y = len(text.toPlainText()) * _LETTER * per_pixel, top - (number * _LINE + _BAR) * pixel
            right = x + wide > span[1]
            text.setAnchor((1, 0) if right else (0, 0))
            text.setPos(x, y)
            self._boxes.append(((x - wide, x) if right else (x, x + wide), (y - _LINE * pixel, y)))

    def exchange_at(self, place: tuple[float, float], reach: float) -> float | None:
        """Time of the exchange whose words or line are at a place; ``reach`` is how far beside the line, seconds."""
        for at, (across, down) in zip(self._exchanges, self._boxes, strict=False):
            inside = across[0] <= place[0] <= across[1] and down[0] <= place[1] <= down[1]
            if inside or abs(place[0] - at) <= reach:
                return at
        return None

    def _text(self, words: str, colour: str | QColor, anchor: tuple[float, float], fill: str = "") -> pg.TextItem:
        text = self._texts.take()
        text.fill = pg.mkBrush(QColor(fill)) if fill else pg.mkBrush(None)
        text.setPlainText(words)
        if text.color != QColor(colour):  # which has the whole text laid out again
            text.setColor(QColor(colour))
        text.setAnchor(anchor)
        text.setToolTip("")
        text.setVisible(True)
        return text

    def _add_gap(self, first: float, last: float, tones: Tones) -> None:
        colour = QColor(tones.border)
        colour.setAlpha(60)
        shade = self._shades.take()
        shade.setBrush(colour)
        shade.setRegion((first, last))
        words = f"no versions, {(last - first) / _DAY:.0f} d"
        self._gaps.append((self._text(words, tones.muted, (0.5, 0)), first, last))

    def _add_reference(self, ends: tuple[float, float], forming: str, tones: Tones) -> None:
        bar = self._bars.take()
        bar.setPen(pg.mkPen(tones.muted, width=2))
        words = forming or "reference"
        self._reference = [(bar, ends), (self._text(words, tones.muted, (0, 0)), ends)]

    def _add_change(self, line: TimeLine, mark: TimeMark, unit: str, tones: Tones) -> None:
        at = mark.start if mark.steps else mark.seen
        self._add_words(at, words_of(line, mark, unit), level_colour(tones, mark.level), mark.steps, tones)

    def _add_words(self, at: float, words: str, colour: QColor, upright: bool, tones: Tones) -> None:
        """Words on something at a time, with an upright line there or without."""
        if upright:
            line = self._upright.take()
            line.setPen(pg.mkPen(colour, style=Qt.PenStyle.DashLine))
            line.setValue(at)
        self._words.append((self._text(words, colour, (0, 0), tones.base), at))


class Conditions:
    """Draws a tick for each version of each operating condition, a row for each condition.

    Parameters
    ----------
    plot : pyqtgraph.PlotItem
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot = plot
        self._ticks = UsedAgain(plot, lambda: pg.PlotCurveItem(connect="pairs", skipFiniteCheck=True))
        self._names: list[str] | None = None
        self._items: list[tuple[pg.PlotCurveItem, np.ndarray, int]] = []

    def show_scene(self, scene: TimeScene, tones: Tones) -> int:
        """Draw the ticks of a scene; returns the number of rows."""
        rows = list(_rows(scene))
        self._ticks.begin()
        self._items = [(self._row(tones.accent if place == 0 else tones.pending), times, len(rows) - 1 - place)
                       for place, (_, times) in enumerate(rows)]
        self._ticks.end()
        names = [name for name, _ in rows]
        if names != self._names:
            self._names = names
            middles = (len(rows) - 0.5 - place for place in range(len(rows)))
            self._plot.getAxis("left").setTicks([list(zip(middles, names, strict=True))])
            self._plot.vb.setYRange(0, max(1, len(rows)), padding=0)
        return len(rows)

    def lay_out(self, span: tuple[float, float], columns: int) -> None:
        """Draw the ticks that are in sight: one in each column of the screen that has any."""
        for item, times, row in self._items:
            x = np.repeat(one_in_each(times, span, columns), 2)
            item.setData(x, np.tile([row + 0.15, row + 0.85], len(x) // 2))

    def _row(self, colour: str) -> pg.PlotCurveItem:
        item = self._ticks.take()
        item.setPen(pg.mkPen(colour))
        return item


def _new_text() -> pg.TextItem:
    made, font = pg.TextItem(), QFont()
    font.setPointSizeF(8.5)
    made.setFont(font)
    return made


def _rows(scene: TimeScene) -> Iterator[tuple[str, np.ndarray]]:
    """Conditions that have a row; the last row is that of all others where there are too many."""
    few = len(scene.conditions) <= MOST_ROWS
    yield from scene.conditions[:MOST_ROWS if few else MOST_ROWS - 1]
    if not few:
        others = scene.conditions[MOST_ROWS - 1:]
        yield f"{len(others)} others", np.sort(np.concatenate([times for _, times in others]))
