"""Sorting, texts and clicks of the table of numbers."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt

from app.widgets.number_table import NumberTable, TableColumn

COLUMNS = (TableColumn("module"), TableColumn("bad", "{:.1%}", "share"), TableColumn("median", "{:.4g}"))
ROWS = [(0, 0.5, 7.0), (1, 0.25, None), (2, 0.75, 3.14159)]


@pytest.fixture
def table(qtbot):
    made = NumberTable()
    qtbot.addWidget(made)
    made.set_rows(COLUMNS, ROWS)
    made.show()
    return made


def text(table, row, column):
    return table.model().index(row, column).data()


def test_texts_and_help(table):
    assert [text(table, 2, column) for column in range(3)] == ["2", "75.0%", "3.142"]
    assert text(table, 1, 2) == "–"
    header = table.model().headerData
    assert header(1, Qt.Orientation.Horizontal) == "bad"
    assert header(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "share"


def test_order_stays_when_rows_are_replaced_and_what_has_no_value_comes_last(table):
    assert table.rows == ROWS
    table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert [row[0] for row in table.rows] == [2, 0, 1]
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert [row[0] for row in table.rows] == [0, 2, 1]
    table.set_rows(COLUMNS, [(5, 0.0, 1.0), (6, 0.0, 2.0)])
    assert [row[0] for row in table.rows] == [6, 5]
    table.set_rows((), [])
    assert table.rows == []


def test_a_click_tells_the_row(table, qtbot):
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    with qtbot.waitSignal(table.row_chosen) as told:
        place = table.visualRect(table.model().index(0, 0)).center()
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.args == [ROWS[2]]
