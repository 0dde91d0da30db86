"""A row of pixels over frames."""

from __future__ import annotations

import numpy as np
from fake_job import show
from PyQt6.QtCore import Qt

from app.panels.inspect.frames import over_frames


def test_median_of_each_pixel_is_subtracted():
    values = np.random.default_rng(1).integers(5000, 6000, (7, 5), dtype=np.uint16)
    plain, shown = over_frames(values, False), over_frames(values, True)
    np.testing.assert_array_equal(plain, values)
    np.testing.assert_array_equal(shown, values - np.median(values.astype(float), axis=0))


def test_the_row_of_the_selected_pixel_is_read(window, fake_job, qtbot):
    panel = window.frames
    window.docks.bring("frames")
    panel.presenter.read()
    assert "click a pixel first" in window.banner.message
    window.session.set_pixel((2, 10, 20))
    assert panel.place.text() == "module 2 · row 10 · HG · memory cell 0"
    qtbot.mouseClick(panel.read_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.view.value_at(0, 0, 0) is not None)
    expected = fake_job.pixels.frames(2, 10, {}).values
    panel.minus_median.click()
    assert panel.view.value_at(0, 59, 127) == expected[59, 127]
    window.session.look_at({"cell": 3})
    qtbot.waitUntil(lambda: panel.view.value_at(0, 0, 0) is None)  # frames of another cell must not stay


def test_strips_need_no_selection(open_window, strip_job, qtbot):
    window = open_window()
    show(window, strip_job)
    window.docks.bring("frames")
    assert window.frames.place.text() == "module 0 · HG · memory cell 0"
    window.frames.presenter.read()
    qtbot.waitUntil(lambda: window.frames.view.value_at(0, 0, 1279) is not None)
