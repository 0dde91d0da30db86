"""Jobs and their tasks as a table; one timer pulls all boards, newest wins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QTimer, pyqtSignal

from app.widgets.plain import tip
from calib_core.jobs.board import Board, TaskProgress
from calib_core.jobs.job import Job
from calib_core.plain_text import shown
from calib_core.subjects.job import runs_of, runs_text

COLUMNS = ("Task", "Done", "", "ETA")
TASK, PROGRESS, STATE, ETA = range(len(COLUMNS))

#: The job of a row; its :class:`TaskProgress`, None in the row of the job itself; its progress, 0 to 1; its state;
#: what the job warned of, nothing in the row of a task.
JOB_ROLE, TASK_ROLE, PROGRESS_ROLE, STATE_ROLE, WARNINGS_ROLE = (Qt.ItemDataRole.UserRole + i for i in range(5))

#: Proposal before a run: the row of the job has it.
_PROPOSAL = re.compile(r"^p\d+ ")

#: Milliseconds between two looks at the boards, for a visible and for a hidden window.
LIVE_INTERVAL = 16
#: While somebody waits for the picture of another place, and how many times.
HURRIED_INTERVAL, _HURRIED = 2, 40
HIDDEN_INTERVAL = 250


@dataclass(frozen=True)
class _Row:
    job: Job
    task: TaskProgress | None


class JobsModel(QAbstractTableModel):
    """Rows: each job, then its tasks; newest job first.

    Signals
    -------
    board_changed(job, board)
        Something of a job changed.
    polled()
        All boards were looked at.
    ended(job)
        A job has come to its end.
    removed(job)
        A job is watched no more.
    """

    board_changed = pyqtSignal(object, object)
    polled = pyqtSignal()
    ended = pyqtSignal(object)
    removed = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._boards: dict[Job, Board] = {}
        self._rows: list[_Row] = []
        self._usual = self._hurried = 0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.poll)
        self.set_interval(LIVE_INTERVAL)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return tuple(self._boards)

    @property
    def running(self) -> tuple[Job, ...]:
        """Jobs that have not ended, whether or not their boards were looked at since."""
        return tuple(job for job in self._boards if not job.board.state.ended)

    def add(self, job: Job) -> None:
        """Watch a job; one that is watched already stays where it is."""
        if job not in self._boards:
            self._boards = {job: job.board, **self._boards}
            self._arrange()
            self.board_changed.emit(job, job.board)

    def remove(self, job: Job) -> None:
        """Forget a job."""
        if self._boards.pop(job, None) is not None:
            self._arrange()
            self.removed.emit(job)

    def set_interval(self, milliseconds: int | None) -> None:
        """Look at the boards at this interval; None stops looking."""
        self._hurried = 0
        if milliseconds is None:
            self._timer.stop()
        else:
            self._timer.start(milliseconds)

    def hurry(self) -> None:
        """Look more often for a moment, since somebody waits for a picture."""
        if self._timer.isActive() and not self._hurried:
            self._usual, self._hurried = self._timer.interval(), _HURRIED
            self._timer.start(HURRIED_INTERVAL)

    def poll(self) -> None:
        """Look at all boards now."""
        if self._hurried:
            self._hurried -= 1
            if not self._hurried:
                self._timer.start(self._usual)
        for job, before in list(self._boards.items()):
            board = job.board
            if board.version != before.version:
                self._take(job, before, board)
        self.polled.emit()

    def _take(self, job: Job, before: Board, board: Board) -> None:
        self._boards[job] = board
        if any(getattr(board, name) != getattr(before, name) for name in ("tasks", "state", "done", "messages")):
            self._update_rows(len(board.tasks) == len(before.tasks))
        self.board_changed.emit(job, board)
        if board.state.ended and not before.state.ended:
            self.ended.emit(job)

    def _make_rows(self) -> list[_Row]:
        return [_Row(job, task) for job, board in self._boards.items() for task in (None, *board.tasks)]

    def _arrange(self) -> None:
        self.beginResetModel()
        self._rows = self._make_rows()
        self.endResetModel()

    def _update_rows(self, same_length: bool) -> None:
        if not same_length:
            self._arrange()
            return
        rows, self._rows = self._rows, self._make_rows()
        for i, (old, new) in enumerate(zip(rows, self._rows, strict=True)):
            if old != new or new.task is None:
                self.dataChanged.emit(self.index(i, 0), self.index(i, len(COLUMNS) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """Jobs and tasks."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """Columns of :data:`COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Headings."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts of a cell, and the roles of this module."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        board = self._boards[row.job]
        line = row.task or TaskProgress("", "", board.done, board.state)
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == TASK and row.task is None:
                return _short_label(row.job)
            return _text(line, index.column(), board.eta if row.task is None else None)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(board.error or _with_list(board)) or None
        roles = {JOB_ROLE: row.job, TASK_ROLE: row.task, PROGRESS_ROLE: line.done, STATE_ROLE: line.state,
                 WARNINGS_ROLE: () if row.task else board.warnings}
        return roles.get(role)


def job_label(job: Job) -> str:
    """Name of a job for the screen: method, detector and the runs that it takes."""
    runs = ", ".join(shown(path.name) for path in runs_of(job.spec))
    return f"{job.spec.method} {job.spec.detector or job.spec.family} {runs}"


def _with_list(board: Board) -> str:
    """Outcome of a job with its warnings below, nothing where there are none."""
    return "\n".join((board.outcome.capitalize(), *(f"• {one}" for one in board.warnings))) if board.warnings else ""


def _short_label(job: Job) -> str:
    """Name of a job for a narrow column: what jobs differ in comes first."""
    return f"{runs_text(runs_of(job.spec))} {job.spec.method}"


def eta_text(seconds: float | None) -> str:
    """Remaining time as ``m:ss`` or ``h:mm:ss``, empty where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _text(line: TaskProgress, column: int, eta: float | None) -> str:
    """Text of a cell; only a job has a time to go, since its tasks share the threads."""
    if column == TASK:
        return f"   {_PROPOSAL.sub('', line.label)}"
    if column == PROGRESS:
        return f"{line.done:.0%}"
    if column == STATE:
        return line.state.value
    return "" if line.state.ended else eta_text(eta)
