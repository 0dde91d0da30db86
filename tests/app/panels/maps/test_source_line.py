"""The line over the maps: notes are marked in it, and a click lists them."""

from __future__ import annotations

import time

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor

from app.widgets.tones import tones_of
from calib_core.jobs.board import Message, State


@pytest.mark.parametrize("texts", [("Codes are called ADU.",), ("Codes are called ADU.", "Few frames: 10 of 20.")])
def test_notes_are_amber_with_a_mark_and_listed_on_a_click(window, fake_job, qtbot, texts):
    line = window.maps.source
    fake_job.publish(messages=())
    window.jobs.poll()
    assert "note" not in line.text()
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    assert not line.list.isVisible()
    fake_job.publish(state=State.DONE, messages=tuple(Message(time.time(), "WARN", text) for text in texts))
    window.jobs.poll()
    number = f"{len(texts)} note{'s' * (len(texts) > 1)}"
    assert line.text().split("   │   ") == [
        "HG · memory cell 0", f"! {number}", window.session.subject.title, "done"]
    assert line.palette().windowText().color() == QColor(tones_of(window.palette()).warning)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    assert line.list.isVisible()
    assert line.list.heading.text() == f"{window.session.subject.title}: done, {number}"
    assert line.list.text.toPlainText().splitlines() == [f"• {text}" for text in texts]
    qtbot.keyClick(line.list, Qt.Key.Key_Escape)
    assert not line.list.isVisible()
