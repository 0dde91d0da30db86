"""Every label, table and file names the place of the numbers beside it: late pictures, wrong order, frozen or not."""

from __future__ import annotations

from collections import Counter
from threading import Event

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QLabel
from screen import (
    check_curve,
    check_curve_file,
    check_histogram,
    check_now,
    check_statistics,
    check_tables,
    named,
    truth,
)
from truth import TruthSubject

from app.panels.maps.navigation import count_flags
from app.session.sources import Source
from calib_core.axes import Pick
from calib_core.errors import BadInput
from calib_core.subjects.region import RegionOfInterest

STEPS = 200
KEYS = (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_PageDown,
        Qt.Key.Key_PageUp, Qt.Key.Key_Space, Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_M, Qt.Key.Key_N, Qt.Key.Key_B,
        Qt.Key.Key_Escape)


@pytest.fixture
def truthful(open_window):
    """A window on a subject that tells its coordinates, with six maps."""
    window = open_window()
    window.set_slots(6)
    window.inspector.presenter.set_counts(True)  # the curve is drawn where somebody looks, so its tab stays in front
    put(window, TruthSubject())
    window.session.subject.deliver()
    window.jobs.poll()
    assert window.session.shown.picture is window.session.subject.picture
    return window


def put(window, subject):
    """Add a source and look at it."""
    window.sources.add(source := Source(subject.title, lambda: subject))
    window.sources.show(source)
    return source


def deliver(window, number=-1):
    window.session.subject.deliver(number)
    window.jobs.poll()


def other():
    """A subject with other modules, stages and cells than the first."""
    return TruthSubject("Other", modules=(0, 4), gains=("ONE",), cells=(3, 13, 14, 20), number=2)


class Walk:
    """Things that an operator and a late subject do, by chance; what was come through is counted."""

    def __init__(self, window, qtbot, folder, seed):
        self.window, self.qtbot, self.folder = window, qtbot, folder
        self.session, self.rng = window.session, np.random.default_rng(seed)
        self.acts = (*[self.press] * 6, *[self.click] * 3, *[self.deliver] * 6, self.freeze, self.hover, self.exclude,
                     self.assign, self.choose, self.slots, self.change, self.mark)
        window.inspector.region.presenter.set_shown(True)
        self.seen, self.files = Counter(), 0

    def any(self, entries):
        """One of some entries."""
        return entries[self.rng.integers(len(entries))]

    def step(self):
        self.any(self.acts)()
        if self.rng.integers(3):
            self.window.jobs.poll()
        if self.rng.integers(2):
            self.qtbot.wait(int(self.rng.integers(1, 12)))
        check_now(self.window)
        self.count()

    def count(self):
        session, window = self.session, self.window
        self.seen.update({
            "pending": bool(session.pending), "frozen": session.frozen,
            "frozen and pending": session.frozen and bool(session.pending),
            "late": session.subject.picture is not session.shown.picture,
            "waiting": session.shown.picture is None, "curve": window.inspector.presenter.curve is not None,
            "why": window.inspector.why.table.rowCount() > 0, "other": session.subject.number == 2,
            "region": len(window.inspector.region.table.rows) > 0,
            "hovered": named(window.status.pixel.text()) != {} and session.shown.pixel is not None
            and named(window.status.pixel.text())["row"] != session.shown.pixel[1]})

    def press(self):
        self.qtbot.keyClick(self.window.maps, self.any(KEYS))

    def freeze(self):
        self.qtbot.keyClick(self.window.maps, Qt.Key.Key_Space)

    def _pixel(self):
        placement = self.window.maps.presenter.placement
        if placement is None:
            return None
        return tuple(int(self.rng.integers(n)) for n in (len(placement.modules), 512, 128))

    def click(self):
        if (pixel := self._pixel()) is not None:
            self.window.maps.presenter.click(*pixel)

    def hover(self):
        self.window.maps.presenter.hover(self._pixel() if self.rng.integers(2) else None)

    def deliver(self):
        queue = self.session.subject.queue
        self.session.subject.deliver(int(self.rng.integers(-min(6, len(queue)), 0)))

    def exclude(self):
        self.window.navigation.flags.findChild(QCheckBox, "exclude_0").click()

    def assign(self):
        maps = self.window.maps.presenter
        if maps.offered:
            maps.assign(int(self.rng.integers(len(maps.chosen))), self.any(maps.offered).key)

    def choose(self):
        box = self.window.inspector.choice
        if box.count():
            box.setCurrentIndex(int(self.rng.integers(box.count())))
            box.activated.emit(box.currentIndex())

    def mark(self):
        """Mark a few rows of a module that each subject has, or of two."""
        modules, first = self.any(((4,), (2, 4))), int(self.rng.integers(400))
        self.session.set_region(RegionOfInterest("rectangle", (512, 128), tuple(
            (module, row, 3, 99) for module in modules for row in range(first, first + 9))))

    def slots(self):
        self.window.set_slots(self.any((1, 2, 4, 6)))

    def change(self):
        """Look at something new, or at what was opened before."""
        if self.rng.integers(2):
            put(self.window, self.any((TruthSubject, other))())
        else:
            self.window.sources.show(self.any(self.window.sources.entries))

    def settle(self, dock):
        """Wait until all that is read in the background is of what is on the screen, then read it and export it."""
        window, session, wait = self.window, self.session, self.qtbot.waitUntil
        window.maps.presenter.assign(0, "place")
        if session.shown.picture is None or not session.frozen:
            session.subject.deliver()
            window.jobs.poll()
        if session.cross is None:
            session.set_pixel((session.shown.module, 300, 77))
        window.docks.bring(dock)
        place, picture = truth(window), session.shown.picture
        wait(lambda: window.inspector.presenter.curve is not None and window.inspector.why.table.rowCount() > 0)
        if Pick("place") in picture.maps:
            table = window.asics if dock == "asics" else window.stages
            known = place if dock == "asics" else {"cell": place["cell"]}
            wait(lambda: len(table.table.rows) > 0 and named(table.heading.text()) == known)
            title = window.inspector.histograms.plot.getPlotItem().titleLabel
            wait(lambda: not window.inspector.histograms.is_empty and named(title.text) == place)
            self.seen.update({f"settled {dock}": True})
        check_now(window)
        self.export(place)

    def export(self, place):
        presenter, pixel = self.window.export.presenter, self.session.shown.pixel
        for what, check in ((presenter.statistics, lambda path: check_statistics(path, self.window, place)),
                            (presenter.curve, check_curve_file)):
            path = self.folder / f"{self.files}.csv"
            self.files += 1
            with self.qtbot.waitSignal(presenter.said) as said:
                what(path)
            assert said.args[0] == "INFO", said.args
            found = check(path)
        assert found == {"gain": place["gain"], **dict(zip(("module", "row", "column"), pixel, strict=True))}


@pytest.mark.parametrize("seed", [3, 4])
def test_a_walk_with_late_pictures_never_finds_a_wrong_name(truthful, qtbot, tmp_path, seed):
    walk = Walk(truthful, qtbot, tmp_path, seed)
    for number in range(STEPS):
        if number % 50 in (10, 35):  # a walk by chance alone may come nowhere
            put(truthful, (TruthSubject, other)[number % 2]())
        if number % 50 == 20:
            truthful.session.set_frozen(True)
        walk.step()
        if number % 40 == 39:
            walk.settle("asics" if number % 80 == 39 else "stages")
    seen = {name: walk.seen[name] for name in (
        "pending", "frozen", "frozen and pending", "late", "waiting", "curve", "why", "other", "region",
        "hovered")}
    assert min(seen.values()) > 3, f"the walk must come through each of these: {walk.seen}"
    assert walk.seen["settled asics"] > 0
    assert walk.seen["settled stages"] > 0


def test_what_is_frozen_keeps_its_name_while_the_pixel_moves(truthful, qtbot, tmp_path):
    window, session = truthful, truthful.session
    session.look_at({"gain": 1, "cell": 5})
    deliver(window)
    qtbot.keyClick(window.maps, Qt.Key.Key_Space)
    session.look_at({"gain": 2, "cell": 0})
    deliver(window)
    assert session.pending == {"gain": "LG", "cell": 0}
    assert "frozen, LG · memory cell 0 waits" in window.maps.source.text()
    for number, pixel in enumerate([(2, 100, 60), (7, 3, 4)]):
        session.set_pixel(pixel)
        check_now(window)
        qtbot.waitUntil(lambda: window.inspector.presenter.curve is not None)
        check_curve(window)
        with qtbot.waitSignal(window.export.presenter.said):
            window.export.presenter.curve(tmp_path / f"{number}.csv")
        assert check_curve_file(tmp_path / f"{number}.csv") == {
            "gain": 1, "module": pixel[0], "row": pixel[1], "column": pixel[2]}
    with qtbot.waitSignal(window.export.presenter.said):
        window.export.presenter.statistics(tmp_path / "statistics.csv")
    check_statistics(tmp_path / "statistics.csv", window, {"gain": 1, "cell": 10})
    qtbot.keyClick(window.maps, Qt.Key.Key_Escape)
    assert (session.frozen, truth(window)) == (False, {"gain": 2, "cell": 0})
    check_now(window)


def test_another_subject_unfreezes_and_clamps_the_place(truthful):
    window, session = truthful, truthful.session
    session.look_at({"gain": 2, "cell": 7})
    deliver(window)
    session.set_pixel((7, 20, 30))
    session.set_frozen(True)
    put(window, other())
    assert not session.frozen
    check_now(window)
    deliver(window)
    assert truth(window) == named(window.maps.source.text()) == {"gain": 0, "cell": 14}
    assert session.shown.pixel == (0, 20, 30)
    check_now(window)


def test_the_first_picture_comes_although_nothing_was_frozen(truthful, qtbot):
    window = truthful
    put(window, other())
    qtbot.keyClick(window.maps, Qt.Key.Key_Space)
    deliver(window)
    assert truth(window) == {"gain": 0, "cell": 3}
    window.session.look_at({"cell": 1})
    deliver(window)
    assert truth(window) == {"gain": 0, "cell": 3}
    check_now(window)


def test_no_module_of_the_subject_before_is_asked_for(truthful, qtbot, tmp_path):
    window, second = truthful, other()
    qtbot.keyClick(window.maps, Qt.Key.Key_M)
    window.session.set_module(7)
    deliver(window)
    put(window, second)
    for number in range(len(second.queue)):
        deliver(window, number)
        assert set(window.session.shown.picture.modules) in ({0}, {0, 4})
        check_now(window)
    with qtbot.waitSignal(window.export.presenter.said):
        window.export.presenter.statistics(tmp_path / "statistics.csv")
    check_statistics(tmp_path / "statistics.csv", window, {"gain": 0, "cell": 3})


def test_pictures_of_a_subject_that_left_are_not_taken(truthful):
    window, first = truthful, truthful.session.subject
    put(window, other())
    first.deliver()
    window.jobs.poll()
    assert window.session.shown.picture is None
    deliver(window)
    assert window.session.shown.picture is window.session.subject.picture


def test_nothing_of_the_place_before_stays_while_another_is_read(truthful, qtbot):
    window, session, subject = truthful, truthful.session, truthful.session.subject
    inspector = window.inspector
    session.set_pixel((2, 100, 60))
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty and inspector.why.table.rowCount() > 0)
    subject.gate.clear()
    session.set_pixel((2, 101, 60))
    assert inspector.curve_plot.is_empty
    assert inspector.why.table.rowCount() == 0
    subject.gate.set()
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty and inspector.why.table.rowCount() > 0)
    check_now(window)
    subject.gate.clear()
    session.look_at({"gain": 1})
    deliver(window)
    assert inspector.curve_plot.is_empty
    assert inspector.why.table.rowCount() == 0
    subject.gate.set()
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty and inspector.why.table.rowCount() > 0)
    check_now(window)


def test_what_is_being_read_is_named_and_its_export_says_to_wait(truthful, qtbot, tmp_path):
    window, subject, inspector = truthful, truthful.session.subject, truthful.inspector
    hint = inspector.curve_plot.findChild(QLabel, "plot_hint")
    assert "Click a pixel" in hint.text()
    assert "Click a pixel" in inspector.why.words.text()
    said = []
    window.export.presenter.said.connect(lambda level, text, *_: said.append((level, text)))
    subject.gate.clear()
    inspector.with_module.setChecked(False)
    window.session.set_pixel((2, 101, 60))
    assert hint.text() == inspector.why.words.text() == "Reading module 2, row 101, column 60 …"
    window.export.presenter.curve(tmp_path / "curve.csv")
    assert said == [("ERROR", "The curve of module 2, row 101, column 60 is still being read; "
                              "export it in a moment.")]
    subject.gate.set()
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty and inspector.why.table.rowCount() > 0)
    window.session.set_pixel(None)
    assert inspector.curve_plot.is_empty
    assert "Click a pixel" in hint.text()
    assert "Click a pixel" in inspector.why.words.text()
    window.export.presenter.curve(tmp_path / "curve.csv")
    assert said[-1] == ("ERROR", "There is no curve to export; click a pixel first.")


def test_a_curve_without_values_and_one_that_fails_ask_for_no_click(truthful, qtbot, monkeypatch):
    window, subject, inspector = truthful, truthful.session.subject, truthful.inspector
    hint = inspector.curve_plot.findChild(QLabel, "plot_hint")
    inspector.with_module.setChecked(False)
    monkeypatch.setattr(subject, "along", lambda *_, **__: np.full(len(subject.axes["cell"]), np.nan))
    window.session.set_pixel((2, 101, 60))
    qtbot.waitUntil(lambda: hint.text().startswith("There are no values of module 2, row 101, column 60"))

    def fails(*_, **__):
        raise BadInput("file is gone")

    monkeypatch.setattr(subject, "along", fails)
    monkeypatch.setattr(subject, "reasons", fails)
    window.session.set_pixel((2, 102, 60))
    qtbot.waitUntil(lambda: "could not be read" in hint.text() and "could not be read" in inspector.why.words.text())


def test_a_heading_comes_with_its_rows(truthful, qtbot):
    window, subject = truthful, truthful.session.subject
    window.docks.bring("stages")
    qtbot.waitUntil(lambda: len(window.stages.table.rows) == 4 * 3)
    assert named(window.stages.heading.text()) == {"cell": 0}
    subject.gate.clear()
    window.session.look_at({"cell": 3})
    deliver(window)
    qtbot.wait(600)
    assert named(window.stages.heading.text()) == {"cell": 0}
    check_tables(window)
    subject.gate.set()
    qtbot.waitUntil(lambda: named(window.stages.heading.text()) == {"cell": 6})
    check_tables(window)
    window.docks.bring("asics")
    window.asics.choice.setCurrentIndex(window.asics.choice.findData("cell"))
    window.asics.choice.activated.emit(window.asics.choice.currentIndex())
    qtbot.waitUntil(lambda: window.asics.heading.text() == (
        "Where cell · HG · memory cell 6 · left out: pixels with any flag"))
    check_tables(window)
    put(window, other())
    for table in (window.asics, window.stages):
        assert (table.table.rows, table.heading.text()) == ([], "")


def test_the_list_of_maps_names_the_curve_after_another_subject(truthful, qtbot):
    window, box = truthful, truthful.inspector.choice
    window.session.set_pixel((2, 100, 60))
    box.setCurrentIndex(box.findData("column"))
    box.activated.emit(box.currentIndex())
    put(window, other())
    deliver(window)
    qtbot.waitUntil(lambda: window.inspector.presenter.curve is not None)
    assert box.currentData() == "column"
    check_curve(window)
    assert window.inspector.presenter.curve.values.tolist() == [60] * 4


def test_nothing_that_was_counted_of_another_subject_stays(truthful, qtbot, monkeypatch):
    window = truthful
    window.maps.presenter.assign(0, "place")
    deliver(window)
    qtbot.waitUntil(lambda: not window.inspector.histograms.is_empty)
    check_histogram(window)
    total, gate, counted = window.navigation.flags.findChild(QLabel, "flags_total"), Event(), count_flags
    qtbot.waitUntil(lambda: total.text() == f"of {4 * 512 * 128:,} pixels")
    begun = []
    monkeypatch.setattr("app.panels.maps.navigation.count_flags",
                        lambda flags: (begun.append(flags), gate.wait(20), counted(flags))[2])
    deliver(window)
    qtbot.waitUntil(lambda: len(begun) > 0)
    put(window, other())
    assert window.inspector.histograms.is_empty
    gate.set()
    qtbot.wait(100)
    assert total.text() == ""


def test_the_image_of_strips_is_of_the_stage_in_its_source_line(open_window, strips, qtbot):
    window = open_window()
    window.set_slots(1)
    subject = TruthSubject(modules=(0, 1), cells=(0, 1), kind=strips.name)
    put(window, subject)
    deliver(window)
    window.maps.presenter.set_form("cells")
    window.maps.presenter.assign(0, "gain")
    deliver(window)
    view = window.maps.views[0]
    qtbot.waitUntil(lambda: view.value_at(0, 0, 5) == 0)
    subject.gate.clear()
    window.session.look_at({"gain": 2})
    deliver(window)
    assert named(window.maps.source.text())["gain"] == 2
    assert view.value_at(0, 0, 5) is None
    subject.gate.set()
    qtbot.waitUntil(lambda: view.value_at(0, 0, 5) == 2)
