"""Panel of jobs and their tasks: progress, state, remaining time, and a way to stop or to remove each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QEvent, QIdentityProxyModel, QModelIndex, QPoint, QRect, QSize, Qt, QUrl, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QDesktopServices,
    QGuiApplication,
    QIcon,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QShortcut,
)
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.panels.start.found import FoundDialog
from app.running import jobs_model
from app.running.jobs_model import ETA, PROGRESS, STATE, TASK, JobsModel, job_label
from app.session.session import Session
from app.session.sources import Source, Sources
from app.widgets import progress_cell
from app.widgets.icons import icon
from app.widgets.plain import PlainLabel, tip
from app.widgets.sentence_list import SentenceList
from app.widgets.tones import Tones, tones_of
from calib_core.cli.command_line import command_line
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import told
from calib_core.jobs.summary import summary_of
from calib_core.plain_text import shown
from calib_core.subjects.job import JobSubject
from calib_core.subjects.on_disk import lasting

#: Icon and tone of each state, and of a job that warned of something; the word is in the tool tip.
_LOOKS = {
    State.QUEUED: ("pause", "muted"), State.RUNNING: ("play", "info"),
    State.DONE: ("approve", "ok"), State.FAILED: ("error", "error"), State.CANCELLED: ("reject", "muted"),
}
_WARNED = ("warning", "warning")


class TaskPanel(QWidget):
    """Table of jobs and tasks; the cross, Delete, or the menu cancels a job that runs and removes one that has ended.

    Signals
    -------
    removal_wanted(source, files)
        A job is to be removed; its constants may take its place where it is looked at.
    log_wanted(task)
        The operator wants the log of a task, or of the whole job where the text is empty.
    """

    log_wanted = pyqtSignal(str)
    removal_wanted = pyqtSignal(object, tuple)

    def __init__(
        self, session: Session, model: JobsModel, sources: Sources, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._model, self._sources = session, model, sources
        self.table, self.empty = QTableView(), PlainLabel("No job yet.")
        self.list = SentenceList(self)
        self._proxy = _TaskRows(self)
        self._proxy.setSourceModel(model)
        self._lay_out()
        self._connect()
        self._show_emptiness()

    def cancel(self, job: Job | None) -> None:
        """Ask a job to stop; nothing happens where it has ended."""
        if job is not None and not job.board.state.ended:
            job.cancel()

    def remove(self, job: Job | None) -> None:
        """Remove a job that has ended; its files stay, and are looked at in its place."""
        source = self._source_of(job)
        if job is None or source is None or not job.board.state.ended:
            return
        files = lasting(source.subject) if source.subject is not None else ()
        stay = f"; its {told(job.board.outputs)} stay in {job.spec.out_folder}" if job.board.outputs else ""
        self._session.say("INFO", f"{job_label(job)} is removed from the list{stay}.")
        self.removal_wanted.emit(source, files)

    def end(self, job: Job | None) -> None:
        """Cancel a job that runs, remove one that has ended."""
        if job is not None and job.board.state.ended:
            self.remove(job)
        else:
            self.cancel(job)

    def show_job(self, job: Job | None) -> None:
        """Look at the maps of a job."""
        source = self._source_of(job)
        if source is not None:
            self._sources.show(source)

    def show_found(self, job: Job) -> None:
        """Show the closing table of a job that has ended."""
        dialog = FoundDialog(summary_of(job), self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def _source_of(self, job: Job | None) -> Source | None:
        return next((one for one in self._sources.entries
                     if isinstance(one.opened, JobSubject) and one.opened.job is job), None)

    def current_job(self) -> Job | None:
        """Job of the current row."""
        return _job_of(self.table.currentIndex())

    def menu_for(self, index: QModelIndex) -> QMenu:
        """Context menu of a row."""
        job, task, menu = _job_of(index), _task_name(index), QMenu(self)
        if job is None:
            return menu
        folder = job.spec.out_folder
        cancel = menu.addAction(icon("stop"), "Cancel job", lambda: self.cancel(job))
        cancel.setEnabled(not job.board.state.ended)
        menu.addAction(icon("close"), "Remove from the list", lambda: self.remove(job)).setEnabled(
            job.board.state.ended)
        menu.addAction(icon("assembled"), "Show maps", lambda: self.show_job(job))
        menu.addSeparator()
        menu.addAction(icon("copy"), "Copy as command line", lambda: self._copy(job))
        menu.addAction(icon("open"), "Open output folder", lambda: self._open(folder)).setEnabled(folder.is_dir())
        found = menu.addAction(icon("chart"), "Show what was found", lambda: self.show_found(job))
        found.setEnabled(job.board.state.ended)
        menu.addAction(icon("report"), "Show log", lambda: self.log_wanted.emit(task))
        return menu

    def _lay_out(self) -> None:
        self.table.setModel(self._proxy)
        self.table.setObjectName("tasks")
        self.table.setItemDelegateForColumn(PROGRESS, progress_cell.ProgressDelegate(self.table))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(25)
        self._size_columns()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.empty)

    def _size_columns(self) -> None:
        header, letters = self.table.horizontalHeader(), self.table.fontMetrics()
        header.setSectionResizeMode(TASK, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(40)
        for column, text in ((PROGRESS, "DoneM"), (STATE, "MMM"), (ETA, "00:00MM")):
            header.resizeSection(column, letters.horizontalAdvance(text))

    def _connect(self) -> None:
        self._cross_cell = _CrossDelegate(self.table)
        self._cross_cell.clicked.connect(self.end)
        self.table.setItemDelegateForColumn(ETA, self._cross_cell)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.doubleClicked.connect(lambda index: self.show_job(_job_of(index)))
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(lambda: self.end(self.current_job()))
        self.table.clicked.connect(self._list_warnings)
        for signal in (self._model.modelReset, self._model.rowsInserted, self._model.rowsRemoved):
            signal.connect(self._show_emptiness)

    def _list_warnings(self, index: QModelIndex) -> None:
        if index.column() == STATE and index.data(jobs_model.WARNINGS_ROLE):
            job, below = _job_of(index), self.table.visualRect(index).bottomLeft()
            self.list.show_at(self.table.viewport().mapToGlobal(below), f"{job_label(job)}: {job.board.outcome}",
                              job.board.warnings)

    def _show_emptiness(self, *_: object) -> None:
        empty = self._model.rowCount() == 0
        self.table.setVisible(not empty)
        self.empty.setVisible(empty)

    def _show_menu(self, at: QPoint) -> None:
        menu = self.menu_for(self.table.indexAt(at))
        if menu.actions():
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.table.viewport().mapToGlobal(at))

    def _copy(self, job: Job) -> None:
        QGuiApplication.clipboard().setText(command_line(job.spec))
        self._session.say("INFO", "The command line of the job was copied.")

    def _open(self, folder: Path) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._session.say("WARN", f"No program opens folders here; the constants are in {folder}.")


class _TaskRows(QIdentityProxyModel):
    """Rows of the jobs' model as the cells want them: a number, an icon beside the state, a tooltip."""

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Value of a cell."""
        state = super().data(index, jobs_model.STATE_ROLE)
        if index.column() == PROGRESS and role == Qt.ItemDataRole.DisplayRole:
            return super().data(index, jobs_model.PROGRESS_ROLE)
        if index.column() == PROGRESS and role == progress_cell.STATE_ROLE:
            return None
        if index.column() == STATE and role == Qt.ItemDataRole.DisplayRole:
            return None  # the icon's shape says it; the names need the room
        if index.column() == STATE and role == Qt.ItemDataRole.ToolTipRole:
            return super().data(index, role) or state.value
        if index.column() == STATE and role in (Qt.ItemDataRole.DecorationRole, Qt.ItemDataRole.ForegroundRole):
            return _look(state, super().data(index, jobs_model.WARNINGS_ROLE), role)
        if role == Qt.ItemDataRole.ToolTipRole and not super().data(index, role):
            task = super().data(index, jobs_model.TASK_ROLE)
            return tip(job_label(super().data(index, jobs_model.JOB_ROLE)) if task is None else shown(task.label))
        return super().data(index, role)


class _CrossDelegate(QStyledItemDelegate):
    """Remaining time, and in the row of a job a cross that ends it."""

    clicked = pyqtSignal(object)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the text, then the cross."""
        super().paint(painter, option, index)
        if _is_job(index):
            tone = _tones().muted if _job_of(index).board.state.ended else _tones().error
            icon("close", QColor(tone)).paint(painter, cross_rect(option.rect))

    def editorEvent(self, event: QEvent | None, model: Any, option: QStyleOptionViewItem, index: QModelIndex) -> bool:
        """Tell that the cross is clicked."""
        released = event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent)
        if released and _is_job(index) and cross_rect(option.rect).contains(event.position().toPoint()):
            self.clicked.emit(_job_of(index))
            return True
        return super().editorEvent(event, model, option, index)

    def helpEvent(self, event: Any, view: Any, option: QStyleOptionViewItem, index: QModelIndex) -> bool:
        """Say what the cross does."""
        if _is_job(index) and cross_rect(option.rect).contains(event.pos()):
            ended = _job_of(index).board.state.ended
            view.setToolTip("Remove this job from the list (Delete)" if ended else "Cancel this job (Delete)")
        else:
            view.setToolTip("")
        return super().helpEvent(event, view, option, index)


def cross_rect(cell: QRect) -> QRect:
    """Where in a cell the cross is."""
    size = QSize(18, 18)
    return QRect(QPoint(cell.right() - size.width() - 3, cell.center().y() - size.height() // 2), size)


def _is_job(index: QModelIndex) -> bool:
    return _job_of(index) is not None and not _task_name(index)


def _job_of(index: QModelIndex) -> Job | None:
    return index.data(jobs_model.JOB_ROLE) if index.isValid() else None


def _task_name(index: QModelIndex) -> str:
    task = index.siblingAtColumn(TASK).data(jobs_model.TASK_ROLE)
    return task.name if task is not None else ""


def _tones() -> Tones:
    return tones_of(QGuiApplication.palette())


def _look(state: State, warnings: Sequence[str], role: int) -> QIcon | QColor:
    name, tone = _WARNED if warnings and state in (State.RUNNING, State.DONE) else _LOOKS[state]
    colour = QColor(getattr(_tones(), tone))
    return icon(name, colour) if role == Qt.ItemDataRole.DecorationRole else colour
