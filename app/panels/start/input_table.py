"""Which run is taken for what: a combo box per place, and why the survey decided so."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QToolButton, QWidget

from app.forms.editors import ChoiceEdit
from app.forms.tone_label import OriginLabel, RowLabel, colour_text
from app.panels.start.job_draft import InputTable, run_choices

NO_RUN = "no run"


class InputTableView(QWidget):
    """Shows a table of inputs; a choice gives a new one.

    Signals
    -------
    changed()
        Another run is taken for something.
    why_asked(run)
        Folder of a run whose constants are to be explained.
    """

    changed = pyqtSignal()
    why_asked = pyqtSignal(Path)

    def __init__(self, table: InputTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self.combos: dict[str, ChoiceEdit] = {}
        self.origins: dict[str, OriginLabel] = {}
        self.why_buttons: dict[str, QToolButton] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        for row, one in enumerate(table.survey.arranged):
            self._add(2 * row, one.key, one.label)
        self._show()

    def set_table(self, table: InputTable) -> None:
        """Show another table of the same survey."""
        self.table = table
        self._show()
        self.changed.emit()

    def _add(self, row: int, key: str, label: str) -> None:
        combo = ChoiceEdit([*run_choices(self.table.survey), NO_RUN])
        combo.setObjectName(f"input_{key}")
        combo.activated.connect(lambda index: self._choose(key, index))
        self.combos[key], self.origins[key] = combo, OriginLabel()
        title = RowLabel(label[:1].upper() + label[1:])
        title.setBuddy(combo)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(combo, row, 1)
        self._grid.addWidget(self.origins[key], row + 1, 1)
        self._add_why(row + 1, key)

    def _add_why(self, row: int, key: str) -> None:
        """Below the label of a run, where there is room."""
        button = self.why_buttons[key] = QToolButton(text="Why", objectName=f"why_{key}")
        button.setToolTip("Which constants this run resolves to, and what just missed\n"
                          "Command line: calibwb store why RUN")
        button.setFont(self.origins[key].font())
        button.setAutoRaise(True)
        button.clicked.connect(lambda: self._ask_why(key))
        self._grid.addWidget(button, row, 0)

    def _ask_why(self, key: str) -> None:
        run = self.table.assigned[key]
        if run is not None:
            self.why_asked.emit(self.table.survey.runs[run].path)

    def _choose(self, key: str, index: int) -> None:
        run = index if index < len(self.table.survey.runs) else None
        self.set_table(self.table.assign(key, run))

    def _show(self) -> None:
        none = len(self.table.survey.runs)
        for one in self.table.survey.arranged:
            combo, run = self.combos[one.key], self.table.assigned[one.key]
            combo.setCurrentIndex(none if run is None else run)
            self.why_buttons[one.key].setEnabled(run is not None)
            combo.setToolTip("" if run is None else self.table.survey.runs[run].label)
            own = self.table.overridden_at(one)
            self.origins[one.key].say(("* " if own else "") + self.table.origin(one))
            colour_text(combo, "pending" if own else None)
