"""Strips as images of memory cells, and as curves in the window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from fake_job import show
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication

from app.panels.maps.strips import read_cells, strip_rows
from app.widgets.curve_view import CurveView
from app.widgets.map_view import MapView
from calib_core.axes import Axis, Pick, Picture, Result, View
from calib_core.subjects.shown import Shown


def test_rows_of_cells_are_high_and_hold_every_strip():
    placement = strip_rows((3, 4), cells=2, strips=1200)
    height, width = placement.index.shape
    assert width == 1200
    assert 1.0 < width / height < 1.6
    assert np.array_equal(np.unique(placement.index), np.arange(-1, 2 * 2 * 1200))
    assert placement.index[0, 5] == 5
    assert placement.index[-1, 5] == 3 * 1200 + 5


def test_one_module_alone():
    placement = strip_rows((3, 4), cells=2, strips=8, only=4)
    assert set(placement.index.reshape(-1)) == set(range(16, 32))


def test_what_is_not_done_is_nan_or_zero():
    results = (Result("noise", "", "", "f4", ""),
               Result("passes", "", "", "u4", "", over=("pass", "cell"), role="flags"))

    def plane(name, module, at):
        number = at["gain"] if name == "noise" else at["pass"]
        return None if at["cell"] == 1 else np.full((1, 4), 10 * number + module, "f4" if name == "noise" else "u4")

    axes = {"gain": Axis("gain", "", ("a", "b", "c")), "cell": Axis("cell", "", (0, 1))}
    subject = SimpleNamespace(results=results, kind=SimpleNamespace(shape=(1, 4)), axes=axes, plane=plane)
    shown = Shown(subject, Picture(View({"gain": 2, "cell": 0}), (6,), {}, np.ones(1)))
    picks = [Pick("noise"), Pick("passes", (("pass", 0),)), Pick("passes", (("pass", 1),))]
    picture = read_cells(shown, picks)
    assert picture.modules == (6,)
    np.testing.assert_array_equal(picture.maps[picks[0]][0], [[26] * 4, [np.nan] * 4])
    for number, pick in enumerate(picks[1:]):
        np.testing.assert_array_equal(picture.maps[pick][0], [[10 * number + 6] * 4, [0] * 4])


@pytest.fixture
def strip_window(open_window, strip_job, qtbot):
    window = open_window()
    show(window, strip_job)
    qtbot.waitUntil(lambda: isinstance(window.maps.views[0], CurveView) and not window.maps.views[0].series.is_empty)
    return window


def scene_click(view, strip, value):
    """Click at a strip and a value of a plot."""
    plot = view.series.plot
    where = plot.getViewBox().mapViewToScene(QPointF(strip, value))
    at = plot.mapFromScene(where)
    for kind, buttons in ((QMouseEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton),
                          (QMouseEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton)):
        event = QMouseEvent(kind, QPointF(at), QPointF(plot.viewport().mapToGlobal(at)), Qt.MouseButton.LeftButton,
                            buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(plot.viewport(), event)


def test_a_click_selects_the_nearest_curve(strip_window, strip_job, qtbot):
    values = strip_job.map_values("offset", 0, 0)
    strip = int(np.nanargmax(np.abs(values[0, 0] - values[1, 0])))
    scene_click(strip_window.maps.views[0], strip, float(values[1, 0, strip]))
    qtbot.waitUntil(lambda: strip_window.session.shown.pixel is not None)
    module, row, found = strip_window.session.shown.pixel
    assert (module, row) == (1, 0)
    assert abs(found - strip) <= 4
    assert f"strip {found}" in strip_window.inspector.text.text()


def test_menu_changes_to_the_image_and_back(strip_window, qtbot):
    maps = strip_window.maps
    entries = {action.text(): action for action in maps.slot_menu(0).actions()}
    entries["Image of strips × memory cells or trains"].trigger()
    qtbot.waitUntil(lambda: isinstance(maps.views[0], MapView) and maps.views[0].value_at(1, 1, 5) is not None)
    assert len(maps.presenter.placement.modules) == 2
    entries = {action.text(): action for action in maps.slot_menu(0).actions()}
    entries["Curves over strips"].trigger()
    qtbot.waitUntil(lambda: maps.views[0].isVisible() and isinstance(maps.views[0], CurveView))
    assert "Colours" not in {action.text() for action in maps.slot_menu(0).actions()}


def test_module_arrangement_leaves_one_curve(strip_window, qtbot):
    view = strip_window.maps.views[0]
    strip_window.session.set_arrangement("module")
    qtbot.waitUntil(lambda: len(view._modules) == 1)
    strip_window.session.set_arrangement("assembled")
    qtbot.waitUntil(lambda: len(view._modules) == 2)


def test_an_empty_menu_position_shows_the_menu(strip_window, qtbot):
    view = strip_window.maps.views[1]
    with qtbot.waitSignal(view.menu_requested):
        view._clicked(SimpleNamespace(
            button=lambda: Qt.MouseButton.RightButton, screenPos=lambda: QPointF(QPoint(300, 300))))
    for menu in QApplication.topLevelWidgets():
        if menu.inherits("QMenu"):
            menu.close()
