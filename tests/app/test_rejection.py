"""Journey from a point on the timeline to its rejection, and back: keys and counted clicks."""

from __future__ import annotations

import numpy as np
import pytest
from clicks import Pointer
from PyQt6.QtCore import Qt

from calib_core.store.base import Query
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.subjects.pair import PairSubject
from tests.calib_core.subjects.files import BEGIN, put_ours

DAY, VERSIONS, MODULES = 86400.0, 8, (0, 1)
#: The offset of one day is off, ADU.
WILD, OFF = 5, 40.0
SHAPE = (512, 128, 1)
WHOLE = {name: {"value": value, "unit": "", "tolerance": 0, "origin": "KEY x"} for name, value in (
    ("Sensor Bias Voltage", 100.0), ("Memory cells", 1.0), ("Pixels X", 512.0), ("Pixels Y", 128.0))}


def offsets(module, version):
    """Offset (fast_scan, slow_scan, cell), ADU."""
    values = np.random.default_rng([module, version]).normal(100 + module, 3, SHAPE)
    return (values + OFF * (version == WILD)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("days")
    for version in range(VERSIONS):
        for module in MODULES:
            second, job = when(version) - BEGIN, f"day {version}"
            put_ours(root, module, "Offset", offsets(module, version), second, job, conditions=WHOLE)
            put_ours(root, module, "Noise", np.full(SHAPE, 4, np.float32), second + 0.5, job,
                     conditions=WHOLE)
    return root


@pytest.fixture
def window(open_window, folder, qtbot):
    """A window with the newest constants of the folder."""
    window = open_window()
    window.resize(1680, 1050)
    window.activateWindow()
    window.results.open([folder])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    return window


def when(version):
    return BEGIN - (VERSIONS - version) * DAY


def found_in(folder, *statuses):
    store = LocalStore(folder)
    try:
        return store.find(Query(take="all", statuses=frozenset(statuses)))
    finally:
        store.close()


def status_at(window, version):
    """What the list says of a version."""
    table = window.constants.table
    row = next(i for i, one in enumerate(table.moments) if one.begin.timestamp() == when(version))
    return table.model().index(row, 2).data()


def refused(window):
    """Times of the crosses in the plot."""
    return set(window.timeline.plot._refused.getData()[0].tolist())


def brush_and_click(window, qtbot, clicks):
    """F8, the last days brushed, and the wild point clicked."""
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    timeline, history = window.timeline, window.history
    qtbot.waitUntil(lambda: history.timeline is not None and history.timeline.known == len(MODULES) * VERSIONS)
    qtbot.waitUntil(lambda: len(timeline.plot.scene.lines) == len(MODULES)
                    and len(timeline.plot.scene.lines[0].times) == VERSIONS)
    clicks.drag(timeline, when(3), when(VERSIONS - 0.5), 30)
    line = next(one for one in timeline.plot.scene.lines if one.key == 1)
    clicks.point(timeline, when(WILD), float(line.values[WILD]))
    qtbot.waitUntil(lambda: isinstance(window.session.subject, PairSubject))
    qtbot.waitUntil(lambda: window.verdict.presenter.judged is not None)


def test_an_outlier_is_rejected_in_four_clicks_and_brought_back(window, folder, tmp_path, qtbot, monkeypatch):
    clicks, panel = Pointer(qtbot), window.verdict
    brush_and_click(window, qtbot, clicks)
    # the verdict is in front, and it is on the point, not on what it is compared with
    assert panel.isVisible()
    assert not panel.visibleRegion().isEmpty()
    assert panel.heading.text().startswith("B ")
    assert {one.begin.timestamp() // 60 for one in panel.presenter.judged.found.files} == {when(WILD) // 60}
    shift = next(one for one in panel.presenter.rows if one.title == "Offset shift")
    assert shift.value == pytest.approx(OFF / 4, rel=0.02)  # the noise is 4 ADU
    ways = []
    window.comparison.changed.connect(ways.append)
    qtbot.keyClick(window.maps, Qt.Key.Key_D)
    assert ways == ["a"]
    clicks.button(panel.reject)
    assert not panel.confirm.isEnabled()
    qtbot.keyClicks(panel.comment, "light leak")
    qtbot.keyClick(panel.comment, Qt.Key.Key_Return)
    clicks.number += 1
    assert clicks.number == 4
    qtbot.waitUntil(lambda: status_at(window, WILD) == "✗ rejected")
    rejected = found_in(tmp_path / "store", Status.REJECTED)
    assert {(one.pdu[-2:], one.calibration, one.comment) for one in rejected} == {
        (unit, kind, "light leak") for unit in ("00", "01") for kind in ("Offset", "Noise")}
    qtbot.waitUntil(lambda: refused(window) == {when(WILD)})
    # the maps have the keyboard again, and show the same point beside A
    assert window.focusWidget() is window.maps
    qtbot.keyClick(window.maps, Qt.Key.Key_D)
    assert ways == ["a", "b"]
    assert window.history.letters()["B"].timestamp() == when(WILD)
    check_drafts_off(window, qtbot)
    report_says(window, folder, qtbot, "light leak")
    check_report_is_kept(window, tmp_path / "store", monkeypatch, qtbot)
    qtbot.mouseClick(panel.undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: status_at(window, WILD) == "draft")
    qtbot.waitUntil(lambda: not refused(window))
    assert found_in(tmp_path / "store", Status.REJECTED) == ()
    assert panel.reject.isEnabled()


def check_drafts_off(window, qtbot):
    """Without what does not count the point is gone from list and lines, which is said with its number."""
    box = window.constants.drafts
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.timeline.plot.scene.lines[0].times) == VERSIONS - 1)
    assert when(WILD) not in window.timeline.plot.scene.lines[0].times
    assert "2 that are not accepted left out" in window.timeline.told.text()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: refused(window) == {when(WILD)})


def report_says(window, folder, qtbot, reason):
    """The report is on the point that was decided on."""
    window.actions_by_name["report"].trigger()
    qtbot.waitUntil(lambda: len(list(folder.glob("report-*.pdf"))) == 1)
    [page] = folder.glob("report-*.html")
    text = page.read_text("utf-8")
    assert reason in text
    assert f"{window.verdict.presenter.judged.found.title}</title>" in text


def check_report_is_kept(window, store, monkeypatch, qtbot):
    """In the store, opened from the list of versions; one that was changed is not, and says why."""
    [kept] = (store / "reports").glob("report-*.html")
    assert "light leak" in kept.read_text("utf-8")
    opened, table = [], window.constants.table
    monkeypatch.setattr("app.window.panel_window.QDesktopServices.openUrl",
                        lambda url: opened.append(url.toLocalFile()))
    row = next(i for i, one in enumerate(table.moments) if one.begin.timestamp() == when(WILD))
    table.selectRow(row)
    button = window.constants.report_button
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened == [str(kept)])
    kept.write_text("something else")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "another file than the report that was kept" in window.banner.message)
    table.selectRow(row + 1)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "No report on" in window.banner.message)
    assert len(opened) == 1


def test_what_was_accepted_is_withdrawn(window, tmp_path, qtbot):
    """A point that counts cannot be rejected any more; the same clicks withdraw it, module by module."""
    clicks, panel = Pointer(qtbot), window.verdict
    brush_and_click(window, qtbot, clicks)
    clicks.button(panel.accept)
    qtbot.keyClicks(panel.comment, "trial")
    qtbot.keyClick(panel.comment, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: status_at(window, WILD) == "✓ accepted")
    qtbot.waitUntil(lambda: panel.reject.text() == "Withdraw…")
    clicks.button(panel._boxes[0])
    clicks.button(panel.reject)
    assert "withdrawn" in panel.question.text()
    assert panel.confirm.text() == "Withdraw 1 module"
    qtbot.keyClicks(panel.comment, "light leak")
    qtbot.keyClick(panel.comment, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: status_at(window, WILD) == "1 of 2 accepted")
    assert {one.pdu[-2:] for one in found_in(tmp_path / "store", Status.WITHDRAWN)} == {"01"}
    assert {one.pdu[-2:] for one in found_in(tmp_path / "store", Status.ACCEPTED)} == {"00"}
