import numpy as np
import pyqtgraph as pg
import pytest

from app.widgets.explanation_plot import ExplanationPlot
from app.widgets.series_plot import SeriesPlot
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
