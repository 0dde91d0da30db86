"""The plot over time, by the pointer and by what is in it."""

from dataclasses import replace

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication

from app.widgets.score_plot import ScorePlot
from app.widgets.time_lines import TimeLine, TimeMark, TimeScene
from app.widgets.timeline_plot import TimelinePlot

DAY = 86400.0
START = 1.768e9


@pytest.fixture
def times():
    days = np.concatenate([np.arange(60), np.arange(100, 160)])
    return START + days * DAY


@pytest.fixture
def scene(times):
    rng = np.random.default_rng(0)
    lines = [TimeLine(module, f"m{module}", times, rng.normal(0, 2, len(times))) for module in range(4)]
    stepped = rng.normal(0, 2, len(times)) + 40 * (times >= times[90])
    mark = TimeMark(times[90], times[95], 40.0, 9.7, "red")
    drift = TimeMark(np.nan, times[110], -4.5, 6.6, "amber", False)
    return TimeScene((*lines, TimeLine(5, "m5", times, stepped, "red", (mark,)),
                      TimeLine(11, "m11", times, lines[0].values - 1, "amber", (drift,))), "offset", "ADU",
                     (("1.1 MHz", times), ("4.5 MHz", START + np.array([70, 71.0]) * DAY)), (times[0], times[59]))


@pytest.fixture
def plot(qtbot, scene):
    made = TimelinePlot()
    qtbot.addWidget(made)
    made.resize(900, 360)
    made.show()
    qtbot.waitExposed(made)
    made.show_scene(scene)
    qtbot.waitUntil(lambda: made.box.width() > 500)
    return made


def place(plot, x, y):
    """Where a time and a value are on the screen."""
    scene_at = plot.box.mapViewToScene(QPointF(x, y))
    return plot._view.viewport(), plot._view.mapFromScene(scene_at)


def words(plot):
    return [item.toPlainText() for item in plot.plot.items if isinstance(item, pg.TextItem) and item.isVisible()]


def drag(qtbot, plot, first, last, y):
    viewport, begin = place(plot, first, y)
    _, end = place(plot, last, y)
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=begin)
    for part in (0.3, 0.6, 1.0):
        qtbot.mouseMove(viewport, begin + QPoint(int((end - begin).x() * part), 0))
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)


def double_click(qtbot, viewport, at):
    """Press and release twice, as a window system tells it; Qt's own has a press too many."""
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseButtonDblClick, QPointF(at), QPointF(viewport.mapToGlobal(at)), left,
                        left, none)
    QApplication.sendEvent(viewport, event)
    qtbot.mouseRelease(viewport, left, pos=at)


def test_a_click_on_a_point_tells_it_and_shift_too(plot, scene, qtbot):
    line = scene.lines[4]
    viewport, at = place(plot, line.times[100], line.values[100])
    with qtbot.waitSignal(plot.pointed) as told:
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert told.args == [5, 100, False]
    _, at = place(plot, line.times[119], line.values[119])
    qtbot.wait(600)  # else it is the second of a double click
    with qtbot.waitSignal(plot.pointed) as told:
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, at)
    assert told.args == [5, 119, True]


def test_dots_of_the_brushed_part_leave_clicks_to_the_plot(plot, scene, times, qtbot):
    plot.set_part((times[80], times[119] + DAY))
    line = scene.lines[4]
    viewport, at = place(plot, line.times[100], line.values[100])
    with qtbot.waitSignal(plot.pointed) as told:
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert told.args == [5, 100, False]
    assert plot.part is not None


def test_a_click_where_nothing_is_tells_nothing(plot, scene, qtbot):
    viewport, at = place(plot, scene.lines[0].times[30], 30.0)
    with qtbot.assertNotEmitted(plot.pointed):
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)


def test_dragging_brushes_a_part_that_a_click_beside_it_takes_away(plot, times, qtbot):
    with qtbot.waitSignal(plot.brushed):
        drag(qtbot, plot, times[70], times[100], 20.0)
    pixel = plot.box.pixel()[0]
    assert plot.part == pytest.approx((times[70], times[100]), abs=3 * pixel)
    assert len(plot._dots.points()) >= 6 * 28
    viewport, at = place(plot, times[10], 30.0)
    qtbot.wait(600)
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert plot.part is None
    assert len(plot._dots.points()) == 0


def test_the_wheel_zooms_in_time_and_a_double_click_shows_all(plot, times, qtbot, turn_wheel):
    before = plot.box.viewRange()[0]
    viewport, at = place(plot, times[60], 0.0)
    turn_wheel(viewport, at, 5)
    after = plot.box.viewRange()[0]
    assert after[1] - after[0] < 0.7 * (before[1] - before[0])
    assert plot.heat.plot.vb.viewRange()[0] == pytest.approx(after)
    double_click(qtbot, viewport, at)
    assert plot.box.viewRange()[0] == pytest.approx(before)


def test_marks_say_start_size_and_score_and_only_steps_have_a_line(plot, times):
    assert "▲ m5 +40 ADU  S 9.7" in words(plot)
    assert "▼ m11 drifts -4.5 ADU  S 6.6" in words(plot)
    lines = [item.value() for item in plot.plot.items if isinstance(item, pg.InfiniteLine)]
    assert lines == [times[90]]
    assert "no versions, 41 d" in words(plot)
    assert "reference" in words(plot)


def test_conditions_are_rows_of_ticks_and_no_part_of_a_line(plot, scene):
    ticks = [item.getData()[0] for item in plot.strip.items if isinstance(item, pg.PlotCurveItem)]
    np.testing.assert_array_equal(ticks[1], np.repeat(START + np.array([70, 71.0]) * DAY, 2))
    drawn_at = np.concatenate([curve.getData()[0] for curve, _ in plot._curves])
    inside = (drawn_at > scene.lines[0].times[59]) & (drawn_at < scene.lines[0].times[60])
    assert not inside.any()


def test_modules_without_a_change_share_a_grey_curve(plot):
    assert [[one.key for one in lines] for _, lines in plot._curves] == [[0, 1, 2, 3], [5], [11]]


def test_axes_follow_what_is_in_sight(plot, times):
    plot.show_times(times[0], times[50])
    low, high = plot.box.viewRange()[1]
    assert high < 30
    assert plot.plot.getAxis("left").range == pytest.approx([low, high])


def test_rows_of_the_heat_map_are_told(plot, times, qtbot):
    plot.show_heat("ASIC of module 5", times, np.zeros((16, len(times))))
    qtbot.waitUntil(lambda: plot.heat.plot.vb.height() > 50)
    at = plot._view.mapFromScene(plot.heat.plot.vb.mapViewToScene(QPointF(times[10], 7.5)))
    with qtbot.waitSignal(plot.row_pointed) as told:
        qtbot.mouseClick(plot._view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert told.args == [7]


def test_a_scene_that_grows_keeps_what_is_in_sight(plot, scene):
    plot.show_times(scene.lines[0].times[70], scene.lines[0].times[90])
    before = plot.box.viewRange()[0]
    plot.show_scene(scene)
    assert plot.box.viewRange()[0] == before


def moved(scene, days):
    """The same lines so much later."""
    return replace(scene, conditions=(), lines=tuple(
        replace(one, times=one.times + days * DAY, marks=()) for one in scene.lines))


def test_what_comes_is_in_sight_where_all_was_or_where_nothing_would_be(plot, scene):
    """A version that is newer than all; and another detector, whose years are others."""
    later = moved(scene, 300)
    both = replace(scene, lines=(*scene.lines, *later.lines))
    plot.show_scene(both)
    first, last = plot.box.viewRange()[0]
    assert first < scene.lines[0].times[0]
    assert last > later.lines[0].times[-1]
    plot.show_times(scene.lines[0].times[70], scene.lines[0].times[90])
    plot.show_scene(moved(scene, 3000))
    first, last = plot.box.viewRange()[0]
    assert first < scene.lines[0].times[0] + 3000 * DAY < scene.lines[0].times[-1] + 3000 * DAY < last


def test_words_in_place_of_lines_are_whole(qtbot):
    """However long they are and however wide it is."""
    made = TimelinePlot()
    qtbot.addWidget(made)
    made.show()
    made.resize(420, 300)
    made.say("79 versions · 79 cannot be read: " + "/a/folder/of/somebody" * 3 + " has no file of Version 148.")
    made.show_times(START, START + DAY)
    made.grab()
    words = made._view.mapFromScene(made._hint.mapToScene(made._hint.boundingRect()).boundingRect()).boundingRect()
    assert made._view.viewport().rect().contains(words)


def test_nothing_and_a_line_without_values_are_drawn(qtbot):
    made = TimelinePlot()
    qtbot.addWidget(made)
    made.show()
    made.say("No constants yet.")
    nan = np.full(3, np.nan)
    made.show_scene(TimeScene((TimeLine(0, "m0", np.arange(3) * DAY, nan), TimeLine(1, "m1", nan[:0], nan[:0]))))
    made.show_letters({"A": (DAY, np.nan), "B": (2 * DAY, 3.0)})
    assert not made.grab().isNull()


def test_scores_are_drawn_with_their_limits(qtbot, times):
    made = ScorePlot()
    qtbot.addWidget(made)
    made.show()
    assert made.is_empty
    made.show_scores("S of m5", (6, 7), [("red", times, np.linspace(0, 9, len(times))), ("", times, times * np.nan)])
    lines = [item.value() for item in made.plot.items() if isinstance(item, pg.InfiniteLine)]
    assert sorted(lines) == [6, 7]
    assert made.plot.getViewBox().viewRange()[1][1] >= 9
    made.show_scores("S", (6, 7), [("", times, times * np.nan)])
    assert made.is_empty
