"""Every label, table and file names the place of the numbers beside it: late pictures, wrong order, frozen or not."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from truth import TruthSubject

from app.session.sources import Source

STEPS = 160
KEYS = (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_PageDown,
        Qt.Key.Key_PageUp, Qt.Key.Key_Space, Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_M)
STAGES = {"HG": 0, "MG": 1, "LG": 2, "ONE": 0}
_PLACE = re.compile(r"(\w+) · memory cell (\d+)")
_PIXEL = re.compile(r"module (\d+) · ASIC \d+ · row (\d+) · column (\d+)")
_VALUE = re.compile(r"Where (\w+) ([\d.]+)")


@pytest.fixture
def truthful(open_window, qtbot):
    """A window on a subject that tells its coordinates, with a map of each of them."""
    window = open_window()
    window.set_slots(6)
    subject = TruthSubject()
    window.sources.add(source := Source("Truth", lambda: subject))
    window.sources.show(source)
    subject.deliver()
    window.jobs.poll()
    assert window.session.shown.picture is subject.picture
    return window


def named(text):
    """Place that a text names: module, stage, cell, row and column, as far as it does."""
    place, pixel = _PLACE.search(text), _PIXEL.search(text)
    found = {} if place is None else {"gain": STAGES[place[1]], "cell": int(place[2])}
    if pixel is not None:
        found.update(zip(("module", "row", "column"), map(int, pixel.groups()), strict=True))
    return found


def told(text):
    """Coordinates that the numbers of a text tell."""
    return {name: round(float(value)) for name, value in _VALUE.findall(text)}


def check_labels(window):
    """Status bar, inspector and source line against the numbers that they show, and against the picture."""
    shown = window.session.shown
    inspector = window.inspector.text.text()
    if shown.pixel is not None and shown.picture is not None and shown.pixel[0] in shown.picture.modules:
        assert told(inspector) == named(inspector)
        assert told(window.status.pixel.text()) == {**named(window.status.pixel.text()), **named(
            window.status.view.text())}
    if shown.picture is not None:
        tells = {name: int(np.unique(values)[0]) for pick, values in shown.picture.maps.items()
                 if (name := pick.result) in ("gain", "cell")}
        for label in (window.maps.source, window.status.view):
            assert {name: value for name, value in named(label.text()).items() if name in tells} == tells


def check_curve(window):
    curve = window.inspector.presenter.curve
    if curve is not None:
        name, gain = curve.choice.result.name, STAGES[str(curve.shown.label("gain"))]
        known = dict(zip(("module", "row", "column"), curve.shown.pixel, strict=True)) | {"gain": gain}
        expected = curve.cells if name == "cell" else np.full(len(curve.cells), known[name])
        np.testing.assert_array_equal(curve.values, expected)


def test_a_walk_with_late_pictures_never_finds_a_wrong_name(truthful, qtbot):
    window, session, rng = truthful, truthful.session, np.random.default_rng(7)
    seen = {"pending": 0, "frozen": 0, "stale": 0}
    for _ in range(STEPS):
        subject = session.subject
        act = rng.integers(10)
        if act < 4:
            qtbot.keyClick(window.maps, KEYS[rng.integers(len(KEYS))])
        elif act < 6:
            pixel = (int(rng.integers(4)), int(rng.integers(512)), int(rng.integers(128)))
            if session.shown.picture is not None and pixel[0] in session.shown.picture.modules:
                session.set_pixel(pixel)
        elif act < 9:
            subject.deliver(int(rng.integers(-min(6, len(subject.queue)), 0)))
        else:
            session.set_excluded(int(rng.integers(2)))
        window.jobs.poll()
        check_labels(window)
        seen["pending"] += bool(session.pending)
        seen["frozen"] += session.frozen
        seen["stale"] += subject.picture is not session.shown.picture
    assert min(seen.values()) > 5, "the walk must come through each of these"


def test_what_is_read_in_the_background_belongs_to_what_is_shown(truthful, qtbot):
    window, session = truthful, truthful.session
    rng = np.random.default_rng(11)
    for _ in range(6):
        session.set_pixel((int(rng.integers(4)), int(rng.integers(512)), int(rng.integers(128))))
        session.look_at({"gain": int(rng.integers(3)), "cell": int(rng.integers(8))})
        if rng.integers(2):
            session.subject.deliver()
        window.jobs.poll()
        shown = session.shown
        module, row, col = shown.pixel
        words = f"module {module} gain {shown.at['gain']} cell {shown.label('cell')} row {row} column {col}"
        qtbot.waitUntil(lambda words=words: window.inspector.why.words.text() == words)
        qtbot.waitUntil(lambda shown=shown: window.inspector.presenter.curve is not None
                        and window.inspector.presenter.curve.shown.pixel == shown.pixel
                        and window.inspector.presenter.curve.shown.at["gain"] == shown.at["gain"])
        check_curve(window)


def test_tables_and_files_are_of_the_frozen_picture(truthful, qtbot, tmp_path):
    window, session = truthful, truthful.session
    session.look_at({"gain": 1, "cell": 5})
    session.subject.deliver()
    window.jobs.poll()
    session.set_pixel((2, 100, 60))
    qtbot.keyClick(window.maps, Qt.Key.Key_Space)
    session.look_at({"gain": 2, "cell": 0})
    session.subject.deliver()
    window.jobs.poll()
    assert session.pending == {"gain": "LG", "cell": 0}
    assert "memory cell 0" in window.maps.source.text().split("frozen")[1]
    assert named(window.maps.source.text()) == {"gain": 1, "cell": 10}

    window.docks.bring("asics")
    window.asics.choice.setCurrentIndex(window.asics.choice.findData("cell"))
    window.asics.presenter.refresh()
    qtbot.waitUntil(lambda: len(window.asics.table.rows) == 4 * 16)
    qtbot.waitUntil(lambda: {row[4] for row in window.asics.table.rows} == {10.0})
    with qtbot.waitSignal(window.export.presenter.said):
        window.export.presenter.statistics(tmp_path / "statistics.csv")
    lines = (tmp_path / "statistics.csv").read_text("utf-8").splitlines()
    assert any("MG · memory cell 10" in line for line in lines if line.startswith("#"))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert {float(row["median"]) for row in rows if row["map"] == "Where gain"} == {1.0}
    assert {float(row["median"]) for row in rows if row["map"] == "Where cell"} == {10.0}
    for row in rows:
        if row["map"] == "Where module":
            assert float(row["median"]) == int(row["module"])


def test_another_subject_unfreezes_and_clamps_the_place(truthful, qtbot):
    window, session = truthful, truthful.session
    session.look_at({"gain": 2, "cell": 7})
    session.subject.deliver()
    window.jobs.poll()
    session.set_pixel((3, 20, 30))
    session.set_frozen(True)
    other = TruthSubject("Other", modules=2, gains=("ONE",), cells=(3, 13))
    window.sources.add(source := Source("Other", lambda: other))
    window.sources.show(source)
    assert not session.frozen
    assert window.status.pixel.text() == ""
    other.deliver()
    window.jobs.poll()
    assert named(window.maps.source.text()) == {"gain": 0, "cell": 13}
    assert session.shown.pixel == (0, 20, 30)
    check_labels(window)
    qtbot.keyClick(window.maps, Qt.Key.Key_Space)
    assert session.frozen
    qtbot.keyClick(window.maps, Qt.Key.Key_Escape)
    assert not session.frozen


def test_pictures_of_a_subject_that_left_are_not_taken(truthful, qtbot):
    window, session = truthful, truthful.session
    first = session.subject
    other = TruthSubject("Other", modules=2, gains=("ONE",))
    window.sources.add(source := Source("Other", lambda: other))
    window.sources.show(source)
    first.deliver()
    window.jobs.poll()
    assert session.shown.picture is None
    other.deliver()
    window.jobs.poll()
    assert session.shown.picture is other.picture
