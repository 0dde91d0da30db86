"""What the runs of a scan charge, before anything runs: a matrix of runs by lines of pixels, and a sentence."""

from __future__ import annotations

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel, OriginLabel
from app.panels.start.job_draft import InputTable, charges
from app.widgets.charge_matrix import ChargeMatrix, MatrixRow
from calib_core.characterisation.charges import ChargedLines, Charges
from calib_core.ranges import format_numbers


class ChargedRuns(QWidget):
    """Shows what the runs of a table charge; takes no room where they are no scan."""

    def __init__(self, table: InputTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading, self.matrix, self.told = OriginLabel(), ChargeMatrix(self), NoteLabel()
        self.matrix.setObjectName("charges")
        self.told.setObjectName("charges_told")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for widget in (self.heading, self.matrix, self.told):
            column.addWidget(widget)
        self.show_table(table)

    def show_table(self, table: InputTable) -> None:
        """Show the runs of another table."""
        found = charges(table)
        self.setVisible(found is not None)
        if found is not None:
            self._show(found)

    def _show(self, found: Charges) -> None:
        self.heading.say(f"Charged: run × {found.noun}")
        self.matrix.set_rows([_row(found, one) for one in found.runs], found.number)
        mark, tone = ("✓", "ok") if found.is_whole else ("!", "warning")
        self.told.say("\n".join(f"{mark} {sentence}" for sentence in found.sentences()), tone)


def _row(found: Charges, one: ChargedLines) -> MatrixRow:
    scan = f" of scan {one.scan + 1}" if len(found.scans) > 1 else ""
    moved = "; its place was changed" if one.moved else ""
    told = (f"{one.label} charges {len(one.lines):,} of {found.number:,} {found.noun} and is taken for pattern "
            f"{one.pattern}{scan}{moved}: {format_numbers(one.lines)}")
    name = one.label.rpartition(" ")[2]
    return MatrixRow(f"{name} ⇄" if one.moved else name, one.lines, one.moved, told)
