"""A window that shows a job that has ended keeps no raw file open, and reads its samples when asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt

from calib_core.simulate import default_settings, simulate


def held(folder: Path) -> list[str]:
    """Files below a folder that this process has open."""
    places = (Path("/proc/self/fd") / fd for fd in os.listdir("/proc/self/fd"))
    found = [os.readlink(place) for place in places if place.is_symlink()]
    return [path for path in found if path.startswith(str(folder.resolve()))]


@pytest.fixture
def runs(tmp_path):
    """Dark runs of a camera in three gain stages."""
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12, "memory_cells": 1})
    return list(simulate(settings, tmp_path / "data").runs.values())


@pytest.fixture
def window(open_window, runs, tmp_path, qtbot):
    """A window in which a job over these runs has ended."""
    window = open_window()
    window.activateWindow()
    window.session.out_folder = tmp_path / "constants"
    window.actions_by_name["open"].trigger()
    qtbot.keyClicks(window.picker.box, " ".join(map(str, runs)))
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    return window


def read_raw(window, qtbot):
    window.session.set_pixel((1, 30, 40))
    window.inspector.tabs.setCurrentIndex(2)
    qtbot.mouseClick(window.inspector.samples.read_button, Qt.MouseButton.LeftButton)


def test_raw_samples_are_read_and_the_files_closed_again(window, runs, qtbot):
    raw = runs[0].parent
    qtbot.waitUntil(lambda: not held(raw))
    read_raw(window, qtbot)
    qtbot.waitUntil(lambda: "samples" in window.inspector.samples.view.numbers.text)
    assert "12" in window.inspector.samples.view.numbers.text
    qtbot.waitUntil(lambda: not held(raw))


def test_a_run_that_has_vanished_is_told_once_and_the_maps_stay(window, runs, qtbot):
    shutil.rmtree(runs[0].parent)
    told = []
    window.session.message.connect(lambda *words: told.append(words))
    read_raw(window, qtbot)
    qtbot.waitUntil(lambda: bool(told))
    [(level, sentence)] = told
    assert level == "WARN"
    assert sentence.startswith("RAW-R0001-")
    assert sentence.endswith(".h5 cannot be read: No such file or directory.")
    assert window.session.shown.picture.coverage.min() == 1
