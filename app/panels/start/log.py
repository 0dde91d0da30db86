"""The log: what jobs and the window tell, each line once."""

from __future__ import annotations

from datetime import datetime

from PyQt6.QtCore import QObject, QTimer

from app.running.jobs_model import JobsModel, job_label
from app.session.session import Session
from app.widgets.banner import Banner
from app.widgets.log_view import LogView
from calib_core.jobs.board import Board, State
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import NOTHING, told
from calib_core.plain_text import block

_LEVELS = {"WARN": "WARNING"}
#: Cause of messages of success; they go by themselves, after so many ms, since they lie over the maps.
GOOD_NEWS, _FADING = "good news", 6000


class LogPresenter(QObject):
    """Feeds log and banner; errors and warnings are shown above the maps as well."""

    def __init__(
        self, session: Session, jobs: JobsModel, view: LogView, banner: Banner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._view, self._banner = view, banner
        self._told: dict[Job, int] = {}
        self._fading = QTimer(self, singleShot=True, interval=_FADING)
        self._fading.timeout.connect(self._forget_good_news)
        session.message.connect(self.say)
        jobs.board_changed.connect(self._take_board)
        jobs.ended.connect(self._take_end)
        jobs.removed.connect(self._forget)

    def say(self, level: str, text: str) -> None:
        """Tell something of the window itself."""
        text = block(text)
        self._view.append(datetime.now(), _LEVELS.get(level, level), text)
        if level in ("ERROR", "WARN"):
            self._banner.say(_LEVELS.get(level, level).lower(), text)

    def _forget_good_news(self) -> None:
        # a method, since Qt lets go of it with this object, and a lambda would outlive the banner
        self._banner.clear(GOOD_NEWS)

    def _take_board(self, job: Job, board: Board) -> None:
        for message in board.messages[self._told.get(job, 0):]:
            level = _LEVELS.get(message.level, message.level)
            self._view.append(datetime.fromtimestamp(message.time), level, message.text)
        self._told[job] = len(board.messages)

    def _take_end(self, job: Job) -> None:
        board, cause = job.board, _cause(job)
        name, made = job_label(job), _written(job, board)
        if board.error:
            kept = f" Of its constants, {board.left}." if board.left else ""
            self._banner.say("warning" if board.same_as else "error", f"{name}: {board.error}{kept}", cause)
        elif board.state is State.CANCELLED:
            self._banner.say("warning", f"{name} was cancelled: {board.left or NOTHING}.", cause)
        elif board.warnings:
            self._banner.say("warning", f"{name} is {board.outcome}: {board.warnings[0].rstrip('.')}. {made}", cause)
        elif board.outputs:
            self._banner.say("ok", f"{name}: {made}", GOOD_NEWS)
            self._fading.start()

    def _forget(self, job: Job) -> None:
        """What a job that was removed has said is no news any more; its lines stay in the log."""
        self._told.pop(job, None)
        self._banner.clear(_cause(job))


def _written(job: Job, board: Board) -> str:
    """Sentence on what a job has written, and where."""
    return f"{told(board.outputs)} written to {job.spec.out_folder}." if board.outputs else "No file was written."


def _cause(job: Job) -> str:
    return f"job {id(job)}"
