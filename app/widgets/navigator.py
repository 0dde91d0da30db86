"""Choice of a module and of a place along axes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PyQt6.QtCore import QRectF, QSignalBlocker, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.widgets.plain import PlainLabel, tip
from app.widgets.there import STRIP, MarkedSlider, Shares, draw_there
from app.widgets.tones import tones_of
from app.widgets.wheel_guard import guard_wheel

#: Axes of no more entries have a button for each, as long as their labels have no more letters together.
MOST_BUTTONS, MOST_LETTERS = 5, 48


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
        self.slider = MarkedSlider(f"{name}_slider")
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

    def set_there(self, there: Shares | None) -> None:
        """Mark which numbers there is something of; None marks nothing."""
        self.slider.set_there(there)

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


class LabelButtons(QWidget):
    """One button for each of a few labels, of which one is down."""

    chosen = pyqtSignal(int)

    def __init__(self, name: str, labels: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, STRIP)
        self.there: Shares | None = None
        self._group = QButtonGroup(self)
        for number, label in enumerate(labels):
            button = QToolButton(text=label, checkable=True, objectName=f"{name}_{number}")
            self._group.addButton(button, number)
            layout.addWidget(button)
        layout.addStretch(1)
        self._group.idClicked.connect(self._clicked)
        self._index = 0
        self.set_index(0)

    def set_index(self, index: int) -> None:
        """Choose a label by its index without a signal."""
        self._index = min(max(index, 0), max(0, len(self._group.buttons()) - 1))
        button = self._group.button(self._index)
        if button is not None:
            button.setChecked(True)

    def step(self, steps: int) -> None:
        """Go on by some places; stays at the ends."""
        before = self._index
        self.set_index(before + steps)
        if self._index != before:
            self.chosen.emit(self._index)

    def set_there(self, there: Shares | None) -> None:
        """Mark which labels there is something of; None marks nothing."""
        self.there = there
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw marks below the buttons."""
        super().paintEvent(event)
        if self.there is not None and len(self.there) == len(self._group.buttons()):
            draw_there(QPainter(self), tones_of(self.palette()), self.there, self._place)

    def _place(self, first: int, last: int) -> QRectF:
        left, right = (self._group.button(index).geometry() for index in (first, last))
        return QRectF(left.left(), self.height() - STRIP, right.right() - left.left(), STRIP)

    def _clicked(self, index: int) -> None:
        if index != self._index:
            self._index = index
            self.chosen.emit(index)


class NumberSlider(NumberChoice):
    """Many whole numbers; its signal is the index of the chosen one."""

    def __init__(self, name: str, numbers: Sequence[int], parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._labels = list(numbers)
        self.set_numbers(numbers)

    def set_index(self, index: int) -> None:
        """Choose a number by its index without a signal."""
        self.set_number(self._labels[min(max(index, 0), len(self._labels) - 1)])

    def index_of(self, number: int) -> int:
        """Index of a chosen number."""
        return self._labels.index(number)


class LabelSlider(QWidget):
    """A slider over many labels that are no whole numbers, with the chosen one beside it."""

    chosen = pyqtSignal(int)

    def __init__(self, name: str, labels: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = list(labels)
        self.slider, self.label = MarkedSlider(f"{name}_slider"), PlainLabel()
        self.slider.setRange(0, len(labels) - 1)
        guard_wheel(self.slider)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.label)
        self.slider.valueChanged.connect(self._moved)
        self.set_index(0)

    def set_index(self, index: int) -> None:
        """Choose a label by its index without a signal."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(index)
        self.label.setText(self._labels[self.slider.value()])

    def set_there(self, there: Shares | None) -> None:
        """Mark which labels there is something of; None marks nothing."""
        self.slider.set_there(there)

    def step(self, steps: int) -> None:
        """Go on by some places; stays at the ends."""
        self.slider.setValue(self.slider.value() + steps)

    def _moved(self, index: int) -> None:
        self.label.setText(self._labels[index])
        self.chosen.emit(index)


@dataclass(frozen=True)
class AxisChoice:
    """An axis as the navigator offers it: its name, its title, and the labels of its entries."""

    name: str
    title: str
    labels: tuple[str | int | float, ...]

    @property
    def is_short(self) -> bool:
        """Whether each label has a button of its own."""
        return len(self.labels) <= MOST_BUTTONS and sum(len(str(one)) for one in self.labels) <= MOST_LETTERS


class Navigator(QWidget):
    """Chooses the module by its number, and an entry of each axis by its index: few as buttons, many on a slider."""

    module_changed = pyqtSignal(int)
    index_changed = pyqtSignal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigator")
        self._module = NumberChoice("module", self)
        self._axes: tuple[AxisChoice, ...] = ()
        self._controls: dict[str, LabelButtons | NumberSlider | LabelSlider] = {}
        self._rows: list[QWidget] = []
        self._grid = QGridLayout(self)
        self._add_row(0, "&Module", "PgUp  PgDn", self._module)
        self._rows.clear()  # the module stays
        self._grid.setColumnStretch(2, 1)
        self._module.chosen.connect(self.module_changed)

    def set_ranges(self, modules: Sequence[int], axes: Sequence[AxisChoice]) -> None:
        """Offer module numbers and the entries of axes, in their order."""
        self._module.set_numbers(modules)
        if tuple(axes) == self._axes:
            return
        for widget in self._rows:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._rows.clear()
        self._controls.clear()
        self._axes = tuple(axes)
        for row, axis in enumerate(self._axes, 1):
            self._controls[axis.name] = control = _control(axis)
            control.chosen.connect(partial(self._choose, axis.name))
            self._add_row(row, axis.title, self._keys(axis), control)
        self._grid.setRowStretch(len(self._axes) + 1, 1)

    def set_state(self, module: int, at: Mapping[str, int], pending: bool = False) -> None:
        """Show a choice made elsewhere, without signals; one that is not on the screen yet in another colour."""
        self._module.set_number(module)
        for name, index in at.items():
            if name in self._controls:
                self._controls[name].set_index(index)
        marked = QPalette()  # an empty one follows the theme
        if pending:
            colour = QColor(tones_of(QApplication.palette()).pending)
            for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText, QPalette.ColorRole.Text):
                marked.setColor(role, colour)
        self.setPalette(marked)

    def set_there(self, there: Mapping[str, Shares]) -> None:
        """Mark, by axis, which entries there is something of while some are to come."""
        for axis in self._axes:
            self._controls[axis.name].set_there(there.get(axis.name))
            self._controls[axis.name].setToolTip(tip(there_text(axis, there.get(axis.name))))

    def step_module(self, steps: int) -> None:
        """Go to the next (+1) or previous (-1) module."""
        self._module.step(steps)

    def step(self, steps: int, axis: int = 0) -> None:
        """Go on along the axis of the arrow keys, or (1) of the arrow keys with Ctrl."""
        stepped = (self._stepped, self._beside)[axis]
        if stepped is not None:
            self._controls[stepped.name].step(steps)

    def choose(self, number: int) -> None:
        """Take the n-th entry (from 0) of the axis of the number keys."""
        axis = self._numbered
        if axis is not None and 0 <= number < len(axis.labels):
            self._controls[axis.name].set_index(number)
            self.index_changed.emit(axis.name, number)

    @property
    def _stepped(self) -> AxisChoice | None:
        """The first long axis, or the last where all are short."""
        return next((axis for axis in self._axes if not axis.is_short), self._axes[-1] if self._axes else None)

    @property
    def _beside(self) -> AxisChoice | None:
        """The long axis behind that of the arrow keys; that one where there is no other."""
        behind = (axis for axis in self._axes if not axis.is_short and axis is not self._stepped)
        return next(behind, self._stepped)

    @property
    def _numbered(self) -> AxisChoice | None:
        """The first short axis that is not stepped already."""
        return next((axis for axis in self._axes if axis.is_short and axis is not self._stepped), None)

    def _keys(self, axis: AxisChoice) -> str:
        if axis is self._stepped:
            return "←  →"
        if axis is self._beside:
            return "Ctrl ←  →"
        return "  ".join(str(n + 1) for n in range(len(axis.labels))) if axis is self._numbered else ""

    def _choose(self, axis: str, value: int) -> None:
        control = self._controls[axis]
        self.index_changed.emit(axis, control.index_of(value) if isinstance(control, NumberSlider) else value)

    def _add_row(self, row: int, name: str, keys: str, control: QWidget) -> None:
        label, hint = PlainLabel(name), PlainLabel(keys)
        label.setBuddy(getattr(control, "spin", control))
        hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for column, widget in enumerate((label, hint, control)):
            self._grid.addWidget(widget, row, column)
            self._rows.append(widget)


def there_text(axis: AxisChoice, there: Shares | None) -> str:
    """How many entries are there, and what the marks mean; empty where nothing is marked."""
    if there is None:
        return ""
    wanted = np.isfinite(there)
    return (f"{axis.title}: {np.count_nonzero(there[wanted] >= 1):,} of {np.count_nonzero(wanted):,} are done; those "
            "that are being read are light, those to come hatched.")


def _control(axis: AxisChoice) -> LabelButtons | NumberSlider | LabelSlider:
    if axis.is_short:
        return LabelButtons(axis.name, [str(label) for label in axis.labels])
    if all(isinstance(label, int) for label in axis.labels) and list(axis.labels) == sorted(set(axis.labels)):
        return NumberSlider(axis.name, axis.labels)
    return LabelSlider(axis.name, [str(label) for label in axis.labels])
