"""The window: maps in the middle, panels around them, one session that they share."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QEvent, QSize, Qt, QTimer
from PyQt6.QtGui import (
    QCloseEvent,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
)
from PyQt6.QtWidgets import QApplication, QToolBar

from app.panels.maps.comparison import BESIDE, WAYS
from app.panels.maps.regions import FORMS as REGIONS
from app.panels.maps.slots import SLOT_COUNTS
from app.panels.start.opening import accept_drop
from app.running.jobs_model import HIDDEN_INTERVAL, LIVE_INTERVAL
from app.running.supervision import LoopProbe, Supervisor
from app.session.session import LAYOUTS
from app.widgets.key_sheet import KeySheet
from app.window import theme
from app.window.actions import draw_icons, fill_bar, fill_menus, make_actions, sheet_rows, show_texts
from app.window.comeback import Comeback
from app.window.docks import Docks
from app.window.focus import Focus, is_edited
from app.window.layouts import CORRECT, DARKS, GAIN, WITH_TEXTS, Layout
from app.window.layouts import LAYOUTS as DOCK_LAYOUTS
from app.window.leaving import Answer, Leaving
from app.window.menus import offer_without_runs
from app.window.panel_window import PanelWindow
from app.window.status import StatusBar
from calib_core.cli.command_line import command_line
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey
from calib_core.store.statuses import Status
from calib_core.subjects.job import JobSubject
from calib_core.subjects.masked import bare

CLOSE_TIMEOUT = 5.0
_SIZE = (1680, 1020)


class MainWindow(PanelWindow):
    """Arranges the panels, does what actions ask for, and ends what is running when it closes.

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
        self.probe = LoopProbe(self)
        self._ended = self._shown = False
        self._maps_of: dict[str, tuple[str, ...]] = {}
        self.comeback = Comeback(folder, self)
        self.keeper = self.comeback.keeper
        self.leaving = Leaving(folder, self.jobs, self, self.keeper.saves)
        self._make_actions()
        self.status = StatusBar(self.session, self.maps.presenter, self.probe, supervisor, self)
        self.setStatusBar(self.status)
        self.sheet = KeySheet(sheet_rows(), self)
        self.resize(*_fitting_size())
        self.docks = Docks(self, self.panels, DARKS)
        self.focus = Focus(self.session, self.picker, self.form, self.docks, self.maps, self.banner, self)
        self._connect(supervisor)
        self.maps.offer([self.actions_by_name[f"compare_{way}"] for way in (*WAYS, BESIDE)]
                        + [self.actions_by_name[name] for name in ("blink", "mask")])
        self._show_comparison("")
        self._offer_mask()
        self.comeback.begin(restores)
        self.probe.start()

    # -- making

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
        self.comparison.changed.connect(self._show_comparison)
        for signal in (session.region_changed, session.picture_changed, session.subject_changed):
            signal.connect(self._offer_mask)
        self.results.opened.connect(lambda: self.docks.bring("navigation"))
        session.arrangement_changed.connect(self._show_arrangement)
        session.frozen_changed.connect(self.actions_by_name["freeze"].setChecked)
        self.scale.changed.connect(self._take_percentiles)
        for name, table in (("asics", self.asics), ("stages", self.stages), ("changes", self.changes),
                            ("courses", self.courses), ("spectrum", self.spectrum)):
            self.docks[name].visibilityChanged.connect(table.presenter.set_shown)
        self.docks["verdict"].visibilityChanged.connect(self.verdict.presenter.set_shown)
        jobs.ended.connect(self._offer_verdict)
        self.docks["export"].visibilityChanged.connect(self.export.set_shown)
        self.docks["similar"].visibilityChanged.connect(self.similar.set_shown)
        self.docks["timeline"].visibilityChanged.connect(self.history.set_shown)
        self.timeline.point_shown.connect(lambda: self.docks.bring("verdict"))
        self.leaving.left.connect(self.keeper.save)
        self.leaving.over.connect(self.end)
        self.correcting.wanted.connect(lambda: self.set_layout(CORRECT))
        self.offering.wanted.connect(self._show_wanted)
        self.keeping.wanted.connect(self._show_kept)
        self.maps.presenter.clicked.connect(self._bring_samples)
        self.tasks.log_wanted.connect(lambda _: self.docks.bring("log"))
        if supervisor is not None:
            supervisor.failed.connect(self.report, Qt.ConnectionType.QueuedConnection)

    # -- what the actions do

    def begin_mask(self) -> None:
        """Ask why the marked pixels are to be masked."""
        self.docks.bring("inspector")
        self.inspector.begin_mask()

    def _take_job(self, job: Job) -> None:
        self.kept.setCurrentWidget(self.tasks)
        self.sources.show(self.keep_job(job))
        self._bring_samples()  # the form has done its part: next is what a click tells

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
            self.close_panels()
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
