"""Choice of module, memory cell and gain stage."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.widgets.wheel_guard import guard_wheel


class NumberSpinBox(QSpinBox):
    """Spin box over given numbers, which may have gaps; a typed number goes to the nearest of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers: list[int] = []
        self.setKeyboardTracking(False)

    def set_numbers(self, numbers: Sequence[int]) -> None:
        """Allow these numbers only."""
        self._numbers = sorted(numbers)
        self.setRange(self._numbers[0] if numbers else 0, self._numbers[-1] if numbers else 0)

    def nearest(self, number: int) -> int:
        """Return the allowed number nearest to another one."""
        return min(self._numbers, key=lambda allowed: abs(allowed - number), default=0)

    def stepBy(self, steps: int) -> None:
        """Go to the next allowed number."""
        if self._numbers:
            place = bisect_left(self._numbers, self.nearest(self.value())) + steps
            self.setValue(self._numbers[min(max(place, 0), len(self._numbers) - 1)])


class NumberChoice(QWidget):
    """A slider and a spin box for one number out of many."""

    chosen = pyqtSignal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers: list[int] = []
        self._number = 0
        self.slider = QSlider(Qt.Orientation.Horizontal, objectName=f"{name}_slider")
        self.spin = NumberSpinBox(self)
        self.spin.setObjectName(f"{name}_spin")
        guard_wheel(self.slider, self.spin)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.spin)
        self.slider.valueChanged.connect(lambda place: self._choose(self._numbers[place]))
        self.spin.valueChanged.connect(lambda number: self._choose(self.spin.nearest(number)))
        self.set_numbers([])

    @property
    def number(self) -> int:
        """The chosen number."""
        return self._number

    def set_numbers(self, numbers: Sequence[int]) -> None:
        """Offer these numbers; the chosen one is kept or becomes the nearest, without a signal."""
        self._numbers = sorted(numbers)
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.slider.setRange(0, max(0, len(numbers) - 1))
            self.slider.setPageStep(max(1, len(numbers) // 10))
            self.spin.set_numbers(self._numbers)
        self.setEnabled(len(numbers) > 0)
        self.set_number(self._number)

    def set_number(self, number: int) -> None:
        """Choose a number without a signal."""
        self._number = self.spin.nearest(number)
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.slider.setValue(bisect_left(self._numbers, self._number))
            self.spin.setValue(self._number)

    def step(self, steps: int) -> None:
        """Go on by some places; stays at the ends."""
        if self._numbers:
            place = bisect_left(self._numbers, self._number) + steps
            self._choose(self._numbers[min(max(place, 0), len(self._numbers) - 1)])

    def _choose(self, number: int) -> None:
        changed = number != self._number
        self.set_number(number)
        if changed:
            self.chosen.emit(number)


class StageButtons(QWidget):
    """One button per gain stage, of which one is down."""

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addStretch(1)
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self._clicked)
        self._stage = 0

    @property
    def stage(self) -> int:
        """Number of the chosen stage."""
        return self._stage

    def set_stages(self, labels: Sequence[str]) -> None:
        """Offer stages of these names."""
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._layout.removeWidget(button)
            button.deleteLater()
        for number, label in enumerate(labels):
            button = QToolButton(text=label, checkable=True, objectName=f"stage_{number}")
            button.setToolTip(f"Gain stage {label}, key {number + 1}")
            self._group.addButton(button, number)
            self._layout.insertWidget(number, button)
        self.set_stage(self._stage)

    def set_stage(self, stage: int) -> None:
        """Choose a stage without a signal."""
        self._stage = min(max(stage, 0), max(0, len(self._group.buttons()) - 1))
        button = self._group.button(self._stage)
        if button is not None:
            button.setChecked(True)

    def _clicked(self, stage: int) -> None:
        if stage != self._stage:
            self._stage = stage
            self.chosen.emit(stage)


class Navigator(QWidget):
    """Chooses module and memory cell by their numbers, which may have gaps, and the gain stage by its place."""

    module_changed = pyqtSignal(int)
    cell_changed = pyqtSignal(int)
    stage_changed = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigator")
        self._module, self._cell = NumberChoice("module", self), NumberChoice("cell", self)
        self._stages = StageButtons(self)
        layout = QGridLayout(self)
        rows = (
            ("&Module", "PgUp  PgDn", self._module, self._module.spin),
            ("Memory &cell", "←  →", self._cell, self._cell.spin),
            ("Gain stage", "1  2  3", self._stages, None),
        )
        for row, (name, keys, control, buddy) in enumerate(rows):
            label = QLabel(name)
            label.setBuddy(buddy)
            layout.addWidget(label, row, 0)
            hint = QLabel(keys)
            hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            layout.addWidget(hint, row, 1)
            layout.addWidget(control, row, 2)
        layout.setColumnStretch(2, 1)
        layout.setRowStretch(len(rows), 1)
        self._module.chosen.connect(self.module_changed)
        self._cell.chosen.connect(self.cell_changed)
        self._stages.chosen.connect(self.stage_changed)

    def set_ranges(self, modules: Sequence[int], cells: Sequence[int], stages: Sequence[str]) -> None:
        """Offer module numbers, memory cell numbers and names of gain stages."""
        self._module.set_numbers(modules)
        self._cell.set_numbers(cells)
        self._stages.set_stages(stages)

    def set_state(self, module: int, cell: int, stage: int) -> None:
        """Show a choice made elsewhere, without signals."""
        self._module.set_number(module)
        self._cell.set_number(cell)
        self._stages.set_stage(stage)

    @property
    def state(self) -> tuple[int, int, int]:
        """Module number, cell number and stage that are chosen."""
        return self._module.number, self._cell.number, self._stages.stage

    def step_module(self, steps: int) -> None:
        """Go to the next (+1) or previous (-1) module."""
        self._module.step(steps)

    def step_cell(self, steps: int) -> None:
        """Go to the next (+1) or previous (-1) memory cell."""
        self._cell.step(steps)
