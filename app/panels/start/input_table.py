"""Which run is which gain stage: a combo box per stage, and why the survey decided so."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QWidget

from app.forms.editors import ChoiceEdit
from app.forms.tone_label import OriginLabel, colour_text
from app.panels.start.job_draft import RoleTable, run_choices

NO_RUN = "no run"


class RoleTableView(QWidget):
    """Shows a role table; a choice gives a new one."""

    changed = pyqtSignal()

    def __init__(self, table: RoleTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self.combos: dict[str, ChoiceEdit] = {}
        self.origins: dict[str, OriginLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        for row, choice in enumerate(table.survey.roles):
            self._add(2 * row, choice.role.name, choice.role.label)
        self._show()

    def set_table(self, table: RoleTable) -> None:
        """Show another table of the same survey."""
        self.table = table
        self._show()
        self.changed.emit()

    def _add(self, row: int, name: str, label: str) -> None:
        combo = ChoiceEdit([*run_choices(self.table.survey), NO_RUN])
        combo.setObjectName(f"role_{name}")
        combo.activated.connect(lambda index: self._choose(name, index))
        self.combos[name], self.origins[name] = combo, OriginLabel()
        title = QLabel(label.capitalize())
        title.setBuddy(combo)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(combo, row, 1)
        self._grid.addWidget(self.origins[name], row + 1, 1)

    def _choose(self, name: str, index: int) -> None:
        run = index if index < len(self.table.survey.runs) else None
        self.set_table(self.table.assign(name, run))

    def _show(self) -> None:
        none = len(self.table.survey.runs)
        for choice in self.table.survey.roles:
            name, run = choice.role.name, self.table.assigned[choice.role.name]
            self.combos[name].setCurrentIndex(none if run is None else run)
            own = self.table.overridden_at(choice)
            self.origins[name].say(("* " if own else "") + self.table.origin(choice))
            colour_text(self.combos[name], "pending" if own else None)
