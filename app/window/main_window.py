"""The window: maps in the middle, panels around them, one session that they share."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QEvent, QSize, Qt, QTimer, QUrl
from PyQt6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
)
from PyQt6.QtWidgets import QApplication, QFileDialog, QMainWindow, QTabWidget, QToolBar, QVBoxLayout, QWidget

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
from app.panels.maps.comparison import BESIDE, WAYS, Comparison
from app.panels.maps.maps import MapsPanel
from app.panels.maps.navigation import NavigationPanel
from app.panels.maps.regions import FORMS as REGIONS
from app.panels.maps.slots import SLOT_COUNTS
from app.panels.start.choosing import Choosing
from app.panels.start.correcting import Correcting
from app.panels.start.files import FilesPanel
from app.panels.start.job_form import JobForm
from app.panels.start.keeping import Keeping
from app.panels.start.log import LogPresenter
from app.panels.start.offering import Offering
from app.panels.start.open_results import ResultsOpener
from app.panels.start.opening import accept_drop
from app.panels.start.previewing import Previewer
from app.panels.start.run_picker import RunPicker
from app.panels.start.sources import SourcesPanel
from app.panels.start.steps import StepsPanel
from app.panels.start.tasks import TaskPanel
from app.panels.start.watch_panel import WatchPanel
from app.panels.start.watching import WatchPresenter
from app.panels.start.why_constants import WhyConstants
from app.running.background import Background
from app.running.jobs_model import HIDDEN_INTERVAL, LIVE_INTERVAL, JobsModel
from app.running.supervision import LoopProbe, Supervisor
from app.session.accepted import AcceptedBefore
from app.session.expert_masks import ExpertMasks
from app.session.session import LAYOUTS, Session
from app.session.sources import Source, Sources
from app.session.standings import Standings
from app.widgets.banner import Banner
from app.widgets.key_sheet import KeySheet
from app.widgets.log_view import LogView
from app.window import theme
from app.window.actions import draw_icons, fill_bar, fill_menus, make_actions, sheet_rows, show_texts
from app.window.comeback import Comeback
from app.window.docks import Docks
from app.window.focus import Focus, is_edited
from app.window.layouts import CORRECT, DARKS, GAIN, WITH_TEXTS, Layout
from app.window.layouts import LAYOUTS as DOCK_LAYOUTS
from app.window.leaving import Answer, Leaving
from app.window.menus import offer_without_runs
from app.window.scale import ScaleEditor
from app.window.status import StatusBar
from calib_core.cli.command_line import command_line
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey
from calib_core.store.statuses import Status
from calib_core.subjects.base import Subject
from calib_core.subjects.job import JobSubject
from calib_core.subjects.masked import bare

CLOSE_TIMEOUT = 5.0
_SIZE = (1680, 1020)


class MainWindow(QMainWindow):
    """Makes the panels, connects them to the session, and ends what is running when it closes.

    Parameters
    ----------
    folder : Path
        Where the session is kept.
    supervisor : Supervisor, optional
        Whose errors are shown.
    restores : bool, optional
        Whether the runs of the last session are opened again, or offered after a crash.
    """

    def __init__(self, folder: Path, supervisor: Supervisor | None = None, restores: bool = True) -> None:
        super().__init__()
        self.setWindowTitle("Calibration workbench")
        self.setAcceptDrops(True)
        self.session, self.background = Session(self), Background(self)
        self.jobs, self.probe = JobsModel(self), LoopProbe(self)
        self.masks = ExpertMasks(self.session, self.background, self)
        self.sources = Sources(self.session, self.masks.masks, self)
        self._ended = self._shown = False
        self._maps_of: dict[str, tuple[str, ...]] = {}
        self._make_panels()
        self._make_centre()
        self.comeback = Comeback(folder, self)
        self.keeper = self.comeback.keeper
        self.leaving = Leaving(folder, self.jobs, self, self.keeper.saves)
        self._make_actions()
        self.status = StatusBar(self.session, self.maps.presenter, self.probe, supervisor, self)
        self.setStatusBar(self.status)
        self.sheet = KeySheet(sheet_rows(), self)
        self.resize(*_fitting_size())
        self.docks = Docks(self, self._panels, DARKS)
        self.focus = Focus(self.session, self.picker, self.form, self.docks, self.maps, self.banner, self)
        self._connect(supervisor)
        self.maps.offer([self.actions_by_name[f"compare_{way}"] for way in (*WAYS, BESIDE)]
                        + [self.actions_by_name[name] for name in ("blink", "mask")])
        self._show_comparison("")
        self._offer_mask()
        self.comeback.begin(restores)
        self.probe.start()

    # -- making

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
        self._panels = {
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
        self.setCentralWidget(centre)
        self.logger = LogPresenter(self.session, self.jobs, self.log, self.banner, self)

    def _make_actions(self) -> None:
        session, maps = self.session, self.maps
        navigator = self.navigation.navigator
        calls = {
            "cancel": self.cancel_job, "flags": maps.presenter.set_flags_visible, "freeze": session.set_frozen,
            "fit": maps.fit, "export": lambda: self.docks.bring("export"), "copy": self.copy_command,
            "theme": self.toggle_theme, "layout": self.reset_layout, "keys": lambda: self.sheet.toggle(),
            "next_cell": lambda: navigator.step(1), "previous_cell": lambda: navigator.step(-1),
            "next_train": lambda: navigator.step(1, 1), "previous_train": lambda: navigator.step(-1, 1),
            "next_module": lambda: navigator.step_module(1), "previous_module": lambda: navigator.step_module(-1),
            "open_results": self.ask_results, "blink": self.comparison.blink,
            "next_comparison": self.comparison.step,
            **{f"compare_{way}": lambda way=way: self.comparison.choose(way) for way in (*WAYS, BESIDE)},
            "escape": self.escape, "quit": self.close,
            **{f"layout_{one.name}": lambda one=one: self.set_layout(one) for one in DOCK_LAYOUTS},
            "next_bad": lambda: maps.walk.step(1), "previous_bad": lambda: maps.walk.step(-1),
            **{f"mark_{form}": lambda form=form: maps.regions.set_tool(form) for form in REGIONS},
            "no_region": maps.regions.remove,
            "mask": self.begin_mask, "unmask": self.masks.undo,
            "similar": lambda: self.docks.bring("similar"),
            "report": self.reporting.write, "accepted_as_b": self.accepted.compare,
            "accept": lambda: self._begin_decision(Status.ACCEPTED),
            "reject": lambda: self._begin_decision(Status.REJECTED),
            "log": lambda: self.docks.toggle("log"), "flag_list": lambda: self.docks.toggle("navigation"),
            **{name: lambda name=name: session.set_arrangement(name) for name in LAYOUTS},
            **{f"slots_{n}": lambda n=n: self.set_slots(n) for n in SLOT_COUNTS},
            **{f"stage_{n + 1}": lambda n=n: navigator.choose(n) for n in range(3)},
        }
        given = {"open": self.picker.focus_action, "run": self.form.run_action}
        self.actions_by_name = make_actions(self, calls, given)
        self.actions_by_name["flags"].setChecked(True)
        buttons = {"◂ failing": "previous_bad", "failing ▸": "next_bad", "fail alike": "similar"}
        self.inspector.samples.offer({text: self.actions_by_name[name] for text, name in buttons.items()})
        self.actions_by_name[f"layout_{DARKS.name}"].setChecked(True)
        self.menus = fill_menus(self.menuBar(), self.actions_by_name)
        bar = self._bar = QToolBar("Tools", self, objectName="tool_bar", movable=False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        bar.setIconSize(QSize(18, 18))
        fill_bar(bar, self.actions_by_name, "export", self.scale)
        self.addToolBar(bar)
        draw_icons(self.actions_by_name)

    def _connect(self, supervisor: Supervisor | None) -> None:
        session, jobs = self.session, self.jobs
        session.job_started.connect(self._take_job)
        self.watch.presenter.started.connect(self._take_watched)
        jobs.ended.connect(self.watch.presenter.take_ended)
        session.survey_changed.connect(self.watch.propose)
        session.results_requested.connect(self.results.open)
        self.comparison.changed.connect(self._show_comparison)
        for signal in (session.region_changed, session.picture_changed, session.subject_changed):
            signal.connect(self._offer_mask)
        self.results.opened.connect(lambda: self.docks.bring("navigation"))
        self.results.several.connect(self.picker.ask_constants_of)
        self.picker.constants_chosen.connect(self.results.choose)
        self.sources_panel.open_wanted.connect(self.ask_results)
        jobs.polled.connect(session.refresh)
        session.view_changed.connect(jobs.hurry)
        session.arrangement_changed.connect(self._show_arrangement)
        session.frozen_changed.connect(self.actions_by_name["freeze"].setChecked)
        self.scale.changed.connect(self._take_percentiles)
        self.scale.left.connect(self.maps.setFocus)
        for name, table in (("asics", self.asics), ("stages", self.stages), ("changes", self.changes),
                            ("courses", self.courses), ("spectrum", self.spectrum)):
            self.docks[name].visibilityChanged.connect(table.presenter.set_shown)
        self.docks["verdict"].visibilityChanged.connect(self.verdict.presenter.set_shown)
        jobs.ended.connect(self._offer_verdict)
        self.docks["export"].visibilityChanged.connect(self.export.set_shown)
        self.docks["similar"].visibilityChanged.connect(self.similar.set_shown)
        self.docks["timeline"].visibilityChanged.connect(self.history.set_shown)
        self.timeline.part_chosen.connect(self.constants.set_part)
        self.timeline.point_shown.connect(lambda: self.docks.bring("verdict"))
        self.verdict.decided.connect(self.maps.setFocus)
        self.verdict.accepted_wanted.connect(self.accepted.compare)
        self.constants.place_wanted.connect(self.ask_history)
        self.history.report_found.connect(lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        jobs.ended.connect(self.history.take_ended)
        self.standings.decided.connect(self.history.find)
        self.leaving.left.connect(self.keeper.save)
        self.leaving.over.connect(self.end)
        self.tasks.removal_wanted.connect(self.results.put_in_place_of)
        self.sources.closed.connect(self._forget)
        self.sources_panel.correction_wanted.connect(self.correcting.correct_with)
        self.correcting.wanted.connect(lambda: self.set_layout(CORRECT))
        self.offering.wanted.connect(self._show_wanted)
        self.keeping.wanted.connect(self._show_kept)
        self.constants.export_wanted.connect(self.keeping.export)
        self.constants.lines_wanted.connect(self.keeping.lines)
        self.constants.dropped.connect(self.keeping.inject)
        jobs.ended.connect(self.correcting.take_ended)
        self.files.open_wanted.connect(self.results.open)
        self.steps.switched.connect(self.form.put)
        self.inspector.samples.presenter.knob_moved.connect(self.form.put)
        self.maps.presenter.clicked.connect(self._bring_samples)
        self.steps.constants.taken.connect(self.form.give)
        self.steps.constants.all_taken.connect(self.form.give_all)
        self.steps.looked_at.connect(lambda key: self.maps.presenter.assign(min(2, self.maps.slots - 1), key))
        self.tasks.log_wanted.connect(lambda _: self.docks.bring("log"))
        self.background.failed.connect(lambda text: session.say("ERROR", text))
        if supervisor is not None:
            supervisor.failed.connect(self.report, Qt.ConnectionType.QueuedConnection)

    # -- what the actions do

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

    def begin_mask(self) -> None:
        """Ask why the marked pixels are to be masked."""
        self.docks.bring("inspector")
        self.inspector.begin_mask()

    def ask_folder(self, title: str) -> str:
        """Let the operator choose a folder; empty where it was left."""
        return QFileDialog.getExistingDirectory(self, title, str(self.session.out_folder))

    def _take_job(self, job: Job) -> None:
        self.kept.setCurrentWidget(self.tasks)
        self.sources.show(self._keep_job(job))
        self._bring_samples()  # the form has done its part: next is what a click tells

    def _take_watched(self, job: Job) -> None:
        """A job that started by itself is shown where nothing is."""
        source = self._keep_job(job)
        if self.sources.a is None:
            self.sources.show(source)

    def _keep_job(self, job: Job) -> Source:
        self.jobs.add(job)
        source = Source(job.spec.detector, partial(JobSubject, job))
        self.sources.add(source)
        return source

    def _bring_samples(self) -> None:
        """What a click on a pixel tells comes in front where the layout is about that."""
        if self.docks.layout.samples:
            self.docks.bring("inspector")

    def _offer_verdict(self, job: Job) -> None:
        """What was made is judged next, unless the layout is about what a click tells."""
        layout = self.docks.layout
        made = any(one.what == "constant" for one in job.board.outputs) and self.session.shown.kind is not None
        if job is self._shown_job and made and "verdict" in layout.places and not layout.samples:
            self.docks.bring("verdict")

    def _begin_decision(self, status: Status) -> None:
        self.docks.bring("verdict")
        self.verdict.begin(status)

    def _forget(self, subject: Subject) -> None:
        """A job that is not looked at any more is no row of the tasks either."""
        if isinstance(subject, JobSubject):
            self.jobs.remove(subject.job)

    def _show_comparison(self, way: str) -> None:
        for name, action in self.actions_by_name.items():
            if name.startswith("compare_") or name == "blink":
                action.setVisible(bool(way))
        if way:
            self.actions_by_name[f"compare_{way}"].setChecked(True)
        self.actions_by_name["blink"].setChecked(self.comparison.blinks)

    def _offer_mask(self) -> None:
        self.actions_by_name["mask"].setVisible(self.session.shown.region is not None)

    def report(self, sentence: str) -> None:
        """Show an unexpected error in banner and log."""
        self.session.say("ERROR", sentence)

    def cancel_job(self) -> None:
        """Cancel the job whose maps are shown."""
        self.tasks.cancel(self._shown_job)

    def copy_command(self) -> None:
        """Copy the command line of what the form shows, or of the shown job."""
        spec = self.session.spec or (self._shown_job.spec if self._shown_job else None)
        if spec is None:
            self.session.say("WARN", "There is no job to copy yet; open runs first.")
            return
        QGuiApplication.clipboard().setText(command_line(spec))
        self.session.say("INFO", f"Copied: {command_line(spec)}")

    def toggle_theme(self) -> None:
        """Change between the dark and the light look."""
        self.set_theme("light" if theme.current() == "dark" else "dark")
        self.keeper.touch()

    def set_theme(self, name: str) -> None:
        """Take the dark or the light look."""
        theme.apply(self, name)
        draw_icons(self.actions_by_name)

    def set_slots(self, count: int) -> None:
        """Show this many maps."""
        self.maps.set_slots(count)
        self.actions_by_name[f"slots_{count}"].setChecked(True)
        self.keeper.touch()

    def set_layout(self, layout: Layout) -> None:
        """Change to another arrangement of the panels, with the maps that were there."""
        if layout is not self.docks.layout:
            self._maps_of[self.docks.layout.name] = self.maps.presenter.wanted
            self.docks.take(layout)
            self.maps.presenter.want(self._maps_of.get(layout.name, ()))
        self.follow_layout(layout)
        self.form.choose_work(layout.work)
        self.maps.setFocus()
        self.keeper.touch()

    def follow_layout(self, layout: Layout) -> None:
        """Let panels do what a layout is about."""
        self.actions_by_name[f"layout_{layout.name}"].setChecked(True)
        self.previewer.set_wanted(layout.previews)
        self.inspector.set_about_samples(layout.samples)
        self.comparison.begins_with = layout.begins_with
        self.standings.decide_on(layout.decides_on)

    def escape(self) -> None:
        """Close the sheet of keys, else the message over the maps, else stop marking, else go on after a freeze."""
        if self.sheet.isVisible():
            self.sheet.hide()
        elif self.banner.isVisible():
            self.banner.dismiss()
        elif self.maps.regions.tool:
            self.maps.regions.set_tool("")
        else:
            self.session.set_frozen(False)

    def reset_layout(self) -> None:
        """Put all panels back."""
        self.docks.reset()
        self.keeper.touch()

    def _take_percentiles(self, low: float, high: float) -> None:
        self.maps.presenter.set_percentiles(low, high)
        self.keeper.touch()

    def _show_arrangement(self, arrangement: str) -> None:
        self.actions_by_name[arrangement].setChecked(True)

    @property
    def _shown_job(self) -> Job | None:
        subject = bare(self.session.subject)
        return subject.job if isinstance(subject, JobSubject) else None

    def _take_without_runs(self, survey: Survey) -> None:
        self.session.set_survey(survey)
        self.docks.bring("job")

    def _show_wanted(self, spec: JobSpec) -> None:
        """Show a job that was put together of constants, and what a click tells of its pixels."""
        self.set_layout(GAIN)
        self.form.show_spec(spec)
        self.docks.bring("job")

    def _show_kept(self, spec: JobSpec) -> None:
        """Show a job that copies constants or takes them; Enter starts it."""
        self.form.show_spec(spec)
        self.docks.bring("job")
        self.form.run_button.setFocus()

    # -- events

    def event(self, event: QEvent | None) -> bool:
        """Leave keys to whoever edits; only what nobody takes moves through cells and modules."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and is_edited(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Take Esc that an editor had no use for."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.escape()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: Any) -> None:
        """Take run folders."""
        accept_drop(self.session, event)

    def dropEvent(self, event: Any) -> None:
        """Open dropped run folders."""
        accept_drop(self.session, event)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look at the boards often; the maps have the keyboard."""
        super().showEvent(event)
        self.jobs.set_interval(LIVE_INTERVAL)
        if not self._shown:
            self._shown = True
            self.maps.setFocus()
            QTimer.singleShot(0, self._settle)

    def _settle(self) -> None:
        """What takes a window that is shown, or need not keep it from being shown."""
        if self.keeper.found.layouts:
            self.docks.fit()
        else:
            self.docks.share()
        self.maps.fit()
        QTimer.singleShot(0, self._offer_menu)

    def _offer_menu(self) -> None:
        offer_without_runs(self.menus["Run"], self._take_without_runs, self.background)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the maps their part of the width."""
        super().resizeEvent(event)
        show_texts(self._bar, self.actions_by_name, self.width() >= WITH_TEXTS)
        self.scale.set_wide(self.width() >= WITH_TEXTS)
        self.docks.fit()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Look at the boards seldom."""
        super().hideEvent(event)
        if not self._ended:
            self.jobs.set_interval(HIDDEN_INTERVAL)

    def changeEvent(self, event: QEvent | None) -> None:
        """Do not look at the boards while minimised."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.jobs.set_interval(None if self.isMinimized() else LIVE_INTERVAL)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Ask what becomes of running jobs; then keep the session, cancel, wait a few seconds, let go."""
        if not self._ended:
            if not self.leaving.ends():
                event.ignore()
                return
            self._ended = True
            self.keeper.end()
            self.hide()
            self.jobs.set_interval(None)
            self.probe.stop()
            self.verdict.presenter.close()
            self.watch.presenter.close()
            self.background.close()
            self.history.close()
            self.timeline.close_background()
            self.sources.close()
            self.picker.close_background()
            self._end_jobs()
        super().closeEvent(event)

    def end(self) -> None:
        """Close without a question, whatever runs."""
        self.leaving.ask = lambda _: Answer.CANCEL
        self.close()
        if not QApplication.quitOnLastWindowClosed():  # there was no window to be closed
            QApplication.quit()

    def _end_jobs(self) -> None:
        jobs = self.jobs.jobs
        for job in jobs:
            job.cancel()
        closer = threading.Thread(target=lambda: [job.close() for job in jobs], name="calibwb-close", daemon=True)
        closer.start()
        closer.join(CLOSE_TIMEOUT)


def _fitting_size() -> tuple[int, int]:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    return min(_SIZE[0], screen.width()), min(_SIZE[1], screen.height())
