"""Titles of maps where there is little room: numbers are whole or not there."""

from __future__ import annotations

import pytest

from app.widgets.map_title import MapTitle


@pytest.fixture
def title(qtbot):
    title = MapTitle()
    qtbot.addWidget(title)
    return title


def test_no_number_is_cut(title):
    title.show_map("Fit gain", "ADU/keV", "12,345 of 20,000 frames")
    whole = "Fit gain  [ADU/keV] · 12,345 of 20,000 frames"
    room = title.fontMetrics().horizontalAdvance(whole) + 2
    found = [title.shown(width) for width in range(room, 0, -1)]
    assert found[0] == whole
    assert not [one for one in found if one != whole and any(digit in one for digit in "0123456789")]
    assert "Fit gain  [ADU/keV] · …" in found
    assert found[-1] in ("", "…")
    assert whole in title.toolTip()


def test_without_such_a_number_it_is_cut_as_any_text(title):
    title.show_map("Offset", "ADU")
    assert title.shown(title.fontMetrics().horizontalAdvance("Offset  [ADU]") + 2) == "Offset  [ADU]"
    assert title.shown(title.fontMetrics().horizontalAdvance("Offset")).endswith("…")
