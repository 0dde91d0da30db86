"""Constants of two detectors are asked for, never chosen without a word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.panels.start import open_results


@pytest.fixture
def opener(open_window, monkeypatch, tmp_path):
    """An opener whose folders hold what their names say: detectors, by a dash apart."""
    found = lambda paths: tuple(  # noqa: E731
        SimpleNamespace(identifier=name, title=f"{name} of {paths[0].name}") for name in paths[0].name.split("-"))
    monkeypatch.setattr(open_results, "find_on_disk", found)
    window = open_window()
    window.shown = []
    monkeypatch.setattr(window.sources, "show", lambda source: window.shown.append(("A", source.title)))
    monkeypatch.setattr(window.sources, "compare", lambda source: window.shown.append(("B", source.title)))
    return window


def test_of_two_detectors_one_is_asked_for(opener, qtbot, tmp_path):
    with qtbot.waitSignal(opener.results.several) as asked:
        opener.results.open([tmp_path / "FXE-SPB"])
    assert asked.args == [("FXE", "SPB")]
    assert not opener.shown
    box = opener.picker.detectors
    assert box.isVisibleTo(opener.picker)
    box.setCurrentIndex(box.findText("SPB"))
    box.activated.emit(box.currentIndex())
    assert opener.shown == [("A", "SPB of FXE-SPB")]


def test_those_to_compare_with_come_after_the_answer(opener, qtbot, tmp_path):
    with qtbot.waitSignal(opener.results.several):
        opener.results.open([tmp_path / "FXE-SPB"], then=[tmp_path / "FXE"])
    opener.results.choose("FXE")
    qtbot.waitUntil(lambda: opener.shown == [("A", "FXE of FXE-SPB"), ("B", "FXE of FXE")])
