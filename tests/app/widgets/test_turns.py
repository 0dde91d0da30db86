"""Pieces of work come one in a turn of the event loop, with everything else in between."""

from __future__ import annotations

from PyQt6.QtCore import QTimer

from app.widgets.turns import Turns


def test_one_piece_in_a_turn_and_once(qtbot):
    turns, done = Turns(), []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: done.append("between"))
    first, second = (lambda: done.append("first")), (lambda: done.append("second"))
    timer.start()
    for work in (first, second, first):
        turns.ask(work)
    assert turns.is_due(second)
    qtbot.waitUntil(lambda: not turns.is_due(second))
    timer.stop()
    assert [one for one in done if one != "between"] == ["first", "second"]
    assert "between" in done[done.index("first"):done.index("second")]


def test_work_that_asks_again_gets_another_turn(qtbot):
    turns, done = Turns(), []

    def work() -> None:
        done.append(len(done))
        if len(done) < 3:
            turns.ask(work)

    turns.ask(work)
    qtbot.waitUntil(lambda: len(done) == 3)
