"""Regions by keys and mouse: the same detector pixels in every arrangement, table, histogram, curve and file."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
from clicks import LEFT, NONE, drag, module_point, mouse
from fake_job import show
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QImage

from app.panels.deliver.export import Extent


def canvas(window):
    return window.maps.views[0].canvas


def point_of(window, x, y):
    """Point of the first map over a place of the picture."""
    return canvas(window).area_of(x, y, x, y).topLeft()


@pytest.fixture
def stacked(window, qtbot):
    """The window of known maps, its modules in rows, the keyboard at the maps and room to draw."""
    window.activateWindow()
    qtbot.keyClick(window.maps, Qt.Key.Key_S)
    qtbot.keyClick(window.maps, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.maps.presenter.placement.title == "Stacked")
    return window


def bring_tab(window, qtbot, name):
    tabs = window.inspector.tabs
    number = [tabs.tabText(i) for i in range(tabs.count())].index(name)
    window.docks.bring("inspector")
    qtbot.mouseClick(tabs.tabBar(), LEFT, pos=tabs.tabBar().tabRect(number).center())


def mark_rectangle(window, qtbot, module=1, rows=(40, 90), cols=(10, 70)):
    """Drag over rows and columns of a module, the last ones not in it; what is marked then."""
    qtbot.keyClick(window.maps, Qt.Key.Key_R)
    first, last = module_point(window, module, rows[0], cols[0]), module_point(window, module, rows[1], cols[1])
    drag(canvas(window), first, (first + last) / 2, last)
    return np.s_[rows[0]:rows[1], cols[0]:cols[1]]


def test_a_rectangle_has_the_statistics_of_its_good_pixels(stacked, fake_job, qtbot):
    chosen = mark_rectangle(stacked, qtbot)
    region = stacked.session.shown.region
    expected = np.zeros((4, 512, 128), bool)
    expected[1][chosen] = True
    np.testing.assert_array_equal(region.masks([0, 1, 2, 3]), expected)
    bring_tab(stacked, qtbot, "Region")
    table = stacked.inspector.region.table
    qtbot.waitUntil(lambda: len(table.rows) > 1)
    assert stacked.inspector.region.heading.text() == (
        "Rectangle of 3000 pixels in module 1 · HG · memory cell 0 · left out: pixels with any flag")
    check_column(table.rows, fake_job.map_values("offset", 0, 0)[expected], fake_job._flags[expected])
    stacked.session.look_at({"cell": 9, "gain": 2})
    qtbot.waitUntil(lambda: "LG · memory cell 9" in stacked.inspector.region.heading.text())
    check_column(table.rows, fake_job.map_values("offset", 9, 2)[expected], fake_job._flags[expected])


def check_column(rows, values, flags):
    """The first map's column of the table against NumPy."""
    good = values[(flags == 0) & np.isfinite(values)].astype(float)
    numbers = {"median": np.median(good), "mean": good.mean(), "σ": good.std(), "smallest": good.min(),
               "largest": good.max(), "pixels": values.size, "left out": values.size - good.size}
    found = {row[0]: float(row[1]) for row in rows}
    assert found == {name: pytest.approx(number, rel=1e-4) for name, number in numbers.items()}


def test_a_region_is_the_same_pixels_in_every_arrangement_and_on_the_next_day(stacked, open_window, qtbot):
    mark_rectangle(stacked, qtbot)
    region = stacked.session.region
    for key in (Qt.Key.Key_A, Qt.Key.Key_M, Qt.Key.Key_S):
        qtbot.keyClick(stacked.maps, key)
        placement = stacked.maps.presenter.placement
        qtbot.waitUntil(lambda: not stacked.session.pending)
        drawn = canvas(stacked)._region.reshape(-1, 512, 128)
        np.testing.assert_array_equal(drawn, region.masks(stacked.maps.presenter.placement.modules))
        assert placement is not None
    stacked.close()
    second = open_window(Path(stacked.keeper._folder))
    assert second.session.region == region


def test_a_ring_and_a_lasso(stacked, qtbot):
    middle = QPointF(150.5, 300.5)
    edge = [point_of(stacked, middle.x() + away, middle.y()) for away in (60, 40)]
    qtbot.keyClick(stacked.maps, Qt.Key.Key_O)
    drag(canvas(stacked), point_of(stacked, middle.x(), middle.y()), edge[0])
    assert stacked.session.region is None
    mouse(canvas(stacked), QEvent.Type.MouseMove, edge[1], NONE)
    drag(canvas(stacked), edge[1])
    index = stacked.maps.presenter.placement.index
    y, x = np.indices(index.shape) + 0.5
    away = np.hypot(x - middle.x(), y - middle.y())
    expected = index[(away >= 40) & (away <= 60) & (index >= 0)]
    found = np.flatnonzero(stacked.session.region.masks([0, 1, 2, 3]))
    assert len(np.setxor1d(found, expected)) < 0.02 * len(expected)
    qtbot.keyClick(stacked.maps, Qt.Key.Key_P)
    drag(canvas(stacked), *(point_of(stacked, *place) for place in ((20, 20), (60, 20), (60, 60), (20, 60))))
    assert stacked.session.region.form == "lasso"
    assert stacked.session.region.size == 1600


def test_the_next_click_selects_again_and_esc_gives_up(stacked, qtbot):
    qtbot.keyClick(stacked.maps, Qt.Key.Key_R)
    assert stacked.inspector.region.buttons["rectangle"].isChecked()
    qtbot.keyClick(stacked.maps, Qt.Key.Key_Escape)
    assert not stacked.inspector.region.buttons["rectangle"].isChecked()
    stacked.actions_by_name["flags"].trigger()  # else the click may snap to one
    drag(canvas(stacked), module_point(stacked, 2, 30, 20) + QPointF(0.5, 0.5))
    assert stacked.session.region is None
    assert stacked.session.shown.pixel[0] == 2
    mark_rectangle(stacked, qtbot)
    cross = stacked.session.shown.pixel
    drag(canvas(stacked), module_point(stacked, 3, 60, 80) + QPointF(0.5, 0.5))
    assert stacked.session.shown.pixel != cross
    assert stacked.session.region.modules == (1,)
    qtbot.keyClick(stacked.maps, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert stacked.session.region is None
    assert canvas(stacked)._region is None


def test_nothing_is_marked_between_the_modules(stacked, qtbot):
    mark_rectangle(stacked, qtbot)
    qtbot.keyClick(stacked.maps, Qt.Key.Key_R)
    drag(canvas(stacked), point_of(stacked, 129, 0), point_of(stacked, 131, 40))
    assert stacked.session.region is None


def test_another_kind_of_detector_does_not_have_it(stacked, strip_job, fake_job, qtbot):
    mark_rectangle(stacked, qtbot)
    show(stacked, strip_job)
    qtbot.waitUntil(lambda: stacked.session.shown.picture is not None)
    assert stacked.session.shown.region is None
    stacked.sources.show(stacked.sources.entries[1])
    qtbot.waitUntil(lambda: stacked.session.shown.picture is not None)
    assert stacked.session.shown.region.size == 3000


def test_histogram_and_curve_are_of_the_region(stacked, fake_job, qtbot):
    stacked.session.set_module(1)
    qtbot.waitUntil(lambda: stacked.session.shown.module == 1)
    chosen = mark_rectangle(stacked, qtbot)
    bring_tab(stacked, qtbot, "Histogram")
    plot = stacked.inspector.histograms.plot
    qtbot.waitUntil(lambda: [item.name() for item in plot.listDataItems()] == ["module", "region"])
    values = fake_job.map_values("offset", 0, 0)[1][chosen]
    counts = 10 ** plot.listDataItems()[1].getData()[1]
    good = (fake_job._flags[1][chosen] == 0).sum()
    assert good * 0.98 <= np.nansum(counts) <= good  # the outermost 0.1 % of the module have no bin
    bring_tab(stacked, qtbot, "Pixel")
    curve = stacked.inspector.curve_plot.plot
    qtbot.waitUntil(lambda: any(item.name() == "region in module 1 ± σ" for item in curve.listDataItems()))
    line = next(item for item in curve.listDataItems() if item.name() == "region in module 1 ± σ")
    fine = fake_job._flags[1][chosen] == 0
    assert line.getData()[1][0] == pytest.approx(np.median(values[fine]))


def test_files_have_the_region(stacked, fake_job, qtbot, tmp_path):
    chosen = mark_rectangle(stacked, qtbot)
    export, paths = stacked.export.presenter, {}
    for name, call in (("table.csv", export.statistics), ("map.png", export.picture),
                       ("maps.h5", lambda path: export.selection(path, Extent(modules=True)))):
        with qtbot.waitSignal(export.said) as said:
            call(tmp_path / name)
        assert said.args[0] == "INFO", said.args
        paths[name] = tmp_path / name
    lines = paths["table.csv"].read_text("utf-8").splitlines()
    assert "# region: rectangle of 3000 pixels in module 1" in lines
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    marked = [row for row in rows if row["region"]]
    assert [(row["map"], row["module"], row["pixels"]) for row in marked] == [("Offset", "", "3000")]
    values, flags = fake_job.map_values("offset", 0, 0)[1][chosen], fake_job._flags[1][chosen]
    assert float(marked[0]["median"]) == pytest.approx(np.median(values[flags == 0]))
    with h5py.File(paths["maps.h5"]) as file:
        data = file["/1/region_of_interest/data"]
        (top, left), (bottom, right) = data.attrs["start"], data.attrs["stop"]
        assert np.s_[top:bottom, left:right] == chosen
        assert data[()].all()
        assert "region_of_interest" not in file["0"]
    assert QImage(str(paths["map.png"])).width() > 500


def test_strips_are_marked_by_a_drag_over_their_curves(open_window, strip_job, qtbot):
    window = open_window()
    show(window, strip_job)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    view = window.maps.views[0]
    qtbot.waitUntil(lambda: not view.series.is_empty)
    qtbot.keyClick(window.maps, Qt.Key.Key_R)
    plot = view.series.plot
    ends = [QPointF(plot.mapFromScene(plot.getViewBox().mapViewToScene(QPointF(strip, view.levels[0]))))
            for strip in (200, 300)]
    drag(plot.viewport(), *ends)
    masks = window.session.shown.region.masks([0, 1])
    strips = np.flatnonzero(masks[0, 0])
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_allclose((strips[0], strips[-1]), (200, 300), atol=4)
    np.testing.assert_array_equal(np.diff(strips), 1)
