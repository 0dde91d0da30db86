"""Panel of what is looked at over time: detector, kind, operating condition, and the list of versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel, ToneLabel
from app.panels.history.calcat_panel import CalCatPanel
from app.panels.history.history_presenter import HistoryPresenter
from app.panels.history.scene import decision_words, shifts_at, within, words_of
from app.panels.history.version_table import VersionTable
from app.widgets.plain import PlainLabel, tip
from app.widgets.sentence_list import SentenceList
from calib_core.store.base import Version
from calib_core.subjects.listed import Listed
from calib_core.subjects.timeline import Moment, condition_names

#: Least height of the list, pixels: what is told above it may need the room.
_LEAST = 48


class ConstantsPanel(QWidget):
    """What is asked above, versions of it below; a double click, or a button, shows one as B, or as A.

    Signals
    -------
    place_wanted()
        The operator wants to add a folder.
    export_wanted(rows)
        The operator wants copies of versions, those of all modules.
    lines_wanted(rows, places)
        The operator wants the lines of versions as files, and where these are.
    dropped(paths)
        Files of constants, or folders of them, were dropped here: they are for the store.
    """

    place_wanted = pyqtSignal()
    export_wanted = pyqtSignal(tuple)
    lines_wanted = pyqtSignal(tuple, tuple)
    dropped = pyqtSignal(tuple)

    def __init__(self, presenter: HistoryPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = presenter
        self._part: tuple[float, float] | None = None
        self._about: datetime | None = None
        self.detector, self.kind = _box("history_detector"), _box("history_kind")
        self.condition, self.place = _box("history_condition"), QPushButton("Add…", objectName="history_place")
        self.calcat = CalCatPanel(self)
        self.drafts = QCheckBox("drafts", objectName="history_drafts", checked=True)
        self.heading, self.table, self.about = ToneLabel(), VersionTable(self), NoteLabel("muted")
        self.heading.setObjectName("versions_heading")
        self.about.setObjectName("version_about")
        self.notes = QPushButton(objectName="history_notes", flat=True)
        self.a_button = QPushButton("Open as A", objectName="open_as_a")
        self.b_button = QPushButton("Open as B", objectName="open_as_b")
        self.report_button = QPushButton("Report", objectName="open_report")
        self.export_button = QPushButton("Export…", objectName="export_versions")
        self.lines_button = QPushButton("Lines…", objectName="export_lines")
        self._list = SentenceList(self)
        self.setAcceptDrops(True)
        self.table.setToolTip("Drop files of constants here to look at them for the store")
        self._lay_out()
        self._connect()
        self._show_choices()

    def set_part(self, part: tuple[float, float] | None) -> None:
        """List the versions of a part of the time alone, seconds since 1970; all where there is none."""
        self._part = part
        self._show_versions()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(4)
        for row, (name, widget) in enumerate((("Detector", self.detector), ("Constant", self.kind),
                                              ("Condition", self.condition))):
            grid.addWidget(PlainLabel(name), row, 0)
            grid.addWidget(widget, row, 1, 1, 2 if widget is self.condition else 1)
        for row, switch in enumerate((self.calcat.switch, self.drafts)):
            grid.addWidget(switch, row, 2)
        grid.setColumnStretch(1, 1)
        top, buttons, files = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.heading, 1)
        top.addWidget(self.notes)
        top.addWidget(self.place)
        self.drafts.setToolTip("Of a store list drafts too, and what was refused or superseded, not only what was "
                               "accepted; of folders all are listed, since nobody decides there")
        self.place.setToolTip("Take the versions of one more folder of constants, store, or file of statistics")
        for button, letter in ((self.a_button, "A"), (self.b_button, "B")):
            button.setToolTip(f"Show the maps of the version of the current row as {letter}")
            buttons.addWidget(button)
        self.export_button.setToolTip("Copy the files of the selected versions, those of all modules")
        files.addWidget(self.export_button)
        self.lines_button.setToolTip("Write the numbers of all versions of this constant over time, with what has "
                                     "changed: HDF5 and tables; those of the marked region where its line is shown")
        files.addWidget(self.lines_button)
        self.report_button.setToolTip("Open the report on the constants of the current row that the store keeps")
        buttons.addWidget(self.report_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(grid)
        column.addLayout(top)
        column.addWidget(self.calcat)
        self.table.setMinimumHeight(_LEAST)
        column.addWidget(self.table, 1)
        column.addWidget(self.about)
        column.addLayout(buttons)
        column.addLayout(files)

    def _connect(self) -> None:
        presenter = self.presenter
        presenter.listed.connect(self._show_choices)
        presenter.drawn.connect(self._show_versions)
        presenter.decided.connect(self._show_decisions)
        for box in (self.detector, self.kind):
            box.activated.connect(lambda _: presenter.choose(self.detector.currentText(), self.kind.currentText()))
        self.condition.activated.connect(lambda _: presenter.ask(condition=self.condition.currentData()))
        self.place.clicked.connect(self.place_wanted)
        self.drafts.toggled.connect(presenter.take_drafts)
        self.calcat.switch.toggled.connect(presenter.take_calcat)
        self.calcat.login_given.connect(presenter.keep_login)
        presenter.calcat_told.connect(self.calcat.tell)
        self.notes.clicked.connect(self._list_notes)
        self.table.wanted.connect(self._open)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_about())
        self.table.model().modelReset.connect(self._show_about)
        self.a_button.clicked.connect(lambda: self._open(self.table.current, True))
        self.b_button.clicked.connect(lambda: self._open(self.table.current, False))
        self.report_button.clicked.connect(self._open_report)
        self.export_button.clicked.connect(self._export)
        self.lines_button.clicked.connect(
            lambda: self.lines_wanted.emit(self.presenter.rows, self.presenter.places))

    def dragEnterEvent(self, event: Any) -> None:
        """Take folders and files."""
        event.setAccepted(bool(_paths_of(event)))

    def dropEvent(self, event: Any) -> None:
        """Have them looked at for the store; elsewhere in the window constants are opened."""
        if paths := _paths_of(event):
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def _export(self) -> None:
        """Ask for copies of the selected versions."""
        rows = tuple(row for moment in self.table.selected for row in moment.rows)
        if rows:
            self.export_wanted.emit(rows)

    def _show_choices(self) -> None:
        presenter, versions = self.presenter, self.presenter.versions
        _fill(self.detector, versions.detectors, presenter.detector)
        _fill(self.kind, versions.calibrations(presenter.detector), presenter.calibration)
        number = len(versions.notes)
        self.notes.setVisible(number > 0)
        self.notes.setText(f"! {number} note{'s' if number > 1 else ''}")
        self.notes.setToolTip(tip("\n".join(versions.notes)))
        self._show_versions()

    def _show_versions(self) -> None:
        presenter, timeline = self.presenter, self.presenter.timeline
        line = presenter.line()
        conditions = [one for one, _ in timeline.conditions] if timeline is not None else []
        names = condition_names(conditions, presenter.units) if conditions else []
        if [self.condition.itemData(i) for i in range(self.condition.count())] != conditions:
            with QSignalBlocker(self.condition):
                self.condition.clear()
                for condition, name in zip(conditions, names, strict=True):
                    self.condition.addItem(name, condition)
        self.condition.setEnabled(len(conditions) > 1)
        self.condition.setToolTip(tip("\n".join(f"{name}: {value}" for name, value in conditions[0]))
                                  if conditions else "")
        every = timeline.moments if timeline is not None else ()
        shown = within(every, self._part)
        unit = timeline.unit if timeline is not None else ""
        heading = f"m{line.module} [{unit}]" if line is not None and unit else f"m{line.module}" if line else ""
        self.table.show_versions(shown, heading, shifts_at(line, True), presenter.letters())
        cut = f" of {len(every):,}" if len(shown) < len(every) else ""
        self.heading.setText(f"Versions {len(shown):,}{cut}")
        self._show_about()

    def _show_about(self) -> None:
        """What is known of the current version, and whether it can be opened."""
        current = self.table.current
        if current is None or current.begin != self._about:
            self._about = None if current is None else current.begin
            self.about.say("" if current is None else words_of(current))
            if current is not None:
                self.presenter.ask_decisions(self._row_of(current))
        for button in (self.a_button, self.b_button, self.report_button, self.export_button):
            button.setEnabled(current is not None)
        self.lines_button.setEnabled(bool(self.presenter.rows))

    def _open(self, moment: Moment | None, as_a: bool) -> None:
        if moment is not None:
            self.presenter.pick(self._row_of(moment), as_a)

    def _open_report(self) -> None:
        if self.table.current is not None:
            self.presenter.find_report(self._row_of(self.table.current))

    def _row_of(self, moment: Moment) -> Listed:
        """Version of the module that is looked at, or of the first one."""
        line = self.presenter.line()
        own = [one for one in moment.rows if line is not None and one.module == line.module]
        return (own or list(moment.rows))[0]

    def _show_decisions(self, row: Listed, versions: Sequence[Version]) -> None:
        """All decisions on the current version below what is known of it."""
        current = self.table.current
        if versions and current is not None and row in current.rows:
            self.about.say("\n".join((*words_of(current).splitlines()[:2], decision_words(versions))))

    def _list_notes(self) -> None:
        self._list.show_at(self.notes.mapToGlobal(self.notes.rect().bottomLeft()), "Versions of constants",
                           self.presenter.versions.notes)


def _paths_of(event: Any) -> tuple[Path, ...]:
    """Folders and files of a drag that are there."""
    local = (Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
    return tuple(path for path in local if path.exists())


def _box(name: str) -> QComboBox:
    box = QComboBox(objectName=name)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def _fill(box: QComboBox, texts: Sequence[str], current: str) -> None:
    if [box.itemText(i) for i in range(box.count())] != list(texts):
        with QSignalBlocker(box):
            box.clear()
            box.addItems(texts)
    box.setCurrentText(current)
    box.setEnabled(len(texts) > 1)
