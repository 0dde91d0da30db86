"""Choice of a named set of parameters, above the form of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.forms.knob_form import KnobForm
from app.widgets.plain import PlainLabel, tip

OWN = "own values"


class Named(Protocol):
    """A set of parameters with its name, what it is for, and where its values come from."""

    name: str
    help: str
    source: str
    values: Mapping[str, Any]


class PresetChoice(QWidget):
    """A list of sets; what is chosen is put into the form, and what the form shows says which set that is."""

    def __init__(self, presets: Sequence[Named], form: KnobForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form, self._presets = form, tuple(presets)
        self.list = QComboBox(objectName="preset")
        self.list.setMinimumContentsLength(12)
        self.list.setPlaceholderText(OWN)
        for i, one in enumerate(self._presets):
            self.list.addItem(one.name)
            self.list.setItemData(i, _told(one), Qt.ItemDataRole.ToolTipRole)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(PlainLabel("Preset"))
        row.addWidget(self.list, 1)
        if not self._presets:
            self.hide()
        self.list.activated.connect(lambda index: form.set_changes(self._presets[index].values))
        form.changed.connect(self._name)
        self._name()

    def _name(self) -> None:
        """Say which set the form shows, if it is one."""
        shown = self._form.draft()
        base = self._form.baseline
        found = next((i for i, one in enumerate(self._presets)
                      if not shown.errors and base.with_changes(one.values).changed_from(base) == shown.changes), -1)
        with QSignalBlocker(self.list):
            self.list.setCurrentIndex(found)
        chosen = self._presets[found] if found >= 0 else None
        self.list.setToolTip("" if chosen is None else _told(chosen))


def _told(one: Named) -> str:
    return tip(f"{one.help}\nSource: {one.source}")
