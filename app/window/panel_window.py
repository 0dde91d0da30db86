"""The panels of the window, and what they hear of each other; where they stand is the window's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QFileDialog, QMainWindow, QTabWidget, QVBoxLayout, QWidget

from app.panels.deliver.export_panel import ExportPanel
from app.panels.deliver.reporting import Reporting
from app.panels.history.constants_panel import ConstantsPanel
from app.panels.history.history_presenter import HistoryPresenter
from app.panels.history.timeline_panel import TimelinePanel
from app.panels.inspect.changes import ChangesTable
from app.panels.inspect.courses import CoursesPanel
from app.panels.inspect.frames import FramesPanel
from app.panels.inspect.inspector import InspectorPanel
from app.panels.inspect.similar import SimilarTable
from app.panels.inspect.spectrum import SpectrumPanel
from app.panels.inspect.tables import AsicTable, StageTable
from app.panels.inspect.verdict import VerdictPanel
from app.panels.inspect.verdict_presenter import VerdictPresenter
from app.panels.maps.comparison import Comparison
from app.panels.maps.maps import MapsPanel
from app.panels.maps.navigation import NavigationPanel
from app.panels.start.choosing import Choosing
from app.panels.start.correcting import Correcting
from app.panels.start.files import FilesPanel
from app.panels.start.job_form import JobForm
from app.panels.start.keeping import Keeping
from app.panels.start.log import LogPresenter
from app.panels.start.offering import Offering
from app.panels.start.open_results import ResultsOpener
from app.panels.start.previewing import Previewer
from app.panels.start.run_picker import RunPicker
from app.panels.start.sources import SourcesPanel
from app.panels.start.steps import StepsPanel
from app.panels.start.tasks import TaskPanel
from app.panels.start.watch_panel import WatchPanel
from app.panels.start.watching import WatchPresenter
from app.panels.start.why_constants import WhyConstants
from app.running.background import Background
from app.running.jobs_model import JobsModel
from app.session.accepted import AcceptedBefore
from app.session.expert_masks import ExpertMasks
from app.session.session import Session
from app.session.sources import Source, Sources
from app.session.standings import Standings
from app.widgets.banner import Banner
from app.widgets.log_view import LogView
from app.window.scale import ScaleEditor
from calib_core.jobs.job import Job
from calib_core.subjects.base import Subject
from calib_core.subjects.job import JobSubject


class PanelWindow(QMainWindow):
    """Makes the panels around one session and connects them with it and with each other.

    Attributes
    ----------
    panels : dict
        Those that stand around the maps, by the names of their docks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Calibration workbench")
        self.setAcceptDrops(True)
        self.session, self.background, self.jobs = Session(self), Background(self), JobsModel(self)
        self.masks = ExpertMasks(self.session, self.background, self)
        self.sources = Sources(self.session, self.masks.masks, self)
        self._make_panels()
        self._make_centre()
        self._connect_panels()

    def _make_panels(self) -> None:
        session, background = self.session, self.background
        self.standings = Standings(session, self.sources, background, self)
        self.maps = MapsPanel(session, background, self.standings)
        self.picker, self.form = RunPicker(session, Background(self)), JobForm(session, self.jobs)
        self.results = ResultsOpener(session, self.sources, background, self)
        self.accepted = AcceptedBefore(session, self.sources, background, self)
        self.offering = Offering(session, self)
        self.keeping = Keeping(session, self)
        self.sources_panel = SourcesPanel(session, self.sources, self.offering, self.standings)
        self.tasks = TaskPanel(session, self.jobs, self.sources)
        self.comparison = Comparison(session, self.maps.presenter, self)
        self.kept = QTabWidget(objectName="kept")
        self.kept.setDocumentMode(True)
        self.kept.addTab(self.sources_panel, "Sources")
        self.kept.addTab(self.tasks, "Tasks")
        self.watch = WatchPanel(WatchPresenter(session, background, self))
        self.kept.addTab(self.watch, "Watch")
        self.navigation = NavigationPanel(session, background)
        self.inspector = InspectorPanel(session, background, self.maps.presenter, self.maps.regions,
                                        self.masks)
        self.verdict = VerdictPanel(VerdictPresenter(session, background, self.standings, self))
        self.log = LogView()
        self.asics = AsicTable(session, background, self.maps.presenter)
        self.stages = StageTable(session, background, self.maps.presenter)
        self.changes = ChangesTable(session, background)
        self.similar = SimilarTable(session, background, self.maps.presenter)
        self.frames = FramesPanel(session, background)
        self.export = ExportPanel(session, self.jobs, background, self.maps, self.inspector.presenter,
                                  self.inspector.samples.presenter)
        self.reporting = Reporting(session, background, self.standings, self)
        self.scale = ScaleEditor()
        self.correcting = Correcting(session, self)
        self.files = FilesPanel(self.jobs)
        self.courses, self.spectrum = CoursesPanel(session), SpectrumPanel(session, background)
        self.previewer = Previewer(session, self.sources, background, self)
        self.why_constants = WhyConstants(session, background, self)
        self.form.why_asked.connect(self.why_constants.ask)
        self.why_constants.told.connect(self.form.explain)
        self.choosing = Choosing(session, self.previewer, background, self)
        self.steps = StepsPanel(session, self.previewer, self.choosing)
        self.history = HistoryPresenter(session, self.sources, self)
        self.constants = ConstantsPanel(self.history)
        self.timeline = TimelinePanel(session, self.history)
        self.panels: dict[str, QWidget] = {
            "runs": self.picker, "job": self.form, "sources": self.kept, "navigation": self.navigation,
            "steps": self.steps, "files": self.files, "courses": self.courses, "spectrum": self.spectrum,
            "inspector": self.inspector, "log": self.log, "asics": self.asics, "stages": self.stages,
            "changes": self.changes, "similar": self.similar, "frames": self.frames, "export": self.export,
            "verdict": self.verdict, "constants": self.constants, "timeline": self.timeline,
        }

    def _make_centre(self) -> None:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.maps, 1)
        self.banner = Banner(self.maps, self.maps.source)
        self.banner.covers.connect(self.maps.keep_clear)
        self.setCentralWidget(centre)
        self.logger = LogPresenter(self.session, self.jobs, self.log, self.banner, self)

    def _connect_panels(self) -> None:
        session, jobs = self.session, self.jobs
        self.watch.presenter.started.connect(self._take_watched)
        jobs.ended.connect(self.watch.presenter.take_ended)
        session.survey_changed.connect(self.watch.propose)
        session.results_requested.connect(self.results.open)
        self.results.several.connect(self.picker.ask_constants_of)
        self.picker.constants_chosen.connect(self.results.choose)
        self.sources_panel.open_wanted.connect(self.ask_results)
        jobs.polled.connect(session.refresh)
        session.view_changed.connect(jobs.hurry)
        self.scale.left.connect(self.maps.setFocus)
        self.timeline.part_chosen.connect(self.constants.set_part)
        self.verdict.decided.connect(self.maps.setFocus)
        self.verdict.accepted_wanted.connect(self.accepted.compare)
        self.constants.place_wanted.connect(self.ask_history)
        self.history.report_found.connect(lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        jobs.ended.connect(self.history.take_ended)
        self.standings.decided.connect(self.history.find)
        self.tasks.removal_wanted.connect(self.results.put_in_place_of)
        self.sources.closed.connect(self._forget)
        self.sources_panel.correction_wanted.connect(self.correcting.correct_with)
        self.constants.export_wanted.connect(self.keeping.export)
        self.constants.lines_wanted.connect(
            lambda rows, places: self.keeping.lines(rows, places, self.timeline.chosen.scope == "region"))
        self.constants.dropped.connect(self.keeping.inject)
        jobs.ended.connect(self.correcting.take_ended)
        self.files.open_wanted.connect(self.results.open)
        self.steps.switched.connect(self.form.put)
        self.inspector.samples.presenter.knob_moved.connect(self.form.put)
        self.steps.constants.taken.connect(self.form.give)
        self.steps.constants.all_taken.connect(self.form.give_all)
        self.steps.looked_at.connect(lambda key: self.maps.presenter.assign(min(2, self.maps.slots - 1), key))
        self.background.failed.connect(lambda text: session.say("ERROR", text))

    def ask_results(self) -> None:
        """Ask for a folder of constants or of corrected files, and open it."""
        folder = self.ask_folder("Folder of constants or of corrected files")
        if folder:
            self.results.open([Path(folder)])

    def ask_history(self) -> None:
        """Ask for a folder of constants, or of a store, and list its versions."""
        folder = self.ask_folder("Folder of constants, or of a store")
        if folder:
            self.history.add_place(folder)

    def ask_folder(self, title: str) -> str:
        """Let the operator choose a folder; empty where it was left."""
        return QFileDialog.getExistingDirectory(self, title, str(self.session.out_folder))

    def _take_watched(self, job: Job) -> None:
        """A job that started by itself is shown where nothing is."""
        source = self.keep_job(job)
        if self.sources.a is None:
            self.sources.show(source)

    def keep_job(self, job: Job) -> Source:
        """Watch a job that was started, and list what it makes; that is given back."""
        self.jobs.add(job)
        source = Source(job.spec.detector, partial(JobSubject, job))
        self.sources.add(source)
        return source

    def _forget(self, subject: Subject) -> None:
        """A job that is not looked at any more is no row of the tasks either."""
        if isinstance(subject, JobSubject):
            self.jobs.remove(subject.job)

    def close_panels(self) -> None:
        """Let go of all that works in the background or holds files."""
        self.verdict.presenter.close()
        self.watch.presenter.close()
        self.background.close()
        self.history.close()
        self.timeline.close_background()
        self.sources.close()
        self.picker.close_background()
