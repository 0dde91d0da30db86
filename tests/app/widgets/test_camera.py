import pytest

from app.widgets.camera import LARGEST_SCALE, CameraModel


@pytest.fixture
def camera(qapp):
    return CameraModel()


def test_fit_shows_all(camera):
    camera.fit(400, 200, (100, 100))
    assert camera.centre == (50, 50)
    assert 1.9 <= camera.scale <= 2


def test_zoom_keeps_the_anchor_in_place(camera):
    camera.fit(400, 400, (100, 100))
    before = (20 - camera.centre[0]) * camera.scale
    camera.zoom(3, (20, 70))
    assert (20 - camera.centre[0]) * camera.scale == pytest.approx(before)


def test_pan_moves_by_device_pixels(camera):
    camera.fit(400, 400, (100, 100))
    scale = camera.scale
    camera.pan(10, -20)
    assert camera.centre == pytest.approx((50 - 10 / scale, 50 + 20 / scale))


def test_zoom_has_an_end(camera):
    camera.zoom(1e9)
    assert camera.scale == LARGEST_SCALE


def test_empty_canvas_or_layout_changes_nothing(camera, qtbot):
    with qtbot.assertNotEmitted(camera.changed):
        camera.fit(0, 100, (10, 10))
        camera.fit(100, 100, (0, 0))


def test_cursor_is_told_once(camera):
    heard = []
    camera.cursor_moved.connect(heard.append)
    for place in ((3, 4), (3, 4), (None,)):
        camera.set_cursor(*place)
    assert heard == [(3, 4), None]
