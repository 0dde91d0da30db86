"""Pieces of work come a few in a turn of the event loop, with everything else in between."""

from __future__ import annotations

from time import sleep

import pytest
from PyQt6.QtCore import QTimer

from app.widgets.turns import SLICE, Turns


@pytest.mark.parametrize("seconds", [0.0, 2 * SLICE])
def test_long_pieces_have_turns_of_their_own_and_each_is_done_once(qtbot, seconds):
    turns, done = Turns(), []

    def first() -> None:
        sleep(seconds)
        done.append("first")

    def second() -> None:
        done.append("second")

    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: done.append("between"))
    timer.start()
    for work in (first, second, first):
        turns.ask(work)
    assert turns.is_due(second)
    qtbot.waitUntil(lambda: not turns.is_due(second))
    timer.stop()
    assert [one for one in done if one != "between"] == ["first", "second"]
    assert ("between" in done[done.index("first"):done.index("second")]) == (seconds > 0)


def test_work_that_asks_again_gets_another_turn(qtbot):
    turns, done = Turns(), []

    def work() -> None:
        done.append(len(done))
        if len(done) < 3:
            turns.ask(work)

    turns.ask(work)
    qtbot.waitUntil(lambda: len(done) == 3)
