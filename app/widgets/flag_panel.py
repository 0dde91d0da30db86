"""Bad-pixel flags: which are drawn, which pixels are left out, how many pixels have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QEvent, QObject, QRectF, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QWidget

from app.widgets.colour import first_bit, flag_table
from app.widgets.plain import PlainLabel


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


@dataclass(frozen=True)
class _Row:
    """Widgets of one flag: swatch, whether it is drawn, whether it is left out, and its numbers."""

    swatch: Swatch
    drawn: QCheckBox
    excluded: QCheckBox
    count: QLabel
    part: QLabel

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """All, in the order of the columns."""
        return self.swatch, self.drawn, self.count, self.part, self.excluded


class FlagPanel(QWidget):
    """One row per flag that occurs: colour, whether it is drawn, how many pixels have it, whether they are left out.

    Alt-click on a flag draws it alone.

    Signals
    -------
    selection_changed(bits), excluded_changed(bits)
        Other flags are drawn; pixels with other flags are left out of statistics.
    """

    # flags reach bit 31, beyond the range of a C++ int
    selection_changed = pyqtSignal(object)
    excluded_changed = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("flag_panel")
        self._rows: dict[int, _Row] = {}
        self._counts: Mapping[int, int] = {}
        self._colours = flag_table()
        self._before_solo: int | None = None
        layout = QGridLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        self._area = QScrollArea(widgetResizable=True, frameShape=QScrollArea.Shape.NoFrame)
        self._total = PlainLabel(objectName="flags_total")
        self.preset = QComboBox(objectName="flag_preset")
        # a long text must not widen the panel
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.preset.setMinimumContentsLength(8)
        self.preset.activated.connect(self._choose_preset)
        self._presets: dict[str, int] = {}
        layout.addLayout(self._make_presets(), 0, 0)
        layout.addWidget(self._area, 1, 0)
        layout.addLayout(self._make_buttons(), 2, 0)
        layout.addWidget(self._total, 3, 0)
        self.set_flags([])

    def _make_presets(self) -> QHBoxLayout:
        row, label = QHBoxLayout(), PlainLabel("bad are")
        tip = "Which flags make a pixel bad: left out of statistics, colour levels and exports"
        for widget in (label, self.preset):
            widget.setToolTip(tip)
            row.addWidget(widget, int(widget is self.preset))
        return row

    def set_presets(self, presets: Sequence[tuple[str, str, int]]) -> None:
        """Offer sets of flags that are left out: name, what they are, bits."""
        self._presets = {name: bits for name, _, bits in presets}
        with QSignalBlocker(self.preset):
            self.preset.clear()
            for name, help_text, _ in presets:
                self.preset.addItem(f"{name}: {help_text}", name)
            self.preset.addItem(CHOSEN, "")
        self._show_preset()

    def _choose_preset(self) -> None:
        """Leave out the flags of the preset that was chosen; those that were ticked one by one stay."""
        name = self.preset.currentData()
        if name:
            self.set_excluded(self._presets[name])
            self.excluded_changed.emit(self.excluded)
        self._show_preset()

    def _show_preset(self) -> None:
        """Show the preset that the flags that are left out are of, if any."""
        known, excluded = self._known(), self.excluded
        name = next((name for name, bits in self._presets.items() if bits & known == excluded), "")
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(name))

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, selection in (("Draw all", -1), ("None", 0)):
            button = QPushButton(name, objectName=f"flags_{name.split()[-1].lower()}")
            button.clicked.connect(lambda _, bits=selection: self._choose(bits & self._known()))
            row.addWidget(button)
        self.every = QCheckBox("every flag", objectName="every_flag")
        self.every.setToolTip("List flags that no pixel has, too")
        self.every.toggled.connect(self._show_rows)
        row.addWidget(self.every)
        row.addStretch(1)
        return row

    def set_flags(self, flags: Sequence[tuple[int, str]]) -> None:
        """Offer flags, each a mask of one bit and its name; the choice is kept where flags stay, new ones are on."""
        wrong = [flag for flag, _ in flags if flag.bit_count() != 1 or flag >> 32]
        if wrong:
            raise ValueError(f"a flag is a mask with one of 32 bits set, unlike {wrong}")
        off, kept = self._known() & ~self.selection, self._known() & ~self.excluded
        self._rows = {}
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        headings = [_heading(text, tip) for text, tip in _HEADINGS]
        for column, heading in enumerate(headings):
            grid.addWidget(heading, 0, column)
        self._part = headings[3]
        for row, (flag, name) in enumerate(flags, 1):
            self._add_row(grid, row, flag, name, drawn=not flag & off, excluded=not flag & kept)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(flags) + 1, 1)
        self._area.setWidget(rows)
        self._before_solo = None
        self._show_rows()
        self._show_preset()

    def _add_row(self, grid: QGridLayout, row: int, flag: int, name: str, drawn: bool, excluded: bool) -> None:
        bit = first_bit(flag)
        # an ampersand in a name must not become a shortcut
        box = QCheckBox(name.replace("&", "&&"), checked=drawn, objectName=f"flag_{bit}")
        box.setToolTip(f"{name}: bit {bit}. Drawn over the maps; Alt-click draws this flag alone")
        box.toggled.connect(self._toggled)
        box.installEventFilter(self)
        out = QCheckBox(checked=excluded, objectName=f"exclude_{bit}")
        out.setToolTip(f"Leave pixels with “{name}” out of statistics, colour levels and exports")
        out.toggled.connect(self._exclude)
        one = _Row(Swatch(int(self._colours[bit]), str(bit)), box, out, PlainLabel("–"), PlainLabel(""))
        for label in (one.count, one.part):
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, widget in enumerate(one.widgets):
            grid.addWidget(widget, row, column)
        self._rows[flag] = one

    def set_counts(self, counts: Mapping[int, int], total: int) -> None:
        """Show how many pixels of ``total`` have each flag; flags that are not named have none."""
        self._counts = dict(counts)
        self._part.setText("share")
        for flag, row in self._rows.items():
            number = int(counts.get(flag, 0))
            row.count.setText(f"{number:,}")
            row.part.setText(f"{number / total:.2%}" if total else "")
            row.part.setToolTip("")
        self._total.setText(f"of {total:,} pixels" if total else "")
        self._show_rows()

    def set_changes(self, changes: Mapping[int, tuple[int, int]]) -> None:
        """Show how many pixels are new and healed of each flag, beside the counts; for two that are compared."""
        if changes:
            self._part.setText("+ new − healed")
        for flag, (new, healed) in changes.items():
            if flag in self._rows:
                row = self._rows[flag]
                row.part.setText(f"+{new:,} −{healed:,}")
                row.part.setToolTip(f"{new:,} new in A, {healed:,} in B alone")

    def _show_rows(self) -> None:
        """Hide flags that no pixel has, unless all are wanted."""
        for flag, row in self._rows.items():
            wanted = self.every.isChecked() or bool(self._counts.get(flag, 0))
            for widget in row.widgets:
                widget.setVisible(wanted)

    @property
    def selection(self) -> int:
        """Mask of the flags that are drawn."""
        return sum(flag for flag, row in self._rows.items() if row.drawn.isChecked())

    @property
    def excluded(self) -> int:
        """Mask of the flags whose pixels are left out."""
        return sum(flag for flag, row in self._rows.items() if row.excluded.isChecked())

    def set_selection(self, selection: int) -> None:
        """Switch the drawing of flags on and off without a signal."""
        for flag, row in self._rows.items():
            with QSignalBlocker(row.drawn):
                row.drawn.setChecked(bool(flag & selection))

    def set_excluded(self, excluded: int) -> None:
        """Choose without a signal the flags whose pixels are left out."""
        for flag, row in self._rows.items():
            with QSignalBlocker(row.excluded):
                row.excluded.setChecked(bool(flag & excluded))
        self._show_preset()

    def _exclude(self) -> None:
        self._show_preset()
        self.excluded_changed.emit(self.excluded)

    def solo(self, flag: int) -> None:
        """Draw one flag alone; a second time brings back the choice before."""
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
            self.solo(next(flag for flag, row in self._rows.items() if row.drawn is watched))
        return True

    def _known(self) -> int:
        return sum(self._rows)

    def _choose(self, selection: int) -> None:
        self._before_solo = None
        if selection != self.selection:
            self.set_selection(selection)
            self.selection_changed.emit(selection)

    def _toggled(self) -> None:
        self._before_solo = None
        self.selection_changed.emit(self.selection)


#: Of flags that were ticked one by one.
CHOSEN = "as ticked under “out”"
_HEADINGS = (
    ("", ""), ("drawn", "Flags that are drawn over the maps"), ("pixels", "Pixels that have the flag"),
    ("share", "Of the pixels that there are data of"),
    ("out", "Flags whose pixels are left out of statistics, colour levels and exports"),
)


def _heading(text: str, tip: str) -> QLabel:
    label = PlainLabel(text)
    label.setForegroundRole(label.foregroundRole().PlaceholderText)
    label.setToolTip(tip)
    return label
