"""Table of jobs and tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtTest import QTest

from app.panels.start.found import FoundDialog
from app.panels.start.tasks import TaskPanel, cross_rect
from app.running.jobs_model import ETA, PROGRESS, STATE, TASK, JobsModel, job_label
from app.session.sources import Source, Sources
from app.widgets.tones import tones_of
from calib_core.cli.command_line import command_line
from calib_core.cli.summary import closing_table
from calib_core.jobs.board import Board, Message, State, TaskProgress, Written
from calib_core.jobs.found import Median, ModuleFound, StageFound
from calib_core.jobs.summary import summary_of
from calib_core.subjects.job import JobSubject
from calib_core.subjects.masked import Masks

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
    sources = Sources(session, Masks())
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


@pytest.mark.parametrize("way", ["cross", "delete", "menu"])
@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_a_job_that_has_ended_is_removed_and_not_cancelled(panel, model, job, session, qtbot, way, state):
    assert not action(panel, 0, "Remove from the list").isEnabled()
    files = (Written(Path("/x/cal.1.h5"), "constant", "", 0), Written(Path("/x/t.csv"), "table", "", 0))
    job.board = Board(2, state, TASKS, 1.0, outputs=files)
    model.poll()
    assert not action(panel, 0, "Cancel job").isEnabled()
    with qtbot.waitSignal(panel.removal_wanted) as wanted:
        if way == "cross":
            click_cross(panel, 0)
        elif way == "delete":
            panel.activateWindow()
            qtbot.waitUntil(panel.isActiveWindow)
            panel.table.setFocus()
            panel.table.setCurrentIndex(cell(panel, 2, TASK))
            QTest.keyClick(panel.table, Qt.Key.Key_Delete)
        else:
            action(panel, 1, "Remove from the list").trigger()
    assert (wanted.args[0].subject.job, wanted.args[1]) == (job, (Path("/x/cal.1.h5"),))
    assert "its 1 constant, 1 table stay in" in session.said[-1][1]
    assert job.calls == []


WARNED = (Message(0.0, "WARN", "Codes are called ADU."), Message(0.0, "WARN", "Few frames."))


def mark(panel, row):
    """Most frequent colour of the mark of a row's state, and its tool tip."""
    found = cell(panel, row, STATE)
    image = found.data(Qt.ItemDataRole.DecorationRole).pixmap(24, 24).toImage()
    drawn = [image.pixelColor(x, y) for x in range(24) for y in range(24) if image.pixelColor(x, y).alpha() == 255]
    colour = Counter(one.name() for one in drawn).most_common(1)[0][0]
    return colour, found.data(Qt.ItemDataRole.ToolTipRole)


@pytest.mark.parametrize(("state", "warnings", "tone", "words"), [
    (State.DONE, 2, "warning", "Done with 2 warnings\n• Codes are called ADU.\n• Few frames."),
    (State.DONE, 1, "warning", "Done with 1 warning\n• Codes are called ADU."), (State.DONE, 0, "ok", "done"),
    (State.FAILED, 2, "error", "It failed."),
])
def test_a_job_that_warned_is_amber_and_lists_what_it_warned_of(panel, model, job, state, warnings, tone, words):
    error = "It failed." if state is State.FAILED else ""
    job.board = Board(2, state, TASKS, 1.0, messages=WARNED[:warnings], error=error)
    model.poll()
    assert mark(panel, 0) == (getattr(tones_of(panel.palette()), tone), words)
    where = panel.table.visualRect(cell(panel, 0, STATE)).center()
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert panel.list.isVisible() == bool(warnings)
    if warnings:
        assert panel.list.heading.text() == f"{job_label(job)}: {job.board.outcome}"
        assert panel.list.text.toPlainText().splitlines() == [f"• {one.text}" for one in WARNED[:warnings]]
        QTest.keyClick(panel.list, Qt.Key.Key_Escape)
        assert not panel.list.isVisible()


def test_a_warning_of_a_job_that_runs_is_marked_as_it_comes(panel, model, job):
    job.board = replace(job.board, version=2, messages=WARNED[:1])
    model.poll()
    assert mark(panel, 0)[0] == tones_of(panel.palette()).warning


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


def test_names_are_told_apart_in_a_narrow_column(panel, model, job):
    """Proposal and runs come first, and a run has no proposal: it is that of its job."""
    tasks = tuple(replace(one, label=f"p900450 {one.label}") for one in TASKS)
    job.board = replace(job.board, version=3, tasks=tasks)
    model.poll()
    runs = [path.name for name in job.spec.inputs for path in job.spec.paths(name)]
    text = cell(panel, 0, TASK).data()
    assert text.startswith("p900450 r12, r13")
    assert text.endswith(job.spec.method)
    assert len(runs) > 1
    assert [cell(panel, row, TASK).data().strip() for row in (1, 2, 3)] == [one.label for one in TASKS]
    assert cell(panel, 0, TASK).data(Qt.ItemDataRole.ToolTipRole) == job_label(job)
    assert cell(panel, 1, TASK).data(Qt.ItemDataRole.ToolTipRole) == "p900450 r0012 high gain"


def test_an_ended_job_shows_what_it_found(panel, model, job, qtbot):
    """The same table as on the command line, which can be copied; not before the job has ended."""
    assert not action(panel, 0, "Show what was found").isEnabled()
    stage = StageFound("HG", 12, (Median("offset", "Offset", "ADU", 4968.35), Median("noise", "Noise", "ADU", 10.9)),
                       0.0027, {"noise out of threshold": 0.0027})
    job.seconds, job.failed = 7.5, {}
    job.plan = None
    job.board = replace(job.board, state=State.DONE, modules=(ModuleFound(3, "UNIT_M305", (stage,)),))
    model.poll()
    action(panel, 0, "Show what was found").trigger()
    dialog = panel.window().findChild(FoundDialog)
    qtbot.waitUntil(dialog.isVisible)
    text = dialog.text.toPlainText()
    assert text == closing_table(summary_of(job))
    row = text.splitlines()[1].split()
    assert row[:6] == ["3", "HG", "12", "4968.35", "10.90", "0.27%"]
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == text
    assert dialog.grab().toImage().width() > 600
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: panel.window().findChild(FoundDialog) is None)
