"""The menu bar: all of it from the table of actions, and what needs no run."""

from __future__ import annotations

import threading

import pytest

from app.window import menus
from app.window.actions import ENTRIES


def texts(menu):
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def test_the_menu_bar_is_the_table(open_window):
    window = open_window()
    assert [action.text() for action in window.menuBar().actions()] == ["&File", "&View", "&Run", "&Help"]
    assert texts(window.menus["File"]) == ["Open run…", "Open results…", "Export", "Report", "Quit"]
    assert texts(window.menus["Help"]) == ["Keys"]
    assert texts(window.menus["Run"])[:3] == ["Run", "Cancel", "Copy as command"]
    assert "Darks  F5" in texts(window.menus["View"])
    shown = {action for menu in window.menus.values() for action in menu.actions()}
    for entry in ENTRIES:
        assert (window.actions_by_name[entry.name] in shown) == bool(entry.menu)


def test_characterisations_without_runs_come_into_the_menu(open_window, make_survey, qtbot, monkeypatch):
    monkeypatch.setattr(menus, "_offered", lambda: [make_survey()])
    window = open_window()
    qtbot.waitUntil(lambda: texts(window.menus["Run"])[-1] == "AGIPD: Darks…")
    window.menus["Run"].actions()[-1].trigger()
    assert window.session.survey.family.name == "AGIPD"


def test_a_window_that_is_closed_meanwhile_is_left_alone(open_window, qtbot, monkeypatch):
    go_on, asked = threading.Event(), threading.Event()

    def slow():
        asked.set()
        go_on.wait(10)
        return []

    monkeypatch.setattr(menus, "_offered", slow)
    shown = []
    monkeypatch.setattr(menus, "_show", lambda *what: shown.append(what))
    window = open_window()
    qtbot.waitUntil(asked.is_set)
    window.close()
    go_on.set()
    qtbot.wait(100)
    assert shown == []


@pytest.mark.parametrize("name", ["quit", "keys", "layout_darks"])
def test_entries_of_the_menus_do_what_they_say(open_window, name):
    window = open_window()
    window.actions_by_name[name].trigger()
    assert window.isVisible() == (name != "quit")
    assert window.sheet.isVisible() == (name == "keys")
    assert window.actions_by_name["layout_darks"].isChecked()
