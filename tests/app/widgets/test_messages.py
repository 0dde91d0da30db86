from datetime import datetime

import pytest
from PyQt6.QtCore import QModelIndex, Qt
from PyQt6.QtGui import QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QTableView

from app.widgets import icons, log_view
from app.widgets.log_view import LogView
from app.widgets.progress_cell import STATE_ROLE, ProgressDelegate


@pytest.fixture
def log(qtbot):
    made = LogView()
    qtbot.addWidget(made)
    made.append(datetime(2026, 1, 2, 7, 41, 2), "INFO", "<b>r0012</b>.h5 opened")
    made.append("07:41:03", "debug", "chunk of 256 trains")
    made.append("07:41:09", "WARNING", "module 5 ASIC 2: no data")
    return made


def test_lines_are_plain_text(log):
    assert log.text().splitlines()[0] == "07:41:02  INFO     <b>r0012</b>.h5 opened"


def test_level_and_words_filter(log, qtbot):
    assert "chunk" not in log.text()
    log.findChild(QComboBox, "log_level").setCurrentIndex(0)
    assert "chunk" in log.text()
    qtbot.keyClicks(log.findChild(QLineEdit, "log_words"), "ASIC")
    assert log.text().splitlines() == ["07:41:09  WARNING  module 5 ASIC 2: no data"]


def test_number_of_lines_is_bounded(log):
    for number in range(log_view.MOST_LINES + 10):
        log.append("08:00:00", "INFO", str(number))
    assert log.findChild(QPlainTextEdit).blockCount() <= log_view.MOST_LINES
    log.findChild(QLineEdit, "log_words").setText("r0012")
    assert log.text() == ""


@pytest.mark.parametrize("name", icons.SHAPES)
def test_every_icon_draws_something(qapp, name):
    image = icons.icon(name).pixmap(24, 24).toImage()
    drawn = sum(image.pixelColor(x, y).alpha() > 0 for x in range(24) for y in range(24))
    assert 15 < drawn < 500


def test_progress_bar_is_as_long_as_its_number(qtbot):
    model = QStandardItemModel(1, 2)
    for column, part in enumerate((0.25, 0.75)):
        item = QStandardItem()
        item.setData(part, Qt.ItemDataRole.DisplayRole)
        item.setData("running", STATE_ROLE)
        model.setItem(0, column, item)
    table = QTableView()
    qtbot.addWidget(table)
    table.setItemDelegate(ProgressDelegate(table))
    table.setModel(model)
    table.resize(400, 120)
    image = table.viewport().grab().toImage()

    def coloured(column):
        cell = table.visualRect(model.index(0, column, QModelIndex()))
        row = [image.pixel(x, cell.top() + 6) for x in range(cell.left() + 4, cell.right() - 4)]
        return sum(colour == row[0] for colour in row) / len(row)

    assert coloured(0) == pytest.approx(0.25, abs=0.03)
    assert coloured(1) == pytest.approx(0.75, abs=0.03)
