"""Table of jobs and tasks."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtTest import QTest

from app.panels.start.tasks import TaskPanel, cross_rect
from app.running.jobs_model import ETA, PROGRESS, STATE, TASK, JobsModel
from app.session.sources import Source, Sources
from calib_core.cli.command_line import command_line
from calib_core.jobs.board import Board, State, TaskProgress
from calib_core.subjects.job import JobSubject

TASKS = (
    TaskProgress("high", "r0012 high gain", 1.0, State.DONE), TaskProgress("med", "r0013", 0.74, State.RUNNING),
    TaskProgress("low", "r0014", 0.0, State.QUEUED),
)


@pytest.fixture
def model(job):
    model = JobsModel()
    model.set_interval(None)
    job.board = Board(1, State.RUNNING, TASKS, 0.46, 97.0)
    model.add(job)
    return model


@pytest.fixture
def panel(qtbot, session, model, job):
    sources = Sources(session)
    source = Source("a job", lambda: JobSubject(job))
    assert source.subject
    sources.add(source)
    panel = TaskPanel(session, model, sources)
    qtbot.addWidget(panel)
    panel.resize(420, 220)
    panel.show()
    return panel


def cell(panel, row, column):
    return panel.table.model().index(row, column)


def click_cross(panel, row):
    where = cross_rect(panel.table.visualRect(cell(panel, row, ETA))).center()
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def action(panel, row, text):
    menu = panel.menu_for(cell(panel, row, TASK))
    return next(a for a in menu.actions() if a.text() == text)


def test_rows_show_progress_state_and_time(panel):
    assert cell(panel, 0, PROGRESS).data() == 0.46
    assert cell(panel, 2, PROGRESS).data() == 0.74
    # one time to go, that of the job: its tasks share the threads
    assert [cell(panel, row, ETA).data() for row in range(4)] == ["1:37", "", "", ""]
    assert cell(panel, 1, STATE).data(Qt.ItemDataRole.ToolTipRole) == "done"
    icons = [cell(panel, row, STATE).data(Qt.ItemDataRole.DecorationRole) for row in range(4)]
    assert all(not icon.isNull() for icon in icons)
    assert panel.grab().toImage().width() == 420


def test_the_cross_cancels_the_job(panel, job):
    click_cross(panel, 0)
    assert job.calls == ["cancel"]


def test_there_is_no_cross_in_the_row_of_a_task(panel, job):
    click_cross(panel, 2)
    assert job.calls == []


def test_delete_cancels_the_job(panel, job, qtbot):
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    panel.table.setFocus()
    panel.table.setCurrentIndex(cell(panel, 2, TASK))
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    assert job.calls == ["cancel"]


def test_an_ended_job_cannot_be_cancelled(panel, model, job):
    job.board = Board(2, State.DONE, TASKS, 1.0)
    model.poll()
    click_cross(panel, 0)
    panel.cancel(job)
    assert job.calls == []
    assert not action(panel, 0, "Cancel job").isEnabled()


def test_the_menu_cancels_copies_and_shows(panel, session, job, qtbot):
    action(panel, 0, "Copy as command line").trigger()
    assert QGuiApplication.clipboard().text() == command_line(job.spec)
    action(panel, 1, "Cancel job").trigger()
    assert job.calls == ["cancel"]
    with qtbot.waitSignal(panel.log_wanted) as wanted:
        action(panel, 2, "Show log").trigger()
    assert wanted.args == ["med"]
    action(panel, 0, "Show maps").trigger()
    assert session.subject.job is job


def test_without_jobs_the_panel_says_so(panel, model, job):
    assert not panel.empty.isVisible()
    model.remove(job)
    assert panel.empty.isVisible()
    assert not panel.table.isVisible()
