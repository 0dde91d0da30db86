"""Cells of the grid of maps are of one size, whatever the room."""

from __future__ import annotations

import pytest
from PyQt6.QtWidgets import QWidget

from app.widgets.even_grid import EvenGrid


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_cells_are_of_one_size(qtbot, rows, columns):
    room, grid = QWidget(), EvenGrid()
    qtbot.addWidget(room)
    room.setLayout(grid)
    grid.setContentsMargins(4, 2, 4, 2)
    grid.setSpacing(6)
    cells = [QWidget() for _ in range(rows * columns)]
    for i, cell in enumerate(cells):
        grid.addWidget(cell, i // columns, i % columns)
    grid.set_cells(rows, columns)
    room.show()
    for width in range(400, 407):
        for height in range(300, 305):
            room.resize(width, height)
            grid.activate()
            assert len({(cell.width(), cell.height()) for cell in cells}) == 1
            used = columns * cells[0].width() + 6 * (columns - 1) + 8
            assert width - columns < used <= width
            assert height - rows < rows * cells[0].height() + 6 * (rows - 1) + 4 <= height


def test_more_and_fewer_cells_share_the_room_anew(qtbot):
    room, grid = QWidget(), EvenGrid()
    qtbot.addWidget(room)
    room.setLayout(grid)
    grid.setSpacing(0)
    cells = [QWidget() for _ in range(4)]
    for i, cell in enumerate(cells):
        grid.addWidget(cell, i // 2, i % 2)
    room.resize(400, 300)
    room.show()
    for rows, columns in ((2, 2), (1, 2), (1, 1)):
        grid.set_cells(rows, columns)
        for i, cell in enumerate(cells):
            cell.setVisible(i < rows * columns and (columns > 1 or i == 0))
        room.layout().activate()
        assert cells[0].height() >= 300 // rows - 24
