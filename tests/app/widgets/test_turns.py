"""Pieces of work come a few in a turn of the event loop, with everything else in between."""

from __future__ import annotations

from time import sleep, thread_time

import pytest
from PyQt6.QtCore import QTimer

from app.widgets.turns import SLICE, Turns


def work_for(seconds: float) -> None:
    end = thread_time() + seconds
    while thread_time() < end:
        pass


@pytest.mark.parametrize(("take", "long"), [(lambda: None, False), (lambda: sleep(3 * SLICE), False),
                                            (lambda: work_for(2 * SLICE), True)])
def test_long_pieces_have_turns_of_their_own_and_each_is_done_once(qtbot, take, long):
    """While others have the processor, as in a sleep, a piece is not long."""
    turns, done = Turns(), []

    def first() -> None:
        take()
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
    assert ("between" in done[done.index("first"):done.index("second")]) == long


def test_work_that_asks_again_gets_another_turn(qtbot):
    turns, done = Turns(), []

    def work() -> None:
        done.append(len(done))
        if len(done) < 3:
            turns.ask(work)

    turns.ask(work)
    qtbot.waitUntil(lambda: len(done) == 3)
