"""Actions of the window: one table for tool bar, keys and the sheet that explains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QSizePolicy, QToolBar, QToolButton, QWidget

from app.widgets.icons import icon


@dataclass(frozen=True)
class Entry:
    """One action.

    ``group`` makes it one of several of which one is on; ``bar`` says how it stands in the tool bar: with its
    text, as an icon, or not at all. ``before`` puts a separator in front.
    """

    name: str
    text: str
    help: str
    keys: tuple[str, ...] = ()
    picture: str = ""
    group: str = ""
    toggles: bool = False
    bar: str = ""
    before: bool = False


ENTRIES = (
    Entry("open", "Open run…", "Type proposal and runs, or a path", ("Ctrl+K", "Ctrl+O"), "open", bar="text"),
    Entry("run", "Run", "Run what the form shows", ("Ctrl+Return", "Ctrl+Enter"), "play", bar="text"),
    Entry("cancel", "Cancel", "Cancel the job whose maps are shown", ("Ctrl+.",), "stop", bar="text"),
    Entry("assembled", "Assembled", "Modules where they are in the detector", ("A",), "assembled", "arrangement",
          bar="text", before=True),
    Entry("stacked", "Stacked", "Modules in rows, as they are stored", ("S",), "stacked", "arrangement", bar="text"),
    Entry("module", "Module", "One module alone", ("M",), "module", "arrangement", bar="text"),
    Entry("slots_1", "1", "One map", ("Ctrl+1",), "", "slots", bar="text", before=True),
    Entry("slots_2", "2", "Two maps", ("Ctrl+2",), "", "slots", bar="text"),
    Entry("slots_4", "4", "Four maps", ("Ctrl+4",), "", "slots", bar="text"),
    Entry("slots_6", "6", "Six maps", ("Ctrl+6",), "", "slots", bar="text"),
    Entry("flags", "Flags", "Draw bad-pixel flags over the maps", ("B",), "flags", toggles=True, bar="icon",
          before=True),
    Entry("freeze", "Freeze", "Keep the maps as they are while the job goes on", ("Space",), "pause", toggles=True,
          bar="icon"),
    Entry("fit", "Show everything", "Fit all maps into their slots", ("0", "Home"), "fit"),
    Entry("export", "Export", "Show the export panel", ("Ctrl+E",), "export", bar="icon", before=True),
    Entry("copy", "Copy as command", "Copy the command line that gives the same constants", ("Ctrl+Shift+C",), "copy",
          bar="icon"),
    Entry("theme", "Theme", "Dark or light", ("Ctrl+Shift+T",), "theme", bar="icon"),
    Entry("layout", "Reset layout", "Put all panels back where they were", ("Ctrl+Shift+R",), "layout", bar="icon"),
    Entry("keys", "Keys", "Show or hide the sheet of keys", ("?", "F1"), "info", bar="icon"),
    Entry("next_cell", "Next memory cell", "Next memory cell", ("Right",)),
    Entry("previous_cell", "Previous memory cell", "Previous memory cell", ("Left",)),
    Entry("next_module", "Next module", "Next module", ("PgDown", "Down")),
    Entry("previous_module", "Previous module", "Previous module", ("PgUp", "Up")),
    Entry("stage_1", "First gain stage", "First gain stage", ("1",)),
    Entry("stage_2", "Second gain stage", "Second gain stage", ("2",)),
    Entry("stage_3", "Third gain stage", "Third gain stage", ("3",)),
    Entry("next_bad", "Next bad pixel", "Select the next pixel with one of the drawn flags", ("N",)),
    Entry("previous_bad", "Previous bad pixel", "Select the pixel before with one of the drawn flags", ("Shift+N",)),
    Entry("log", "Log", "Show the log", ("L",)),
    Entry("flag_list", "Flag list", "Show the list of flags", ("F",)),
)
_KEY_TEXTS = {
    "Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "PgDown": "PgDn", "Ctrl+Return": "Ctrl+Enter",
}


def make_actions(
    parent: QWidget, calls: Mapping[str, Callable[..., None]], given: Mapping[str, QAction]
) -> dict[str, QAction]:
    """Actions by name, each with its keys.

    Parameters
    ----------
    calls : mapping
        What each action does; toggles get their new state.
    given : mapping
        Actions that a panel has already; they only get keys and help.
    """
    actions, groups = {}, {}
    for entry in ENTRIES:
        action = given.get(entry.name) or QAction(entry.text, parent)
        action.setObjectName(f"action_{entry.name}")
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        action.setToolTip(f"{entry.help} ({', '.join(dict.fromkeys(map(key_text, entry.keys)))})")
        if entry.name not in given:
            _connect(action, entry, calls[entry.name])
            parent.addAction(action)
        if entry.group:
            groups.setdefault(entry.group, QActionGroup(parent)).addAction(action)
        actions[entry.name] = action
    return actions


def _connect(action: QAction, entry: Entry, call: Callable[..., None]) -> None:
    action.setCheckable(bool(entry.group) or entry.toggles)
    action.triggered.connect(call if entry.toggles else lambda _checked: call())


def key_text(key: str) -> str:
    """Key as it stands on a keyboard and in the navigator."""
    drawn = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "PgDown": "PgDn", "Ctrl+Return": "Ctrl+Enter"}
    return drawn.get(key, key)


def fill_bar(bar: QToolBar, actions: Mapping[str, QAction], spacer_before: str, extra: QWidget) -> None:
    """Put actions into the tool bar; ``extra`` and room to grow go before one of them."""
    for entry in ENTRIES:
        if not entry.bar:
            continue
        if entry.name == spacer_before:
            bar.addSeparator()
            bar.addWidget(extra)
            room = QWidget()
            room.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(room)
        elif entry.before:
            bar.addSeparator()
        bar.addAction(actions[entry.name])
        button = bar.widgetForAction(actions[entry.name])
        if entry.bar == "text" and isinstance(button, QToolButton):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)


def draw_icons(actions: Mapping[str, QAction]) -> None:
    """Draw the icons in the colours of the theme."""
    for entry in ENTRIES:
        if entry.picture:
            actions[entry.name].setIcon(icon(entry.picture))


def sheet_rows() -> list[tuple[str, str]]:
    """Keys and what they do, for the sheet; the same key with Enter is named once."""
    rows = []
    for entry in ENTRIES:
        texts = dict.fromkeys(map(key_text, entry.keys))
        rows.append(("  ".join(texts), entry.help))
    return rows
