"""A watched folder in the window: two clicks, and darks become drafts by themselves while something else is done."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from clicks import Clicks
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QLineEdit, QListWidget, QPushButton

from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.store.manifests import list_sets

NAME = "SPB_50UM_GH2"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three runs of darks."""
    settings = default_settings("GOTTHARD2").with_changes({"trains": 20})
    return simulate(settings, tmp_path_factory.mktemp("made")).runs["high"].parent


@pytest.fixture
def window(open_window, tmp_path):
    """A window that looks ten times a second, and takes a run as closed after half a second."""
    window = open_window()
    window.session.out_folder = tmp_path / "out"
    window.watch.presenter.settle = 0.5
    window.watch.presenter._timer.setInterval(100)
    return window


def record(made, folder, *numbers):
    for number in numbers:
        shutil.copytree(made / f"r{number:04d}", folder / f"r{number:04d}")
        for file in (folder / f"r{number:04d}").iterdir():
            os.utime(file, (time.time(), time.time()))


def start(window, qtbot, folder):
    clicks = Clicks(qtbot)
    bar = window.kept.tabBar()
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(window.kept.indexOf(window.watch)).center())
    window.watch.findChild(QLineEdit, "watch_folder").setText(str(folder))
    clicks.button(window.watch.findChild(QPushButton, "watch_switch"))
    return clicks


def test_darks_become_a_draft_by_themselves(window, qtbot, made, tmp_path):
    folder, panel = tmp_path / "raw", window.watch
    folder.mkdir()
    clicks = start(window, qtbot, folder)
    assert clicks.number == 1
    qtbot.waitUntil(lambda: panel.waiting.text() == "waits for the next run")
    record(made, folder, 1, 2)
    qtbot.waitUntil(lambda: "waits for a run of gain 2" in panel.waiting.text())
    told = panel.findChild(QListWidget, "watch_told")
    assert told.item(0).text() == f"r0002 {NAME} waits for a run of gain 2 (fixed), beside r0001, r0002."
    assert window.jobs.jobs == ()
    record(made, folder, 3)
    qtbot.waitUntil(lambda: bool(panel.presenter.lines))
    [line], [job] = panel.presenter.lines, window.jobs.jobs
    assert f"{NAME} · DARK of r0001 · r0002 · r0003" in line
    assert " · draft · verdict " in line
    [one] = list_sets(tmp_path / "out")[0]
    assert one.whole
    assert window.session.subject.job is job  # nothing else was looked at
    clicks.button(panel.copy)
    assert QGuiApplication.clipboard().text() == line
    qtbot.waitUntil(lambda: panel.waiting.text() == "waits for the next run")
    clicks.button(panel.switch)
    assert panel.waiting.text() == "Switched off: nothing starts by itself."
    clicks.button(panel.switch)  # switched on again, nothing is done twice
    qtbot.waitUntil(lambda: panel.waiting.text() == "waits for the next run")
    assert len(window.jobs.jobs) == 1


def test_what_cannot_be_watched_is_told_and_the_folder_kept(window, open_window, qtbot, tmp_path):
    start(window, qtbot, tmp_path / "none")
    qtbot.waitUntil(lambda: window.watch.waiting.text().startswith("! "))
    assert f"{tmp_path / 'none'} is no folder" in window.watch.waiting.text()
    assert not window.watch.switch.isChecked()
    window.close()
    again = open_window()
    assert again.watch.folder.text() == str(tmp_path / "none")
    assert not again.watch.switch.isChecked()


def test_a_job_that_starts_by_itself_takes_no_maps_away(window, qtbot, made, tmp_path, fake_job):
    from fake_job import show

    show(window, fake_job)
    folder = tmp_path / "raw"
    folder.mkdir()
    start(window, qtbot, folder)
    qtbot.waitUntil(lambda: window.watch.waiting.text() == "waits for the next run")
    record(made, folder, 1, 2, 3)
    qtbot.waitUntil(lambda: bool(window.watch.presenter.lines))
    assert window.session.subject.job is fake_job
    assert len(window.sources.entries) == 2
