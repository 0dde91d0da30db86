"""What the runs of a scan charge, before and while it runs: a matrix of runs by lines of pixels, and sentences."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel, OriginLabel
from app.panels.start.job_draft import InputTable, charges
from app.session.session import Session
from app.widgets.charge_matrix import ChargeMatrix, MatrixRow
from calib_core.characterisation.charges import ChargedLines, Charges, as_read
from calib_core.ranges import format_numbers
from calib_core.subjects.job import JobSubject
from calib_core.subjects.masked import bare


class ChargedRuns(QWidget):
    """Shows what the runs of a table charge; takes no room where they are no scan."""

    def __init__(self, table: InputTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading, self.matrix, self.told = OriginLabel(), ChargeMatrix(self), NoteLabel()
        self.found: Charges | None = None
        self.shown: Charges | None = None
        self.matrix.setObjectName("charges")
        self.told.setObjectName("charges_told")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for widget in (self.heading, self.matrix, self.told):
            column.addWidget(widget)
        self.show_table(table)

    def show_table(self, table: InputTable) -> None:
        """Show the runs of another table, by what a few frames of them show."""
        self.found = charges(table)
        self.setVisible(self.found is not None)
        if self.found is not None:
            self.show_charges(self.found)

    def show_charges(self, shown: Charges) -> None:
        """Show what the runs charge, in the same order."""
        self.shown = shown
        by = f" · {shown.read} of {len(shown.runs)} as the job finds them" if shown.read else ""
        self.heading.say(f"Charged: run × {shown.noun}{by}")
        self.matrix.set_rows([_row(shown, one) for one in shown.runs], shown.number)
        mark, tone = ("✓", "ok") if shown.is_whole else ("!", "warning")
        self.told.say("\n".join(f"{mark} {sentence}" for sentence in shown.sentences()), tone)


class ChargedAsRead(QObject):
    """Fills the matrix run by run while a job of just these runs reads them, and leaves what it found."""

    def __init__(self, session: Session, widget: Callable[[], ChargedRuns | None], parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._widget = session, widget
        for signal in (session.subject_told, session.subject_changed, session.spec_changed, session.module_changed):
            signal.connect(lambda *_: self._show())

    def _show(self) -> None:
        widget = self._widget()
        if widget is not None and widget.found is not None:
            shown = self._as_read(widget.found)
            if shown != widget.shown:
                widget.show_charges(shown)

    def _as_read(self, found: Charges) -> Charges:
        """By what the job has read that is looked at, where it is one of what the form shows."""
        subject, spec = bare(self._session.subject), self._session.spec
        if not isinstance(subject, JobSubject) or spec is None or subject.job.plan is None:
            return found
        own, plan = subject.job.spec, subject.job.plan
        if (own.family, own.method, own.inputs) != (spec.family, spec.method, spec.inputs):
            return found
        changes = subject.values("changes", self._session.shown.module)
        return found if changes is None else as_read(found, plan.context.arranged.values(), changes)


def _row(found: Charges, one: ChargedLines) -> MatrixRow:
    to_come = bool(found.read) and not one.by_job
    scan = f" of scan {one.scan + 1}" if len(found.scans) > 1 else ""
    moved = "; its place was changed" if one.moved else ""
    by = "; as the job finds it" if one.by_job else "; by a few frames, not read yet" if to_come else ""
    told = (f"{one.label} charges {len(one.lines):,} of {found.number:,} {found.noun} and is taken for pattern "
            f"{one.pattern}{scan}{moved}{by}: {format_numbers(one.lines)}")
    name = one.label.rpartition(" ")[2]
    return MatrixRow(f"{name} ⇄" if one.moved else name, one.lines, one.moved, told, to_come)
