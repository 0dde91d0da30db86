"""Journey of darks to accepted constants, by keys and counted clicks, and what the verdict's panel shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from by_h5py import stored
from PyQt6.QtCore import Qt

from app.panels.inspect.verdict import SIGNS
from calib_core.axes import Pick
from calib_core.characterisation.family import named
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.base import Query
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.subjects.constant_sets import find_sets
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.sign_off import SignOff

KIND, MODULES, ODD, TRAINS = "JUNGFRAU", (1, 2), 3, 20


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Two days of one detector, the second with an ASIC of more noise; constants of the first."""
    common = {"modules": "1-2", "seed": 3}
    today = simulate(default_settings(KIND).with_changes({
        **common, "trains": TRAINS, "proposal": 900450, "begin": "2026-11-25T07:25:00", "odd_asic_module": 1,
        "odd_asic": ODD, "odd_asic_noise": 1.2, "odd_asic_offset": 3.0}), tmp_path_factory.mktemp("today"))
    before = simulate(default_settings(KIND).with_changes({
        **common, "trains": 2 * TRAINS, "proposal": 900449, "begin": "2026-11-24T07:25:00"}),
        tmp_path_factory.mktemp("before"))
    out = tmp_path_factory.mktemp("constants_before")
    job = Job(survey(list(before.runs.values())).spec(out, parameters={"skip_first_trains": TRAINS}))
    job.start()
    assert job.wait(120)
    job.close()
    return today, out


class Counting:
    """Presses of the mouse and of Enter."""

    def __init__(self, qtbot):
        self._qtbot, self.clicks = qtbot, 0

    def press(self, button):
        assert button.isVisible()
        assert button.isEnabled()
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.clicks += 1

    def enter(self, widget):
        self._qtbot.keyClick(widget, Qt.Key.Key_Return)
        self.clicks += 1


@pytest.fixture
def operator(open_window, tmp_path):
    window = open_window()
    window.activateWindow()
    window.session.out_folder = tmp_path / "constants"
    return window


def run_darks(window, qtbot, made, hand):
    """From the runs' text to constants that are judged: Ctrl+K, text, Enter, Run."""
    window.actions_by_name["open"].trigger()
    qtbot.keyClicks(window.picker.box, " ".join(map(str, made.runs.values())))
    with qtbot.waitSignal(window.picker.opener.opened):
        hand.enter(window.picker.box)
    qtbot.waitUntil(lambda: window.form.run_button.isEnabled())
    hand.press(window.form.run_button)
    qtbot.waitUntil(lambda: window.verdict.presenter.judged is not None)


def rows_of(table):
    return [[table.item(row, column).text() for column in range(table.columnCount())]
            for row in range(table.rowCount())]


def in_store(tmp_path, *statuses):
    store = LocalStore(tmp_path / "store")
    try:
        return store.find(Query(take="all", statuses=frozenset(statuses)))
    finally:
        store.close()


def test_from_runs_to_accepted_constants_in_four_clicks(operator, qtbot, days, tmp_path):
    today, before = days
    [accepted] = find_sets([before])
    SignOff(tmp_path / "store", "colleague").decide(accepted, MODULES, Status.ACCEPTED, "as usual")
    window, hand, panel = operator, Counting(qtbot), operator.verdict
    run_darks(window, qtbot, today, hand)
    # the verdict has come by itself, with the worst of each kind of test
    assert panel.isVisible()
    assert "against accepted" in panel.heading.text()
    marks = {row[1].partition(" · ")[2]: row[0] for row in rows_of(panel.table)}
    assert marks["Noise ratio"] == SIGNS["red"]
    assert marks["Newly bad"] == SIGNS["amber"]  # by the type's own limit: few of its pixels are bad
    assert "0.05 %*" in next(row for row in rows_of(panel.table) if row[1].endswith("Newly bad"))
    assert f"{list(marks.values()).count('✗')} ✗" in panel.counts.text()
    qtbot.waitUntil(lambda: "draft" in window.maps.source.text())
    assert window.sources_panel.table.item(0, 2).text().startswith("draft")
    check_accepted_as_b(window, qtbot, before)
    # red wants a comment
    hand.press(panel.accept)
    assert not panel.confirm.isEnabled()
    qtbot.keyClicks(panel.comment, "warm-up")
    assert panel.confirm.isEnabled()
    hand.enter(panel.comment)
    qtbot.waitUntil(lambda: "accepted" in panel.state.text().lower())
    assert hand.clicks == 4
    qtbot.waitUntil(lambda: "✓ accepted" in window.maps.source.text())
    assert window.sources_panel.table.item(0, 2).text().startswith("✓ accepted")
    versions = in_store(tmp_path, Status.ACCEPTED)
    own = [one for one in versions if one.comment == "warm-up"]
    kinds = len(named(KIND).method("DARK").outputs(named(KIND).kind))
    assert len(own) == len(MODULES) * kinds
    assert {one.author for one in own} == {SignOff().author}
    assert not panel.accept.isEnabled()
    # a report, of one entry of the menu
    window.actions_by_name["report"].trigger()
    qtbot.waitUntil(lambda: len(list((tmp_path / "constants").glob("report-*.pdf"))) == 1)
    [pdf] = (tmp_path / "constants").glob("report-*.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert "warm-up" in pdf.with_suffix(".html").read_text()
    # one step back
    qtbot.mouseClick(panel.undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "draft" in panel.state.text().lower())
    assert {one.comment for one in in_store(tmp_path, Status.ACCEPTED)} == {"as usual"}
    assert panel.accept.isEnabled()


def check_accepted_as_b(window, qtbot, before):
    """One button shows the accepted maps beside the new ones, and is gone as long as they are there."""
    panel, session = window.verdict, window.session
    qtbot.mouseClick(panel.as_b, Qt.MouseButton.LeftButton)
    b = Pick("offset.b")
    qtbot.waitUntil(lambda: isinstance(session.subject, PairSubject) and window.sources.b is not None)
    window.comparison.choose("b")
    qtbot.waitUntil(lambda: session.shown.picture is not None and b in session.shown.picture.maps)
    for place, module in enumerate(session.shown.picture.modules):
        np.testing.assert_array_equal(
            session.shown.picture.maps[b][place], stored(before, "Offset", module)[0][0, 0])
    qtbot.waitUntil(lambda: panel.presenter.judged is not None)
    assert not panel.as_b.isVisible()
    window.sources.remove(window.sources.b)
    qtbot.waitUntil(lambda: panel.presenter.judged is not None)
    assert panel.as_b.isVisible()


def test_click_goes_there_and_ticked_modules_alone_are_rejected(operator, qtbot, days, tmp_path):
    """Without accepted ones there is nothing to compare; a rejection wants a comment."""
    today, before = days
    window, hand, panel = operator, Counting(qtbot), operator.verdict
    run_darks(window, qtbot, today, hand)
    assert panel.heading.text() == "nothing accepted before"
    assert "Nothing to compare" in " ".join(row[1] for row in rows_of(panel.table))
    qtbot.keyClick(window.maps, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "has no accepted constants of the units and the operating condition" in
                    window.banner.message)
    assert window.sources.b is None
    window.results.open([before], compare=True)
    qtbot.waitUntil(lambda: panel.presenter.judged is not None and panel.presenter.judged.accepted is not None)
    [row] = [i for i, one in enumerate(rows_of(panel.table)) if one[1].endswith("Noise ratio")]
    item = panel.table.visualItemRect(panel.table.item(row, 1)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=item)
    kind = panel.presenter.judged.found.kind
    qtbot.waitUntil(lambda: window.session.shown.pixel is not None)
    module, y, x = window.session.shown.pixel
    assert module == 1
    assert y // kind.asic_shape[0] * (kind.shape[1] // kind.asic_shape[1]) + x // kind.asic_shape[1] == ODD
    assert "Noise ratio of module 1" in panel.sentence.text()
    every = panel.table.rowCount()
    panel.every.click()
    assert panel.table.rowCount() > every
    hand.press(panel._boxes[2])
    assert "1 module" in panel.accept.text() or panel.accept.text() == "Accept… 1"
    hand.press(panel.reject)
    assert not panel.confirm.isEnabled()
    hand.press(panel.back)
    hand.press(panel.reject)
    qtbot.keyClicks(panel.comment, "light leak")
    hand.press(panel.confirm)
    qtbot.waitUntil(lambda: "rejected" in panel.state.text().lower())
    rejected = in_store(tmp_path, Status.REJECTED)
    assert {one.comment for one in rejected} == {"light leak"}
    assert {str(one.module) for one in rejected} == {"1"}
    assert in_store(tmp_path, Status.ACCEPTED) == ()


def test_store_that_cannot_be_read_is_one_sentence(operator, qtbot, days, tmp_path):
    """The window stays alive, and nothing is accepted."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "index.sqlite").write_bytes(b"no database" * 100)
    for path in Path(store).iterdir():
        path.write_bytes(b"no database" * 100)
    today, _ = days
    window = operator
    window.actions_by_name["open"].trigger()
    qtbot.keyClicks(window.picker.box, " ".join(map(str, today.runs.values())))
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    qtbot.waitUntil(lambda: "store" in window.verdict.state.text())
    assert not window.verdict.accept.isEnabled()
