"""Panel of a correction's steps: which are on, with which constants, and what each makes of the selected pixel."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QBrush, QColor, QGuiApplication
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel
from app.panels.maps.pixel_text import place_text
from app.panels.start.choosing import Choosing
from app.panels.start.constants_list import ConstantsList
from app.panels.start.previewing import Previewer
from app.session.session import Session
from app.widgets.plain import PlainLabel, tip
from app.widgets.tones import tones_of
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.jobs.choice import Taken
from calib_core.jobs.differences import begin_of
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.preview import Link
from calib_core.subjects.masked import bare
from calib_core.subjects.preview import Passage, PreviewSubject

CLICK = "Click a pixel to see what the steps make of it."
ELSEWHERE = "Something else is shown; the preview is in Sources."
HINT = "Open a run, choose Correct and give constants: a frame is looked at here on its way through the steps."
_STEP, _BEFORE, _AFTER, _TIME = range(4)
_HEADINGS = ("Step", "in", "out", "ms")
_WAYS = {"effect": "With − without", "after": "After the step"}
_WORD = Qt.ItemDataRole.UserRole
#: The box of a step that is off would not be seen.
_SWITCHES = ("QTableWidget::indicator { width: 11px; height: 11px; border: 1px solid palette(placeholder-text);"
             " border-radius: 2px } QTableWidget::indicator:checked { background: palette(text) }")


class StepsPanel(QWidget):
    """One row per step in its order: a switch, its constants, what it makes of the selected pixel, and its time.

    Signals
    -------
    switched(word, on)
        The operator switches a step.
    looked_at(key)
        Name of the result that shows the chosen step.
    """

    switched = pyqtSignal(str, bool)
    looked_at = pyqtSignal(str)

    def __init__(
        self, session: Session, previewer: Previewer, choosing: Choosing, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._previewer, self._choosing = session, previewer, choosing
        self.constants = ConstantsList()
        self.table, self.empty = QTableWidget(0, len(_HEADINGS), objectName="steps"), PlainLabel(HINT, wordWrap=True)
        self.heading, self.reason = PlainLabel("", objectName="steps_heading", wordWrap=True), NoteLabel()
        self.ways = QButtonGroup(self)
        self._buttons = QWidget()
        self._lay_out()
        previewer.busy.connect(self.say)
        choosing.offered.connect(self.constants.offer)
        self.constants.asked.connect(choosing.ask)
        self.table.itemChanged.connect(self._switch)
        self.table.currentCellChanged.connect(lambda *_: self._look())
        self.ways.buttonClicked.connect(lambda _: self._look())
        for signal in (session.subject_changed, session.subject_told, session.picture_changed, session.pixel_changed):
            signal.connect(self.refresh)
        self.refresh()

    @property
    def subject(self) -> PreviewSubject | None:
        """The preview that is shown, or could be."""
        found = bare(self._session.shown.subject)
        return found if isinstance(found, PreviewSubject) else self._previewer.subject

    def say(self, text: str) -> None:
        """Say what is being done, or why there is no preview."""
        self.reason.say(text, "error" if text.startswith("!") else "muted")
        self.refresh()

    def refresh(self) -> None:
        """Show the chain as it is, and the selected pixel on its way through it."""
        subject = self.subject
        for widget in (self.table, self.heading, self._buttons):
            widget.setVisible(subject is not None)
        self.constants.setVisible(self._choosing.corrects)
        self.constants.show_rows(self._choosing.rows)
        self.empty.setVisible(subject is None)
        if subject is None:
            return
        shown = self._session.shown
        picture = shown.picture if bare(shown.subject) is subject else None
        seconds = subject.seconds(picture)
        pixel = shown.pixel if bare(shown.subject) is subject else None
        passed = {one.word: one for one in subject.passages(picture, *pixel)} if pixel is not None else {}
        text = CLICK if bare(shown.subject) is subject else ELSEWHERE
        self.heading.setText(text if pixel is None else self._heading(subject, pixel, list(passed.values())))
        for column in (_BEFORE, _AFTER):  # without a pixel the names of steps have their room
            self.table.setColumnHidden(column, not passed)
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(subject.links))
            for row, link in enumerate(subject.links):
                self._fill(row, link, passed.get(link.step.word), seconds)

    def _heading(self, subject: PreviewSubject, pixel: tuple[int, int, int], passed: list[Passage]) -> str:
        where = place_text(subject.kind, pixel)
        if not passed:
            return f"{where}: no frame"
        last, error = passed[-1], subject.error(self._session.shown.picture, *pixel)
        value = _number(last.after) + (f" ± {error:.2g}" if np.isfinite(error) else "")
        old = "" if subject.is_of_chain(self._session.shown.picture) else " · before the last change"
        return f"{where}: {value} {last.unit}, {last.stage}{old}"

    def _fill(self, row: int, link: Link, passed: Passage | None, seconds: Mapping[str, float]) -> None:
        step = link.step
        told = _constants(link) if step.on else ""  # what is off has constants that say nothing
        first = self._item(row, _STEP, "\n".join(filter(None, (f"{row + 1}  {step.title}", told))))
        self.table.setRowHeight(row, (2 if told else 1) * self.table.fontMetrics().height() + 6)
        first.setData(_WORD, step.word)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        first.setFlags(flags if step.required else flags | Qt.ItemFlag.ItemIsUserCheckable)
        first.setCheckState(Qt.CheckState.Checked if step.on else Qt.CheckState.Unchecked)
        first.setToolTip(tip("\n".join(filter(None, (
            step.title, step.use_when, step.caution, link.why_not, link.said, *self._about(link))))))
        tones = tones_of(QGuiApplication.palette())
        colour = tones.warning if link.why_not else tones.text if link.done else tones.muted
        first.setForeground(QBrush(QColor(colour)))
        texts = ("", "") if passed is None else (f"{_number(passed.before)} {passed.unit_before}", _out(passed))
        time_text = f"{seconds[step.word] * 1e3:.1f}" if step.word in seconds else "off" if not link.done else ""
        for column, text in zip((_BEFORE, _AFTER, _TIME), (*texts, time_text), strict=True):
            item = self._item(row, column, text)
            item.setForeground(QBrush(QColor(colour)))
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _about(self, link: Link) -> list[str]:
        """Constants of a step, of the first module, with their age and what just missed."""
        first = {row.kind: row for row in reversed(self._choosing.rows)}
        known = (first.get(one.kind.name) for one in link.constants)
        return ["\n".join((f"{row.kind} of module {row.module}:", *row.about)) for row in known if row is not None]

    def _item(self, row: int, column: int, text: str) -> QTableWidgetItem:
        item = self.table.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            self.table.setItem(row, column, item)
        item.setText(text)
        return item

    def _switch(self, item: QTableWidgetItem) -> None:
        if item.column() == _STEP:
            self.switched.emit(item.data(_WORD), item.checkState() == Qt.CheckState.Checked)

    def _look(self) -> None:
        item = self.table.item(self.table.currentRow(), _STEP)
        if item is not None:
            self.constants.bring(item.data(_WORD))
        button = self.ways.checkedButton()
        if item is None or button is None or self.subject is not bare(self._session.shown.subject):
            return
        names = {one.name for one in self._session.results}
        wanted = f"{button.objectName()}_{item.data(_WORD)}"
        self.looked_at.emit(wanted if wanted in names else f"after_{item.data(_WORD)}")

    def _lay_out(self) -> None:
        table, header = self.table, self.table.horizontalHeader()
        table.setHorizontalHeaderLabels(_HEADINGS)
        table.verticalHeader().hide()
        table.setStyleSheet(_SWITCHES)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header.setSectionResizeMode(_STEP, QHeaderView.ResizeMode.Stretch)
        for column, text in ((_BEFORE, "−12345.6 keV"), (_AFTER, "−12345.6 keV"), (_TIME, "1234.5")):
            header.resizeSection(column, table.fontMetrics().horizontalAdvance(text))
        self.heading.setToolTip(tip("± is what read noise, the statistics of the charge, and the steps of the "
                                    "converter make; errors of the constants are not in it"))
        self.heading.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(PlainLabel("Third map"))
        for name, text in _WAYS.items():
            button = QToolButton(text=text, checkable=True, objectName=name)
            button.setToolTip(f"Show the chosen step in the third map: {text.lower()}")
            self.ways.addButton(button)
            row.addWidget(button)
        self.ways.buttons()[0].setChecked(True)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        both = QSplitter(Qt.Orientation.Vertical)
        both.setChildrenCollapsible(False)
        both.addWidget(table)
        both.addWidget(self.constants)
        both.setStretchFactor(0, 3)
        both.setStretchFactor(1, 2)
        for widget, stretch in ((self.heading, 0), (both, 1), (self.empty, 1), (self._buttons, 0), (self.reason, 0)):
            column.addWidget(widget, stretch)


def _constants(link: Link) -> str:
    """Constants of a step with their age, and of which frames it has learned, or why it is left out, if anything."""
    if link.why_not:
        return f"! {link.why_not}"
    named = (f"{one.kind.name} {_since(one)}" for one in link.constants)
    return " · ".join((*named, *filter(None, [link.said])))


def _since(one: Taken) -> str:
    """From when on a constant is valid."""
    if not isinstance(one, FileConstant):
        return NEUTRAL
    begin = begin_of(one.stored)
    return "" if begin is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(begin.timestamp()))


def _number(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _out(passed: Passage) -> str:
    """Value after a step; of one that changes no values the stage or the flags that it has set."""
    if passed.before == passed.after or (np.isnan(passed.before) and np.isnan(passed.after)):
        return ", ".join(passed.flags) or "="
    return f"{_number(passed.after)} {passed.unit}"
