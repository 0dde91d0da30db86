"""Editors of the percentiles that the colours of the maps follow."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtGui import QValidator
from PyQt6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QWidget

from app.widgets.plain import PlainLabel
from calib_core.typed import is_number, parse_number

_RANGES = ((0.0, 49.0), (51.0, 100.0))


class PercentBox(QDoubleSpinBox):
    """Box for a percentage that takes a decimal point or comma whatever the locale."""

    def textFromValue(self, value: float) -> str:
        """Show one digit behind a point, as everywhere in the window."""
        return f"{value:.1f}"

    def valueFromText(self, text: str) -> float:
        """Read a number; what is none leaves the value as it is."""
        typed = text.replace("%", "")
        return parse_number(typed) if is_number(typed) else self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Take numbers inside the range; all else may become one."""
        typed = text.replace("%", "")
        inside = is_number(typed) and self.minimum() <= parse_number(typed) <= self.maximum()
        return (QValidator.State.Acceptable if inside else QValidator.State.Intermediate), text, position


class ScaleEditor(QWidget):
    """Two numbers in the tool bar.

    Signals
    -------
    changed(low, high)
        An operator chose other percentiles.
    left()
        Return was pressed: the keyboard belongs to the maps again.
    """

    changed = pyqtSignal(float, float)
    left = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.low, self.high = PercentBox(objectName="low"), PercentBox(objectName="high")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        self._label = PlainLabel("scale", objectName="scale_label")
        row.addWidget(self._label)
        for spin, (least, most) in zip((self.low, self.high), _RANGES, strict=True):
            spin.setRange(least, most)
            spin.setDecimals(1)
            spin.setSuffix(" %")
            spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            spin.setFixedWidth(54)
            spin.setKeyboardTracking(False)
            spin.lineEdit().returnPressed.connect(self.left)
            spin.setToolTip("Percentiles of the good pixels at the ends of the colour scale")
            spin.valueChanged.connect(lambda _: self.changed.emit(*self.percentiles))
            row.addWidget(spin)
        self.show_percentiles(1.0, 99.0)

    def set_wide(self, wide: bool) -> None:
        """Have a name where there is room for one."""
        self._label.setVisible(wide)

    @property
    def percentiles(self) -> tuple[float, float]:
        """The chosen percentiles, low and high."""
        return self.low.value(), self.high.value()

    def show_percentiles(self, low: float, high: float) -> None:
        """Show percentiles that were chosen elsewhere, as far as they are allowed."""
        for spin, value in zip((self.low, self.high), (low, high), strict=True):
            with QSignalBlocker(spin):
                spin.setValue(value)
