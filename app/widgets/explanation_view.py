"""What the data of a pixel say: plots with a common axis as strips, others below them, and numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QSplitter, QWidget

from app.widgets.explanation_plot import ExplanationPlot
from app.widgets.number_list import NumberList
from calib_core.explanation import Bars, Explanation, Line, Plot, Points

#: Parts of the height: the first strip and one of the others, all strips, a plot that is alone, and what is below.
_FIRST, _OTHERS, _ABOVE, _ALONE, _BELOW = 8, 5, 7, 3, 3
#: Parts of the height: plots under one that is alone, and the table under those.
_UNDER = 4, 3
#: Parts of the width: a plot, and the table beside it.
_PLOT, _TABLE = 1, 2
#: Sizes are given as if there were so many pixels for each part, and least height of a strip.
_UNIT, _LEAST = 100, 52
#: In place of plots of a pixel without a sample; what is told of it beside them says why.
_NOTHING = "This pixel has no samples to draw."


class ExplanationView(QSplitter):
    """Draws an explanation, whatever it is of; plots are kept from one to the next.

    Signals
    -------
    span_moved(span, low, high)
        Somebody drags a range that a parameter stands for.
    """

    span_moved = pyqtSignal(object, float, float)

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.setChildrenCollapsible(False)
        self._hint = hint
        self._restyle = QTimer(self, singleShot=True, interval=0)
        self._restyle.timeout.connect(self._draw_again)
        self._strips, self._below = _splitter(Qt.Orientation.Vertical), _splitter(Qt.Orientation.Horizontal)
        self._beside = _splitter(Qt.Orientation.Horizontal)
        self.numbers = NumberList(self)
        self._strip_plots = [self._plot(self._strips, 0, hint)]
        self._other_plots: list[ExplanationPlot] = []
        self._parts, self._shown = (0, 0), None
        for part in (self._beside, self.numbers):
            self._below.addWidget(part)
        for part in (self._strips, self._below):
            self.addWidget(part)
        self.clear()

    @property
    def plots(self) -> list[ExplanationPlot]:
        """Plots that show something, in the order of the explanation's."""
        return [one for one in (*self._strip_plots, *self._other_plots) if one.shown is not None]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.plots

    def say(self, hint: str) -> None:
        """Show another hint while there is nothing to show."""
        self._hint = hint
        self._strip_plots[0].say(hint)

    def clear(self) -> None:
        """Show nothing but the hint."""
        for one in (*self._strip_plots, *self._other_plots):
            one.clear()
        self._strip_plots[0].say(self._hint)
        self._show_first(self._strip_plots, 1)
        self._below.hide()
        self._shown = None
        self.numbers.show_numbers(())

    def show_explanation(self, found: Explanation) -> None:
        """Draw plots, and write numbers, in place of those before."""
        strips, others = in_strips([one for one in found.plots if has_samples(one)])
        low = len(strips) > 1 or bool(others)
        self._fill(self._strip_plots, strips, self._strips, low)
        if not (strips or others):
            self._strip_plots[0].say(_NOTHING)
        self._fill(self._other_plots, others, self._beside, len(strips) == 1, names_of(strips))
        self._beside.setVisible(bool(others))
        self._show_first(self._strip_plots, max(1, len(strips)))
        self._show_first(self._other_plots, len(others))
        self.numbers.show_numbers(found.numbers)
        self._below.setVisible(bool(others or found.numbers))
        if (len(strips), len(others)) != self._parts:
            self._parts = len(strips), len(others)
            self._share()
        for one in self.plots:
            one.settle()
        self._shown = found

    def _share(self) -> None:
        """Give each part its share of the height and of the width."""
        others = [_UNIT * _OTHERS] * (len(self._strip_plots) - 1)
        self._strips.setSizes([_UNIT * _FIRST, *others])
        strips, beside = self._parts
        # one strip leaves room below it, where plots beside the table would be too narrow to be read
        stacked = strips < 2 and beside > 0
        self._below.setOrientation(Qt.Orientation.Vertical if stacked else Qt.Orientation.Horizontal)
        self._below.setSizes([_UNIT * one for one in (_UNDER if stacked else (_PLOT * beside, _TABLE))])
        self._beside.setSizes([_UNIT] * beside)
        self.setSizes([_UNIT * one for one in ((_ALONE, sum(_UNDER)) if stacked else (
            _ABOVE if strips > 1 else _ALONE, _BELOW))])

    def _draw_again(self) -> None:
        if self._shown is not None:
            self.show_explanation(self._shown)

    def _fill(
        self, plots: list[ExplanationPlot], shown: Sequence[Plot], parent: QSplitter, low: bool,
        known: Collection[str] = (),
    ) -> None:
        """Draw plots in a part of the view; ``low`` ones have their titles inside."""
        while len(plots) < len(shown):
            plots.append(self._plot(parent, len(plots), ""))
        in_strips = len(shown) > 1 and parent is self._strips
        for number, (view, plot) in enumerate(zip(plots, shown, strict=False)):
            # points are named where they come first, curves where they are large at last
            named = {*known, *names_of(shown[:number], Points), *names_of(shown[number + 1:], Line)}
            view.show_plot(plot, low, named, not in_strips or number == len(shown) - 1)
        for view in plots[len(shown):]:
            view.clear()

    def _plot(self, parent: QSplitter, number: int, hint: str) -> ExplanationPlot:
        view = ExplanationPlot(parent, hint)
        view.setObjectName(f"{'strip' if parent is self._strips else 'plot'}_{number}")
        view.setMinimumHeight(_LEAST)
        view.span_moved.connect(self.span_moved)
        view.restyled.connect(self._restyle.start)
        parent.insertWidget(number, view)
        if number and parent is self._strips:
            view.plot.setXLink(self._strip_plots[0].plot)
        return view

    @staticmethod
    def _show_first(plots: Sequence[ExplanationPlot], number: int) -> None:
        for place, view in enumerate(plots):
            view.setVisible(place < number)


def in_strips(plots: Sequence[Plot]) -> tuple[list[Plot], list[Plot]]:
    """Plots that have the axis along x of the first, and the others."""
    if not plots:
        return [], []
    same = [one for one in plots if (one.x, one.x_unit) == (plots[0].x, plots[0].x_unit)]
    return same, [one for one in plots if not any(one is other for other in same)]


def has_samples(plot: Plot) -> bool:
    """Whether there is anything that curves and levels would belong to."""
    return any(isinstance(one, Bars) or (isinstance(one, Points) and len(one.x)) for one in plot.items)


def names_of(plots: Sequence[Plot], kind: type | tuple[type, ...] = (Points, Line)) -> set[str]:
    """Names of points, of curves, or of both in plots."""
    return {item.name for plot in plots for item in plot.items if isinstance(item, kind)}


def _splitter(orientation: Qt.Orientation) -> QSplitter:
    made = QSplitter(orientation)
    made.setChildrenCollapsible(False)
    return made
