"""What tests of scans in the window have in common: runs typed and opened, run to the end, and a pixel explained."""

from __future__ import annotations

from PyQt6.QtCore import Qt

from calib_core.jobs.board import State


def is_whole(picture) -> bool:
    return picture is not None and picture.coverage.min() == 1


def press(window, qtbot, key):
    """Press a key in the maps; docks that move take the activation away where there is no window manager."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.maps, key)


def typed(window, scans, typed_runs, knobs, out, qtbot):
    """The window with runs of a scan open, in the layout that F7 brings, with some parameters."""
    window.resize(1680, 1050)
    window.session.out_folder = out
    window.picker.set_root(scans.data_root)
    qtbot.keyClicks(window.picker.box, typed_runs)
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.form.page is not None)
    press(window, qtbot, Qt.Key.Key_F7)
    for name, value in knobs.items():
        window.form.page.knobs.put(name, value)
    return window


def run_whole(window, qtbot):
    """The window once its job is done, and all of it is shown."""
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(lambda: is_whole(window.session.shown.picture))
    return window


def explained(window, qtbot, pixel):
    """Numbers by name of a pixel that is selected, in front of what else stands in its place, as a click has it."""
    window.docks.bring("inspector")
    presenter = window.inspector.samples.presenter
    before = presenter.found
    window.session.set_pixel(pixel)
    qtbot.waitUntil(lambda: presenter.found is not before and presenter.found is not None)
    return {one.name: one for one in presenter.found.numbers}
