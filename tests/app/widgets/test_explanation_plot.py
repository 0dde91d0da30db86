"""What is drawn of an explanation: points where they belong, items that stay, and each plot painted once."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject, QPointF
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QLabel

from app.widgets.dots import Dots
from app.widgets.explanation_view import ExplanationView
from app.widgets.series_plot import curve_colour
from app.widgets.tones import tones_of
from calib_core.explanation import Bars, Explanation, Level, Line, Number, Plot, Points


def plots(slope: float = 3.0, n: int = 60, levels: tuple[str, ...] = ("threshold",), transition: bool = True):
    """Two strips and a plot beside the numbers."""
    x = np.arange(float(n))
    y = 100 + slope * x
    y[5] = np.nan
    groups = (Points("high gain", x[:30], y[:30], 0), *((Points("transition", x[30:33], y[30:33], 1),) * transition),
              Points("medium gain", x[33:], y[33:], 2), Line("line", x, y))
    lines = tuple(Level(name, 100 + slope) for name in levels)
    return Explanation((Plot("Scan", "step", "signal", "steps", "ADU", groups),
                        Plot("Gain signal", "step", "gain signal", "steps", "ADU", (*groups[:1], *lines)),
                        Plot("Clusters", "slope", "gain", items=(Points("all", y, x, 0),))),
                       (Number("slope", slope, "ADU/step", 0.1), Number("curvature", 9.0, "σ", limit=5.0)))


@pytest.fixture
def view(qtbot):
    made = ExplanationView("nothing yet")
    qtbot.addWidget(made)
    made.resize(500, 700)
    made.show()
    qtbot.waitExposed(made)
    return made


def colour_at(plot, x, y):
    """Colour that is on the screen at a place of a plot."""
    box, image = plot.plot.getViewBox(), plot.plot.grab().toImage()
    at = plot.plot.mapFromScene(box.mapViewToScene(QPointF(x, y)))
    return {image.pixelColor(at.x() + i, at.y() + j).name() for i in (-1, 0, 1) for j in (-1, 0, 1)}


def test_points_are_drawn_where_they_are_in_the_colour_of_their_group(view):
    view.show_explanation(plots())
    clusters = view.plots[2]
    for x in (0, 12, 40):
        assert QColor(curve_colour(0)).name() in colour_at(clusters, 100 + 3.0 * x, x)
    assert QColor(curve_colour(0)).name() not in colour_at(clusters, 150, 50)
    # what is no number is nowhere, and does not count for the range
    [dots] = [item for item in clusters.plot.getPlotItem().items if isinstance(item, Dots)]
    assert len(dots.x) == 59
    (left, right), (bottom, top) = clusters.plot.getViewBox().viewRange()
    assert left < 100
    assert right > 100 + 3 * 59
    assert bottom < 0
    assert top > 59
    assert right - left < 1.3 * 3 * 59


def test_counts_are_drawn_by_their_logarithm_where_a_plot_says_so(view):
    edges, counts = np.arange(6.0), np.array([1000.0, 0, 10, 1, 100])
    for log in (True, False):
        view.show_explanation(Explanation((Plot("Module", "signal", "samples", "ADU", items=(
            Bars("all", edges, counts), Line("model", edges, counts[[0, 1, 2, 3, 4, 4]])), log=log),)))
        drawn = {len(item.yData): item for item in view.plots[0].plot.getPlotItem().listDataItems()}
        bars, line = drawn[5], drawn[6]
        expected = [3, -0.3, 1, 0, 2] if log else counts
        np.testing.assert_allclose(bars.yData, expected)
        np.testing.assert_allclose(line.yData, [3, np.nan, 1, 0, 2, 2] if log else counts[[0, 1, 2, 3, 4, 4]])
        assert view.plots[0].plot.getAxis("left").logMode == log


def test_items_stay_from_one_explanation_to_the_next_as_far_as_they_look_alike(view):
    view.show_explanation(plots())
    before = set(view.plots[0].plot.getPlotItem().items)
    view.show_explanation(plots(slope=5.0))
    assert set(view.plots[0].plot.getPlotItem().items) == before
    view.show_explanation(plots(transition=False))
    fewer = set(view.plots[0].plot.getPlotItem().items)
    assert len(before - fewer) == 1
    assert fewer < before
    view.show_explanation(plots(n=33))  # no samples of medium gain
    drawn = [len(item.x) for item in view.plots[0].plot.getPlotItem().items if isinstance(item, Dots)]
    assert sorted(drawn) == [3, 29]


def test_levels_move_and_have_their_own_numbers(view):
    gain = view.plots[1] if view.plots else None
    for slope, levels in ((3.0, ("threshold",)), (7.0, ("threshold",)), (7.0, ("threshold HG", "threshold MG"))):
        view.show_explanation(plots(slope, levels=levels))
        gain = view.plots[1]
        assert [line.value() for line in gain._levels] == [100 + slope] * len(levels)
        assert [line.label.toPlainText() for line in gain._levels] == [f"{name} {100 + slope:.5g}" for name in levels]
        assert len([item for item in gain.plot.getPlotItem().items if item in gain._levels]) == len(levels)


def test_numbers_that_are_beyond_are_coloured_and_others_are_not_any_more(view):
    view.show_explanation(plots())
    found, tones = view.numbers, tones_of(view.palette())
    assert found.item(1, 1).foreground().color() == QColor(tones.error)
    item = found.item(0, 1)
    view.show_explanation(Explanation(plots().plots, (Number("a", 1.0), Number("curvature", 1.0, limit=5.0))))
    assert found.item(0, 1) is item
    assert item.text() == "1"
    assert found.item(1, 1).foreground().color() != QColor(tones.error)
    view.show_explanation(Explanation(plots().plots, (Number("a", 1.0, theirs=2.0, by="iminuit"),)))
    assert (found.rowCount(), found.columnCount(), found.item(0, 2).text()) == (1, 4, "2")


class Paints(QObject):
    """Counts how often widgets are painted."""

    def __init__(self, widgets):
        super().__init__()
        self.number = dict.fromkeys(widgets, 0)
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(self, widget, event):
        self.number[widget] += event.type() == QEvent.Type.Paint
        return False


def test_another_explanation_paints_each_plot_once(view, qtbot):
    view.show_explanation(plots())
    qtbot.wait(100)
    paints = Paints([one.plot.viewport() for one in view.plots])
    view.show_explanation(plots(slope=5.0))
    qtbot.wait(100)
    assert set(paints.number.values()) == {1}


def of_one_strip(others: int = 1) -> Explanation:
    """A plot, others of axes of their own, and numbers with long names."""
    bars = Bars("pixels", np.arange(11.0), np.arange(10.0))
    found = (Plot(f"Ratio {n}", f"ratio {n}", "pixels", items=(bars,)) for n in range(others + 1))
    return Explanation(tuple(found), (Number("beginning of medium gain", 4767.25, "ADU/step", 0.13),))


def test_names_that_are_too_long_for_one_line_go_on_in_another(view):
    view.show_explanation(plots())
    scan = view.plots[0]
    one_line = scan._heading.item.boundingRect().height()
    view.resize(230, 700)
    text = scan._heading.item.boundingRect()
    assert text.width() <= scan.plot.getViewBox().width()
    assert text.height() > 1.5 * one_line
    view.resize(500, 700)
    assert scan._heading.item.boundingRect().height() == one_line


def test_where_there_is_little_room_names_are_cut_and_not_numbers(view):
    view.show_explanation(plots())
    view.resize(300, 700)
    numbers, header = view.numbers, view.numbers.horizontalHeader()
    assert header.sectionSize(1) >= numbers.sizeHintForColumn(1)
    assert not numbers.horizontalScrollBar().isVisible()
    assert numbers.item(0, 0).toolTip() == "slope [ADU/step]"


def test_plots_under_one_that_is_alone_are_as_wide_as_it_and_those_under_several_stand_beside_the_table(view):
    view.show_explanation(of_one_strip())
    assert view.plots[1].width() == view.plots[0].width() == view.numbers.width()
    assert view.plots[1].geometry().height() > 100
    view.show_explanation(of_one_strip(2))
    widths = [one.width() for one in view.plots[1:]]
    assert abs(widths[0] - widths[1]) <= 2
    assert sum(widths) > 0.9 * view.width()
    view.show_explanation(plots())
    assert view.plots[2].width() < view.plots[0].width() / 2 < view.numbers.width()


def test_a_pixel_without_samples_is_told_so_and_nobody_to_click_one(view):
    hint = view.findChild(QLabel, "plot_hint")
    assert hint.text() == "nothing yet"
    nothing = Explanation((Plot("Scan", "step", "signal", items=(Level("", 0.0),)),), (Number("samples HG", 0.0),))
    view.show_explanation(nothing)
    assert hint.isVisible()
    assert hint.text() == "This pixel has no samples to draw."
    view.show_explanation(plots())
    assert not hint.isVisible()
    view.clear()
    assert hint.isVisible()
    assert hint.text() == "nothing yet"
