"""The window, driven as an operator does: keys, clicks, closing."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clicks import Clicks
from fake_job import show
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QCheckBox, QSpinBox, QToolBar

from app.panels.start import opening
from app.running.supervision import Supervisor
from app.widgets.map_view import MapView
from calib_core.axes import Pick, View
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.board import State


def press(qtbot, window, *keys):
    for key in keys:
        qtbot.keyClick(window.maps, key)


def test_keys_move_through_cells_modules_and_stages(window, fake_job, qtbot):
    offset = window.maps.views[0]
    press(qtbot, window, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_2)
    expected = float(fake_job.map_values("offset", 2, 1)[1, 3, 4])
    qtbot.waitUntil(lambda: offset.value_at(1, 3, 4) == pytest.approx(expected))
    press(qtbot, window, Qt.Key.Key_PageDown, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Left)
    assert (window.session.module, window.session.view.at) == (1, {"gain": 1, "cell": 1})
    # a cell's number that is typed stays with the editor
    spin = window.navigation.navigator.findChild(QSpinBox, "cell_spin")
    assert spin.value() == 1
    spin.setFocus()
    qtbot.keyClick(spin, Qt.Key.Key_Up)
    assert (window.session.module, window.session.label("cell")) == (1, 2)


def test_module_arrangement_makes_one_module_only(window, fake_job, qtbot):
    press(qtbot, window, Qt.Key.Key_M, Qt.Key.Key_PageDown)
    assert fake_job.looks[-1].modules == (1,)
    shape = fake_job.type.shape
    qtbot.waitUntil(lambda: window.maps.presenter.placement.modules == (1,))
    assert window.maps.presenter.placement.index.shape == shape
    press(qtbot, window, Qt.Key.Key_S)
    assert fake_job.looks[-1].modules == ()


def test_click_selects_a_pixel_and_inspects_it(window, fake_job, qtbot):
    qtbot.waitUntil(lambda: window.maps.views[0].paint_count > 0)
    Clicks(qtbot).pixel(window.maps.views[1], (2, 200, 60))
    module, row, column = window.session.shown.pixel
    assert module == 2
    assert abs(row - 200) <= 8
    assert abs(column - 60) <= 8
    inspector = window.inspector
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty)
    wave = 50 * np.sin(np.arange(32) / 9)
    assert np.ptp(inspector.presenter.curve.values - wave) == pytest.approx(0, abs=1e-6)
    noise = float(fake_job.map_values("noise", 0, 0)[2, row, column])
    assert f"Noise {noise:.5g} ADU" in inspector.text.text()
    assert inspector.samples.view.is_empty
    qtbot.mouseClick(inspector.samples.read_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not inspector.samples.view.is_empty)
    assert "samples 500" in inspector.samples.view.numbers.text
    press(qtbot, window, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: inspector.samples.view.is_empty)  # samples of another cell must not stay


def test_flags_are_counted_and_drawn(window, fake_job, qtbot):
    flags = fake_job.map_values("bad_pixels", 0, 0)
    counted = window.navigation.flags._rows[int(BadPixels.NO_DARK_DATA)].count
    expected = np.count_nonzero(flags & np.uint32(BadPixels.NO_DARK_DATA))
    qtbot.waitUntil(lambda: counted.text() == f"{expected:,}")
    assert window.navigation.flags.findChild(QCheckBox, "flag_3").isVisible()
    assert not window.navigation.flags.findChild(QCheckBox, "flag_4").isVisible()
    canvas = window.maps.views[1].canvas
    before = canvas.grab().toImage()
    box = window.navigation.flags.findChild(QCheckBox, "flag_3")
    box.click()
    assert window.session.overlay & BadPixels.NO_DARK_DATA == 0
    qtbot.waitUntil(lambda: canvas.grab().toImage() != before)
    press(qtbot, window, Qt.Key.Key_B)
    assert not window.maps.presenter.flags_visible
    box.click()
    press(qtbot, window, Qt.Key.Key_B)
    qtbot.waitUntil(lambda: canvas.grab().toImage() == before)


def test_any_map_goes_into_any_slot(window, qtbot):
    action = next(a for a in window.maps.slot_menu(0).actions() if a.text() == "Thresholds MG-LG [ADU]")
    action.trigger()
    assert window.maps.presenter.chosen[0].key == "thresholds/1"
    qtbot.waitUntil(lambda: window.maps.views[0].value_at(0, 0, 0) is not None)
    assert window.maps.views[0].value_at(0, 0, 0) > 7000
    window.actions_by_name["slots_1"].trigger()
    assert [view.isVisible() for view in window.maps.views] == [True, False, False, False]


def test_space_freezes_the_maps(window, fake_job, qtbot):
    shown = window.session.shown.picture
    press(qtbot, window, Qt.Key.Key_Space, Qt.Key.Key_Right)
    window.jobs.poll()
    assert window.session.shown.picture is shown
    press(qtbot, window, Qt.Key.Key_Space)
    assert window.session.shown.picture.view.at["cell"] == 1


def test_copied_command_line_names_the_runs(window):
    window.actions_by_name["copy"].trigger()
    assert "--run-med /gpfs/r0013" in QGuiApplication.clipboard().text()


def test_session_survives_a_kill(open_window, fake_job, qtbot, monkeypatch):
    first = open_window()
    folder = Path(first.keeper._folder)
    show(first, fake_job)
    qtbot.waitUntil(lambda: first.session.shown.picture is not None)
    first.set_theme("light")
    first.set_slots(2)
    first.maps.presenter.assign(1, "samples")
    first.session.set_arrangement("stacked")
    first.session.look_at({"cell": 17})
    first.scale.high.setValue(98.0)
    first.keeper.found = first.keeper.found.model_copy(update={"runs": (Path("/gpfs/r0012"),)})
    first.keeper.save()
    saved = folder / "session.json"
    qtbot.waitUntil(lambda: '"cell": 17' in saved.read_text())
    # as a kill would leave it: no closing, and the lock of a process that is gone
    monkeypatch.setattr(first.keeper, "end", lambda: None)
    first.keeper._timer.stop()
    first.keeper._lock.unlock()
    second = open_window(folder)
    assert second.maps.slots == 2
    assert second.session.arrangement == "stacked"
    assert second.maps.presenter.percentiles == (1.0, 98.0)
    assert second.comeback.restore_button.isVisible()
    assert "ended unexpectedly" in second.banner.message
    asked = []
    second.session.open_requested.connect(lambda paths, detector: asked.append(paths))
    qtbot.mouseClick(second.comeback.restore_button, Qt.MouseButton.LeftButton)
    assert asked == [(Path("/gpfs/r0012"),)]
    assert second.session.place["cell"] == 17
    show(second, fake_job)
    qtbot.waitUntil(lambda: second.session.shown.picture is not None)
    assert second.session.label("cell") == 17
    assert [choice.key for choice in second.maps.presenter.chosen] == ["offset", "samples"]


def test_the_data_root_is_kept(open_window, tmp_path):
    root = tmp_path / "gpfs"
    root.mkdir()
    first = open_window()
    first.picker.set_root(root)
    folder = Path(first.keeper._folder)
    first.close()
    second = open_window(folder)
    assert second.picker.opener.root == root
    second.close()
    root.rmdir()
    assert open_window(folder).picker.opener.root is None


def test_flags_are_those_of_the_modules_that_were_read(window, fake_job, qtbot):
    """Neither ahead of the map nor behind it: pixels that nothing was read of count neither as bad nor as good."""
    fake_job.look_at(View({"gain": 0, "cell": 0}))
    whole = fake_job.board.picture
    flags = whole.maps[Pick("bad_pixels")]
    blank = np.where(np.array([1, 0, 1, 1])[:, None, None] == 1, 0, flags).astype(np.uint32)
    fake_job.publish(picture=replace(whole, maps={**whole.maps, Pick("bad_pixels"): blank},
                                     coverage=np.array([0.0, 1.0, 0.0, 0.0])))
    window.jobs.poll()
    bad = int((flags[1] & BadPixels.OFFSET_OUT_OF_THRESHOLD != 0).sum())
    row = window.navigation.flags._rows[int(BadPixels.OFFSET_OUT_OF_THRESHOLD)]
    qtbot.waitUntil(lambda: row.part.text() == f"{bad / flags[1].size:.2%}")
    assert row.count.text() == f"{bad:,}"
    shown = next(view for choice, view in window.maps.shown_views() if choice.is_flags)
    share = np.count_nonzero(flags[1]) / flags[1].size
    qtbot.waitUntil(lambda: shown.bar._message.startswith(f"{share:.2%}"))


def test_damaged_session_is_put_aside(open_window, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "session.json").write_bytes(b"{\x00 not JSON")
    window = open_window(folder)
    assert (folder / "session.json.bad").read_bytes() == b"{\x00 not JSON"
    assert "was damaged" in window.log.text()


@pytest.mark.parametrize(("folder", "reason"), [
    (Path("/proc/nowhere/state"), "/proc/nowhere/state cannot be made (No such file or directory)"),
    (Path("/proc/self"), "/proc/self cannot be written"),
    (Path("~/.local/state/calibwb"), "there is no home folder"),
], ids=["no folder", "read-only", "no home"])
def test_a_window_whose_state_cannot_be_kept_says_so_once_and_works(open_window, folder, reason, qtbot, monkeypatch):
    access = os.access  # root may write where nobody can
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not str(path).startswith("/proc"))
    supervisor = Supervisor(folder)
    supervisor.install()
    try:
        window = open_window(folder, supervisor=supervisor)
        window.toggle_theme()
        window.keeper.save()
        threading.Thread(target=lambda: 1 / 0).start()
        qtbot.waitUntil(lambda: "division by zero" in window.banner.message)
        assert window.banner.message.endswith("details are on the terminal.")
        assert f"Neither this session nor a log is kept: {reason}. Set CALIBWB_STATE_DIR" in window.log.text()
        assert window.log.text().count("kept") == 1
        window.close()
        assert not Path("~").exists()
    finally:
        supervisor.uninstall()


@pytest.mark.parametrize("where", ["slot", "event", "thread"])
def test_unexpected_errors_are_told_and_the_window_lives(where, open_window, qtbot, tmp_path, monkeypatch):
    supervisor = Supervisor(tmp_path / "log")
    supervisor.install()
    try:
        window = open_window(supervisor=supervisor)

        def fail(*_):
            raise RuntimeError("broken kernel")

        if where == "slot":
            QTimer.singleShot(0, fail)
        elif where == "event":
            monkeypatch.setattr(MapView, "changeEvent", fail)
            window.set_theme("light")
        else:
            threading.Thread(target=fail).start()
        qtbot.waitUntil(lambda: "broken kernel" in window.banner.message)
        monkeypatch.undo()
        assert "broken kernel" in supervisor.log_path.read_text()
        window.actions_by_name["stacked"].trigger()
        assert window.session.arrangement == "stacked"
    finally:
        supervisor.uninstall()


def test_closing_ends_the_job(window, fake_job):
    assert fake_job.board.state is State.RUNNING
    window.close()
    assert fake_job.cancelled
    assert fake_job.closed
    assert not window.isVisible()


def test_failed_job_is_told_in_banner_and_log(window, fake_job, qtbot):
    fake_job.publish(state=State.FAILED, error="Run r0013 cannot be read.")
    qtbot.waitUntil(lambda: "Run r0013 cannot be read." in window.banner.message)
    assert not any(job.board.state is State.RUNNING for job in window.jobs.running)


@pytest.mark.parametrize("slots", [1, 2, 4, 6])
def test_window_fits_a_small_screen(window, qtbot, slots):
    window.set_slots(slots)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1280, 800)
    bar = window.findChild(QToolBar)
    hidden = [action.text() for action in bar.actions() if not bar.widgetForAction(action).isVisible()]
    assert hidden == []


def test_a_second_window_claims_no_crash(open_window, fake_job, tmp_path):
    first = open_window()
    first.keeper.found = first.keeper.found.model_copy(update={"runs": (Path("/gpfs/r0012"),)})
    first.keeper._write(first.keeper.state())
    second = open_window(Path(first.keeper._folder))
    assert "Another window is open" in second.log.text()
    assert "ended unexpectedly" not in second.log.text()
    assert not second.comeback.restore_button.isVisible()


def test_good_news_leave_the_maps_by_themselves(window, fake_job, qtbot, tmp_path):
    window.logger._fading.setInterval(50)
    fake_job.publish(messages=())
    fake_job.finish([tmp_path / "cal.1.h5"])
    qtbot.waitUntil(lambda: "1 constant written" in window.banner.message)
    qtbot.waitUntil(lambda: not window.banner.isVisible())
    window.session.say("ERROR", "An error stays.")
    qtbot.wait(120)
    assert window.banner.message == "An error stays."


def test_a_folder_that_is_asked_for_at_the_start_wins_over_that_of_the_last_session(
        open_window, make_survey, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(opening, "survey", lambda *_, **__: make_survey())
    first = open_window()
    first.session.out_folder = tmp_path / "old"
    first.session.open_runs([run.path for run in make_survey().runs])
    qtbot.waitUntil(lambda: first.session.spec is not None)
    first.close()
    second = open_window()
    second.session.out_folder = tmp_path / "new"
    qtbot.waitUntil(lambda: second.session.spec is not None)
    assert second.session.spec.out_folder == second.session.out_folder == tmp_path / "new"
    second.close()
    third = open_window()
    qtbot.waitUntil(lambda: third.session.spec is not None)
    assert third.session.spec.out_folder == tmp_path / "new"
