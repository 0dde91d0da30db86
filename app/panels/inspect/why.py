"""Why the selected pixel is flagged, or why it is not: a row for each rule, and each rule at all other places."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QResizeEvent
from PyQt6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.panels.inspect.why_over import Judged
from app.widgets.plain import PlainLabel, tip
from app.widgets.series_plot import SeriesPlot
from app.widgets.tones import tones_of
from calib_core.constants.badpixels import BadPixels
from calib_core.explanation import Reason

COLUMNS = ("flag", "value", "limits", "median", "nσ")
#: Columns that a narrow table does without; the line below it has the numbers of the current row.
_SPARED, _WIDE = (COLUMNS.index("limits"), COLUMNS.index("median")), 400


class WhyTable(QWidget):
    """Rules with the pixel's value, their limits, the median of its group and the distance; broken ones first.

    The sentence of the current row stands below, then in how many places its flag is set, and its value over memory
    cells with the limits; ``place_chosen`` tells an index along that axis that was clicked.
    """

    place_chosen = pyqtSignal(str, int)

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = hint
        self.table = QTableWidget(0, len(COLUMNS))
        self.words = PlainLabel(hint, wordWrap=True, objectName="why_words")
        self.table.setObjectName("why")
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(80)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._reasons: list[Reason] = []
        self._rule: tuple[int, str] | None = None
        self._judged: tuple[Judged, ...] = ()
        self._all, self._at = 0, dict[str, int]()
        self.numbers = PlainLabel("", wordWrap=True, objectName="why_numbers")
        self.counts = PlainLabel("", wordWrap=True, objectName="why_counts")
        self.over = SeriesPlot(self)
        self.over.setMinimumHeight(90)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        for below in (self.words, self.numbers, self.counts):
            column.addWidget(below)
        column.addWidget(self.over, 1)
        self.over.hide()
        self.table.currentCellChanged.connect(self._tell)
        self.over.x_clicked.connect(self._choose)

    def show_reasons(self, reasons: Sequence[Reason]) -> None:
        """Show what rules say of a pixel; the rule that was looked at stays while the pixel does."""
        rule = self._rule
        self._reasons = sorted(reasons, key=lambda one: not one.set)
        self.table.setRowCount(len(self._reasons))
        for row, one in enumerate(self._reasons):
            for column, text in enumerate(reason_texts(one)):
                self.table.setItem(row, column, self._item(text, one, column))
        self.words.setText(self._hint)
        if self._reasons:
            rules = [(one.flag, one.what) for one in self._reasons]
            row = rules.index(rule) if rule in rules else 0
            self.table.setCurrentCell(row, 0)
            self._tell(row)
        else:
            self._draw(-1)
            self._rule = rule

    def show_over(self, judged: Sequence[Judged], whole: int) -> None:
        """Show what rules say at other places, of which there will be ``whole`` parts."""
        self._judged, self._all = tuple(judged), whole
        if not judged:
            self._rule = None
        self._draw(self.table.currentRow())

    def set_place(self, at: dict[str, int]) -> None:
        """Mark the place that is looked at, by indices along axes."""
        if at != self._at:
            self._at = at
            self._draw(self.table.currentRow())

    def say(self, hint: str) -> None:
        """Show another hint while there are no rules."""
        self._hint = hint
        if not self._reasons:
            self.words.setText(hint)

    def _item(self, text: str, one: Reason, column: int) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setToolTip(tip(one.words))
        if column:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tones = tones_of(self.palette())
        item.setForeground(QColor(tones.error if one.set else tones.muted))
        return item

    def _tell(self, row: int, *_: int) -> None:
        if 0 <= row < len(self._reasons):
            rule = self._reasons[row]
            self._rule = rule.flag, rule.what
            self.words.setText(rule.words)
        self._draw(row)

    def _draw(self, row: int) -> None:
        """The rule of a row at all places that are known."""
        self.numbers.setText(_numbers(self._reasons[row]) if 0 <= row < len(self._reasons) else "")
        known = 0 <= row < len(self._reasons) and bool(self._judged)
        self.counts.setText(_counts(self._judged, self._all, self._reasons[row]) if known else "")
        here = next((one for one in self._judged if one.is_at(self._at)), None) if known else None
        axis = None if here is None else here.axis
        self.over.setVisible(axis is not None)
        self.over.clear()
        if here is None or axis is None:
            return
        rule = self._reasons[row]
        x, found = here.positions, here.of(rule.flag, rule.what)
        title = " · ".join(filter(None, (here.words, f"{rule.what.lower()} and its limits")))
        self.over.set_labels(title, axis.title.lower(), rule.what, axis.unit, rule.unit)
        self.over.add_curve(x, found.values)
        for limit in (found.low, found.high):
            if np.isfinite(limit).any():
                self.over.add_curve(x, np.where(np.isfinite(limit), limit, np.nan))
        bad = found.set & np.isfinite(found.values)
        self.over.add_marks(x[bad], found.values[bad], [tones_of(self.palette()).error] * int(bad.sum()))
        if axis.name in self._at:
            self.over.set_marker(float(x[self._at[axis.name]]))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Spare columns where names of flags would be cut."""
        super().resizeEvent(event)
        for column in _SPARED:
            self.table.setColumnHidden(column, self.width() < _WIDE)

    def _choose(self, x: float) -> None:
        here = next((one for one in self._judged if one.is_at(self._at)), None)
        if here is not None and here.axis is not None:
            self.place_chosen.emit(here.axis.name, int(np.abs(here.positions - x).argmin()))


def _numbers(rule: Reason) -> str:
    """What a rule compares, in one line."""
    _, value, limits, median, sigmas = reason_texts(rule)
    named = {"value": value, "limits": limits, "median of the group": median, "distance": sigmas}
    units = {name: "σ" if name == "distance" else rule.unit for name in named}
    return " · ".join(f"{name} {text} {units[name]}".rstrip() for name, text in named.items() if text != "–")


def _counts(judged: Sequence[Judged], whole: int, rule: Reason) -> str:
    """In how many places along the axis a rule sets its flag, for each place along the others."""
    parts = []
    for one in judged:
        bad, size = int(one.of(rule.flag, rule.what).set.sum()), len(one.reasons)
        entries = "" if one.axis is None else f"{bad} of {size} {one.axis.title.lower()}s"
        parts.append(f"{one.words} {entries or ('yes' if bad else 'no')}".strip())
    left = whole - len(judged)
    return f"Set in: {', '.join(parts)}" + (f"; {left} more being read." if left else ".")


def reason_texts(one: Reason) -> tuple[str, ...]:
    """Cells of a rule's row: flag with a mark where it is set, value, limits, median of the group, distance."""
    name = BadPixels(one.flag).label
    limits = "–" if math.isinf(one.low) and math.isinf(one.high) else f"{_number(one.low)} … {_number(one.high)}"
    unit = f" [{one.unit}]" if one.unit else ""
    return (f"{'✗' if one.set else '✓'} {name}{unit}", _number(one.value), limits, _number(one.median),
            "–" if math.isnan(one.sigmas) else f"{one.sigmas:+.1f}")


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return ("∞" if value > 0 else "−∞") if math.isinf(value) else f"{value:.5g}"
