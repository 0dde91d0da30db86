"""Where the window's thread hangs is logged, and nothing that it uses lives longer for that."""

from __future__ import annotations

import logging
import time
import weakref

import pytest
from PyQt6.QtCore import QTimer

import app.running.supervision
from app.running.supervision import LoopProbe


class Tool:
    """What a paint event has, such as a painter, which ends with it."""


@pytest.fixture
def probe(qapp, monkeypatch):
    monkeypatch.setattr(app.running.supervision, "STUCK", 0.1)
    made = LoopProbe()
    made.start()
    yield made
    made.stop()


def test_a_hang_is_told_with_its_place_and_its_tools_end_with_it(probe, qtbot, caplog):
    """A painter that lived on would let nothing be painted in its window any more."""
    tools = []

    def paints_long():
        tool = Tool()
        tools.append(weakref.ref(tool))
        time.sleep(0.5)

    with caplog.at_level(logging.WARNING, logger="calibwb"):
        QTimer.singleShot(0, paints_long)
        qtbot.waitUntil(lambda: bool(tools) and any("hangs in" in one for one in caplog.messages))
    [told] = [one for one in caplog.messages if "hangs in" in one]
    assert "in paints_long" in told
    assert "_watch" not in told, "of one thread alone"
    assert tools[0]() is None
