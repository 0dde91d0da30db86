"""Curves of strips: what is drawn, what is marked, and which range is shown."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QPointF

from app.widgets.colour import flag_table
from app.widgets.curve_view import CurveView

SHAPE = (2, 1, 100)


@pytest.fixture
def view(qtbot):
    made = CurveView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    made.set_placement(np.arange(200, dtype=np.int32).reshape(2, 100), SHAPE, ["m3", "m4"])
    return made


@pytest.fixture
def values():
    return np.random.default_rng(3).normal(100, 2, SHAPE).astype(np.float32)


def curves(view):
    return [item for item in view.series.plot.listDataItems() if isinstance(item, pg.PlotDataItem)]


def marks(view):
    found = [item for item in view.series.plot.items() if isinstance(item, pg.ScatterPlotItem)]
    return [spot for item in found for spot in item.points() if spot.size() < 11]


def test_a_curve_per_shown_module(view, values):
    view.set_map(values, "ADU", "Offset")
    view.refresh()
    assert [curve.name() for curve in curves(view)] == ["m3", "m4"]
    np.testing.assert_allclose(curves(view)[1].getData()[1], values[1, 0])
    assert view.value_at(1, 0, 7) == values[1, 0, 7]
    view.set_coverage(np.array([1.0, 0.25]))
    view.set_placement(np.arange(100, 200, dtype=np.int32)[None], SHAPE, ["m3", "m4"])
    view.refresh()
    assert [curve.name() for curve in curves(view)] == ["m4 · 25%"]
    view.clear()
    view.refresh()
    assert view.series.is_empty


def test_another_strip_of_a_map_that_is_forgotten_and_still_drawn(view, values):
    """As where a layout takes the map away and the strip is marked anew, in one turn."""
    view.set_map(values)
    view.set_crosshair(1, 0, 7)
    view.refresh()
    view.clear()
    view.set_crosshair(1, 0, 8)
    assert not view.series.is_empty
    view.refresh()
    assert view.series.is_empty


def test_range_follows_the_good_strips(view, values):
    values[0, 0, 10] = 1e6
    flags = np.zeros(SHAPE, np.uint32)
    flags[0, 0, 10] = 4
    view.set_map(values)
    view.set_flags(flags)
    view.set_overlay(0xFF)
    view.set_percentiles(0, 100)
    view.refresh()
    good = values[flags == 0]
    assert view.levels == (good.min(), good.max())
    low, high = view.series.plot.getViewBox().viewRange()[1]
    assert low < good.min() < good.max() < high < good.max() + np.ptp(good)
    (spot,) = marks(view)
    assert spot.pos().x() == 10
    assert low <= spot.pos().y() <= high, "marks of values out of range stay in sight"
    assert spot.brush().color().rgb() == int(flag_table()[2])
    view.set_overlay(0xFF, visible=False)
    view.refresh()
    assert not marks(view)
    view.set_levels(-5, 5)
    view.refresh()
    assert view.levels == (-5, 5)


def test_levels_of_other_values(view, values):
    view.set_percentiles(0, 100)
    view.set_map(values)
    view.set_level_values([values, 3 * values])
    view.refresh()
    assert view.levels == (values.min(), 3 * values.max())


def test_flags_are_ticks_at_their_bits(view):
    flags = np.zeros(SHAPE, np.uint32)
    flags[0, 0, 5] = 0b1010
    flags[1, 0, 6] = 0b100000
    view.set_map(flags)
    view.set_overlay(0b1111)
    view.refresh()
    places = sorted((spot.pos().x(), round(spot.pos().y())) for spot in marks(view))
    assert places == [(5, 1), (5, 3)], "flags that are not chosen are not shown"


def test_hover_tells_the_nearest_module(view, values, qtbot):
    values[1] += 50
    view.set_map(values)
    view.refresh()
    seen = []
    view.pixel_hovered.connect(seen.append)
    box = view.series.plot.getViewBox()
    for module in (0, 1):
        view._moved(box.mapViewToScene(QPointF(40, float(values[module, 0, 40]))))
    view._moved(QPointF(-10, -10))
    assert seen == [(0, 0, 40), (1, 0, 40), None]


def test_selection_is_a_line_and_a_ring(view, values):
    view.set_map(values)
    view.set_crosshair(1, 0, 33)
    view.refresh()
    view.set_crosshair(1, 0, 44)
    lines = [item.value() for item in view.series.plot.items() if isinstance(item, pg.InfiniteLine)]
    rings = [spot.pos() for item in view.series.plot.items() if isinstance(item, pg.ScatterPlotItem)
             for spot in item.points() if spot.size() == 11]
    assert lines == [44]
    assert (rings[0].x(), rings[0].y()) == (44, values[1, 0, 44])
    view.set_crosshair(None)
    view.refresh()
    assert not [item for item in view.series.plot.items() if isinstance(item, pg.InfiniteLine)]


def test_all_nan_and_a_wrong_shape(view):
    view.set_map(np.full(SHAPE, np.nan, np.float32))
    view.set_errors(np.ones(SHAPE, np.float32))
    view.refresh()
    assert not view.image().isNull()
    with pytest.raises(ValueError, match="does not fit"):
        view.set_map(np.zeros((1, 1, 100), np.float32))


def test_bands_of_many_modules_are_those_of_the_selected_one(qtbot):
    made = CurveView()
    qtbot.addWidget(made)
    made.show()
    values = np.random.default_rng(1).normal(size=(5, 1, 20)).astype(np.float32)
    made.set_placement(np.arange(100, dtype=np.int32).reshape(5, 20), values.shape)
    made.set_map(values)
    made.set_errors(np.abs(values))
    made.refresh()
    bands = [item for item in made.series.plot.items() if isinstance(item, pg.FillBetweenItem)]
    assert len(bands) == 1


def test_remarkable_strips_are_outlined(view, qtbot):
    """As a region is shaded, but with lines at its ends."""
    def ends():
        return [item.getRegion() for item in view.series.plot.items() if isinstance(item, pg.LinearRegionItem)]

    view.set_map(np.zeros(SHAPE, np.float32), "ADU", "Offset")
    pixels = np.zeros(SHAPE, bool)
    pixels[1, 0, 30:50] = True
    view.set_outlined(pixels)
    qtbot.waitUntil(lambda: ends() == [(29.5, 49.5)])
    view.set_outlined(None)
    qtbot.waitUntil(lambda: ends() == [])
