"""The expert mask: what is to be masked and why, and all entries so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel
from app.panels.maps.pixel_text import flag_names
from app.session.expert_masks import Asked, ExpertMasks
from app.session.session import Session
from app.widgets.plain import PlainLabel, tip
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import BY_HAND, Told
from calib_core.subjects.age import day_text
from calib_core.subjects.shown import in_words

NOTHING = "Mark pixels in a map (R, O, P, I, or a threshold in the tab Region), then “Mask…”."
_COLUMNS = ("when", "author", "reason", "pixels")
#: Axes of which an entry may be about the shown place alone.
_AXES = ("cell", "gain")


class MaskPanel(QWidget):
    """A line for the reason, which Enter ends, over the list of entries."""

    def __init__(self, session: Session, masks: ExpertMasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._masks = session, masks
        self.what = PlainLabel(NOTHING, objectName="mask_what", wordWrap=True)
        self.reason = QLineEdit(objectName="mask_reason")
        self.author = QLineEdit(masks.author, objectName="mask_author")
        self.flag = QComboBox(objectName="mask_flag")
        self.only = {axis: QCheckBox(objectName=f"mask_only_{axis}") for axis in _AXES}
        self.button = QPushButton("Mask", objectName="mask_region")
        self.file_button = QPushButton("From file…", objectName="mask_from_file")
        self.back_button = QPushButton("Take back", objectName="mask_take_back")
        self.said, self.table = NoteLabel(), QTableWidget(0, len(_COLUMNS), objectName="mask_entries")
        self.said.setObjectName("mask_said")
        self.ask_file: Callable[[], str] = self._ask_file
        self._lay_out()
        self._connect()
        self._show_region()
        self._show_entries()

    def begin(self) -> None:
        """Wait for the reason."""
        self.said.say("")
        self.reason.setFocus()
        self.reason.selectAll()

    @property
    def asked(self) -> Asked:
        """What the form says."""
        axes = tuple(axis for axis, box in self.only.items() if box.isVisibleTo(self) and box.isChecked())
        return Asked(self.reason.text(), self.author.text(), self.flag.currentData(), axes)

    def _lay_out(self) -> None:
        for flag in (flag for flag in BadPixels if flag & BY_HAND):
            self.flag.addItem(flag.label, int(flag))
        self.reason.setPlaceholderText("why? Enter masks the marked pixels")
        self.reason.setMaxLength(500)
        self.author.setMinimumWidth(60)
        for button in (self.button, self.file_button, self.back_button):
            button.setMinimumWidth(40)
        self.author.setToolTip("Who masks; kept with the entry")
        self.button.setToolTip("Mask the marked pixels (Enter in the reason)")
        self.file_button.setToolTip("Take a mask that others made: an HDF5 file with bad_pixels, bool or uint32, of "
                                    "all modules; its flags, or its name, are kept with the entries")
        self.back_button.setToolTip("Let the chosen entry count no more; Ctrl+Z does so with your last one")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Reason", self.reason)
        form.addRow("Flag", _row(self.flag, PlainLabel("by"), self.author))
        form.addRow("", _row(*self.only.values()))
        self._lay_out_table()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.what)
        column.addLayout(form)
        column.addLayout(_row(self.button, self.file_button, self.back_button))
        column.addWidget(self.said)
        column.addWidget(self.table, 1)

    def _lay_out_table(self) -> None:
        table, header = self.table, self.table.horizontalHeader()
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 6)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        for column, text in enumerate(("yesterday 22:22", "author-", "", "1,000,000")):
            header.resizeSection(column, table.fontMetrics().horizontalAdvance(text) + 10)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)

    def _connect(self) -> None:
        session, masks = self._session, self._masks
        for signal in (session.region_changed, session.subject_changed, session.picture_changed):
            signal.connect(self._show_region)
        for signal in (masks.changed, session.subject_changed):
            signal.connect(self._show_entries)
        masks.said.connect(self._tell)
        self.reason.returnPressed.connect(self._mask)
        self.button.clicked.connect(self._mask)
        self.file_button.clicked.connect(self._take_file)
        self.back_button.clicked.connect(self._take_back)
        self.author.textEdited.connect(lambda text: setattr(masks, "author", text))
        self.table.itemSelectionChanged.connect(self._offer)

    def _mask(self) -> None:
        self._masks.add(self._session.shown.region, self.asked)

    def _take_file(self) -> None:
        path = self.ask_file()
        if path:
            asked = self.asked
            reason = asked.reason or f"mask of others: {Path(path).name}"
            self._masks.add_file(Path(path), Asked(reason, asked.author, asked.flags, asked.axes))

    def _take_back(self) -> None:
        chosen = self._chosen
        if chosen is not None:
            self._masks.take_back(chosen.entry)

    def _ask_file(self) -> str:
        return QFileDialog.getOpenFileName(self, "Mask of others", str(self._masks.folder), "HDF5 (*.h5 *.hdf5)")[0]

    @property
    def _chosen(self) -> Told | None:
        told, row = self._masks.told, self.table.currentRow()
        return told[row] if 0 <= row < len(told) and self.table.selectedItems() else None

    def _show_region(self) -> None:
        shown = self._session.shown
        region = shown.region
        begin = "" if region is None else f", from {day_text(self._masks.begin, _now())} on"
        self.what.setText(NOTHING if region is None else f"{region.words[:1].upper()}{region.words[1:]}{begin}")
        self.button.setEnabled(region is not None)
        for axis, box in self.only.items():
            there = axis in shown.at and len(shown.axes[axis]) > 1
            box.setVisible(there)
            box.setText(f"{in_words(shown.axes[axis], shown.label(axis))} only" if there else "")

    def _show_entries(self) -> None:
        told = self._masks.told
        self.table.setRowCount(len(told))
        for row, one in enumerate(told):
            entry = one.entry
            texts = (day_text(entry.time, _now()), entry.author, entry.reason, f"{one.pixels:,}")
            for column, text in enumerate(texts):
                self.table.setItem(row, column, _item(one, text, column == len(texts) - 1))
        self._offer()

    def _offer(self) -> None:
        chosen = self._chosen
        self.back_button.setEnabled(chosen is not None and chosen.counts)

    def _tell(self, sentence: str, wrong: bool) -> None:
        self.said.say(sentence, "error" if wrong else "ok")
        if sentence and not wrong:
            self.reason.clear()


def words_of(one: Told) -> str:
    """All that is known of an entry, line by line."""
    entry, back = one.entry, one.taken_back
    cells = "all memory cells" if not entry.cells else f"memory cells {', '.join(map(str, entry.cells))}"
    stages = "all gain stages" if not entry.stages else f"gain stages {', '.join(entry.stages)}"
    lines = (entry.reason, f"{flag_names(entry.flags)}: {one.pixels:,} pixels of {', '.join(one.units)}",
             f"drawn as {entry.drawn}", f"{cells}, {stages}, from {entry.begin:%Y-%m-%d %H:%M:%S} UTC on",
             f"by {entry.author}, {entry.time:%Y-%m-%d %H:%M:%S} UTC",
             f"taken back by {back.author}, {back.time:%Y-%m-%d %H:%M:%S} UTC" if back is not None else "")
    return "\n".join(filter(None, lines))


def _item(one: Told, text: str, is_number: bool) -> QTableWidgetItem:
    """A place of the list; what was taken back is struck out."""
    item = QTableWidgetItem(text)
    font = item.font()
    font.setStrikeOut(not one.counts)
    item.setFont(font)
    item.setToolTip(tip(words_of(one)))
    side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def _now() -> datetime:
    return datetime.now(UTC)
