"""Where the panels are: the maps keep their part of the window at every size, whatever was done before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QToolBar

from app.session.state import read_state
from app.window.layouts import CORRECT, DARKS, GAIN, TIMELINE

SIZES = [(1024, 768), (1280, 800), (1399, 900), (1400, 900), (1680, 1050), (2560, 1440)]
LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
AT_LEFT, AT_RIGHT = ("runs", "job", "sources"), ("navigation", "inspector")


def areas(window):
    return {name: window.dockWidgetArea(window.docks[name]) for name in (*AT_LEFT, *AT_RIGHT)}


def check(window, size):
    """Nothing grows, nothing is cut, the maps have 55 % of the width; one column below 1400 pixels, else two."""
    assert (window.width(), window.height()) == size
    assert window.maps.width() >= 0.55 * size[0]
    assert {areas(window)[name] for name in AT_RIGHT} == {LEFT if size[0] < 1400 else RIGHT}
    for panel in (*AT_LEFT, *AT_RIGHT):
        widget = window.docks[panel].widget()
        assert widget.visibleRegion().isEmpty() or widget.minimumSizeHint().width() <= widget.width(), panel
    bar = window.findChild(QToolBar)
    assert [action.text() for action in bar.actions() if not bar.widgetForAction(action).isVisible()] == []


@pytest.mark.parametrize("layout", [DARKS, CORRECT, GAIN, TIMELINE])
@pytest.mark.parametrize("size", SIZES)
def test_maps_come_first_in_fresh_and_reset_windows(open_window, qtbot, size, layout):
    window = open_window()
    window.set_layout(layout)
    window.resize(*size)
    qtbot.wait(30)
    check(window, size)
    window.actions_by_name["layout"].trigger()
    qtbot.wait(30)
    check(window, size)
    if size[0] >= 1400:
        assert 260 <= window.docks["constants" if layout is TIMELINE else "job"].width() <= 300
        assert window.docks["inspector"].width() <= 480


def test_maps_come_first_through_all_sizes_and_back(window, qtbot):
    for size in (*SIZES, *reversed(SIZES), SIZES[-1], SIZES[0]):
        window.resize(*size)
        qtbot.wait(20)
        check(window, size)


@pytest.mark.parametrize(("kept", "now"), [((1024, 768), (1680, 1050)), ((1680, 1050), (1024, 768)),
                                           ((2560, 1440), (1400, 900)), ((1280, 800), (1280, 800))])
def test_a_state_comes_back_in_a_window_of_another_width(open_window, qtbot, kept, now):
    first = open_window()
    first.resize(*kept)
    qtbot.wait(30)
    folder = first.keeper._folder
    first.close()
    second = open_window(folder)
    second.resize(*now)
    qtbot.wait(30)
    check(second, now)


def test_what_an_operator_moved_stays_there(open_window, qtbot):
    window = open_window()
    window.resize(1680, 1050)
    window.addDockWidget(LEFT, window.docks["navigation"])
    window.resize(1024, 768)
    qtbot.wait(20)
    window.resize(1680, 1050)
    qtbot.wait(20)
    assert areas(window) == {**dict.fromkeys((*AT_LEFT, "navigation"), LEFT), "inspector": RIGHT}


def test_tables_at_the_bottom_have_the_height_to_be_read(window, qtbot):
    low = window.docks["log"].height()
    window.docks.bring("stages")
    qtbot.waitUntil(lambda: window.docks["stages"].height() >= 0.26 * window.height())
    # its tabs stand below it
    assert low < 0.19 * window.height()


def test_the_table_in_front_keeps_its_height_in_a_window_of_another_width(window, qtbot):
    window.resize(1680, 1050)
    window.docks.bring("stages")
    qtbot.waitUntil(lambda: window.docks["stages"].height() >= 0.26 * window.height())
    for size in ((1300, 900), (1680, 1050)):
        window.resize(*size)
        qtbot.wait(30)
        assert window.docks["stages"].height() >= 0.26 * size[1]


def test_form_rows_are_not_cut(open_window, make_survey, qtbot):
    window = open_window()
    window.session.set_survey(make_survey())
    for size in SIZES:
        window.resize(*size)
        window.docks.bring("job")
        qtbot.wait(20)
        room = window.form._scroll.viewport().width()
        assert window.form.page.width() <= room
        for field in window.form.page.knobs.fields.values():
            if field.label.isVisible():
                assert field.label.height() >= field.label.heightForWidth(field.label.width())
        for combo in window.form.page.inputs.combos.values():
            assert combo.fontMetrics().horizontalAdvance(combo.currentText()) + 30 <= combo.width()


def test_layouts_are_left_and_found_as_they_were(open_window, qtbot):
    window = open_window()
    window.resize(1680, 1050)
    other = replace(DARKS, name="other", places={
        **{name: place for name, place in DARKS.places.items() if name != "runs"},
        "sources": replace(DARKS.places["sources"], area=RIGHT)})
    window.docks["inspector"].hide()
    window.docks.take(other)
    assert window.docks["runs"].isHidden()
    assert not window.docks["inspector"].isHidden()
    assert areas(window)["sources"] == RIGHT
    window.docks.bring("runs")
    assert window.docks["runs"].isVisible()
    assert areas(window)["runs"] == Qt.DockWidgetArea.BottomDockWidgetArea
    window.docks["runs"].hide()
    window.docks.take(DARKS)
    assert window.docks["inspector"].isHidden()
    assert not window.docks["runs"].isHidden()
    assert areas(window)["sources"] == LEFT

    window.docks.take(other)
    window.docks["navigation"].hide()
    second = open_window()
    second.resize(1680, 1050)
    second.docks.restore(window.docks.states(), other)
    assert areas(second)["sources"] == RIGHT
    assert second.docks["navigation"].isHidden()
    second.docks.take(DARKS)
    assert areas(second)["sources"] == LEFT
    assert (second.docks["inspector"].isHidden(), second.docks["navigation"].isHidden()) == (True, False)


def test_a_state_of_other_docks_is_left(open_window, qtbot):
    """As of a program that did not have a panel yet: Qt would put it wherever it likes."""
    before = replace(DARKS, places={name: place for name, place in DARKS.places.items() if name != "verdict"})
    first = open_window()
    first.resize(1680, 1050)
    first.docks.restore({}, before)
    first.docks["export"].hide()
    second = open_window()
    second.resize(1680, 1050)
    second.docks.restore(first.docks.states(), DARKS)
    qtbot.wait(30)
    assert second.dockWidgetArea(second.docks["verdict"]) == areas(second)["inspector"] == RIGHT
    assert not second.docks["export"].isHidden()
    check(second, (1680, 1050))


def test_the_next_window_has_the_layout_and_its_docks(open_window):
    first = open_window()
    first.docks["export"].hide()
    folder = first.keeper._folder
    first.close()
    state = read_state(folder)[0]
    assert (state.layout, list(state.layouts)) == ("darks", ["darks"])
    second = open_window(folder)
    assert second.docks["export"].isHidden()
    assert second.actions_by_name["layout_darks"].isChecked()
    assert second.maps.slots == DARKS.slots


@pytest.mark.parametrize(("area", "width", "expected"), [
    (LEFT, 1400, 285), (LEFT, 1650, 297), (LEFT, 2560, 300), (RIGHT, 1400, 332), (RIGHT, 1700, 442),
    (RIGHT, 2560, 480), (None, 1024, 330),
])
def test_columns_follow_the_window_between_bounds(area, width, expected):
    assert DARKS.width(area, width) == expected
