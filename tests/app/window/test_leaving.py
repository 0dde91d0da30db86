"""Closing while jobs run: asked once, and what was answered happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import h5py
import pytest
from fake_job import FakeJob, show
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QApplication, QMessageBox, QPushButton

from app.session.state import STATE_VARIABLE
from app.window.leaving import Answer, summon
from calib_core.jobs.board import State
from calib_core.simulate import default_settings, simulate


@pytest.fixture
def quits():
    """Whether the program ends with its last window, as it is put back."""
    yield
    QApplication.setQuitOnLastWindowClosed(True)


@pytest.mark.parametrize(("text", "visible", "cancelled"), [
    ("Stay here", True, False), ("Let it go on", False, False), ("Cancel it", False, True)])
def test_each_answer_is_what_happens(window, fake_job, qtbot, quits, text, visible, cancelled, capsys):
    window.leaving.ask = window.leaving._ask

    def press():
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        assert "46%, 1:37 to go" in box.informativeText()
        button = next(one for one in box.findChildren(QPushButton) if one.text() == text)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(200, press)
    window.close()
    assert window.isVisible() == visible
    assert fake_job.cancelled == cancelled
    assert ("goes on in process" in capsys.readouterr().err) == (text == "Let it go on")
    window.leaving.ask = lambda _: Answer.CANCEL


def test_nothing_is_asked_where_nothing_runs(window, fake_job):
    fake_job.finish()
    window.jobs.poll()
    window.leaving.ask = lambda _: pytest.fail("there is nothing to ask")
    window.close()
    assert not window.isVisible()


def test_a_window_that_went_is_found_again(window, fake_job, qtbot, quits, tmp_path):
    window.leaving.ask = lambda _: Answer.GO_ON
    window.close()
    assert (window.isVisible(), window.leaving.hidden) == (False, True)
    folder = window.keeper._folder
    code = ("import sys; from pathlib import Path; from app.window.leaving import summon; "
            f"sys.exit(not summon(Path({str(folder)!r})))")
    other = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})
    qtbot.waitUntil(lambda: window.isVisible())
    qtbot.waitUntil(lambda: other.poll() is not None)
    assert (other.returncode, window.leaving.hidden) == (0, False)
    assert not summon(tmp_path / "nowhere")
    window.leaving.ask = lambda _: Answer.CANCEL


def test_a_second_window_does_not_take_the_place_of_the_first(window, open_window, fake_job, qtbot, quits, capsys):
    window.leaving.ask = lambda _: Answer.GO_ON
    window.close()
    second = open_window(window.keeper._folder)
    show(second, FakeJob(modules=2, cells=2, out_folder=fake_job.spec.out_folder))
    second.leaving.ask = lambda _: Answer.GO_ON
    second.close()
    said = capsys.readouterr().err.splitlines()
    assert [line.endswith("Start the window again to see it.") for line in said if "goes on" in line] == [True, False]
    assert second.leaving._server is None
    for one in (window, second):
        one.leaving.ask = lambda _: Answer.CANCEL


def test_the_program_ends_with_the_last_job(window, fake_job, qtbot, quits):
    window.leaving.ask = lambda _: Answer.GO_ON
    window.close()
    with qtbot.waitSignal(window.leaving.over):
        fake_job.finish()
        window.jobs.poll()
    assert window._ended
    assert not fake_job.cancelled or fake_job.closed


def test_half_a_detector_is_no_good_news(window, fake_job, tmp_path, qtbot):
    fake_job.publish(state=State.CANCELLED, outputs=())
    window.jobs.poll()
    assert window.banner._messages[-1].level == "warning"
    assert "was cancelled: nothing was written." in window.banner.message


def test_a_job_goes_on_after_its_window_and_its_terminal_have_gone(tmp_path):
    settings = default_settings("AGIPD1M").with_changes({"modules": "0-3", "trains": 40, "memory_cells": 4})
    made = simulate(settings, tmp_path / "data")
    script = f"""
import sys
from PyQt6.QtCore import QTimer
import app.window.leaving as leaving
leaving.Leaving._ask = lambda self, running: leaving.Answer.GO_ON
from app.window.main_window import MainWindow
from app.__main__ import main
begin = MainWindow.showEvent

def shown(self, event):
    begin(self, event)
    self.session.job_started.connect(lambda job: QTimer.singleShot(50, self.close))

MainWindow.showEvent = shown
sys.exit(main(["--runs", {" ".join(map(str, made.runs.values()))!r}, "--start",
               "--out-folder", {str(tmp_path / "out")!r}]))
"""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", STATE_VARIABLE: str(tmp_path / "state")}
    with subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert any("goes on in process" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGHUP)
        assert process.wait(100) == 0
    files = list((tmp_path / "out").rglob("cal.*.h5"))
    assert len(files) == 4 * 4
    for path in files:
        with h5py.File(path, locking=False) as file:
            assert len(file) == 1


