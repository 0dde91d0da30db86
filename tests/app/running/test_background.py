"""Calls that fail away from the window are told in the log, but not once it was closed."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from app.running.background import Background


@pytest.mark.parametrize("closed", [False, True])
def test_a_call_that_fails_is_logged_unless_the_window_is_closed(qtbot, caplog, closed):
    background, go_on, ended = Background(), threading.Event(), threading.Event()

    def fail():
        go_on.wait(10)
        ended.set()
        raise ValueError("no")

    background.run("Work", fail, lambda _: None, lambda _: None)
    if closed:
        background.close()
    go_on.set()
    assert ended.wait(10)
    qtbot.waitUntil(lambda: bool(background._results) or not background._waiting)
    background._pool.shutdown(wait=True)
    assert caplog.messages == ([] if closed else ["Work failed"])
    background.close()


def test_calls_in_turn_take_one_thread_and_the_newest_waits_while_others_are_answered(qtbot):
    background, go_on, order, answers = Background(), threading.Event(), [], []

    def slow(number):
        order.append(number)
        go_on.wait(10)
        return number

    for number in range(6):  # more than there are threads
        background.run("Reading ahead", partial(slow, number), answers.append, in_turn=True)
        qtbot.waitUntil(lambda: order == [0])
    background.run("Something else", lambda: "other", answers.append)
    qtbot.waitUntil(lambda: answers == ["other"])
    go_on.set()
    qtbot.waitUntil(lambda: answers == ["other", 5])
    assert order == [0, 5]
    background.close()


def test_a_call_that_was_dropped_while_it_waited_is_not_made(qtbot):
    background, go_on, made = Background(), threading.Event(), []
    background.run("Work", lambda: go_on.wait(10), made.append, in_turn=True)
    background.run("Work", lambda: made.append("called"), made.append, in_turn=True)
    background.drop("Work")
    go_on.set()
    background.run("Other", lambda: "done", made.append)
    qtbot.waitUntil(lambda: "done" in made)
    background._pool.shutdown(wait=True)
    assert made == ["done"]
    background.close()
