"""Form of an operating condition: what was found, where, and what the operator says instead."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QWidget

from app.forms.condition_draft import origin_text, overrides, tooltip
from app.forms.editors import TextEdit
from app.forms.field import Field, Mark, form_grid
from app.forms.knob_draft import title
from app.forms.tone_label import OriginLabel
from calib_core.constants.condition import Condition, ConditionParameter, Value
from calib_core.errors import BadParameter


class ConditionForm(QWidget):
    """Editors of the parameters of a condition; gives the operator's values that differ from those found.

    Values that nothing in the run tells, and the ``doubtful`` ones, are marked with ``?`` until somebody takes them
    as right or gives another.
    """

    changed = pyqtSignal()

    def __init__(self, condition: Condition, doubtful: Collection[str] = (),
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.condition = condition
        self._doubtful = frozenset(doubtful)
        self._confirmed: set[str] = set()
        self.fields: dict[str, Field] = {}
        self.origins: dict[str, OriginLabel] = {}
        grid, row = form_grid(self), 0
        for parameter in condition.parameters:
            row = self._add(parameter, row, grid)
        self._said: dict[str, Value] | None = {}

    @property
    def unsure(self) -> tuple[str, ...]:
        """Parameters that the operator should look at."""
        return tuple(name for name, field in self.fields.items() if field.mark is Mark.UNSURE)

    def changes(self) -> dict[str, Value]:
        """Values that differ from those found, as the editors show them now.

        Raises
        ------
        BadParameter
            A value is not allowed; the sentence also stands in the form.
        """
        for name in self.fields:
            self._mark(name)
        typed = {name: field.value() for name, field in self.fields.items()}
        return overrides(self.condition, typed, self._confirmed)

    def set_changes(self, changes: Mapping[str, Value]) -> None:
        """Show these values in place of those found; names that the condition does not have are left out."""
        for name in self.fields:
            found = self.condition.values.get(name)
            value = changes.get(name, found.value if found else None)
            self.fields[name].editor.set_value(value)
            if name in changes and found and value == found.value:
                self._confirmed.add(name)
            self._settle(name)

    def _add(self, parameter: ConditionParameter, row: int, grid: object) -> int:
        name, found = parameter.name, self.condition.values.get(parameter.name)
        editor = TextEdit()
        editor.set_value(found.value if found else None)
        editor.setPlaceholderText("" if found else "not found")
        editor.setEnabled(not parameter.of_hardware or found is None)
        field = Field(name, title(name), editor, parameter.unit, tooltip(parameter, found), self)
        field.edited.connect(lambda name: self.fields[name].show_mark(Mark.PENDING))
        field.committed.connect(self._settle)
        field.reset.connect(self._reset)
        field.confirmed.connect(self._confirm)
        self.fields[name] = field
        self.origins[name] = OriginLabel()
        row = field.add_to(grid, row)
        grid.addWidget(self.origins[name], row, 1, 1, 4)
        self._mark(name)
        return row + 1

    def _confirm(self, name: str) -> None:
        self._confirmed.add(name)
        self._settle(name)

    def _reset(self, name: str) -> None:
        found = self.condition.values.get(name)
        self._confirmed.discard(name)
        self.fields[name].editor.set_value(found.value if found else None)
        self._settle(name)

    def _settle(self, name: str) -> None:
        self._mark(name)
        try:
            said = self.changes()
        except BadParameter:
            said = None
        if said != self._said:
            self._said = said
            self.changed.emit()

    def _mark(self, name: str) -> None:
        field, found = self.fields[name], self.condition.values.get(name)
        try:
            own = name in overrides(self.condition, {name: field.value()}, self._confirmed)
        except BadParameter as error:
            field.show_mark(Mark.WRONG, str(error))
            return
        unsure = found is not None and (not found.sure or name in self._doubtful)
        field.show_mark(Mark.CHANGED if own else Mark.UNSURE if unsure else Mark.PLAIN)
        self.origins[name].say(origin_text(found, own))
