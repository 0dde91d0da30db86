"""Labels and tool tips take nothing for HTML."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QTextDocument

import app
from app.widgets.plain import PlainLabel, tip

SOURCES = sorted(Path(app.__file__).parent.rglob("*.py"))
PICTURE = "r0001<img src='/etc/passwd'> & <b>bold</b>"
#: Its headings are bold.
RICH = {"key_sheet.py", "plain.py"}


def test_a_label_shows_what_looks_like_html_as_it_is(qtbot):
    label = PlainLabel(PICTURE)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    label.setText(PICTURE)
    assert label.text() == PICTURE
    wide = PlainLabel("x" * len(PICTURE))
    qtbot.addWidget(wide)
    assert label.sizeHint().height() == wide.sizeHint().height()


@pytest.mark.parametrize("text", [PICTURE, "a\n<br>b", "AGIPD & LPD", "plain", "two\nlines", ""])
def test_a_tool_tip_reads_as_the_text(text, qtbot):
    document = QTextDocument()
    if Qt.mightBeRichText(tip(text)):
        document.setHtml(tip(text))
    else:
        document.setPlainText(tip(text))
    assert document.toPlainText() == text


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name not in RICH], ids=lambda path: path.stem)
def test_no_label_is_made_that_guesses(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert [node.lineno for node in calls if getattr(node.func, "id", "") == "QLabel"] == []
