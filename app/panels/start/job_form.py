"""Panel that says what a job will do, and starts it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QFileDialog, QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel
from app.panels.start.charged import ChargedAsRead
from app.panels.start.folders import folders
from app.panels.start.job_page import JobPage
from app.panels.start.repetition import Repetition
from app.running.jobs_model import JobsModel
from app.session.session import Session
from app.widgets.icons import icon
from app.widgets.plain import PlainLabel
from app.widgets.sentence_list import SentenceList
from calib_core.characterisation.method import Method
from calib_core.errors import CalibrationError
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey, offered, takes

NOTHING_OPEN = "Open runs first: type proposal and runs above, or drop run folders."


class JobForm(QWidget):
    """Form of a job for the session's survey; its specification follows every valid change.

    ``run_action`` (Ctrl+Enter) may also stand in a tool bar. ``refused`` has why nothing was started; ``why_asked``
    a run whose constants are to be explained, and the specification that the form shows.
    """

    refused = pyqtSignal(str)
    why_asked = pyqtSignal(Path, object)

    def __init__(self, session: Session, jobs: JobsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._jobs = session, jobs
        self.page: JobPage | None = None
        self.repetition = Repetition(session, jobs, self)
        self.charged = ChargedAsRead(session, lambda: None if self.page is None else self.page.charged, self)
        self.run_action = QAction("Run", self)
        self.run_button, self.reason = QPushButton("Run"), NoteLabel()
        self._scroll, self.explained = QScrollArea(), SentenceList(self)
        self._lay_out()
        self.run_action.setShortcuts([QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")])
        self.run_action.triggered.connect(lambda: self.run())
        self.addAction(self.run_action)
        self.run_button.clicked.connect(lambda: self.run())
        session.survey_changed.connect(self.show_survey)
        self.show_survey(session.survey)

    def show_survey(self, survey: Survey | None) -> None:
        """Make the form anew; parameters that were changed for the same characterisation stay changed."""
        before = self.page
        self.page = None if survey is None else JobPage(survey, *folders(self._session, survey.method.corrects))
        if self.page is None:
            self._scroll.setWidget(_empty_page())
        else:
            self._connect(self.page, before)
            self._scroll.setWidget(self.page)
        self._update()

    def put(self, name: str, value: Any) -> None:
        """Change a parameter, or switch a step, as its editor in the form does."""
        if self.page is not None and name in self.page.knobs.fields:
            self.page.knobs.put(name, value)

    def give(self, module: int, kind: str, path: str) -> None:
        """Take a file for a constant of one module, as its line in the form does."""
        if self.page is not None:
            self.page.give(module, kind, path)

    def give_all(self, word: str) -> None:
        """Let all constants be neutral, or chosen again."""
        if self.page is not None:
            self.page.give_all(word)

    def choose_work(self, work: str) -> None:
        """Offer a characterisation that is good for some work, of the same family, if it has one."""
        survey = self._session.survey
        if not work or survey is None or survey.detector is None or not survey.runs or survey.method.work == work:
            return
        known = [method for family, method in offered(survey) if family is survey.family and method.work == work]
        if known:
            self._choose(survey, next((one for one in known if takes(one, survey.detector.type, len(survey.runs))),
                                      known[0]))

    def _choose(self, survey: Survey, method: Method) -> None:
        """Open as many of the runs for a characterisation as it takes."""
        assert survey.detector is not None  # there are runs of it
        runs = [run for number, run in enumerate(survey.runs) if takes(method, survey.detector.type, number + 1)]
        if len(runs) < len(survey.runs):
            self._session.say("INFO", f"{method.title} takes {len(runs)} of the {len(survey.runs)} runs: "
                              f"{', '.join(run.label for run in runs)}.")
        self._session.try_runs([run.path for run in runs], survey.detector.identifier,
                               (survey.family.name, method.command))

    def hold(self, reason: str) -> None:
        """Let nothing start until runs are open again: what was opened last is not what the form shows."""
        self._session.set_spec(None)
        self.reason.say(f"! {reason}", "error")
        self.run_button.setEnabled(False)
        self.run_action.setEnabled(False)

    def spec(self) -> JobSpec:
        """Specification of what the form shows at this moment, half-typed values included.

        Raises
        ------
        BadParameter, BadInput
            Nothing is open, or a value is not allowed.
        """
        if self.page is None:
            raise CalibrationError(NOTHING_OPEN)
        return self.page.spec()

    def show_spec(self, spec: JobSpec) -> None:
        """Show a specification's choices over the survey that is open, as after a restart."""
        if self.page is not None:
            self.page.show_spec(spec)
            self._update()

    def run(self, again: bool = False) -> bool:
        """Start what the form shows now; a value that is not allowed is told and nothing starts (False).

        Parameters
        ----------
        again : bool
            Whether constants are written once more that the same job has written already; else the operator is asked.
        """
        try:
            spec = self.spec()
            self._refuse_twice(spec)
            self._session.set_spec(spec)
            self._session.start(spec.model_copy(update={"again": True}) if again else spec)
        except CalibrationError as error:
            self._session.say("ERROR", str(error))
            self.refused.emit(str(error))
            self._say(str(error), self.page is not None)
            return False
        return True

    def _refuse_twice(self, spec: JobSpec) -> None:
        if any(job.spec == spec for job in self._jobs.running):
            raise CalibrationError("This job is running already; change something or cancel it first.")

    def explain(self, heading: str, sentences: Sequence[str]) -> None:
        """Show why constants are taken, below the inputs that were asked for."""
        place = self if self.page is None else self.page.inputs
        self.explained.show_at(place.mapToGlobal(place.rect().bottomLeft()), heading, sentences)

    def _ask_why(self, run: Path) -> None:
        assert self.page is not None
        try:
            self.why_asked.emit(run, self.page.asked())
        except CalibrationError as error:
            self.explain("Why cannot be told before the form is right", (str(error),))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.run_button.setIcon(icon("play"))

    def _connect(self, page: JobPage, before: JobPage | None) -> None:
        page.changed.connect(self._update)
        page.browse.connect(self._ask_folder)
        page.inputs.why_asked.connect(self._ask_why)
        page.detector_chosen.connect(self._choose_detector)
        page.method_chosen.connect(self._choose_method)
        if before is not None:
            page.take_parameters(before)

    def _lay_out(self) -> None:
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.run_button.setObjectName("run")
        self.run_button.setIcon(icon("play"))
        self.run_button.setMinimumSize(120, 36)  # a long name must not widen the window
        self.run_button.setAutoDefault(True)  # Enter presses it where it has the keyboard
        self.run_button.setToolTip("Start the job (Ctrl+Enter)")
        font = self.run_button.font()
        font.setBold(True)
        self.run_button.setFont(font)
        self.reason.setObjectName("run_reason")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self._scroll, 1)
        column.addWidget(self.reason)
        column.addWidget(self.run_button)

    def _update(self) -> None:
        """Tell the session what would run, and the operator why nothing can."""
        self._name_run()
        try:
            spec = self.spec()
        except CalibrationError as error:
            self._session.set_spec(None)
            self._say(str(error), self.page is not None)
            return
        self._say("", False)
        if spec != self._session.spec:
            self._session.set_spec(spec)
        if self.page is not None and self.page.survey.method.corrects:
            self._session.corrected_folder = spec.out_folder
        else:
            self._session.out_folder = spec.out_folder

    def _name_run(self) -> None:
        words = "Run" if self.page is None else self.page.survey.method.starts_with
        self.run_button.setText(f"{words}   Ctrl+Enter" if self.page is not None else words)
        self.run_action.setText(words)

    def _say(self, sentence: str, wrong: bool) -> None:
        """Why Run cannot be pressed; a wrong value can be corrected and Run tried again at once."""
        self.reason.say(f"! {sentence}" if wrong else sentence, "error" if wrong else "muted")
        self.run_button.setEnabled(self.page is not None)
        self.run_action.setEnabled(self.page is not None)

    def _choose_detector(self, identifier: str) -> None:
        survey = self._session.survey
        if survey is not None and survey.detector is not None and identifier != survey.detector.identifier:
            self._session.open_runs([run.path for run in survey.runs], identifier)

    def _choose_method(self, family: str, command: str) -> None:
        survey = self._session.survey
        if survey is not None and survey.detector is not None:
            self._session.open_runs([run.path for run in survey.runs], survey.detector.identifier, (family, command))

    def _ask_folder(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder for the constants", str(self._session.out_folder))
        if found and self.page is not None:
            self.page.set_out_folder(Path(found))


def _empty_page() -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    text = PlainLabel("Nothing is open yet.\n\nType for example  p900450 r12-14  above and press Enter, "
                  "or drop the folders of the runs onto this window.")
    text.setWordWrap(True)
    text.setAlignment(Qt.AlignmentFlag.AlignCenter)
    text.setForegroundRole(text.foregroundRole().PlaceholderText)
    column.addWidget(text)
    column.addStretch(1)
    return page
