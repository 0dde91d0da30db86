"""Editors of the percentiles that the colours of the maps follow."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

_RANGES = ((0.0, 49.0), (51.0, 100.0))


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
        self.low, self.high = QDoubleSpinBox(objectName="low"), QDoubleSpinBox(objectName="high")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.addWidget(QLabel("scale", objectName="scale_label"))
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

    @property
    def percentiles(self) -> tuple[float, float]:
        """The chosen percentiles, low and high."""
        return self.low.value(), self.high.value()

    def show_percentiles(self, low: float, high: float) -> None:
        """Show percentiles that were chosen elsewhere, as far as they are allowed."""
        for spin, value in zip((self.low, self.high), (low, high), strict=True):
            with QSignalBlocker(spin):
                spin.setValue(value)
