"""Whose the keyboard is, and that messages move nothing below the pointer."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_job import show
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtWidgets import QApplication, QLabel

from app.panels.start import opening
from app.running.jobs_model import job_label
from app.widgets.banner import Banner
from calib_core.errors import BadInput
from calib_core.jobs.board import Message, State, Written


@pytest.fixture
def active(window, qtbot):
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return window


def type_runs(window, qtbot, text="p900450 r12-14"):
    window.actions_by_name["open"].trigger()
    qtbot.waitUntil(window.picker.box.hasFocus)
    qtbot.keyClicks(window.picker.box, text)
    qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)


@pytest.fixture
def openable(monkeypatch, make_survey):
    """Runs that open without a disk; those with a 9 in their name do not."""
    def survey(paths, **_):
        if "9" in paths[0].name:
            raise BadInput("Run r0009 is not there; look at the folder.")
        return make_survey()

    monkeypatch.setattr(opening, "survey", survey)
    monkeypatch.setattr(opening, "parse_runs", lambda text, _: [SimpleNamespace(name=text, __fspath__=lambda: text)])
    monkeypatch.setattr(opening, "recent_text", lambda paths: paths[0].name)


def test_arrows_step_cells_once_runs_are_open(active, openable, qtbot):
    with qtbot.waitSignal(active.picker.opener.opened):
        type_runs(active, qtbot, "r12")
    qtbot.waitUntil(active.maps.hasFocus)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    assert active.session.label("cell") == 1


def test_who_types_elsewhere_meanwhile_goes_on(active, openable, qtbot):
    with qtbot.waitSignal(active.picker.opener.opened):
        type_runs(active, qtbot, "r12")
        active.scale.low.setFocus()
    qtbot.wait(20)
    assert active.scale.low.hasFocus()


def test_arrows_step_cells_once_a_job_is_shown(active, fake_job, qtbot):
    active.docks.bring("runs")
    active.picker.box.setFocus()
    active.session.job_started.emit(fake_job)
    show(active, fake_job)
    assert active.maps.hasFocus()


def test_a_success_takes_the_failure_before_away(active, openable, qtbot):
    with qtbot.waitSignal(active.picker.opener.failed):
        type_runs(active, qtbot, "r9")
    assert (active.banner.message, active.banner.count) == ("Run r0009 is not there; look at the folder.", 1)
    with qtbot.waitSignal(active.picker.opener.opened):
        type_runs(active, qtbot, "r12")
    assert active.banner.isHidden()


def test_escape_closes_sheet_then_messages_then_goes_on(active, qtbot):
    active.session.set_frozen(True)
    active.banner.say("warning", "one")
    active.banner.say("warning", "two")
    active.sheet.toggle()
    seen = []
    for _ in range(4):
        qtbot.keyClick(active.maps, Qt.Key.Key_Escape)
        seen.append((active.sheet.isVisible(), active.banner.count, active.session.frozen))
    assert seen == [(False, 2, True), (False, 1, True), (False, 0, True), (False, 0, False)]


def test_escape_in_an_editor_that_has_nothing_to_restore_is_the_windows(active, make_survey, qtbot):
    active.session.set_survey(make_survey())
    active.docks.bring("job")
    editor = active.form.page.modules.editor
    editor.setFocus()
    qtbot.keyClicks(editor, "9")
    active.banner.say("warning", "one")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert (editor.text(), active.banner.count) == ("0-3", 1)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert active.banner.count == 0


def test_a_click_hits_the_same_pixel_before_and_after_a_message(active, qtbot):
    canvas = active.maps.views[2].canvas
    points = [QPoint(x, y) for y in range(0, canvas.height(), 8) for x in range(0, canvas.width(), 8)]
    place = [point for point in points if canvas.pixel_at(QPointF(point)) is not None][-1]
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    before, where = active.session.shown.pixel, canvas.mapToGlobal(place)
    active.session.set_pixel(None)
    active.session.say("ERROR", "Something that takes several lines. " * 12)
    qtbot.wait(20)
    assert active.banner.isVisible()
    assert canvas.mapToGlobal(place) == where
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert before is not None
    assert active.session.shown.pixel == before


def test_done_with_warnings_is_amber_and_says_the_first(active, fake_job, qtbot):
    fake_job.publish(state=State.DONE, messages=(Message(time.time(), "WARN", "Codes are called ADU."),),
                     outputs=tuple(Written(Path(name), "constant", "", 0) for name in ("a", "b")))
    qtbot.waitUntil(lambda: active.banner.count == 1)
    assert active.banner.message.startswith(
        f"{job_label(fake_job)} is done with 1 warning: Codes are called ADU. 2 constants written to")
    assert active.banner._messages[0].level == "warning"


def test_the_scale_is_named(active):
    assert active.scale.findChild(QLabel, "scale_label").text() == "scale"
    assert isinstance(active.banner, Banner)


def test_a_failed_opening_leaves_nothing_to_run(active, openable, qtbot, monkeypatch):
    """Neither by Ctrl+Enter nor by the button: what the form shows are the runs before."""
    started = []
    monkeypatch.setattr(active.session, "start", started.append)
    with qtbot.waitSignal(active.picker.opener.opened):
        type_runs(active, qtbot, "r12")
    assert active.form.run_button.isEnabled()
    with qtbot.waitSignal(active.picker.opener.failed):
        type_runs(active, qtbot, "r9")
    qtbot.keyClick(active.maps, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(active.form.run_button, Qt.MouseButton.LeftButton)
    active.actions_by_name["run"].trigger()
    assert started == []
    assert active.session.spec is None
    with qtbot.waitSignal(active.picker.opener.opened):
        type_runs(active, qtbot, "r12")
    qtbot.mouseClick(active.form.run_button, Qt.MouseButton.LeftButton)
    assert len(started) == 1
