"""Actions of the window: one table for menus, tool bar, keys and the sheet that explains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QMenu, QMenuBar, QSizePolicy, QToolBar, QToolButton, QWidget

from app.panels.maps.regions import FORMS as REGIONS
from app.widgets.icons import icon
from app.window.layouts import LAYOUTS


@dataclass(frozen=True)
class Entry:
    """One action.

    ``group`` makes it one of several of which one is on; ``bar`` says how it stands in the tool bar: with its
    text, as an icon in a narrow window ("short") or always ("icon"), or not at all; ``menu`` is where it is in the
    menu bar. ``before`` puts a separator in front, in both. ``short`` is its text in a narrow window.
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
    menu: str = ""
    short: str = ""


ENTRIES = (
    *(Entry(f"layout_{one.name}", f"{one.title}  {one.key}", f"Panels for {one.title.lower()}", (one.key,), "",
            "layouts", bar="text", menu="View", short=one.title) for one in LAYOUTS),
    Entry("open", "Open run…", "Type proposal and runs, or a path", ("Ctrl+K", "Ctrl+O"), "open", bar="short",
          before=True, menu="File"),
    Entry("run", "Run", "Run what the form shows", ("Ctrl+Return", "Ctrl+Enter"), "play", bar="short", menu="Run"),
    Entry("cancel", "Cancel", "Cancel the job whose maps are shown", ("Ctrl+.",), "stop", bar="short", menu="Run"),
    Entry("assembled", "Assembled", "Modules where they are in the detector", ("A",), "assembled", "arrangement",
          bar="short", before=True, menu="View"),
    Entry("stacked", "Stacked", "Modules in rows, as they are stored", ("S",), "stacked", "arrangement", bar="short",
          menu="View"),
    Entry("module", "Module", "One module alone", ("M",), "module", "arrangement", bar="short", menu="View"),
    Entry("slots_1", "1", "One map", ("Ctrl+1",), "", "slots", bar="text", before=True, menu="View"),
    Entry("slots_2", "2", "Two maps", ("Ctrl+2",), "", "slots", bar="text", menu="View"),
    Entry("slots_4", "4", "Four maps", ("Ctrl+4",), "", "slots", bar="text", menu="View"),
    Entry("slots_6", "6", "Six maps", ("Ctrl+6",), "", "slots", bar="text", menu="View"),
    *(Entry(f"compare_{way}", text, tip, (), "", "compared", before=way == "a", menu="View")
      for way, text, tip in (
          ("a", "A", "Show A of the comparison"), ("b", "B", "Show B of the comparison"),
          ("difference", "A−B", "Show the difference"), ("ratio", "A/B", "Show the ratio"),
          ("pull", "(A−B)/σ", "Show the difference in units of its statistical error"),
          ("beside", "Side by side", "Show one map as A, B, A−B and (A−B)/σ"))),
    Entry("accepted_as_b", "Accepted as B", "Compare A with the newest accepted constants before it", ("Ctrl+B",),
          menu="View"),
    Entry("blink", "Blink", "Show A and B in turns", ("X",), "", toggles=True, menu="View"),
    Entry("next_comparison", "Next comparison", "Go on from A to B, A−B, A/B, (A−B)/σ", ("D",)),
    Entry("flags", "Flags", "Draw bad-pixel flags over the maps", ("B",), "flags", toggles=True, bar="icon",
          before=True, menu="View"),
    Entry("freeze", "Freeze", "Keep the maps as they are while the job goes on", ("Space",), "pause", toggles=True,
          bar="icon", menu="View"),
    Entry("fit", "Show everything", "Fit all maps into their slots", ("0", "Home"), "fit", menu="View"),
    Entry("open_results", "Open results…", "Look at constants or corrected files on disk", ("Ctrl+Shift+O",), "open",
          menu="File"),
    Entry("export", "Export", "Show the export panel", ("Ctrl+E",), "export", bar="icon", before=True, menu="File"),
    Entry("report", "Report", "Write a report on the constants that are shown, as HTML and PDF beside them", (),
          "report", menu="File"),
    Entry("copy", "Copy as command", "Copy the command line that gives the same constants", ("Ctrl+Shift+C",), "copy",
          bar="icon", menu="Run"),
    Entry("accept", "Accept…", "Accept the constants that are shown, after one more question", ("Ctrl+Shift+A",),
          "approve", before=True, menu="Run"),
    Entry("reject", "Reject…", "Reject the constants that are shown, with a comment", (), "reject", menu="Run"),
    Entry("log", "Log", "Show the log", ("L",), before=True, menu="View"),
    Entry("flag_list", "Flag list", "Show the list of flags", ("F",), menu="View"),
    Entry("theme", "Dark or light", "Change between the dark and the light look", ("Ctrl+Shift+T",), "theme",
          bar="icon", menu="View"),
    Entry("layout", "Reset layout", "Put all panels back where they were", ("Ctrl+Shift+R",), "layout",
          menu="View"),
    Entry("keys", "Keys", "Show or hide the sheet of keys", ("?", "F1"), "info", bar="icon", menu="Help"),
    Entry("escape", "Escape", "Close this sheet, else a message, else stop marking, else go on after a freeze",
          ("Esc",)),
    Entry("next_cell", "Next memory cell", "Next memory cell", ("Right",)),
    Entry("previous_cell", "Previous memory cell", "Previous memory cell", ("Left",)),
    Entry("next_train", "Next train", "Next train of a run that is looked at frame by frame", ("Ctrl+Right",)),
    Entry("previous_train", "Previous train", "Previous train", ("Ctrl+Left",)),
    Entry("next_module", "Next module", "Next module", ("PgDown", "Down")),
    Entry("previous_module", "Previous module", "Previous module", ("PgUp", "Up")),
    Entry("stage_1", "First gain stage", "First gain stage", ("1",)),
    Entry("stage_2", "Second gain stage", "Second gain stage", ("2",)),
    Entry("stage_3", "Third gain stage", "Third gain stage", ("3",)),
    Entry("next_bad", "Next bad pixel", "Select the next pixel with one of the drawn flags", ("N",), before=True,
          menu="View"),
    Entry("previous_bad", "Previous bad pixel", "Select the pixel before with one of the drawn flags", ("Shift+N",),
          menu="View"),
    Entry("similar", "Pixels that fail alike", "List and mark the pixels that fail as the selected one does",
          ("Ctrl+L",), menu="View"),
    *(Entry(f"mark_{form}", f"Mark a{'n' * (form == 'asic')} {form.upper() if form == 'asic' else form}", how, (key,),
            before=form == "rectangle", menu="View")
      for (form, how), key in zip(REGIONS.items(), ("R", "O", "P", "I"), strict=True)),
    Entry("mask", "Mask…", "Mask the marked pixels for a reason", ("K",), menu="View"),
    Entry("unmask", "Take back the mask", "Take back your last entry of the expert mask", ("Ctrl+Z",), menu="View"),
    Entry("no_region", "Remove the region", "Mark nothing any more", ("Shift+R",), menu="View"),
    Entry("quit", "Quit", "Close the window", ("Ctrl+Q",), before=True, menu="File"),
)
MENUS = ("File", "View", "Run", "Help")
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
    return _KEY_TEXTS.get(key, key)


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> dict[str, QMenu]:
    """Put actions into the menus of :data:`MENUS`, which are returned by their names.

    A menu bar that comes later would lay the window out anew.
    """
    menus = {name: bar.addMenu(f"&{name}") for name in MENUS}
    for entry in ENTRIES:
        if entry.menu:
            menu = menus[entry.menu]
            if entry.before and not menu.isEmpty():
                menu.addSeparator()
            menu.addAction(actions[entry.name])
    return menus


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
    show_texts(bar, actions, True)


def show_texts(bar: QToolBar, actions: Mapping[str, QAction], wide: bool) -> None:
    """Let the buttons of a wide window have their texts; in a narrow one they stand close together."""
    if bar.property("close") != (not wide):  # the style sheet of the theme follows
        bar.setProperty("close", not wide)
        for widget in (bar, *bar.findChildren(QToolButton)):
            bar.style().unpolish(widget)
            bar.style().polish(widget)
    style = Qt.ToolButtonStyle
    for entry in ENTRIES:
        button = bar.widgetForAction(actions[entry.name]) if entry.bar else None
        if isinstance(button, QToolButton):
            with_text = entry.bar == "text" or (wide and entry.bar == "short")
            if entry.short:
                # the button's own text would be lost as soon as the action is another, such as checked
                actions[entry.name].setIconText(entry.text if wide else entry.short)
            button.setToolButtonStyle(style.ToolButtonTextBesideIcon if with_text else style.ToolButtonIconOnly)


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
