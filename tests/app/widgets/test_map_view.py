import numpy as np
import pytest
from detector_scene import DEAD_MODULE, SHAPE, assembled_index, maps
from PyQt6.QtCore import QPoint, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter

from app.widgets import colour
from app.widgets import map_marks as marks
from app.widgets.camera import CameraModel
from app.widgets.map_view import MapView


@pytest.fixture
def view(qtbot):
    made = MapView()
    qtbot.addWidget(made)
    made.resize(420, 320)
    made.show()
    qtbot.waitExposed(made)
    return made


def small(view, values=None):
    shape = (2, 4, 8)
    values = np.arange(64, dtype="f4").reshape(shape) if values is None else values
    view.set_placement(np.arange(64, dtype=np.int32).reshape(8, 8), shape)
    view.set_map(values, "ADU", "Offset")


def settle(qtbot, view):
    count = view.paint_count
    qtbot.waitUntil(lambda: view.paint_count > count or not view.canvas.camera.turns.is_due(view._bring_up_to_date))
    view.image()


def centre_of(view, x, y):
    return view.canvas._cell(x, y).center().toPoint()


def test_click_selects_the_pixel_under_the_pointer(view, qtbot):
    small(view)
    with qtbot.waitSignal(view.pixel_clicked) as heard:
        qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=centre_of(view, 3, 5))
    assert heard.args == [1, 1, 3]


def test_drag_pans_and_does_not_select(view, qtbot):
    small(view)
    start = centre_of(view, 3, 5)
    before = view.canvas.camera.centre
    with qtbot.assertNotEmitted(view.pixel_clicked):
        qtbot.mousePress(view.canvas, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(view.canvas, start + QPoint(40, 30))
        qtbot.mouseRelease(view.canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 30))
    scale = view.canvas.camera.scale
    moved = (before[0] - view.canvas.camera.centre[0], before[1] - view.canvas.camera.centre[1])
    assert moved == pytest.approx((40 / scale, 30 / scale))


def test_wheel_zooms_around_the_pointer_and_double_click_fits(view, qtbot, turn_wheel):
    small(view)
    at, fitted = centre_of(view, 2, 2), view.canvas.camera.scale
    turn_wheel(view.canvas, at, 2)
    assert view.canvas.camera.scale > 1.4 * fitted
    assert view.canvas.pixel_at(at.toPointF()) == (0, 2, 2)
    qtbot.mouseDClick(view.canvas, Qt.MouseButton.LeftButton, pos=at)
    assert view.canvas.camera.scale == pytest.approx(fitted)


def test_hover_tells_pixel_gap_and_leaving(view, qtbot):
    index = np.arange(64, dtype=np.int32).reshape(8, 8)
    index[0, 0] = -1
    view.set_placement(index, (2, 4, 8))
    heard = []
    view.pixel_hovered.connect(heard.append)
    for place in ((1, 1), (0, 0)):
        qtbot.mouseMove(view.canvas, centre_of(view, *place))
    view.canvas.leaveEvent(None)
    assert heard[-3:] == [(0, 1, 1), None, None]


def test_linked_maps_share_view_and_cursor(view, qtbot):
    other, camera = MapView(), CameraModel()
    qtbot.addWidget(other)
    for each in (view, other):
        small(each)
        each.set_camera(camera)
    view.canvas.fit()
    qtbot.mouseMove(view.canvas, centre_of(view, 4, 6))
    assert camera.cursor == (4, 6)
    camera.zoom(2, (0, 0))
    assert other.canvas.viewport().scale == view.canvas.viewport().scale == camera.scale


def test_resize_fits_until_the_operator_has_zoomed(view, qtbot):
    small(view)
    before = view.canvas.camera.scale
    view.resize(840, 640)
    assert view.canvas.camera.scale > 1.5 * before
    view.canvas.camera.zoom(2)
    zoomed = view.canvas.camera.scale
    view.resize(420, 320)
    assert view.canvas.camera.scale == zoomed


def test_levels_follow_percentiles_of_good_pixels(view, qtbot):
    values = np.ones((2, 4, 8), "f4") * np.arange(8, dtype="f4")
    values[0, 0, 0], values[0, 0, 1] = 1e6, np.nan
    flags = np.zeros((2, 4, 8), "u4")
    flags[0, 0, 0] = 4
    small(view, values)
    view.set_flags(flags)
    view.set_excluded(4)
    view.set_percentiles(0, 100)
    settle(qtbot, view)
    assert view.levels == (0, 7)
    view.set_overlay(0, visible=False)  # what is drawn changes no number
    settle(qtbot, view)
    assert view.levels == (0, 7)
    view.set_excluded(1)
    settle(qtbot, view)
    assert view.levels == (0, 1e6)
    view.set_percentiles(0, 100, middle=0.0)
    settle(qtbot, view)
    assert view.levels == (-1e6, 1e6)


def test_modules_with_data_have_their_names(view, qtbot, monkeypatch):
    written = []
    monkeypatch.setattr(marks, "draw_name", lambda painter, tile, name: written.append((name, tile.top())))
    small(view)
    settle(qtbot, view)
    view.canvas.repaint()
    assert {name for name, _ in written} == set(view.canvas._placement.names)
    assert len({top for _, top in written}) == len(view.canvas._placement.names)
    view.set_coverage(np.array([0.5, 0.0]))
    written.clear()
    settle(qtbot, view)
    assert {name for name, _ in written} == {view.canvas._placement.names[0]}


def test_pixels_have_the_colours_of_values_flags_and_gaps(view, qtbot, monkeypatch):
    monkeypatch.setattr(marks, "draw_name", lambda *_: None)
    values = np.arange(64, dtype="f4").reshape(2, 4, 8)
    values[0, 0, 2] = np.nan
    flags = np.zeros((2, 4, 8), "u4")
    flags[0, 0, 1] = 1 << 3
    small(view, values)
    view.set_flags(flags)
    view.set_levels(0, 64)
    view.set_overlay(1 << 3, visible=True)
    settle(qtbot, view)
    picture = view.canvas.grab().toImage()
    ground = colour.DARK_GROUND if view.palette().base().color().lightness() < 128 else colour.LIGHT_GROUND
    # away from the middle, where large pixels have their numbers
    shown = [picture.pixel(centre_of(view, x, 0) - QPoint(0, 11)) for x in range(4)]
    table = colour.colour_table("viridis")
    assert shown == [table[0], colour.flag_table()[3], ground.nan, table[12]]


def test_flag_map_is_coloured_by_flag_and_says_how_much_is_flagged(view, qtbot):
    flags = np.zeros((2, 4, 8), "u4")
    flags[0, 0, :4] = 1 << 7
    small(view, flags)
    settle(qtbot, view)
    assert view.canvas.grab().toImage().pixel(centre_of(view, 1, 0) - QPoint(0, 11)) == colour.flag_table()[7]
    assert view.bar._message.startswith("6.25%")


def test_histogram_counts_good_pixels_in_sight(view, qtbot):
    small(view)
    settle(qtbot, view)
    assert view.bar.counts().sum() == 64
    view.canvas.camera.look_at(2, 2, view.canvas.viewport().height / 4)
    view.image()
    assert 0 < view.bar.counts().sum() < 64


def test_a_map_of_one_value_says_it_in_place_of_a_scale(view, qtbot):
    """Such as counts of wrong gain that are all 0; one pixel that differs brings the scale back."""
    values = np.zeros((2, 4, 8), "f4")
    small(view, values)
    qtbot.waitUntil(lambda: view.bar._message == "all\n0")
    assert view.bar._table is None
    values = values.copy()
    values[1, 2, 3] = 7
    view.set_map(values, "frames", "Wrong gain")
    qtbot.waitUntil(lambda: view.bar._table is not None)
    assert view.bar._message == ""
    view.set_map(np.full((2, 4, 8), 2.5, "f4"), "ADU", "Offset")
    qtbot.waitUntil(lambda: view.bar._message == "all\n2.5")
    view.set_levels(0, 5)
    qtbot.waitUntil(lambda: view.bar._table is not None)


def test_levels_of_what_is_in_sight(view, qtbot):
    small(view)
    view.canvas.camera.look_at(4, 0.5, 150)
    view.fit_levels_to_view()
    assert view.levels[1] < 20
    assert view.percentiles is None


def test_bar_changes_levels_of_the_map(view, qtbot):
    small(view)
    settle(qtbot, view)
    with qtbot.waitSignal(view.level_changed) as heard:
        view.bar.levels_dragged.emit(3.0, 9.0)
    assert heard.args == [3.0, 9.0]
    assert view.levels == (3.0, 9.0)
    view.bar.auto_requested.emit()
    assert view.percentiles == (1.0, 99.0)


def test_hidden_map_computes_nothing_until_it_is_shown(qtbot):
    made = MapView()
    qtbot.addWidget(made)
    small(made)
    qtbot.wait(10)
    assert made.levels == (0.0, 1.0)
    made.show()
    qtbot.waitUntil(lambda: made.levels[1] > 60)


def test_menu_is_asked_for(view, qtbot):
    from PyQt6.QtGui import QContextMenuEvent
    from PyQt6.QtWidgets import QApplication

    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(9, 9), QPoint(70, 80))
    with qtbot.waitSignal(view.menu_requested) as heard:
        QApplication.sendEvent(view.canvas, event)
    assert heard.args == [QPoint(70, 80)]


def test_arrays_of_another_shape_are_refused(view):
    small(view)
    with pytest.raises(ValueError, match=r"\(3, 3, 3\).*\(2, 4, 8\)"):
        view.set_map(np.zeros((3, 3, 3), "f4"))
    with pytest.raises(ValueError, match="does not fit"):
        view.set_flags(np.zeros((1, 4, 8), "u4"))


def test_another_detector_forgets_the_map(view):
    small(view)
    view.set_placement(np.zeros((1, 1), np.int32), (1, 1, 1))
    assert view.value_at(0, 0, 0) is None


@pytest.mark.parametrize("limits", [(5, 5), (7, 2), (np.nan, 1), (0, np.inf)])
def test_levels_that_do_not_rise_are_refused(view, limits):
    with pytest.raises(ValueError, match="rising"):
        view.set_levels(*limits)


@pytest.mark.parametrize("shape", [(0, 0, 0), (1, 0, 128), (2, 4, 8)])
@pytest.mark.parametrize("fill", [np.nan, np.inf, 0])
def test_empty_and_useless_maps_are_shown(view, qtbot, shape, fill):
    view.set_map(np.full(shape, fill, "f4"), "ADU", "Offset")
    view.set_flags(np.zeros(shape, "u4"))
    for scale in colour.SCALES:
        view.set_scale(scale)
        assert not view.image().isNull()


def test_window_of_no_size(view, qtbot):
    small(view)
    view.canvas.resize(0, 0)
    view.canvas.repaint()
    view.bar.resize(0, 0)
    view.bar.repaint()
    view.fit_levels_to_view()


def test_value_is_told_whatever_the_flags(view):
    small(view)
    view.set_flags(np.full((2, 4, 8), 1, "u4"))
    assert view.value_at(1, 1, 3) == 43.0


def test_module_without_data_is_hatched_and_painting_is_timed(view, qtbot, tmp_path):
    from time import perf_counter

    scene = maps()
    view.set_placement(assembled_index(), SHAPE)
    view.set_map(scene["offset"], "ADU", "Offset")
    settle(qtbot, view)
    before, start = view.canvas.grab().toImage(), perf_counter()
    coverage = np.ones(16)
    coverage[DEAD_MODULE] = 0
    view.set_coverage(coverage)
    view.set_crosshair(DEAD_MODULE, 201, 64)
    with qtbot.waitSignal(view.painted):
        pass
    assert view.last_paint > start
    after = view.canvas.grab().toImage()
    left, top, right, bottom = view.canvas._placement.module_boxes[DEAD_MODULE]
    middle = view.canvas.area_of(left + 1, top + 1, right - 1, bottom - 1).toRect()
    changed = sum(
        QColor(before.pixel(x, y)) != QColor(after.pixel(x, y))
        for x in range(middle.left(), middle.right())
        for y in range(middle.top(), middle.bottom())
    )
    assert changed > 0.8 * middle.width() * middle.height()


@pytest.mark.parametrize(("width", "high", "drawn"), [(60, 30, True), (8, 30, False), (60, 6, False)])
def test_a_name_is_written_where_there_is_room(qapp, width, high, drawn):
    image = QImage(80, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    marks.draw_name(painter, QRectF(0, 0, width, high), "m12")
    painter.end()
    changed = [(x, y) for x in range(80) for y in range(40) if image.pixelColor(x, y) != QColor("white")]
    assert bool(changed) == drawn
    assert all(x < width and y < high for x, y in changed)
