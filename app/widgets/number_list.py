"""Numbers of a pixel as a table: name, value with error, and what another program says of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QBrush, QColor
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.widgets.plain import tip
from app.widgets.tones import tones_of
from calib_core.explanation import Number

#: Least width of a column, pixels: of names, of which the rest is cut where numbers take the room.
_LEAST_NAME = 56


class NumberList(QTableWidget):
    """A row for each number; those beyond their limit are told by a mark and a colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 2, parent)
        self.setObjectName("numbers")
        self.numbers: tuple[Number, ...] = ()
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 3)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(_LEAST_NAME)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)

    def show_numbers(self, numbers: Sequence[Number]) -> None:
        """Show numbers in place of those before; columns of another program are there where it was asked."""
        self.numbers = tuple(numbers)
        by = list(dict.fromkeys(one.by for one in numbers if one.by))
        titles = ["", "value", *(["others", "Δ/σ"] if by else [])]
        self.setColumnCount(len(titles))
        self.setHorizontalHeaderLabels(titles)
        if by:
            self.horizontalHeaderItem(2).setToolTip(tip(f"As {' and '.join(by)} have it"))
        self.setRowCount(len(numbers))
        tones = tones_of(self.palette())
        for row, one in enumerate(numbers):
            texts = [name_text(one), value_text(one), *([_theirs(one), _away(one)] if by else [])]
            for column, text in enumerate(texts):
                item = self._item(row, column)
                item.setText(text)
                item.setToolTip(tip(text) if not column else "")
                item.setForeground(QColor(tones.error) if one.is_beyond else QBrush())

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        """The item of a place, made where there is none yet."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            if column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
        return item

    @property
    def text(self) -> str:
        """All numbers, a line each."""
        return "\n".join(f"{one.name} {value_text(one)} {one.unit}".rstrip() for one in self.numbers)


def name_text(number: Number) -> str:
    """Name with its unit."""
    return f"{number.name} [{number.unit}]" if number.unit else number.name


def value_text(number: Number) -> str:
    """Value to the digits that its error allows, and what is wrong with it; nothing where there is none."""
    if math.isnan(number.value):
        return ""
    beyond = f"  limit ±{number.limit:.3g} ✗" if number.is_beyond else ""
    if not number.error > 0:
        return f"{number.value:.6g}{beyond}"
    digits = max(0, 1 - math.floor(math.log10(number.error)))
    return f"{number.value:.{digits}f} ± {number.error:.{digits}f}{beyond}"


def _theirs(number: Number) -> str:
    return f"{number.theirs:.6g}" if math.isfinite(number.theirs) else ""


def _away(number: Number) -> str:
    return f"{number.away:.2g}" if math.isfinite(number.away) else ""
