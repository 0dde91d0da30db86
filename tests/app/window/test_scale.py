"""The percentiles of the colours are read with a decimal point or comma, whatever the locale."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import QLocale
from PyQt6.QtTest import QTest

from app.window.scale import ScaleEditor


@pytest.mark.parametrize("locale", ["C", "de_DE", "en_US"])
@pytest.mark.parametrize(("text", "value"), [("2.5", 2.5), ("2,5", 2.5), ("60", 1.0), ("x", 1.0)])
def test_a_percentile_is_what_was_typed(qtbot, locale, text, value):
    editor = ScaleEditor()
    qtbot.addWidget(editor)
    editor.low.setLocale(QLocale(locale))
    editor.show()
    editor.low.lineEdit().selectAll()
    QTest.keyClicks(editor.low.lineEdit(), text)
    editor.low.interpretText()
    assert editor.percentiles == (value, 99.0)
