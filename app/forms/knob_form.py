"""Form made from a declaration of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.forms.editors import LimitsEdit, LimitsTable, editor_for
from app.forms.field import Field, Mark, form_grid
from app.forms.fold import Fold
from app.forms.knob_draft import KnobDraft, draft, title, tooltip
from calib_core.params import Knob, Knobs


class KnobForm(QWidget):
    """Editors of all parameters of a baseline; gives the differences from it.

    Parameters
    ----------
    baseline : Knobs
        Default values.
    stages : sequence of str
        Short names of the gain stages, for limits per stage.
    """

    changed = pyqtSignal()

    def __init__(self, baseline: Knobs, stages: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.baseline = baseline
        self._knobs = baseline.knobs()
        self.fields = {knob.name: self._field(knob, stages) for knob in self._knobs}
        self.more = Fold("More parameters")
        self.parts = {knob.word: Fold(knob.part) for knob in self._knobs if knob.part}
        self._lay_out()
        self._said = self.draft()

    def changes(self) -> dict[str, Any]:
        """Differences from the baseline as the editors show them now, also where a value is only half typed.

        Raises
        ------
        BadParameter
            A value is not allowed; the sentence is that of the command line and also stands in the form.
        """
        found = self.draft()
        for name in self.fields:
            self._mark(name, found)
        self._say_more(found)
        return found.checked()

    def draft(self) -> KnobDraft:
        """Changes and errors of the editors as they are now."""
        return draft(self.baseline, {name: field.value() for name, field in self.fields.items()})

    def set_changes(self, changes: Mapping[str, Any]) -> None:
        """Show the baseline with these differences; BadParameter where one is not allowed."""
        values = self.baseline.with_changes(changes)
        for name, field in self.fields.items():
            field.editor.set_value(values.value(name))
        self._settle(self.fields)

    def put(self, name: str, value: Any) -> None:
        """Change one value, as its editor does."""
        self.fields[name].editor.set_value(value)
        self._settle([name])

    def _field(self, knob: Knob, stages: Sequence[str]) -> Field:
        editor = editor_for(knob, knob.default, stages)
        editor.set_value(knob.default)
        label = title(knob.name.removeprefix(f"{knob.word}_") if knob.word else knob.name)
        field = Field(knob.name, label, editor, knob.unit, tooltip(knob, knob.default), self)
        field.edited.connect(lambda name: self.fields[name].show_mark(Mark.PENDING))
        field.committed.connect(lambda name: self._settle([name]))
        field.reset.connect(self._reset)
        return field

    def _lay_out(self) -> None:
        """Common parameters, then a fold for each part with its switch in the heading, then those for experts."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        common = form_grid()
        grids = {"": common, **{word: form_grid(fold.content) for word, fold in self.parts.items()}}
        expert, rows = form_grid(self.more.content), dict.fromkeys([*grids, "expert"], 0)
        for knob in self._knobs:
            field = self.fields[knob.name]
            if knob.is_switch:
                self.parts[knob.word].add_beside(field.sign, field.editor, field.button)
                continue
            place = "expert" if knob.expert and not knob.part else knob.word
            tall = isinstance(field.editor, (LimitsEdit, LimitsTable))
            rows[place] = field.add_to(expert if place == "expert" else grids[place], rows[place], tall)
        column.addLayout(common)
        for fold in (*self.parts.values(), self.more):
            column.addWidget(fold)
        column.addStretch(1)
        self.more.setVisible(bool(rows["expert"]))

    def _reset(self, name: str) -> None:
        self.fields[name].editor.set_value(self.baseline.value(name))
        self._settle([name])

    def _settle(self, names: Iterable[str]) -> None:
        """Judge applied values, and say so where the differences are others than before."""
        found = self.draft()
        for name in names:
            self._mark(name, found)
        self._say_more(found)
        if found != self._said:
            self._said = found
            self.changed.emit()

    def _mark(self, name: str, found: KnobDraft) -> None:
        if name in found.errors:
            self.fields[name].show_mark(Mark.WRONG, found.errors[name])
        else:
            self.fields[name].show_mark(Mark.CHANGED if name in found.changes else Mark.PLAIN)

    def _say_more(self, found: KnobDraft) -> None:
        """Nothing wrong stays hidden, and a fold says how much behind it was changed."""
        folds = [(self.more, [knob.name for knob in self._knobs if knob.expert and not knob.part])]
        folds += [(fold, [knob.name for knob in self._knobs if knob.word == word])
                  for word, fold in self.parts.items()]
        for fold, names in folds:
            fold.say_changed(sum(name in found.changes for name in names))
            if any(name in found.errors for name in names):
                fold.open(True)
