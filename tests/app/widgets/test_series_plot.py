import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtGui import QColor, QPalette

from app.widgets.explanation_plot import ExplanationPlot
from app.widgets.score_plot import ScorePlot
from app.widgets.series_plot import SeriesPlot
from app.widgets.tones import LIGHT
from calib_core.explanation import Bars, Mark, Plot, Span


@pytest.fixture
def series(qtbot):
    made = SeriesPlot()
    qtbot.addWidget(made)
    made.show()
    return made


def curves(plot):
    return [item for item in plot.plot.listDataItems() if isinstance(item, pg.PlotDataItem)]


def test_hint_until_there_is_a_curve(series):
    assert series.is_empty
    series.set_curve(np.arange(4), [1, 2, np.nan, 4], np.ones(4), "offset")
    assert not series.is_empty
    np.testing.assert_array_equal(curves(series)[0].getData()[1], [1, 2, np.nan, 4])
    series.clear()
    assert series.is_empty


@pytest.mark.parametrize("kind", [SeriesPlot, ExplanationPlot, ScorePlot])
def test_what_draws_a_plot_is_made_with_its_first_content(kind, qtbot):
    """In the colours that the theme has by then."""
    made = kind()
    qtbot.addWidget(made)
    made.show()
    made.clear()
    light = QPalette()
    light.setColor(QPalette.ColorRole.Base, QColor(LIGHT.base))
    made.setPalette(light)
    assert made.findChildren(pg.PlotWidget) == []
    if kind is SeriesPlot:
        made.set_curve(np.arange(4), np.arange(4))
    elif kind is ScorePlot:
        made.show_scores("S", (3, 6), [("", np.arange(4), np.arange(4))])
    else:
        made.show_plot(Plot("Samples", "sample", "samples", "ADU", "", (Bars("", np.arange(5), np.ones(4)),)))
    [drawn] = made.findChildren(pg.PlotWidget)
    assert drawn is made.plot
    assert drawn.isVisible()
    assert drawn.backgroundBrush().color() == QColor(LIGHT.base)


@pytest.mark.parametrize(("x", "whole"), [([0, 1, 2, 3], True), ([7], True), ([0, 0.5, 3], False)])
def test_only_whole_numbers_have_words_where_there_are_no_others(series, x, whole):
    series.set_curve(np.array([0.25, 3]), [1, 2])  # what was shown before does not matter
    series.set_curve(np.array(x), np.ones(len(x)))
    axis = series.plot.getAxis("bottom")
    places = [one for _, some in axis.tickValues(-0.2, 3.2, 400) for one in some]
    assert {0.0, 1.0, 2.0, 3.0} <= set(places)
    assert all(float(one).is_integer() for one in places) == whole


def test_one_value_has_an_error_bar(series, qtbot):
    series.set_curve(np.array([3.0]), [100.0], np.array([2.0]))
    (bar,) = [item for item in series.plot.items() if isinstance(item, pg.ErrorBarItem)]
    assert bar.opts["height"] == 4.0
    box = series.plot.getViewBox()
    qtbot.waitUntil(lambda: 90 < box.viewRange()[1][0] < 98 and 102 < box.viewRange()[1][1] < 110)


def test_marker_moves_and_outlives_new_curves(series):
    series.set_marker(3)
    for _ in range(2):
        series.set_curve(np.arange(5), np.arange(5))
    lines = [item for item in series.plot.items() if isinstance(item, pg.InfiniteLine)]
    assert [line.value() for line in lines] == [3]
    series.set_marker(None)
    assert not [item for item in series.plot.items() if isinstance(item, pg.InfiniteLine)]


def drawn(plot):
    """Positions and values of all that is drawn as curves and dots, and names in the legend."""
    values = [[np.asarray(one).tolist() for one in item.getOriginalDataset()] for item in curves(plot)]
    return values, [label.text for _, label in plot.plot.getPlotItem().legend.items]


@pytest.mark.parametrize("number", [5, 100])
def test_renewed_values_are_drawn_as_new_ones_are(series, qtbot, number):
    x, rng, other = np.arange(number, dtype=float), np.random.default_rng(1), SeriesPlot()
    qtbot.addWidget(other)
    before, after = ([(name, rng.normal(size=number)) for name in ("HG", "MG")] for _ in range(2))
    after[0][1][2] = np.nan
    assert not series.renew(x, before)  # nothing is shown yet
    for plot, values in ((series, before), (other, after)):
        for name, one in values:
            plot.add_curve(x, one, None, name)
    items = curves(series)
    assert series.renew(x, after)
    assert curves(series) == items
    assert str(drawn(series)) == str(drawn(other))  # NaN is like NaN


def test_other_curves_are_not_taken_for_renewed_ones(series):
    x = np.arange(4.0)
    series.set_curve(x, x, name="HG")
    shown = str(drawn(series))
    for at, values in ((x, [("MG", x + 1)]), (x + 1, [("HG", x + 1)]), (x, [("HG", x + 1), ("MG", x)]), (x, [])):
        assert not series.renew(at, values)
    assert str(drawn(series)) == shown
    series.set_curve(x, x, np.ones(4), "HG")
    assert not series.renew(x, [("HG", x + 1)])  # its errors would stay
    series.set_curve(x, np.full(4, np.nan), name="HG")
    assert not series.renew(x, [("HG", x)])  # without dots


def test_labels_have_units_and_no_markup(series):
    series.set_labels("pixel <b>", "memory cell", "offset", y_unit="ADU")
    assert series.plot.getAxis("left").labelText == "offset [ADU]"
    assert series.plot.getPlotItem().titleLabel.text == "pixel &lt;b&gt;"


@pytest.mark.parametrize("y", [[], [np.nan, np.nan]])
def test_empty_and_all_nan(series, y):
    series.set_curve(np.arange(len(y)), y, np.array(y))
    assert not series.grab().isNull()


def test_curve_needs_matching_arrays(series):
    with pytest.raises(ValueError, match="as many positions"):
        series.set_curve(np.arange(3), np.arange(4))


def plot_of(counts, *items):
    return Plot("", "raw sample", "samples", "ADU", "", (Bars("samples", np.arange(len(counts) + 1), counts), *items))


def test_histogram_with_mean_and_gates(qtbot):
    plot = ExplanationPlot()
    qtbot.addWidget(plot)
    plot.show()
    plot.show_plot(plot_of(np.array([1, 5, 2, 0]), Span("gate", 0.0, 7.0), Mark("mean", 1.6)))
    lines = [item.value() for item in plot.plot.items() if isinstance(item, pg.InfiniteLine)]
    assert sorted(lines) == [0.0, 1.6, 7.0]
    low, high = plot.plot.getViewBox().viewRange()[0]
    assert low < 0
    assert high > 7
    plot.show_plot(plot_of(np.array([])))
    assert plot.is_empty
