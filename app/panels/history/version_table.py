"""Table of versions: letters of what is compared, when, what was decided, and the number of the module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from PyQt6.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont
from PyQt6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableView, QWidget

from app.panels.history.scene import status_of, words_of
from app.widgets.plain import tip
from app.widgets.timeline_plot import LETTERS
from app.widgets.tones import tones_of
from calib_core.subjects.provenance_words import time_text
from calib_core.subjects.timeline import Moment

_ROLE = Qt.ItemDataRole
_LETTER, _BEGIN, _STATUS, _NUMBER = range(4)


class _Model(QAbstractTableModel):
    """Versions by time, with what is beside them; nothing is made before it is drawn."""

    def __init__(self, table: VersionTable) -> None:
        super().__init__(table)
        self._table = table
        self.moments: Sequence[Moment] = ()
        self.numbers: Mapping[float, float] = {}
        self.letters: Mapping[datetime, str] = {}
        self.heading = ""

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Versions."""
        return 0 if parent is not None and parent.isValid() else len(self.moments)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Letter, begin, status, number."""
        return 0 if parent is not None and parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> object:
        """Titles of the columns."""
        if orientation != Qt.Orientation.Horizontal or role != _ROLE.DisplayRole:
            return None
        return ("", "begin", "status", self.heading)[section]

    def data(self, index: QModelIndex, role: int = _ROLE.DisplayRole) -> object:
        """Text of a place, its colour, and all that is known of the version as tool tip."""
        moment = self.moments[index.row()]
        if role == _ROLE.DisplayRole:
            return self._text(moment, index.column())
        if role == _ROLE.ToolTipRole:
            return tip(words_of(moment))
        if role == _ROLE.TextAlignmentRole and index.column() == _NUMBER:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == _ROLE.ForegroundRole:
            return self._colour(moment, index.column())
        if role == _ROLE.FontRole and index.column() == _LETTER:
            font = QFont(self._table.font())
            font.setBold(True)
            return font
        return None

    def _text(self, moment: Moment, column: int) -> str:
        number = self.numbers.get(moment.begin.timestamp())
        return (self.letters.get(moment.begin, ""), time_text(moment.begin, datetime.now(UTC)), status_of(moment)[0],
                "–" if number is None or number != number else f"{number:+.4g}")[column]

    def _colour(self, moment: Moment, column: int) -> QColor | None:
        tones = tones_of(self._table.palette())
        if column == _STATUS:
            return QColor(getattr(tones, status_of(moment)[1]))
        letter = self.letters.get(moment.begin, "")
        return QColor(getattr(tones, LETTERS[letter[0]])) if column == _LETTER and letter else None


class VersionTable(QTableView):
    """Rows of versions, the newest first.

    Signals
    -------
    wanted(moment, as_a)
        A row was double-clicked, with Shift for A.
    """

    wanted = pyqtSignal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self.setModel(self._model)
        self.setObjectName("versions")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(18)
        header.setHighlightSections(False)
        header.setResizeContentsPrecision(0)  # what is in sight
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_STATUS, QHeaderView.ResizeMode.Stretch)
        self.doubleClicked.connect(self._tell)

    @property
    def moments(self) -> Sequence[Moment]:
        """Rows as they are shown."""
        return self._model.moments

    @property
    def current(self) -> Moment | None:
        """Version of the current row."""
        row = self.currentIndex().row()
        return self.moments[row] if 0 <= row < len(self.moments) else None

    @property
    def selected(self) -> tuple[Moment, ...]:
        """Versions of the selected rows, from above."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return tuple(self.moments[row] for row in rows if row < len(self.moments))

    def show_versions(self, moments: Sequence[Moment], heading: str, numbers: Mapping[float, float],
                      letters: Mapping[str, datetime]) -> None:
        """Show versions, the number of a module of each under a heading, and which are A and B; the current stays."""
        model, current = self._model, self.current
        by_begin: dict[datetime, str] = {}
        for letter, begin in letters.items():
            by_begin[begin] = by_begin.get(begin, "") + letter
        wide = (model.heading, bool(model.numbers)) == (heading, bool(numbers))  # else the columns have other widths
        same = wide and len(model.moments) == len(moments) and all(
            one.begin == other.begin for one, other in zip(model.moments, moments, strict=True))
        if not same:
            model.beginResetModel()
        model.moments, model.heading, model.numbers, model.letters = moments, heading, numbers, by_begin
        if not same:
            model.endResetModel()
            self._select(current)
        self.viewport().update()
        self.horizontalHeader().viewport().update()

    def _select(self, moment: Moment | None) -> None:
        """Make the row of a version the current one, where it is still there."""
        wanted = None if moment is None else moment.begin
        place = next((i for i, one in enumerate(self.moments) if one.begin == wanted), -1)
        if place >= 0:
            self.selectionModel().setCurrentIndex(
                self._model.index(place, _BEGIN), QItemSelectionModel.SelectionFlag.ClearAndSelect
                | QItemSelectionModel.SelectionFlag.Rows)

    def _tell(self, index: QModelIndex) -> None:
        shift = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.wanted.emit(self.moments[index.row()], shift)
