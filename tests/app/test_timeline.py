"""Constants over time in the window, by keys and clicks: a step is seen, clicked and compared."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pyqtgraph as pg
import pytest
from clicks import Pointer
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtWidgets import QComboBox, QPushButton

from app.panels.history.history_presenter import first_kind
from app.panels.maps.comparison import BESIDE
from app.widgets.number_table import NumberTable
from calib_core.constants.matching import Setting
from calib_core.store.constants import read_constant
from calib_core.store.local.records import Record, add_act, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.seals import sha256_of
from calib_core.store.statuses import STORE_VARIABLE, Status
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.region import region_of
from calib_core.subjects.variants import base_of
from tests.calib_core.subjects.files import BEGIN, put_ours
from tests.calib_core.subjects.histories import (
    CHANGED,
    DAY,
    GAP,
    MODULES,
    OF_ASIC,
    STEP,
    VERSIONS,
    day_of,
    hot,
    make_history,
    offsets,
)
from tests.calib_core.subjects.test_exchanges_over_time import SWAP
from tests.calib_core.subjects.test_exchanges_over_time import make as make_exchanged
from tests.recorded_store import NAMES, put_recorded, recorded_rows

LAST = VERSIONS - 1


@pytest.fixture(autouse=True)
def _no_store(monkeypatch, tmp_path):
    """Versions of whoever runs the tests are none of theirs."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture
def window(open_window, folder, qtbot):
    """A window in which the newest constants of the folder are looked at."""
    window = open_window()
    window.resize(1680, 1050)
    window.activateWindow()
    window.results.open([folder])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    return window


@pytest.fixture
def timeline(window, qtbot):
    """The same after F8, with all versions read."""
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    whole = len(MODULES) * VERSIONS
    qtbot.waitUntil(lambda: window.history.timeline is not None and window.history.timeline.known == whole)
    qtbot.waitUntil(lambda: len(window.timeline.plot.scene.lines) == len(MODULES)
                    and len(window.timeline.plot.scene.lines[0].times) == VERSIONS)
    return window.timeline


def median(module, version):
    """Median of the good pixels, ADU."""
    return float(np.median(offsets(module, version)[~hot(module)]))


def shift(module, version):
    """The same less the median of the first 60 versions."""
    return median(module, version) - float(np.median([median(module, one) for one in range(60)]))


def when(version):
    return BEGIN + day_of(version)


def letters(window):
    return {letter: begin.timestamp() for letter, begin in window.history.letters().items()}


def map_of(window, name, module):
    """Values of a map of the module that are on the screen."""
    picture = window.session.shown.picture
    found = next((values for pick, values in picture.maps.items() if pick.result == name), None)
    return None if found is None else found[picture.modules.index(module)]


def image(module, version):
    """Offset of a version as an image (slow_scan, fast_scan)."""
    return offsets(module, version)[:, :, 0].T


def test_journey_from_the_layout_to_the_difference(window, qtbot):
    """F8, the last month brushed, a point after the step clicked, D: two clicks and two keys."""
    clicks = Pointer(qtbot)
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    timeline, history = window.timeline, window.history
    qtbot.waitUntil(lambda: history.timeline is not None and history.timeline.known == len(MODULES) * VERSIONS)
    qtbot.waitUntil(lambda: any(line.level for line in timeline.plot.scene.lines))
    assert (history.detector, history.calibration) == ("SCS_DET_DSSC1M-1", "Offset")
    assert letters(window)["A"] == when(LAST)
    clicks.drag(timeline, when(LAST - 25), when(LAST) + DAY / 2, -4.0)
    first, last = timeline.plot.part
    assert abs(first - when(LAST - 25)) < DAY
    inside = sum(first <= when(version) <= last for version in range(VERSIONS))
    assert window.constants.heading.text() == f"Versions {inside} of {VERSIONS}"
    version = STEP - 2
    clicks.point(timeline, when(version), shift(CHANGED, version))
    qtbot.waitUntil(lambda: letters(window).get("B") == when(version))
    qtbot.waitUntil(lambda: isinstance(window.session.subject, PairSubject)
                    and map_of(window, "offset.difference", CHANGED) is not None)
    assert window.session.module == CHANGED
    assert window.session.subject.a.title in window.maps.source.toolTip()
    expected = image(CHANGED, LAST) - image(CHANGED, version)
    np.testing.assert_allclose(map_of(window, "offset.difference", CHANGED), expected, atol=1e-4)
    np.testing.assert_allclose(map_of(window, "offset.b", CHANGED), image(CHANGED, version), atol=1e-4)
    ways = []
    window.comparison.changed.connect(ways.append)
    for _ in range(5):
        qtbot.keyClick(window.maps, Qt.Key.Key_D)
    assert ways == ["a", "b", "difference", "ratio", "pull"]
    assert clicks.number == 2


def test_lines_heat_map_and_list_have_the_numbers_of_the_files(window, timeline, qtbot):
    window.session.set_module(CHANGED)
    qtbot.waitUntil(lambda: any(line.chosen and line.key == CHANGED for line in timeline.plot.scene.lines))
    line = next(line for line in timeline.plot.scene.lines if line.chosen)
    np.testing.assert_allclose(line.values, [shift(CHANGED, version) for version in range(VERSIONS)], atol=1e-4)
    assert [one.level for one in timeline.plot.scene.lines] == ["", "red", ""]
    assert abs(line.marks[0].start - when(STEP)) <= DAY
    assert [name for name, _ in timeline.plot.scene.conditions] == ["100 V", "80 V"]
    qtbot.waitUntil(lambda: timeline.plot.heat.rows.shape == (16, VERSIONS))
    model = window.constants.table.model()
    assert model.rowCount() == VERSIONS
    texts = [model.index(0, column).data() for column in range(4)]
    assert texts[0] == "A"
    assert texts[2:] == ["on disk", f"{shift(CHANGED, LAST):+.4g}"]
    assert model.headerData(3, Qt.Orientation.Horizontal) == f"m{CHANGED} [ADU]"
    changes = window.findChild(NumberTable, "changed_lines").model()
    assert changes.headerData(3, Qt.Orientation.Horizontal) == "size [ADU]"


def test_shift_click_is_a_and_versions_that_nobody_looks_at_are_let_go(window, timeline, qtbot):
    clicks, before = Pointer(qtbot), len(window.sources.entries)
    clicks.point(timeline, when(20), shift(0, 20), Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: letters(window) == {"A": when(20)})
    for version in (10, 12):
        clicks.point(timeline, when(version), shift(0, version))
        qtbot.waitUntil(lambda version=version: letters(window) == {"A": when(20), "B": when(version)})
    qtbot.waitUntil(lambda: timeline.plot._letters["B"][0] == when(12))
    dots = timeline.plot._letters
    assert dots["A"] == pytest.approx((when(20), shift(0, 20)), abs=1e-3)
    assert dots["B"] == pytest.approx((when(12), shift(0, 12)), abs=1e-3)
    assert len(window.sources.entries) <= before + 2


def test_a_change_is_told_its_maps_shown_and_confirmed(window, timeline, qtbot):
    changed = timeline.changed
    qtbot.waitUntil(lambda: len(changed.table.rows) == 1)
    row = changed.table.rows[0]
    assert (row[0], row[1]) == ("▲", CHANGED)
    assert row[3] == pytest.approx(12, rel=0.15)
    at = changed.table.visualRect(changed.table.model().index(0, 1)).center()
    qtbot.mouseClick(changed.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert window.session.module == CHANGED
    qtbot.waitUntil(lambda: changed.words.text().startswith(f"m{CHANGED} LIN: step of +"))
    assert not changed.scores.is_empty
    qtbot.mouseClick(changed.findChild(QPushButton, "show_change"), Qt.MouseButton.LeftButton)
    start = next(line for line in window.history.timeline.lines if line.module == CHANGED).change.start
    qtbot.waitUntil(lambda: letters(window) == {"A": when(LAST), "B": when(start - 1)})
    qtbot.mouseClick(changed.findChild(QPushButton, "confirm_change"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not changed.table.rows)
    qtbot.waitUntil(lambda: f"reference forming, {VERSIONS - start} of 60" in changed.words.text())
    assert timeline.plot.scene.forming == f"reference forming, {VERSIONS - start} of 60"


def test_kinds_conditions_and_numbers_are_chosen(window, timeline, qtbot):
    pick(timeline, "history_quantity", "spread, good pixels")
    spread = float(np.std(offsets(0, 5)[~hot(0)].astype(float)))
    pick(timeline, "history_form", "value")
    qtbot.waitUntil(lambda: timeline.plot.scene.title == "Offset spread")
    assert timeline.plot.scene.lines[0].values[5] == pytest.approx(spread, rel=1e-5)
    pick(window.constants, "history_condition", "80 V")
    qtbot.waitUntil(lambda: [len(line.times) for line in timeline.plot.scene.lines] == [2])
    assert timeline.plot.scene.forming == "reference forming, 2 of 60"
    assert "2 without a bad-pixel map" in timeline.told.text()
    pick(window.constants, "history_kind", "BadPixelsDark")
    qtbot.waitUntil(lambda: window.history.timeline.known == len(MODULES) * VERSIONS)
    qtbot.waitUntil(lambda: timeline.plot.scene.title == "BadPixelsDark bad share")
    assert (timeline.plot.scene.unit, timeline.quantity.currentText()) == ("logit", "share of bad pixels")
    assert not timeline.quantity.isEnabled()
    number = hot(0).sum()
    assert timeline.plot.scene.lines[0].values[0] == pytest.approx(
        np.log((number + 0.5) / (hot(0).size - number + 0.5)))
    pick(window.constants, "history_kind", "Offset")
    qtbot.waitUntil(lambda: timeline.plot.scene.title == "Offset spread" and timeline.quantity.isEnabled())
    assert timeline.quantity.currentText() == "spread, good pixels"


def pick(widget, name, text):
    """Choose an entry of a box as an operator does."""
    box = widget.findChild(QComboBox, name)
    place = box.findText(text)
    assert place >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(place)
    box.activated.emit(place)


def test_a_line_grows_with_new_constants(window, timeline, folder, qtbot):
    new = offsets(0, 3) + 3
    path = put_ours(folder, 0, "Offset", new, day_of(LAST) + DAY, job="a day more")
    try:
        window.history.find()
        qtbot.waitUntil(lambda: len(timeline.plot.scene.lines[0].times) == VERSIONS + 1)
        expected = float(np.median(new)) - float(np.median([median(0, one) for one in range(60)]))
        assert timeline.plot.scene.lines[0].values[-1] == pytest.approx(expected, abs=1e-3)
    finally:
        path.unlink()


def test_the_asic_of_the_pixel_is_framed_and_a_row_selects_one(window, timeline, qtbot):
    qtbot.waitUntil(lambda: len(timeline.plot.heat.rows) == 16)
    window.session.set_pixel((0, 70, 200))
    assert timeline.plot.heat._chosen == 8 + 3
    qtbot.waitUntil(lambda: timeline.plot.heat.plot.vb.height() > 30)
    click_row(timeline, 5, qtbot)
    assert window.session.shown.pixel == (0, 32, 5 * 64 + 32)


def click_row(timeline, row, qtbot):
    """A row of the heat map."""
    at = timeline.plot._view.mapFromScene(timeline.plot.heat.plot.vb.mapViewToScene(QPointF(when(10), row + 0.5)))
    qtbot.mouseClick(timeline.plot._view.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_a_row_of_asics_is_a_line_by_one_click(window, timeline, qtbot):
    """Its numbers are those of the files, and a click on a point of it shows the version as B."""
    module, asic, side, _ = OF_ASIC
    window.session.set_module(module)
    qtbot.waitUntil(lambda: timeline.presenter.groups is not None and timeline.presenter.groups.line.module == module
                    and np.isfinite(timeline.presenter.groups.values).all())
    pick(timeline, "history_form", "value")
    click_row(timeline, asic, qtbot)
    qtbot.waitUntil(lambda: drawn_line(timeline, "asic") is not None)
    part = np.s_[side * asic:side * (asic + 1), :side]
    expected = [np.median(offsets(module, version)[part][~hot(module)[part]]) for version in range(VERSIONS)]
    np.testing.assert_allclose(drawn_line(timeline, "asic").values, expected, rtol=1e-6)
    assert timeline.scope.currentText() == "modules, ASIC"
    assert timeline.of_chosen.text() == f"ASIC {asic} of m{module}"
    assert timeline.plot.heat._chosen == asic
    Pointer(qtbot).point(timeline, when(STEP + 3), expected[STEP + 3])
    qtbot.waitUntil(lambda: letters(window).get("B") == when(STEP + 3))
    window.session.set_pixel((module, side + 1, 1))  # in the second row of ASICs
    qtbot.waitUntil(lambda: timeline.of_chosen.text() == f"ASIC 8 of m{module}")
    pick(timeline, "history_quantity", "spread, good pixels")
    part = np.s_[:side, side:2 * side]
    spread = np.std(offsets(module, 9)[part][~hot(module)[part]].astype(float))
    qtbot.waitUntil(lambda: drawn_line(timeline, "asic") is not None
                    and drawn_line(timeline, "asic").values[9] == pytest.approx(spread, rel=1e-5))
    pick(timeline, "history_scope", "modules alone")
    qtbot.waitUntil(lambda: len(timeline.plot.scene.lines) == len(MODULES))
    assert timeline.of_chosen.isHidden()


def test_spans_show_the_newest(window, timeline, qtbot):
    button = next(one for one in timeline.spans.buttons() if one.text() == "month")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    first, last = timeline.plot.box.viewRange()[0]
    assert last > when(LAST) > first
    assert when(LAST) - first == pytest.approx(30 * DAY, rel=0.1)


@pytest.mark.parametrize("size", [(1024, 768), (1680, 1050)])
def test_there_are_as_many_slots_as_maps(window, size, qtbot):
    """Offsets and flags are two; each has half of the width and all of the height."""
    window.resize(*size)
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    shown = [slot for slot in window.maps._slots if slot.isVisible()]
    qtbot.waitUntil(lambda: shown[0].height() > 0.7 * window.maps.height())
    assert [choice.key for choice in window.maps.presenter.chosen] == ["offset", "bad_pixels"]
    assert len(shown) == 2
    assert shown[0].y() == shown[1].y()
    assert window.maps.slots == 4


def test_side_by_side_gives_the_maps_back(window, timeline, qtbot):
    before = window.maps.presenter.last
    line = window.history.line(CHANGED)
    window.history.pick(line.rows[10])
    qtbot.waitUntil(lambda: isinstance(window.session.subject, PairSubject))
    assert window.actions_by_name[f"compare_{BESIDE}"].isChecked()
    shown = [key.split("/")[0] for key in window.maps.presenter.last[:3]]
    assert shown == ["offset", "offset.b", "offset.difference"]
    window.actions_by_name["compare_a"].trigger()
    assert list(map(base_of, window.maps.presenter.last)) == list(map(base_of, before))
    window.history.pick(line.rows[11])  # another comparison goes on as the one before
    qtbot.waitUntil(lambda: letters(window)["B"] == when(11))
    assert window.actions_by_name["compare_a"].isChecked()


def test_a_decision_is_seen_in_the_list(window, timeline, folder, tmp_path, qtbot):
    unit, time = "SCS_DET_DSSC1M-1_DSSC00", datetime.fromtimestamp(when(LAST), UTC)
    path = next(one.path for one in reversed(window.history.rows) if one.module == 0)
    with closing(LocalStore(tmp_path / "store", create=True)) as store:
        copy = tmp_path / "store" / path.relative_to(folder)
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
        with store.writing() as writing:
            settings = {"Sensor Bias Voltage": Setting(100.0, unit="V")}
            number = add_version(writing, add_act(writing, "inject", "anna", "", time), Record(
                unit, "Offset", "DSSC-Type", settings, time, time, str(path.relative_to(folder)), f"/{unit}/Offset/0",
                sha256_of(copy), read_constant(copy).identity))
        window.history.add_place(str(tmp_path / "store"))
        table = window.constants.table
        qtbot.waitUntil(lambda: table.model().index(0, 2).data() == "0 of 3 accepted")
        store.decide([number], Status.ACCEPTED, "ben", "as last week")
    window.standings.decided.emit()
    qtbot.waitUntil(lambda: table.model().index(0, 2).data() == "1 of 3 accepted")
    window.session.set_module(0)
    table.selectRow(0)
    qtbot.waitUntil(lambda: "ben · ✓ accepted · as last week" in window.constants.about.text())
    assert "anna · draft" in window.constants.about.text()


def test_offsets_come_first_under_any_of_their_names():
    assert first_kind(("BadPixelsDark10Hz", "Noise10Hz", "Offset10Hz")) == "Offset10Hz"
    assert first_kind(("BadPixelsFF", "SlopesFF")) == "BadPixelsFF"
    assert first_kind(()) == ""


def test_nothing_and_bad_folders_are_told(open_window, tmp_path, qtbot):
    window = open_window()
    window.actions_by_name["layout_timeline"].trigger()
    qtbot.waitUntil(lambda: "No constants yet" in window.timeline.told.text())
    window.history.add_place(str(tmp_path / "nothing"))
    qtbot.waitUntil(lambda: "does not exist" in window.timeline.told.text())
    assert window.history.places == ()
    assert not window.constants.a_button.isEnabled()


def drawn_line(timeline, name):
    """A line of chosen pixels that is whole, or None."""
    found = [line for line in timeline.plot.scene.lines if line.name == name]
    return found[0] if found and len(found[0].times) == VERSIONS else None


def test_a_region_and_a_pixel_are_lines(window, timeline, qtbot):
    """A region of 64 × 64 pixels, drawn as any other, then a good pixel that is clicked."""
    pick(timeline, "history_form", "value")
    pick(timeline, "history_scope", "modules, region")
    assert timeline.of_chosen.text() == "Mark a region in a map: it becomes a line."
    box = (slice(0, 64), slice(64 * OF_ASIC[1], 64 * (OF_ASIC[1] + 1)))
    mask = np.zeros((1, 128, 512), bool)
    mask[0][box] = True
    window.session.set_module(OF_ASIC[0])
    window.session.set_region(region_of("rectangle", mask, (OF_ASIC[0],)))
    qtbot.waitUntil(lambda: drawn_line(timeline, "region") is not None)
    good = [image(OF_ASIC[0], v)[box][~hot(OF_ASIC[0])[:, :, 0].T[box]] for v in range(VERSIONS)]
    np.testing.assert_allclose(drawn_line(timeline, "region").values, [np.median(one) for one in good], atol=1e-4)
    assert timeline.of_chosen.text() == f"region of {64 * 64} pixels of m{OF_ASIC[0]}, memory cell 0"
    pick(timeline, "history_quantity", "mean, good pixels")
    qtbot.waitUntil(lambda: drawn_line(timeline, "region") is not None and np.allclose(
        drawn_line(timeline, "region").values, [one.mean(dtype=float) for one in good], atol=1e-3))
    row, column = np.argwhere(~hot(OF_ASIC[0])[:, :, 0].T)[700]
    window.session.set_pixel((OF_ASIC[0], int(row), int(column)))
    pick(timeline, "history_scope", "modules, pixel")
    qtbot.waitUntil(lambda: drawn_line(timeline, "pixel") is not None)
    np.testing.assert_array_equal(drawn_line(timeline, "pixel").values,
                                  [image(OF_ASIC[0], v)[row, column] for v in range(VERSIONS)])
    pick(timeline, "history_scope", "modules alone")
    qtbot.waitUntil(lambda: len(timeline.plot.scene.lines) == len(MODULES))
    assert timeline.of_chosen.isHidden()


def test_what_was_recorded_is_a_line_with_its_own_axis(window, timeline, qtbot):
    """The bias voltage of all versions, those of the other condition among them; a gap stays one."""
    pick(timeline, "history_beside", "Sensor Bias Voltage")
    beside = timeline.plot.beside
    qtbot.waitUntil(lambda: len(beside.values) == VERSIONS + 2)
    assert sorted(set(beside.values)) == [80.0, 100.0]
    assert beside.values[beside.times == when(40) + 3600] == [80.0]
    assert beside.plot.isVisible()
    assert timeline.of_values.text() == f"Sensor Bias Voltage: {VERSIONS + 2} recorded with the constants"
    x, y = beside._curve.getData()
    assert np.isnan(y).sum() == 1
    assert when(GAP[0] - 1) < x[np.isnan(y)][0] <= when(GAP[0])
    assert beside.plot.vb.viewRange()[0] == timeline.plot.box.viewRange()[0]
    timeline.beside.setCurrentText("SOURCE key.value")
    qtbot.keyClick(timeline.beside.lineEdit(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "without: " in timeline.of_values.text() and "/raw/r0007" in timeline.of_values.text())
    pick(timeline, "history_beside", "nothing")
    qtbot.waitUntil(lambda: not beside.plot.isVisible())


def test_exchanged_modules_are_marked(open_window, tmp_path, qtbot):
    """At the first version after, with whose map is like whose."""
    make_exchanged(tmp_path)
    window = open_window()
    window.resize(1680, 1050)
    window.results.open([tmp_path])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    scene = lambda: window.timeline.plot.scene  # noqa: E731
    qtbot.waitUntil(lambda: len(scene().exchanges) == 1 and "like" not in scene().exchanges[0][1])
    [(at, words)] = scene().exchanges
    assert at == pytest.approx(BEGIN + SWAP * DAY)
    assert words.startswith("⇄ m1 ↔ m2  0.8")
    qtbot.waitUntil(lambda: "to be compared yet" not in window.timeline.of_exchanged.text())
    words = window.timeline.changed.exchanged
    assert "m2 is like m1 before: correlation 0.8" in words.text()
    assert words.text().endswith("(and 1 more)")
    assert "m1 is like m2 before" in words.toolTip()
    box = window.timeline.plot.box
    (first, last), (low, high) = window.timeline.plot.marks._boxes[0]
    Pointer(qtbot).point(window.timeline, (first + last) / 2, (low + high) / 2)
    before, after = (datetime.fromtimestamp(BEGIN + DAY * version, UTC) for version in (SWAP - 1, SWAP))
    qtbot.waitUntil(lambda: window.timeline.presenter.letters() == {"A": before, "B": after})
    assert window.session.module in (1, 2)
    assert window.docks["verdict"].isVisible()
    between = np.mean(box.viewRange()[1])
    window.timeline.presenter.pick(window.timeline.presenter.rows[0])
    qtbot.waitUntil(lambda: window.timeline.presenter.letters()["B"] != after)
    Pointer(qtbot).point(window.timeline, at, between)
    qtbot.waitUntil(lambda: window.timeline.presenter.letters() == {"A": before, "B": after})


@pytest.mark.real
def test_versions_without_values_are_marks_in_time(real_data, open_window, tmp_path, qtbot):
    """All that recorded sessions with CalCat have told: when they begin is known, and none of their files is here."""
    with closing(LocalStore(tmp_path / "store", create=True)) as store:
        put_recorded(store, real_data)
    wanted = {}
    for row in recorded_rows(real_data):
        begin = datetime.fromisoformat(row["begin_at"]).timestamp()
        wanted.setdefault((row["pdu"], NAMES[int(row["calibration_id"])]), []).append(begin)
    window = open_window()
    window.actions_by_name["layout_timeline"].trigger()
    history, plot = window.history, window.timeline.plot
    qtbot.waitUntil(lambda: len(history.versions.detectors) == 6)
    number = 0
    for detector in history.versions.detectors:
        for kind in history.versions.calibrations(detector):
            rows = history.versions.of(detector, kind)
            assert sorted((one.version.pdu, one.begin.timestamp()) for one in rows) == sorted(
                (unit, begin) for unit in {one.version.pdu for one in rows} for begin in wanted[unit, kind])
            number += len(rows)
    assert number == 869
    history.choose("FXE_XAD_JF1M", "Offset10Hz")
    qtbot.waitUntil(lambda: "10 cannot be read: " in window.timeline.told.text())
    history.choose("FXE_DET_LPD1M-1", "Offset")
    qtbot.waitUntil(lambda: "79 cannot be read: " in window.timeline.told.text())
    begins = {one.begin.timestamp() for one in history.rows}
    qtbot.waitUntil(lambda: {begin for _, times in plot.scene.conditions for begin in times} == begins)
    first, last = plot.box.viewRange()[0]
    assert first < min(begins) <= max(begins) < last
    ticks = [item.getData()[0] for item in plot.strip.items if isinstance(item, pg.PlotCurveItem)]
    drawn = {begin for times in ticks if times is not None for begin in times if np.isfinite(begin)}
    pixel = (last - first) / plot.box.width()
    assert drawn <= begins
    assert all(min(abs(begin - at) for at in drawn) < 2 * pixel for begin in begins)
    assert plot.scene.lines == ()
