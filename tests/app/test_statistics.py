"""Statistics of sets of constants by clicks: from the menu, without a run."""

from __future__ import annotations

import os

import pytest
from clicks import Clicks
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from calib_core.jobs.board import State
from calib_core.store.statistics import read_statistics
from tests.calib_core.subjects.files import images, put_ours


@pytest.fixture
def sets(tmp_path):
    for day in range(4):
        for module in (0, 1):
            put_ours(tmp_path / "sets", module, "Offset", images(seed=day), day * 86400.0)
    return tmp_path / "sets"


@pytest.mark.parametrize("size", [(1024, 768), (1680, 1050)])
def test_statistics_from_the_menu(open_window, sets, tmp_path, qtbot, size):
    window, clicks = open_window(), Clicks(qtbot)
    window.resize(*size)
    menu = window.menus["Run"]
    qtbot.waitUntil(lambda: any(one.objectName() == "run_generic_stats" for one in menu.actions()), timeout=20000)
    next(one for one in menu.actions() if one.objectName() == "run_generic_stats").trigger()
    page = window.form.page
    assert page.survey.method.command == "STATS"
    for line, path in ((page.constants["sets"], sets), (page.folder, tmp_path / "out")):
        line.editor.setFocus()
        line.editor.clear()
        QTest.keyClicks(line.editor, str(path))
        QTest.keyClick(line.editor, Qt.Key.Key_Return)
    assert window.session.spec is not None, window.form.reason.text()
    if folder := os.environ.get("PICTURES"):
        window.grab().save(f"{folder}/form-{size[0]}.png")
    clicks.button(window.form.run_button)
    qtbot.waitUntil(lambda: window.jobs.jobs and window.jobs.jobs[0].board.state.ended, timeout=60000)
    job = window.jobs.jobs[0]
    assert job.board.state is State.DONE, job.board.error
    assert len(read_statistics(tmp_path / "out" / "statistics.h5")) == 8
    assert {one.path.name for one in job.board.outputs} == {
        "statistics.h5", "statistics_lines.csv", "statistics_changes.csv"}
    qtbot.wait(500)
    if folder:
        window.grab().save(f"{folder}/done-{size[0]}.png")
    assert (window.width(), window.height()) == size
