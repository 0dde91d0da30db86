"""Bad pixels one after the other, and clicks beside them."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from app.panels.maps.bad_pixels import nearest_flagged, next_flagged

BAD = [(0, 1, 2), (0, 3, 0), (1, 0, 0)]


@pytest.fixture
def flags():
    made = np.zeros((2, 4, 5), np.uint32)
    for number, pixel in enumerate(BAD):
        made[pixel] = 1 << number
    return made


def test_next_and_previous_go_around(flags):
    at, seen = None, []
    for _ in range(4):
        at = next_flagged(flags, 7, at, 1)
        seen.append(at)
    assert seen == [*BAD, BAD[0]]
    assert next_flagged(flags, 7, BAD[0], -1) == BAD[2]
    assert next_flagged(flags, 7, (0, 2, 0), -1) == BAD[0]
    assert next_flagged(flags, 7, (0, 2, 0), 1) == BAD[1]
    assert next_flagged(flags, 7, None, -1) == BAD[2]


def test_only_wanted_flags_count(flags):
    assert next_flagged(flags, 4, None, 1) == BAD[2]
    assert next_flagged(flags, 4, BAD[2], 1) == BAD[2]
    assert next_flagged(flags, 8, None, 1) is None


def test_a_click_snaps_to_what_is_close(flags):
    index = np.arange(40, dtype=np.int32).reshape(8, 5)
    index[:, 3:] = -1  # a gap
    assert nearest_flagged(index, flags, 7, (0, 2, 1), 2.0) == BAD[0]
    assert nearest_flagged(index, flags, 7, (0, 2, 1), 0.9) == (0, 2, 1)
    assert nearest_flagged(index, flags, 2, (0, 2, 1), 2.0) == BAD[1]
    assert nearest_flagged(index, flags, 7, BAD[1], 5.0) == BAD[1]
    assert nearest_flagged(index, flags, 7, (1, 3, 2), 1.0) == (1, 3, 2)


def test_n_goes_through_the_bad_pixels_of_the_window(window, fake_job, qtbot):
    flags = fake_job.map_values("bad_pixels", 0, 0)
    expected = np.argwhere(flags)
    for number in range(3):
        qtbot.keyClick(window.maps, Qt.Key.Key_N)
        assert window.session.shown.pixel == tuple(expected[number])
    qtbot.keyClick(window.maps, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert window.session.shown.pixel == tuple(expected[1])
    canvas = window.maps.views[0].canvas
    canvas.camera.look_at(5.0, 5.0, 20.0)
    qtbot.keyClick(window.maps, Qt.Key.Key_N)
    place = canvas._placement.place_of(tuple(expected[2]))
    assert canvas.camera.centre == (place[0] + 0.5, place[1] + 0.5)


def test_a_click_near_a_bad_pixel_selects_it(window, fake_job, qtbot):
    flags = fake_job.map_values("bad_pixels", 0, 0)
    module, row, col = next(tuple(p) for p in np.argwhere(flags) if 5 < p[1] < 500 and 5 < p[2] < 120)
    window.maps.presenter.click(module, row + 1, col + 1)
    shown = window.session.shown.pixel
    assert flags[shown] != 0
    assert max(abs(shown[1] - row - 1), abs(shown[2] - col - 1)) <= 6 / window.maps.camera.scale
    window.maps.presenter.set_flags_visible(False)
    window.maps.presenter.click(module, row + 1, col + 1)
    assert window.session.shown.pixel == (module, row + 1, col + 1)
