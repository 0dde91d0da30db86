"""Why a pixel is flagged: the rules' rows, and the tab of the inspector."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from app.panels.inspect import why_over
from app.panels.inspect.why import WhyTable, reason_texts
from calib_core.explanation import Reason

KEPT = Reason(1, "Offset", 5512.25, "ADU", 5400.0, 5600.0, 5500.0, 0.6125, False, "The offset is inside.")
BROKEN = Reason(2, "Noise", 14.0, "ADU", -math.inf, 12.5, 10.0, 8.0, True, "The noise is above its limit.")
UNKNOWN = Reason(8, "Samples", math.nan, "frames", -math.inf, math.inf, math.nan, math.nan, False, "Not told.")


def test_rows_tell_value_limits_median_and_distance():
    assert reason_texts(KEPT) == ("✓ offset out of threshold [ADU]", "5512.2", "5400 … 5600", "5500", "+0.6")
    assert reason_texts(BROKEN) == ("✗ noise out of threshold [ADU]", "14", "−∞ … 12.5", "10", "+8.0")
    assert reason_texts(UNKNOWN) == ("✓ no dark data [frames]", "–", "–", "–", "–")


def test_broken_rules_come_first_and_speak(qtbot):
    table = WhyTable("Nothing yet.")
    qtbot.addWidget(table)
    assert table.words.text() == "Nothing yet."
    table.show_reasons((KEPT, UNKNOWN, BROKEN))
    assert table.table.item(0, 0).text().startswith("✗ noise")
    assert table.words.text() == "The noise is above its limit."
    assert table.numbers.text() == (
        "value 14 ADU · limits −∞ … 12.5 ADU · median of the group 10 ADU · distance +8.0 σ")
    table.table.setCurrentCell(1, 0)
    assert table.words.text() == "The offset is inside."
    table.show_reasons(())
    assert (table.table.rowCount(), table.words.text()) == (0, "Nothing yet.")


@pytest.mark.parametrize(("width", "columns"), [(300, 3), (500, 5)])
def test_names_of_flags_are_whole_in_narrow_panels(qtbot, width, columns):
    table = WhyTable("nothing yet")
    qtbot.addWidget(table)
    table.resize(width, 600)
    table.show()
    table.show_reasons((KEPT, BROKEN))
    shown = [i for i in range(5) if not table.table.isColumnHidden(i)]
    assert len(shown) == columns
    longest = table.table.fontMetrics().horizontalAdvance("threshold")
    assert table.table.columnWidth(0) > longest + 10
    assert sum(table.table.columnWidth(i) for i in shown) <= table.table.viewport().width()


def test_the_tab_follows_the_selected_pixel(window, fake_job, qtbot):
    why = window.inspector.why
    tabs = window.inspector.tabs
    bar = tabs.tabBar()
    number = [tabs.tabText(i) for i in range(tabs.count())].index("Why")
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(number).center())
    window.session.set_pixel((2, 10, 20))
    value = float(fake_job._grain[2, 10, 20])
    qtbot.waitUntil(lambda: why.table.rowCount() == 2)
    assert why.isVisible()
    assert why.table.item(0, 1).text() == "12"
    assert why.words.text() == "Noise 12 ADU is above its limit 10 ADU."
    assert why.table.item(1, 1).text() == f"{value:.5g}"
    window.session.set_pixel(None)
    qtbot.waitUntil(lambda: why.table.rowCount() == 0)


def bring_why(window, qtbot):
    tabs = window.inspector.tabs
    number = [tabs.tabText(i) for i in range(tabs.count())].index("Why")
    window.docks.bring("inspector")
    qtbot.mouseClick(tabs.tabBar(), Qt.MouseButton.LeftButton, pos=tabs.tabBar().tabRect(number).center())


def lines(plot):
    """Data of the curves that have a line: a value, its lower and its upper limit."""
    return [item.getData() for item in plot.plot.listDataItems() if item.opts["symbol"] is None]


def test_each_rule_is_shown_over_all_cells_and_gains(window, fake_job, qtbot):
    bring_why(window, qtbot)
    why, pixel = window.inspector.why, (2, 10, 20)
    window.session.look_at({"gain": 1, "cell": 4})
    window.session.set_pixel(pixel)
    grain = float(fake_job._grain[pixel])
    values = {gain: [grain + 0.25 * cell - 2 * gain for cell in range(32)] for gain in range(3)}
    bad = {gain: sum(abs(value) > 3 for value in values[gain]) for gain in values}
    assert 0 < min(bad.values()) < max(bad.values()) < 32
    qtbot.waitUntil(lambda: why.counts.text().endswith("cells."))
    row = next(i for i in range(2) if "offset" in why.table.item(i, 0).text())
    why.table.setCurrentCell(row, 0)
    assert why.counts.text() == (f"Set in: MG {bad[1]} of 32 memory cells, HG {bad[0]} of 32 memory cells, "
                                 f"LG {bad[2]} of 32 memory cells.")
    value, low, high = lines(why.over)
    np.testing.assert_allclose(value, [range(32), values[1]])
    np.testing.assert_array_equal(high[1], 3)
    np.testing.assert_array_equal(low[1], -3)
    qtbot.keyClick(window.maps, Qt.Key.Key_3)
    title = why.over.plot.getPlotItem().titleLabel
    qtbot.waitUntil(lambda: title.text.startswith("LG ·") and not why.over.isHidden())
    np.testing.assert_allclose(lines(why.over)[0][1], values[2])
    why.over.x_clicked.emit(7.3)
    assert window.session.label("cell") == 7


def test_nothing_of_another_pixel_stays_and_nothing_is_read_for_nobody(window, fake_job, qtbot, monkeypatch):
    asked = []
    reasons = fake_job.reasons
    monkeypatch.setattr(fake_job, "reasons", lambda *place: asked.append(place) or reasons(*place))
    window.session.set_pixel((2, 10, 20))
    qtbot.waitUntil(lambda: bool(asked))
    qtbot.wait(500)
    assert {(place[:3], *place[3].items()) for place in asked} == {((2, 10, 20), ("gain", 0), ("cell", 0))}
    bring_why(window, qtbot)
    why = window.inspector.why
    qtbot.waitUntil(lambda: why.counts.text().endswith("cells."))
    assert len(asked) >= 1 + 3 * 32
    window.session.set_pixel((1, 10, 20))
    assert why.counts.text() == ""
    assert why.over.isHidden()
    qtbot.waitUntil(lambda: why.counts.text().endswith("cells."))


def test_what_was_read_of_a_running_job_is_read_again_once_it_has_ended(window, fake_job, qtbot, monkeypatch):
    monkeypatch.setattr(why_over, "_LIVE_INTERVAL", 50)
    bring_why(window, qtbot)
    reasons, why = fake_job.reasons, window.inspector.why
    monkeypatch.setattr(fake_job, "reasons", lambda *place: () if place[3]["cell"] else reasons(*place))
    window.session.set_pixel((2, 10, 20))
    qtbot.waitUntil(lambda: why.counts.text().endswith("cells."))
    monkeypatch.setattr(fake_job, "reasons", reasons)
    fake_job.finish()
    window.jobs.poll()
    qtbot.waitUntil(lambda: "HG 32 of 32" in why.counts.text())
