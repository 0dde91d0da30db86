"""Calls that fail away from the window are told in the log, but not once it was closed."""

from __future__ import annotations

import threading

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
