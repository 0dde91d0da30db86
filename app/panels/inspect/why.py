"""Why the selected pixel is flagged, or why it is not: a row for each rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.widgets.tones import tones_of
from calib_core.constants.badpixels import BadPixels
from calib_core.explanation import Reason

COLUMNS = ("flag", "value", "limits", "median", "nσ")


class WhyTable(QWidget):
    """Rules with the pixel's value, their limits, the median of its group and the distance; broken ones first.

    The sentence of the current row stands below.
    """

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = hint
        self.table, self.words = QTableWidget(0, len(COLUMNS)), QLabel(hint, wordWrap=True, objectName="why_words")
        self.table.setObjectName("why")
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setWordWrap(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(80)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._reasons: list[Reason] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        column.addWidget(self.words)
        self.table.currentCellChanged.connect(self._tell)

    def show_reasons(self, reasons: Sequence[Reason]) -> None:
        """Show what rules say of a pixel."""
        self._reasons = sorted(reasons, key=lambda one: not one.set)
        self.table.setRowCount(len(self._reasons))
        for row, one in enumerate(self._reasons):
            for column, text in enumerate(reason_texts(one)):
                self.table.setItem(row, column, self._item(text, one, column))
        self.words.setText(self._hint)
        if self._reasons:
            self.table.setCurrentCell(0, 0)
            self._tell(0)

    def say(self, hint: str) -> None:
        """Show another hint while there are no rules."""
        self._hint = hint
        if not self._reasons:
            self.words.setText(hint)

    def _item(self, text: str, one: Reason, column: int) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setToolTip(one.words)
        if column:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tones = tones_of(self.palette())
        item.setForeground(QColor(tones.error if one.set else tones.muted))
        return item

    def _tell(self, row: int, *_: int) -> None:
        if 0 <= row < len(self._reasons):
            self.words.setText(self._reasons[row].words)


def reason_texts(one: Reason) -> tuple[str, ...]:
    """Cells of a rule's row: flag with a mark where it is set, value, limits, median of the group, distance."""
    name = BadPixels(one.flag).label
    limits = "–" if math.isinf(one.low) and math.isinf(one.high) else f"{_number(one.low)} … {_number(one.high)}"
    return (f"{'✗' if one.set else '✓'} {name}", f"{_number(one.value)} {one.unit}".rstrip(), limits,
            _number(one.median), "–" if math.isnan(one.sigmas) else f"{one.sigmas:+.1f}")


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return ("∞" if value > 0 else "−∞") if math.isinf(value) else f"{value:.5g}"
