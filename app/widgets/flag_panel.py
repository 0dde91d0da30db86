"""Bad-pixel flags: which of them are drawn, how many pixels have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PyQt6.QtCore import QEvent, QObject, QRectF, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QWidget

from app.widgets.colour import first_bit, flag_table


class Swatch(QWidget):
    """A flag's colour with the flag's bit number in it, so that colour is never the only sign."""

    def __init__(self, colour: int, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour, self._text = QColor(colour), text
        self.setFixedSize(26, 17)

    def paintEvent(self, event) -> None:
        """Draw the colour and the bit number."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        light = 0.3 * self._colour.redF() + 0.59 * self._colour.greenF() + 0.11 * self._colour.blueF() > 0.45
        painter.setPen(Qt.GlobalColor.black if light else Qt.GlobalColor.white)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)


class FlagPanel(QWidget):
    """One row per flag: colour, check box with its name, number of pixels, per cent; Alt-click shows one alone."""

    # flags reach bit 31, beyond the range of a C++ int
    selection_changed = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("flag_panel")
        self._boxes: dict[int, QCheckBox] = {}
        self._numbers: dict[int, tuple[QLabel, QLabel]] = {}
        self._colours = flag_table()
        self._before_solo: int | None = None
        layout = QGridLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        self._area = QScrollArea(widgetResizable=True, frameShape=QScrollArea.Shape.NoFrame)
        layout.addWidget(self._area, 0, 0)
        layout.addLayout(self._make_buttons(), 1, 0)
        self.set_flags([])

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, selection in (("All", -1), ("None", 0)):
            button = QPushButton(name, objectName=f"flags_{name.lower()}")
            button.clicked.connect(lambda _, bits=selection: self._choose(bits & self._known()))
            row.addWidget(button)
        row.addStretch(1)
        self._total = QLabel(objectName="flags_total")
        row.addWidget(self._total)
        return row

    def set_flags(self, flags: Sequence[tuple[int, str]]) -> None:
        """Offer flags, each a mask of one bit and its name; the choice is kept where flags stay, new ones are on."""
        wrong = [flag for flag, _ in flags if flag.bit_count() != 1 or flag >> 32]
        if wrong:
            raise ValueError(f"a flag is a mask with one of 32 bits set, unlike {wrong}")
        off = self._known() & ~self.selection
        self._boxes, self._numbers = {}, {}
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        for row, (flag, name) in enumerate(flags):
            self._add_row(grid, row, flag, name, checked=not flag & off)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(flags), 1)
        self._area.setWidget(rows)
        self._before_solo = None

    def _add_row(self, grid: QGridLayout, row: int, flag: int, name: str, checked: bool) -> None:
        bit = first_bit(flag)
        # an ampersand in a name must not become a shortcut
        box = QCheckBox(name.replace("&", "&&"), checked=checked, objectName=f"flag_{bit}")
        box.setToolTip(f"{name}: bit {bit}. Alt-click shows this flag alone")
        box.toggled.connect(self._toggled)
        box.installEventFilter(self)
        count, part = QLabel("–"), QLabel("")
        grid.addWidget(Swatch(int(self._colours[bit]), str(bit)), row, 0)
        grid.addWidget(box, row, 1)
        for column, label in ((2, count), (3, part)):
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label, row, column)
        self._boxes[flag], self._numbers[flag] = box, (count, part)

    def set_counts(self, counts: Mapping[int, int], total: int) -> None:
        """Show how many pixels of ``total`` have each flag; flags that are not named have none."""
        for flag, (count, part) in self._numbers.items():
            number = int(counts.get(flag, 0))
            count.setText(f"{number:,}")
            part.setText(f"{number / total:.2%}" if total else "")
        self._total.setText(f"of {total:,} pixels" if total else "")

    def set_colours(self, colours: np.ndarray) -> None:
        """Use the flag colours of the maps, (32,) uint32 as 0xAARRGGBB; takes effect at the next ``set_flags``."""
        self._colours = colours

    @property
    def selection(self) -> int:
        """Mask of the flags that are on."""
        return sum(flag for flag, box in self._boxes.items() if box.isChecked())

    def set_selection(self, selection: int) -> None:
        """Switch flags on and off without a signal."""
        for flag, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setChecked(bool(flag & selection))

    def solo(self, flag: int) -> None:
        """Show one flag alone; a second time brings back the choice before."""
        if self.selection == flag and self._before_solo is not None:
            before, self._before_solo = self._before_solo, None
            self._choose(before)
        else:
            before = self.selection
            self._choose(flag)
            self._before_solo = before

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take Alt-clicks on the check boxes."""
        pressed = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease)
        if not pressed or not event.modifiers() & Qt.KeyboardModifier.AltModifier:
            return False
        if event.type() == QEvent.Type.MouseButtonPress:
            self.solo(next(flag for flag, box in self._boxes.items() if box is watched))
        return True

    def _known(self) -> int:
        return sum(self._boxes)

    def _choose(self, selection: int) -> None:
        self._before_solo = None
        if selection != self.selection:
            self.set_selection(selection)
            self.selection_changed.emit(selection)

    def _toggled(self) -> None:
        self._before_solo = None
        self.selection_changed.emit(self.selection)
