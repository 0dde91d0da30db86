"""List of a correction's constants: a row of each module and kind, whose versions one click offers and one takes."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QBrush, QColor, QGuiApplication
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.plain import PlainLabel, tip
from app.widgets.tones import tones_of
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.jobs.constant_rows import NONE, ConstantRow
from calib_core.jobs.versions import Version, Versions

_HEADINGS = ("Constant", "age", "missed")
#: Versions that a menu has at most; how many more there are is said.
MOST = 20
AS_CHOSEN, NEUTRAL_TEXT = "As chosen by condition and time", "Neutral: zeros and ones, nothing changes"
NOT_NEUTRAL = "It cannot be neutral: no value of it changes nothing"


class ConstantsList(QWidget):
    """Constants of the steps that are on.

    Signals
    -------
    asked(module, kind)
        Versions of a constant are to be offered.
    taken(module, kind, file)
        One was chosen; ``neutral``, or empty for the one that goes best.
    all_taken(word)
        All are to be neutral, or empty, as chosen again.
    """

    asked = pyqtSignal(int, str)
    taken = pyqtSignal(int, str, str)
    all_taken = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, len(_HEADINGS), objectName="constants_list")
        self.heading = PlainLabel("Constants")
        self.all_button = QToolButton(text="All", objectName="all_constants")
        self.menu = QMenu(self)
        self._rows: tuple[ConstantRow, ...] = ()
        self._lay_out()
        self.table.cellClicked.connect(lambda row, _: self.asked.emit(self._rows[row].module, self._rows[row].kind))

    def show_rows(self, rows: Sequence[ConstantRow]) -> None:
        """Show constants; where nothing is new nothing is done."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._fill(number, row)

    def bring(self, word: str) -> None:
        """Scroll to the constants of a step."""
        place = next((i for i, row in enumerate(self._rows) if row.word == word), None)
        if place is not None:
            self.table.scrollToItem(self.table.item(place, 0), QAbstractItemView.ScrollHint.PositionAtTop)

    def offer(self, versions: Versions) -> None:
        """Show a menu of versions at the row of their constant."""
        places = [i for i, row in enumerate(self._rows) if (row.module, row.kind) == (versions.module, versions.kind)]
        if not places:
            return
        self.menu.clear()
        shown = versions.found[:MOST]
        for one in shown:
            self._add(_text(one), versions, str(one.path), str(one.path))
        if more := len(versions.found) - len(shown):
            self.menu.addAction(f"{more} more are further from the run").setEnabled(False)
        for sentence in versions.unread:
            self.menu.addAction(f"! {sentence}").setEnabled(False)
        self.menu.addSeparator()
        self._add(AS_CHOSEN, versions, "", "Of the folders that are given")
        if self._rows[places[0]].neutral:
            self._add(NEUTRAL_TEXT, versions, NEUTRAL, "Offsets and flags of 0, factors of 1")
        else:
            self.menu.addAction(NOT_NEUTRAL).setEnabled(False)
        area = self.table.visualItemRect(self.table.item(places[0], 0))
        self.menu.popup(self.table.viewport().mapToGlobal(area.bottomLeft() + QPoint(4, 0)))

    def _add(self, text: str, versions: Versions, file: str, tooltip: str) -> None:
        action = self.menu.addAction(text)
        action.setToolTip(tip(tooltip))
        action.setData(file)
        action.triggered.connect(lambda: self.taken.emit(versions.module, versions.kind, file))

    def _fill(self, number: int, row: ConstantRow) -> None:
        tones = tones_of(QGuiApplication.palette())
        colour = tones.text if row.usual and row.age != NONE else tones.muted if row.usual else tones.warning
        mark = "" if row.usual else "! "
        for column, text in enumerate((f"{mark}{row.module}  {row.kind}", row.age, row.missed)):
            item = QTableWidgetItem(text)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setToolTip(tip("\n".join((f"{row.kind} of module {row.module}: {row.age}", *row.about,
                                           "Click to take another version"))))
            item.setForeground(QBrush(QColor(colour)))
            self.table.setItem(number, column, item)

    def _lay_out(self) -> None:
        table, header = self.table, self.table.horizontalHeader()
        table.setHorizontalHeaderLabels(_HEADINGS)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 4)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for column, text in enumerate(("! 15  ThresholdsDark", "at the begin of the run")):
            header.resizeSection(column, table.fontMetrics().horizontalAdvance(text) + 10)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.menu.setToolTipsVisible(True)
        self.menu.setObjectName("versions")
        every = QMenu(self.all_button)
        for text, word in ((AS_CHOSEN, ""), (NEUTRAL_TEXT, NEUTRAL)):
            every.addAction(text).triggered.connect(lambda _, word=word: self.all_taken.emit(word))
        self.all_button.setMenu(every)
        self.all_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.all_button.setToolTip("All constants at once")
        row = QHBoxLayout()
        row.addWidget(self.heading, 1)
        row.addWidget(self.all_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(table, 1)


def _text(one: Version) -> str:
    """A version in a menu, whose texts take & as a mark."""
    differs = f"  ! {one.differs}" if one.differs else ""
    return f"{one.age}  ·  {one.path.name}{differs}".replace("&", "&&")
