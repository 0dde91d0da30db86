"""Panel of the files that the newest correction writes: how far each is, and what became of it."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.running.jobs_model import JobsModel, job_label
from app.widgets.plain import PlainLabel
from app.widgets.progress_cell import ProgressDelegate
from calib_core.jobs.board import Board, FileProgress
from calib_core.jobs.job import Job

HINT = "Corrected files are listed here while a correction writes them."
_COLUMNS = ("file", "frames", "state")
_NAME, _DONE, _STATE = range(3)


class FilesPanel(QWidget):
    """One row per file, in the order of their names; the heading counts those that are whole.

    Signals
    -------
    open_wanted(paths)
        The frames of these files are to be looked at.
    """

    open_wanted = pyqtSignal(tuple)

    def __init__(self, jobs: JobsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files: tuple[FileProgress, ...] = ()
        self._job: Job | None = None
        self.heading = PlainLabel(HINT, objectName="files_heading")
        self.open_button = QPushButton("Open", objectName="open_corrected")
        self.open_button.setToolTip("Look at the frames of the corrected files, once the job has ended")
        self.open_button.setEnabled(False)
        self.open_button.clicked.connect(lambda: self.open_wanted.emit(self.whole))
        self.table = QTableWidget(0, len(_COLUMNS), objectName="files")
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setItemDelegateForColumn(_DONE, ProgressDelegate(self.table))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for column, text in ((_DONE, "100 %MMMM"), (_STATE, "there alreadyMM")):
            header.resizeSection(column, self.table.fontMetrics().horizontalAdvance(text))
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        row = QHBoxLayout()
        row.addWidget(self.heading, 1)
        row.addWidget(self.open_button)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        self.table.hide()
        jobs.board_changed.connect(self._take)

    @property
    def whole(self) -> tuple[Path, ...]:
        """Files that are whole."""
        if self._job is None:
            return ()
        return tuple(self._job.spec.out_folder / one.name for one in self._files if one.is_whole)

    def _take(self, job: Job, board: Board) -> None:
        """Show the files of the job that was started last."""
        if not board.files or (self._job is not None and job.created < self._job.created):
            return
        self._job = job
        whole = len(board.whole)
        self.open_button.setEnabled(board.state.ended and whole > 0)
        self.heading.setText(f"{job_label(job)}: {whole} of {len(board.files)} files are whole")
        if board.files != self._files:
            self._show(board.files)

    def _show(self, files: tuple[FileProgress, ...]) -> None:
        self._files = files
        self.table.show()
        self.table.setRowCount(len(files))
        for row, one in enumerate(files):
            for column, value in ((_NAME, one.name), (_DONE, one.done), (_STATE, one.state)):
                item = self.table.item(row, column) or self._item(row, column)
                item.setData(Qt.ItemDataRole.DisplayRole, value)

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        item = QTableWidgetItem()
        self.table.setItem(row, column, item)
        return item
