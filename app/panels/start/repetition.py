"""The question at Run: a job that has written its constants already may show them, or write them once more."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtWidgets import QAbstractButton, QMessageBox, QWidget

from app.running.jobs_model import JobsModel, job_label
from app.session.session import Session
from calib_core.jobs.job import Job
from calib_core.store.manifests import files_of


class Repetition(QObject):
    """Asks where a job ended because the same one had written its constants before.

    Attributes
    ----------
    box : QMessageBox, optional
        The question that is in sight, or was last.
    """

    def __init__(self, session: Session, jobs: JobsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._over = session, parent
        self.box: QMessageBox | None = None
        jobs.ended.connect(self._ask)

    def _ask(self, job: Job) -> None:
        if job.board.same_as is None:
            return
        self.box = box = QMessageBox(self._over.window())
        box.setObjectName("repetition")
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("These constants are there already")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"{job_label(job)} has written its constants already.")
        box.setInformativeText(job.board.error)
        role = QMessageBox.ButtonRole
        shown, again = box.addButton("Show them", role.AcceptRole), box.addButton("Write them again", role.ActionRole)
        box.addButton("Leave it", role.RejectRole)
        box.setDefaultButton(shown)
        box.buttonClicked.connect(lambda button: self._act(job, {shown: self._show, again: self._repeat}, button))
        box.open()

    def _act(self, job: Job, acts: dict, button: QAbstractButton) -> None:
        if button in acts:
            acts[button](job)

    def _show(self, job: Job) -> None:
        self._session.results_requested.emit(files_of(job.board.same_as))

    def _repeat(self, job: Job) -> None:
        self._session.start(job.spec.model_copy(update={"again": True}))
