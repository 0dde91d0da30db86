"""Drawing flags and leaving their pixels out are two choices: one moves no number, and headings name the other."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox

from app.panels.maps.map_statistics import statistics_rows
from calib_core.constants.badpixels import BadPixels

EVERY = 0xFFFFFFFF


@pytest.fixture
def tabled(window, qtbot):
    """A window whose tables and histograms are made."""
    window.docks.bring("stages")
    window.inspector.tabs.setCurrentWidget(window.inspector.histograms.parentWidget())
    window.docks.bring("inspector")
    qtbot.waitUntil(lambda: len(window.stages.table.rows) == 4 * 3 and not window.inspector.histograms.is_empty)
    window.asics.presenter.set_shown(True)
    qtbot.waitUntil(lambda: len(window.asics.table.rows) == 4 * 16)
    return window


def headings(window):
    """Words over both tables and the histogram."""
    title = window.inspector.histograms.plot.getPlotItem().titleLabel.text
    return window.asics.heading.text(), window.stages.heading.text(), title


def numbers(window):
    """All that is computed of the shown maps: levels, rows, histogram, and what an export would have."""
    session, maps = window.session, window.maps.presenter
    return repr((
        [view.levels for choice, view in window.maps.shown_views() if not choice.is_flags],
        [tuple(row) for row in window.asics.table.rows], [tuple(row) for row in window.stages.table.rows],
        [item.getData()[1].tolist() for item in window.inspector.histograms.plot.listDataItems()],
        list(statistics_rows(session.shown, maps.chosen, session.excluded))))


def wait_for_words(window, qtbot, words):
    qtbot.waitUntil(lambda: all(words in text for text in headings(window)))


@pytest.mark.parametrize("flag", [BadPixels.NOISE_OUT_OF_THRESHOLD, BadPixels.NO_DARK_DATA])
def test_what_is_not_drawn_is_left_out_all_the_same(tabled, qtbot, flag):
    wait_for_words(tabled, qtbot, "left out: pixels with any flag")
    before = numbers(tabled)
    tabled.navigation.flags.findChild(QCheckBox, f"flag_{int(flag).bit_length() - 1}").click()
    assert tabled.session.overlay & int(flag) == 0
    qtbot.keyClick(tabled.maps, Qt.Key.Key_B)
    qtbot.wait(700)
    assert tabled.session.excluded == EVERY
    assert all("left out: pixels with any flag" in text for text in headings(tabled))
    assert numbers(tabled) == before


@pytest.mark.parametrize("flag", [BadPixels.NOISE_OUT_OF_THRESHOLD, BadPixels.OFFSET_OUT_OF_THRESHOLD])
def test_what_is_left_out_is_named_and_so_are_its_numbers(tabled, fake_job, qtbot, flag):
    tabled.session.set_excluded(int(flag))
    wait_for_words(tabled, qtbot, f"left out: pixels with {flag.label}")
    check(tabled, fake_job, int(flag), qtbot)
    tabled.navigation.flags.findChild(QCheckBox, f"exclude_{int(flag).bit_length() - 1}").click()
    wait_for_words(tabled, qtbot, "no pixel is left out")
    check(tabled, fake_job, 0, qtbot)


def test_flags_without_a_name_are_left_out_again_with_all_others(tabled, qtbot):
    box = tabled.navigation.flags.findChild(QCheckBox, "exclude_3")
    box.click()
    assert tabled.session.excluded & int(BadPixels.NO_DARK_DATA) == 0
    box.click()
    assert tabled.session.excluded == EVERY
    wait_for_words(tabled, qtbot, "left out: pixels with any flag")


def check(window, job, excluded, qtbot):
    """Rows of both tables and levels of the offset against NumPy."""
    flags, offset = job.map_values("bad_pixels", 0, 0), job.map_values("offset", 0, 0)
    good = np.where(flags & np.uint32(excluded) != 0, np.nan, offset).astype(np.float64)
    rows = [row for row in window.stages.table.rows if row[1] == "HG"]
    np.testing.assert_allclose([row[2] for row in rows], np.nanmedian(good, (1, 2)), rtol=1e-6)
    np.testing.assert_allclose(
        [row[6] for row in window.asics.table.rows if row[0] == 2 and row[6] is not None],
        np.nanmin(good[2].reshape(8, 64, 2, 64).swapaxes(1, 2).reshape(16, -1), 1), rtol=1e-6)
    view = next(view for choice, view in window.maps.shown_views() if choice.key == "offset")
    qtbot.waitUntil(lambda: view.levels == pytest.approx(np.nanpercentile(good, (1, 99)), abs=8))
