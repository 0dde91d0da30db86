"""Editors of single values; all have ``value``, ``set_value``, and the signals ``edited`` and ``committed``.

``edited`` comes with every key, ``committed`` when a value applies: on Enter, when the focus leaves, or on a choice.
``value`` reads what the editor shows at that moment, also a value that is only half typed; what cannot be read
as a number is handed on as text, so that the declaration of the parameter can refuse it in its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.forms.knob_draft import value_text
from app.widgets.plain import PlainLabel
from app.widgets.wheel_guard import guard_wheel
from calib_core.params import Knob
from calib_core.typed import parse_number, parse_whole


class _Restores:
    """Escape brings back the text that last applied."""

    _applied = ""

    @property
    def coloured(self) -> tuple[QWidget, ...]:
        """Widgets whose text shows the state."""
        return (self._line(),)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Restore on Escape; without anything to restore the window gets the key."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.text() == self._applied:
            event.ignore()
        else:
            self._line().setText(self._applied)
            self.edited.emit()

    def set_value(self, value: Any) -> None:
        """Show a value that applies."""
        self._applied = value_text(value)
        self._line().setText(self._applied)

    def _commit(self) -> None:
        if self.text() != self._applied:
            self._applied = self.text()
            self.committed.emit()

    def _connect(self) -> None:
        self._line().textEdited.connect(lambda _: self.edited.emit())
        self.editingFinished.connect(self._commit)


class NumberEdit(_Restores, QAbstractSpinBox):
    """A number with arrows that stay inside the range; typing is free and judged by the declaration."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self, kind: Literal["int", "float"] = "float", lower: float | None = None,
                 upper: float | None = None, optional: bool = False) -> None:
        super().__init__()
        self._whole, self._optional = kind == "int", optional
        self._lower = float("-inf") if lower is None else lower
        self._upper = float("inf") if upper is None else upper
        guard_wheel(self)
        self.setMinimumWidth(56)
        self.lineEdit().setPlaceholderText("no limit" if optional else "")
        self._connect()

    def _line(self) -> QLineEdit:
        return self.lineEdit()

    def value(self) -> int | float | str | None:
        """Number that is shown; text where it is none; None where an optional one is empty."""
        text = self.text().strip()
        if not text and self._optional:
            return None
        for read in (parse_whole, parse_number) if self._whole else (parse_number,):
            try:
                return read(text)
            except ValueError:
                continue
        return text

    def stepBy(self, steps: int) -> None:
        """Step within the range; a step applies at once."""
        value = self.value()
        start = value if isinstance(value, (int, float)) else max(self._lower, 0)
        size = 1 if self._whole or abs(start) >= 1 else 0.1
        new = min(max(start + steps * size, self._lower), self._upper)
        self._line().setText(value_text(int(new) if self._whole else round(float(new), 10)))
        self.edited.emit()
        self._commit()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Both arrows; the range stops them."""
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled


class TextEdit(_Restores, QLineEdit):
    """A line of text."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._connect()

    def _line(self) -> QLineEdit:
        return self

    def value(self) -> str:
        """Text that is shown."""
        return self.text()


class CheckEdit(QCheckBox):
    """A switch; it applies at once."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.clicked.connect(self._commit)

    def _commit(self) -> None:
        self._show()
        self.committed.emit()

    def _show(self) -> None:
        self.setText(value_text(self.isChecked()))

    @property
    def coloured(self) -> tuple[QWidget, ...]:
        """Widgets whose text shows the state."""
        return (self,)

    def value(self) -> bool:
        """Whether it is on."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Switch on or off."""
        self.setChecked(value)
        self._show()


class ChoiceEdit(QComboBox):
    """One of several words; it applies at once."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self, choices: Sequence[str] = ()) -> None:
        super().__init__()
        self.addItems(choices)
        guard_wheel(self)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.activated.connect(lambda _: self.committed.emit())

    @property
    def coloured(self) -> tuple[QWidget, ...]:
        """Widgets whose text shows the state."""
        return (self,)

    def value(self) -> str:
        """Word that is chosen."""
        return self.currentText()

    def set_value(self, value: str) -> None:
        """Choose a word."""
        self.setCurrentText(value)


class LimitsEdit(QWidget):
    """A lower and an upper limit, with the short name of their gain stage where there is one."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self, label: str = "") -> None:
        super().__init__()
        self.ends = (NumberEdit(), NumberEdit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in (*_labels(label), self.ends[0], PlainLabel("to"), self.ends[1]):
            row.addWidget(widget, 1 if isinstance(widget, NumberEdit) else 0)
        _follow(self, self.ends)

    @property
    def coloured(self) -> tuple[QWidget, ...]:
        """Widgets whose text shows the state."""
        return tuple(widget for end in self.ends for widget in end.coloured)

    def value(self) -> tuple[Any, Any]:
        """Both limits as they are shown."""
        return self.ends[0].value(), self.ends[1].value()

    def set_value(self, value: Sequence[float]) -> None:
        """Show both limits."""
        for end, limit in zip(self.ends, value, strict=True):
            end.set_value(limit)


class LimitsTable(QWidget):
    """Limits of each gain stage, one below the other."""

    edited = pyqtSignal()
    committed = pyqtSignal()

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.rows = tuple(LimitsEdit(label) for label in labels)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for row in self.rows:
            column.addWidget(row)
        _follow(self, self.rows)

    @property
    def coloured(self) -> tuple[QWidget, ...]:
        """Widgets whose text shows the state."""
        return tuple(widget for row in self.rows for widget in row.coloured)

    def value(self) -> tuple[tuple[Any, Any], ...]:
        """Limits of all stages as they are shown."""
        return tuple(row.value() for row in self.rows)

    def set_value(self, value: Sequence[Sequence[float]]) -> None:
        """Show the limits of all stages."""
        for row, limits in zip(self.rows, value, strict=True):
            row.set_value(limits)


Editor = NumberEdit | TextEdit | CheckEdit | ChoiceEdit | LimitsEdit | LimitsTable


def editor_for(knob: Knob, default: Any, stages: Sequence[str] = ()) -> Editor:
    """Editor that fits a parameter's kind; ``stages`` are the gain stages' short names."""
    match knob.kind:
        case "int" | "float":
            return NumberEdit(knob.kind, knob.lower, knob.upper, knob.optional)
        case "bool":
            return CheckEdit()
        case "choice":
            return ChoiceEdit(knob.choices)
        case "limits":
            return LimitsEdit()
        case "limits_per_stage":
            return LimitsTable(_row_labels(len(default), stages))
    return TextEdit()


def _row_labels(n: int, stages: Sequence[str]) -> Sequence[str]:
    """Short names of the stages; one pair alone holds for all of them."""
    if n == len(stages):
        return stages
    return ["all"] if n == 1 else [str(i) for i in range(n)]


def _labels(text: str) -> tuple[QLabel, ...]:
    if not text:
        return ()
    label = PlainLabel(text)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance("MMM"))
    return (label,)


def _follow(whole: LimitsEdit | LimitsTable, parts: Sequence[NumberEdit] | Sequence[LimitsEdit]) -> None:
    for part in parts:
        part.edited.connect(whole.edited)
        part.committed.connect(whole.committed)
    whole.setFocusProxy(parts[0])
