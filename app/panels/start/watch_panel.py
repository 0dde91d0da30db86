"""Panel of a watched folder: a switch, what is waited for, what did not start and why, lines for the log book."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel
from app.panels.start.watching import WatchPresenter
from app.widgets.plain import PlainLabel
from calib_core.jobs.survey import Survey


class WatchPanel(QWidget):
    """Watches the folder that is typed while the switch is on."""

    def __init__(self, presenter: WatchPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = presenter
        self.folder, self.choose = QLineEdit(objectName="watch_folder"), QPushButton("…", objectName="watch_choose")
        self.switch = QPushButton("Watch", checkable=True, objectName="watch_switch")
        self.waiting, self.told = NoteLabel("muted"), QListWidget(objectName="watch_told")
        self.lines = QPlainTextEdit(objectName="watch_lines", readOnly=True)
        self.copy = QPushButton("Copy", objectName="watch_copy")
        self._lay_out()
        presenter.changed.connect(self._show)
        self.switch.toggled.connect(lambda on: presenter.switch(on, self.folder.text().strip()))
        self.folder.textChanged.connect(lambda _: self._show())
        self.choose.clicked.connect(self._ask)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.lines.toPlainText()))
        self._show()

    def _lay_out(self) -> None:
        self.folder.setPlaceholderText("Folder of runs, such as …/p900450/raw")
        self.folder.setClearButtonEnabled(True)
        self.choose.setFixedWidth(28)
        self.switch.setToolTip("Characterise darks of this folder by themselves as soon as their last run is closed; "
                               "they wait as drafts in the output folder of the form, and in your store where there "
                               "is one")
        self.copy.setToolTip("Copy the lines for the log book")
        self.waiting.setObjectName("watch_waiting")
        self.told.setWordWrap(True)
        for widget in (self.told, self.lines):
            widget.setMinimumHeight(24)  # it shares a column that may be low
        self.told.setToolTip("What was not started and why, the newest first")
        top, head = QHBoxLayout(), QHBoxLayout()
        for widget, stretch in ((self.folder, 1), (self.choose, 0), (self.switch, 0)):
            top.addWidget(widget, stretch)
        head.addWidget(PlainLabel("Log book"), 1)
        head.addWidget(self.copy)
        lower = QWidget()
        below = QVBoxLayout(lower)
        below.setContentsMargins(0, 0, 0, 0)
        below.addLayout(head)
        below.addWidget(self.lines)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.told)
        split.addWidget(lower)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.waiting)
        column.addWidget(split, 1)

    def propose(self, survey: Survey | None) -> None:
        """Propose the folder of runs that were opened, where none is typed."""
        if survey is not None and survey.runs and not self.folder.text():
            self.folder.setText(str(survey.runs[0].path.parent))

    def _ask(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder of runs", self.folder.text() or str(Path.home()))
        if found:
            self.folder.setText(found)

    def _show(self) -> None:
        presenter = self.presenter
        if self.switch.isChecked() != presenter.on:
            self.switch.setChecked(presenter.on)
        self.switch.setText("Watching" if presenter.on else "Watch")
        self.switch.setEnabled(presenter.on or bool(self.folder.text().strip()))
        for widget in (self.folder, self.choose):
            widget.setEnabled(not presenter.on)
        self.waiting.say(presenter.waiting, "error" if presenter.waiting.startswith("!") else "muted")
        told = [f"{who} {why}." for who, why in reversed(presenter.told.items())]
        if [self.told.item(i).text() for i in range(self.told.count())] != told:
            self.told.clear()
            self.told.addItems(told)
        text = "\n".join(presenter.lines)
        if text != self.lines.toPlainText():
            self.lines.setPlainText(text)
        self.copy.setEnabled(bool(text))
