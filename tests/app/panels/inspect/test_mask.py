"""The expert mask: a drag, a reason and Enter mask pixels everywhere at once; a key takes that back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from clicks import Clicks, module_point
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QToolButton

from app.panels.deliver.export import Extent
from app.panels.maps.map_statistics import statistics_rows
from app.panels.maps.slots import flags_of
from app.widgets.flag_panel import CHOSEN
from calib_core.constants.badpixels import BadPixels, flags_named
from calib_core.store.constants import list_constants

EXPERT = np.uint32(BadPixels.EXPERT_CHOICE)
ROWS, COLS = slice(40, 90), slice(10, 70)


@pytest.fixture
def stacked(window, qtbot, tmp_path):
    """The window of known maps, its modules in rows, masks in a folder of the test."""
    window.session.out_folder = tmp_path / "constants"
    window.activateWindow()
    qtbot.keyClick(window.maps, Qt.Key.Key_S)
    qtbot.keyClick(window.maps, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.maps.presenter.placement.title == "Stacked")
    return window


def flags(window) -> np.ndarray:
    shown = window.session.shown
    return flags_of(shown.picture, shown)


def mark(window, qtbot, clicks, module=1):
    """Mark a rectangle by one drag."""
    qtbot.keyClick(window.maps, Qt.Key.Key_R)
    first, last = (module_point(window, module, rows, cols) for rows, cols in (
        (ROWS.start, COLS.start), (ROWS.stop, COLS.stop)))
    clicks.drag(window.maps.views[0].canvas, first, (first + last) / 2, last)


def wait_drawn(window, qtbot):
    """Until the newest picture is taken, which waits while the one before is being drawn."""
    qtbot.waitUntil(lambda: window.session.shown.picture is window.session.subject.picture)


def mask(window, qtbot, clicks, reason="shadow of the beam stop"):
    """“Mask…” by one click, the reason and Enter."""
    clicks.button(window.maps.findChild(QToolButton, "action_mask"))
    line = window.inspector.mask.reason
    qtbot.waitUntil(line.hasFocus)
    qtbot.keyClicks(line, reason)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    clicks.number += 1
    qtbot.waitUntil(lambda: line.text() == "")
    wait_drawn(window, qtbot)


def test_a_drag_a_click_and_enter_mask_and_a_key_takes_it_back(stacked, qtbot):
    before, clicks = flags(stacked).copy(), Clicks(qtbot)
    mark(stacked, qtbot, clicks)
    mask(stacked, qtbot, clicks)
    assert clicks.number == 3
    wanted = before.copy()
    wanted[1, ROWS, COLS] |= EXPERT
    np.testing.assert_array_equal(flags(stacked), wanted)
    panel = stacked.inspector.mask
    assert [panel.table.item(0, column).text() for column in (2, 3)] == ["shadow of the beam stop", "3,000"]
    [one] = list_constants(stacked.session.out_folder)
    with h5py.File(one.path) as file:
        data = file["/UNIT_01/BadPixelsManual/0/data"]
        assert data.attrs["dims"].tolist() == ["fast_scan", "slow_scan"]
        np.testing.assert_array_equal(data[()].T != 0, (wanted[1] & EXPERT) != 0)
    counts = stacked.navigation.flags
    qtbot.waitUntil(lambda: counts._counts.get(int(EXPERT)) == 3000)
    assert [text for text in stacked.session.shown.subject.notes if "3,000 pixels masked by people" in text]
    qtbot.keyClick(stacked.maps, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    clicks.number += 1
    qtbot.waitUntil(lambda: not (flags(stacked) & EXPERT).any())
    assert clicks.number == 4
    np.testing.assert_array_equal(flags(stacked), before)
    qtbot.waitUntil(lambda: panel.table.item(0, 2).font().strikeOut())
    assert "taken back by" in panel.table.item(0, 2).toolTip()
    assert len(list_constants(stacked.session.out_folder)) == 2


def bring_region(window, qtbot):
    window.docks.bring("inspector")
    window.inspector.tabs.setCurrentWidget(window.inspector.region)


def test_an_asic_is_marked_by_a_click_and_masked_where_it_is_looked_at_alone(stacked, qtbot):
    clicks, panel = Clicks(qtbot), stacked.inspector.mask
    qtbot.keyClick(stacked.maps, Qt.Key.Key_I)
    clicks.drag(stacked.maps.views[0].canvas, module_point(stacked, 2, 70, 100))
    assert stacked.session.region.words == "ASIC of 4096 pixels in module 2"
    clicks.button(stacked.maps.findChild(QToolButton, "action_mask"))
    panel.flag.setCurrentIndex(panel.flag.findText("user1"))
    clicks.button(panel.only["gain"])
    qtbot.keyClicks(panel.reason, "hot in high gain")
    qtbot.keyClick(panel.reason, Qt.Key.Key_Return)
    user1 = np.uint32(BadPixels.USER1)
    qtbot.waitUntil(lambda: bool((flags(stacked) & user1).any()))
    wanted = np.zeros(flags(stacked).shape, bool)
    wanted[2, 64:128, 64:128] = True
    np.testing.assert_array_equal((flags(stacked) & user1) != 0, wanted)
    assert "gain stages HG" in panel.table.item(0, 0).toolTip()
    stacked.session.look_at({"gain": 1})
    stacked.jobs.poll()
    qtbot.waitUntil(lambda: stacked.session.shown.label("gain") == "MG")
    assert not (flags(stacked) & user1).any()


@pytest.mark.parametrize(("side", "limit"), [("above", "5700"), ("below", "5,2e3")])
def test_a_threshold_marks_what_numpy_finds(stacked, qtbot, side, limit):
    bring_region(stacked, qtbot)
    region = stacked.inspector.region
    region.side.setCurrentText(side)
    qtbot.keyClicks(region.limit, limit)
    qtbot.keyClick(region.limit, Qt.Key.Key_Return)
    shown, number = stacked.session.shown, float(limit.replace(",", "."))
    values = shown.picture.maps[stacked.maps.presenter.chosen[0].pick]
    wanted = values > number if side == "above" else values < number
    np.testing.assert_array_equal(shown.region.masks(shown.picture.modules), wanted)
    assert shown.region.words.startswith(f"Offset {side} {number:g} ADU at HG · memory cell 0: {wanted.sum()} pixels")
    stacked.grab()  # scattered pixels are drawn too


def test_a_threshold_that_is_no_number_is_told(stacked, qtbot):
    bring_region(stacked, qtbot)
    region = stacked.inspector.region
    qtbot.keyClicks(region.limit, "high")
    qtbot.keyClick(region.limit, Qt.Key.Key_Return)
    assert "a threshold is a number" in region.heading.text()
    assert stacked.session.region is None


def test_without_a_reason_nothing_is_masked_and_the_window_lives(stacked, qtbot):
    clicks, panel = Clicks(qtbot), stacked.inspector.mask
    mark(stacked, qtbot, clicks)
    clicks.button(stacked.maps.findChild(QToolButton, "action_mask"))
    qtbot.keyClick(panel.reason, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "reason = '' is not allowed" in panel.said.text())
    assert panel.said.tone == "error"
    assert list_constants(stacked.session.out_folder) == ()
    mask(stacked, qtbot, clicks)
    assert (flags(stacked) & EXPERT).any()


def test_a_folder_that_cannot_be_written_is_told(stacked, qtbot, tmp_path):
    clicks, panel = Clicks(qtbot), stacked.inspector.mask
    (tmp_path / "file").write_text("no folder")
    stacked.session.out_folder = tmp_path / "file"
    mark(stacked, qtbot, clicks)
    clicks.button(stacked.maps.findChild(QToolButton, "action_mask"))
    qtbot.keyClicks(panel.reason, "why not")
    qtbot.keyClick(panel.reason, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "could not be written" in panel.said.text())
    assert panel.reason.text() == "why not"


def test_nothing_of_ones_own_is_left_to_take_back(stacked, qtbot):
    stacked.masks.author = "bert"
    qtbot.keyClick(stacked.maps, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "There is no entry of bert that could be taken back" in stacked.inspector.mask.said.text()


def test_entries_of_others_are_taken_back_in_the_list(stacked, qtbot):
    clicks, panel = Clicks(qtbot), stacked.inspector.mask
    panel.author.setText("anna")
    mark(stacked, qtbot, clicks)
    mask(stacked, qtbot, clicks)
    assert panel.table.item(0, 1).text() == "anna"
    panel.table.selectRow(0)
    clicks.button(panel.back_button)
    qtbot.waitUntil(lambda: not (flags(stacked) & EXPERT).any())


def test_masks_of_others_are_entries_with_their_source(stacked, qtbot, tmp_path):
    panel, rng = stacked.inspector.mask, np.random.default_rng(3)
    theirs = np.where(rng.random((16, 512, 128)) < 0.01, np.uint32(BadPixels.NOISY_ADC), np.uint32(0))
    theirs[2, 5, 6] |= np.uint32(BadPixels.USER2)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["bad_pixels"] = theirs
        file.attrs["source"] = "group X"
    panel.ask_file = lambda: str(tmp_path / "theirs.h5")
    before = flags(stacked).copy()
    stacked.docks.bring("inspector")
    stacked.inspector.tabs.setCurrentWidget(panel)
    Clicks(qtbot).button(panel.file_button)
    qtbot.waitUntil(lambda: panel.table.rowCount() == 2)
    wait_drawn(stacked, qtbot)
    np.testing.assert_array_equal(flags(stacked), before | theirs[:4])
    tips = {panel.table.item(row, 0).toolTip() for row in range(2)}
    for name in ("noisy adc", "user2"):
        assert [text for text in tips if f"drawn as {name} of bad_pixels in theirs.h5, by group X" in text]
    panel.ask_file = lambda: str(tmp_path / "missing.h5")
    Clicks(qtbot).button(panel.file_button)
    qtbot.waitUntil(lambda: "missing.h5 cannot be read as a mask" in panel.said.text())


def test_masked_pixels_are_left_out_of_statistics_and_exports(stacked, fake_job, qtbot, tmp_path):
    clicks = Clicks(qtbot)
    mark(stacked, qtbot, clicks)
    mask(stacked, qtbot, clicks)
    shown, choice = stacked.session.shown, stacked.maps.presenter.chosen[0]
    rows = {row[2:5]: row for row in statistics_rows(shown, [choice], stacked.session.excluded)}
    assert rows[None, None, "rectangle"][6] == 3000  # all pixels of the region are left out
    others = {row[2:5]: row for row in statistics_rows(shown, [choice], 1)}
    bad = np.isnan(fake_job.map_values("offset", 0, 0)) | (fake_job.map_values("bad_pixels", 0, 0) & 1 != 0)
    assert others[None, None, "rectangle"][6] == bad[1, ROWS, COLS].sum()
    path = tmp_path / "maps.h5"
    with qtbot.waitSignal(stacked.export.presenter.said):
        stacked.session.set_module(1)
        stacked.export.presenter.selection(path, Extent(modules=True))
    with h5py.File(path) as file:
        found = (file["/1/bad_pixels/data"][0, 0] & EXPERT) != 0
        assert "3,000 pixels masked by people" in file.attrs["notes"]
    assert found[ROWS, COLS].all()
    assert found.sum() == 3000


@pytest.mark.parametrize("name", ["expert", "measured", "dark", "none", "all"])
def test_a_preset_says_which_flags_are_bad(stacked, qtbot, name):
    panel = stacked.navigation.flags
    panel.preset.setCurrentIndex(panel.preset.findData(name))
    panel.preset.activated.emit(panel.preset.currentIndex())
    assert stacked.session.excluded & sum(map(int, BadPixels)) == flags_named(name) & sum(map(int, BadPixels))
    assert panel.preset.currentData() == name
    panel._rows[int(BadPixels.OFFSET_OUT_OF_THRESHOLD)].excluded.toggle()
    assert panel.preset.currentText() == CHOSEN


def test_the_age_of_what_is_shown_is_amber_when_it_is_old(stacked, fake_job):
    label = stacked.maps.age
    assert label.text() == "no time told"
    for hours, tone in ((3, "muted"), (30, "warning")):
        start = datetime.now(UTC) - timedelta(hours=hours)
        fake_job.plan.runs = {"high": SimpleNamespace(start_time=start, label="r12", path="/r12")}
        label.refresh()
        assert label.text().endswith(f" · {hours} h old")
        assert label.tone == tone
