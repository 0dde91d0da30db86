"""Why a pixel is flagged: the rules' rows, and the tab of the inspector."""

from __future__ import annotations

import math

from PyQt6.QtCore import Qt

from app.panels.inspect.why import WhyTable, reason_texts
from calib_core.explanation import Reason

KEPT = Reason(1, "Offset", 5512.25, "ADU", 5400.0, 5600.0, 5500.0, 0.6125, False, "The offset is inside.")
BROKEN = Reason(2, "Noise", 14.0, "ADU", -math.inf, 12.5, 10.0, 8.0, True, "The noise is above its limit.")
UNKNOWN = Reason(8, "Samples", math.nan, "frames", -math.inf, math.inf, math.nan, math.nan, False, "Not told.")


def test_rows_tell_value_limits_median_and_distance():
    assert reason_texts(KEPT) == ("✓ offset out of threshold", "5512.2 ADU", "5400 … 5600", "5500", "+0.6")
    assert reason_texts(BROKEN) == ("✗ noise out of threshold", "14 ADU", "−∞ … 12.5", "10", "+8.0")
    assert reason_texts(UNKNOWN) == ("✓ no dark data", "– frames", "–", "–", "–")


def test_broken_rules_come_first_and_speak(qtbot):
    table = WhyTable("Nothing yet.")
    qtbot.addWidget(table)
    assert table.words.text() == "Nothing yet."
    table.show_reasons((KEPT, UNKNOWN, BROKEN))
    assert table.table.item(0, 0).text().startswith("✗ noise")
    assert table.words.text() == "The noise is above its limit."
    table.table.setCurrentCell(1, 0)
    assert table.words.text() == "The offset is inside."
    table.show_reasons(())
    assert (table.table.rowCount(), table.words.text()) == (0, "Nothing yet.")


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
    assert why.table.item(0, 1).text() == "12 ADU"
    assert why.words.text() == "Noise 12 ADU is above its limit 10 ADU."
    assert why.table.item(1, 1).text() == f"{value:.5g} ADU"
    window.session.set_pixel(None)
    qtbot.waitUntil(lambda: why.table.rowCount() == 0)
