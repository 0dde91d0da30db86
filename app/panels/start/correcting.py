"""From constants to the correction of a run with them; knows no widgets but signals."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.session.session import Session
from app.session.sources import Source
from calib_core.characterisation.family import families, named
from calib_core.jobs.job import Job
from calib_core.jobs.survey import Survey
from calib_core.subjects.base import Subject
from calib_core.subjects.constants import ConstantsSubject
from calib_core.subjects.job import JobSubject, runs_of


class Correcting(QObject):
    """Proposes constants that were made or opened to the correction of a run.

    Of a job it is one of its own runs: whether darks are at zero with their own offsets is looked at first.

    Signals
    -------
    wanted()
        A correction is to be looked at.
    """

    wanted = pyqtSignal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._opened: Survey | None = None
        session.survey_changed.connect(self._remember)

    def take_ended(self, job: Job) -> None:
        """Constants of the job are those that a correction takes from now on."""
        if any(one.what == "constant" for one in job.board.outputs):
            self._session.constants_folder = job.spec.out_folder

    def correct_with(self, source: Source) -> None:
        """Open a run for correction with the constants of a source."""
        subject, session = source.subject, self._session
        folder, task = _folder_of(subject), _task_of(subject)
        if folder is None or task is None:
            session.say("ERROR", f"{subject.title} has no constants with which a run could be corrected.")
            return
        session.constants_folder = folder
        self.wanted.emit()
        if isinstance(subject, JobSubject) and _read_runs(subject.job):
            session.open_runs(runs_of(subject.job.spec)[:1], subject.identifier, task)
        elif session.survey is not None and session.survey.runs:
            session.open_runs([run.path for run in session.survey.runs], subject.identifier, task)
        elif self._opened is not None:
            session.open_runs([self._opened.runs[0].path], subject.identifier, task)
        else:
            session.say("INFO", "Open the run that is to be corrected.")

    def _remember(self, survey: Survey | None) -> None:
        """Keep the last runs that were opened: what is made of constants is mostly for them."""
        if survey is not None and survey.runs:
            self._opened = survey


def _read_runs(job: Job) -> bool:
    """Whether a job has read runs."""
    return job.plan is not None and bool(job.plan.runs)


def _folder_of(subject: Subject) -> Path | None:
    """Folder of constants, as an input takes it."""
    if isinstance(subject, JobSubject):
        made = [one for one in subject.job.board.outputs if one.what == "constant"]
        return subject.job.spec.out_folder if made else None
    if isinstance(subject, ConstantsSubject) and subject.files:
        file = subject.files[0]
        return next((parent.parent for parent in file.parents if parent.name == "xfel"), file.parent)
    return None


def _task_of(subject: Subject) -> tuple[str, str] | None:
    """Family and command of the correction of the subject's detector."""
    if isinstance(subject, JobSubject):
        known = [named(subject.job.spec.family)]
    else:
        known = [one for one in families() if subject.kind is not None and one.has(subject.kind)]
    return next(((family.name, method.command) for family in known for method in family.methods if method.corrects),
                None)
