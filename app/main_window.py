"""The window: what starts work on the left, maps in the middle, looking closer on the right, the log below."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.background import Background
from app.jobs_model import JobsModel, data_age
from app.panels.inspector import InspectorPanel
from app.panels.job_form import JobForm
from app.panels.log import LogPresenter
from app.panels.maps import MapsPanel, save_image
from app.panels.navigation import NavigationPanel
from app.panels.opening import accept_drop
from app.panels.pixel_text import place_text, values_text
from app.panels.run_picker import RunPicker
from app.panels.tasks import TaskPanel
from app.session import LAYOUTS, Session
from app.supervision import LoopProbe, Supervisor
from app.widgets.banner import Banner
from app.widgets.icons import icon
from app.widgets.log_view import LogView
from calib_core.io.budget import resident_bytes
from calib_core.jobs.command import command_line
from calib_core.jobs.job import Job

_STATUS_INTERVAL = 250
_CLOSING_SECONDS = 5.0


class MainWindow(QMainWindow):
    """Panels around one session; it knows where they stand, they know nothing of each other."""

    def __init__(self, supervisor: Supervisor) -> None:
        super().__init__()
        self.setWindowTitle("calibwb")
        self.setAcceptDrops(True)
        self.session, self.background, self.jobs = Session(self), Background(self), JobsModel(self)
        self.banner, self.log_view, self.probe = Banner(self), LogView(self), LoopProbe(self)
        self.maps = MapsPanel(self.session, self.background)
        self.picker = RunPicker(self.session, self.background)
        self.form = JobForm(self.session)
        self.tasks = TaskPanel(self.session, self.jobs)
        self.navigation = NavigationPanel(self.session, self.background)
        self.inspector = InspectorPanel(self.session, self.background, self.maps.presenter)
        self.log = LogPresenter(self.session, self.jobs, self.log_view, self.banner, self)
        self._cursor, self._numbers = QLabel("move over a map"), QLabel()
        self._lay_out()
        self._add_tools()
        self._add_keys()
        self._connect(supervisor)

    def _lay_out(self) -> None:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.banner)
        column.addWidget(self.maps, 1)
        self.setCentralWidget(centre)
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self._dock("Runs", self.picker, left)
        self._dock("Job", self.form, left)
        self._dock("Tasks", self.tasks, left)
        self._dock("Navigator and flags", self.navigation, right)
        self._dock("Inspector", self.inspector, right)
        self._dock("Log", self.log_view, Qt.DockWidgetArea.BottomDockWidgetArea)
        self.resizeDocks(self.findChildren(QDockWidget)[:1], [330], Qt.Orientation.Horizontal)
        self.resizeDocks([self.findChild(QDockWidget, "dock_inspector")], [360], Qt.Orientation.Horizontal)
        self.resizeDocks([self.findChild(QDockWidget, "dock_log")], [130], Qt.Orientation.Vertical)
        self.statusBar().addWidget(self._cursor, 1)
        self.statusBar().addPermanentWidget(self._numbers)

    def _dock(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> None:
        dock = QDockWidget(title, self, objectName=f"dock_{title.split()[0].lower()}")
        dock.setWidget(panel)
        self.addDockWidget(area, dock)

    def _add_tools(self) -> None:
        bar = QToolBar("Tools", self, objectName="tools")
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addToolBar(bar)
        self.form.run_action.setIcon(icon("play"))
        bar.addAction(self.form.run_action)
        bar.addAction(self._action("Cancel", "stop", self.cancel))
        bar.addSeparator()
        for name in LAYOUTS:
            chosen = partial(self.session.set_arrangement, name)
            bar.addAction(self._action(name.capitalize(), name, chosen, name[0].upper()))
        for count in (1, 2, 4):
            bar.addAction(self._action(f"{count} maps" if count > 1 else "1 map", "layout",
                                       partial(self.maps.set_slots, count)))
        self.flags_action = self._action("Flags", "flags", None, "F")
        self.flags_action.setCheckable(True)
        self.flags_action.setChecked(True)
        self.flags_action.toggled.connect(self.maps.presenter.set_flags_visible)
        bar.addAction(self.flags_action)
        bar.addSeparator()
        bar.addAction(self._action("Export picture", "export", self.export_picture))
        bar.addAction(self._action("Copy as command line", "copy", self.copy_command))
        bar.addAction(self._action("Theme", "theme", self.toggle_theme))

    def _action(self, text: str, name: str, call: object, key: str = "") -> QAction:
        action = QAction(icon(name), text, self)
        if key:
            action.setShortcut(QKeySequence(key))
            action.setToolTip(f"{text} ({key})")
        if call is not None:
            action.triggered.connect(lambda: call())
        return action

    def _add_keys(self) -> None:
        navigator, presenter = self.navigation.navigator, self.navigation.presenter
        keys = {
            "Left": partial(navigator.step_cell, -1), "Right": partial(navigator.step_cell, 1),
            "Up": partial(navigator.step_module, -1), "Down": partial(navigator.step_module, 1),
            "PgUp": partial(navigator.step_module, -1), "PgDown": partial(navigator.step_module, 1),
            "Space": lambda: self.session.set_frozen(not self.session.frozen),
            **{str(n + 1): partial(presenter.choose_stage, n) for n in range(3)},
        }
        for key, call in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(call)

    def _connect(self, supervisor: Supervisor) -> None:
        self.session.job_changed.connect(self._take_job)
        self.session.job_changed.connect(self.jobs.show_job)
        self.jobs.board_changed.connect(lambda job, board: self.session.take_plan(job))
        self.jobs.picture_changed.connect(self.session.take_picture)
        self.session.plan_changed.connect(lambda plan: self.jobs.renew_picture())
        self.maps.presenter.hovered.connect(self._show_cursor)
        self.background.failed.connect(partial(self.session.say, "ERROR"))
        supervisor.failed.connect(partial(self.session.say, "ERROR"))
        self._status = QTimer(self, interval=_STATUS_INTERVAL)
        self._status.timeout.connect(self._show_numbers)
        self._status.start()
        self.probe.start()

    def _take_job(self, job: Job | None) -> None:
        if job is not None:
            self.jobs.add(job)

    def cancel(self) -> None:
        """Cancel the job whose maps are shown."""
        if self.session.job is not None:
            self.session.job.cancel()

    def toggle_theme(self) -> None:
        """Change between the dark and the light theme."""
        application = QApplication.instance()
        theme.apply(application, "light" if theme.current(application) == "dark" else "dark")

    def copy_command(self) -> None:
        """Put the command line of the job on the clipboard."""
        spec = self.session.job.spec if self.session.job is not None else self.session.spec
        if spec is None:
            self.session.say("WARN", "There is no job to copy; open runs first.")
            return
        QGuiApplication.clipboard().setText(command_line(spec))
        self.session.say("INFO", "Command line copied: " + command_line(spec))

    def export_picture(self) -> None:
        """Ask for a file and write the picture of all maps."""
        name, _ = QFileDialog.getSaveFileName(self, "Export picture", "maps.png", "Pictures (*.png)")
        if name:
            self.save_picture(Path(name))

    def save_picture(self, path: Path) -> None:
        """Write the picture of all maps; a failure is told in the banner."""
        try:
            save_image(self.maps.image(), path)
        except OSError as error:
            self.session.say("ERROR", str(error))
            return
        self.session.say("INFO", f"Picture written to {path}.")

    def _show_cursor(self, pixel: tuple[int, int, int] | None) -> None:
        plan = self.session.plan
        if pixel is None or plan is None:
            self._cursor.setText("move over a map")
            return
        view, stage = self.session.view, plan.detector.type.stages[self.session.view.stage]
        values = values_text(self.maps.presenter.values_at(pixel))
        where = place_text(plan.detector.type, pixel)
        self._cursor.setText(f"{where} · cell {view.cell} · {stage.short} │ {values}")

    def _show_numbers(self) -> None:
        parts = [f"scale {self.maps.presenter.percentiles[0]:g}–{self.maps.presenter.percentiles[1]:g} %"]
        age = data_age(self.session.job.board) if self.session.job is not None else None
        if age is not None:
            parts.append(f"data age {age:.1f} s")
        parts += [f"loop p95 {self.probe.percentile(95):.0f} ms", f"RAM {resident_bytes() / 2**30:.2f} GiB"]
        self._numbers.setText(" │ ".join(parts))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take run folders."""
        accept_drop(self.session, event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open run folders."""
        accept_drop(self.session, event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel what runs, wait a bounded time, and let go."""
        self._status.stop()
        self.probe.stop()
        self.jobs.set_interval(None)
        for job in self.jobs.running:
            job.cancel()
        for job in self.jobs.jobs:
            if job.wait(_CLOSING_SECONDS):
                job.close()
        self.picker.close_background()
        self.background.close()
        event.accept()
