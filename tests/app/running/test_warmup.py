"""Kernels are prepared in a thread, which ends with the window."""

from __future__ import annotations

import threading

import pytest
from PyQt6 import sip
from pytestqt.qtbot import QtBot

from app.running.warmup import Preparation
from calib_core.numerics import warmup


def test_it_touches_nothing_once_the_window_has_gone(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window may be closed while the first start still compiles."""
    begun, gone, failed = threading.Event(), threading.Event(), []

    def warm_up(progress) -> None:
        progress(0, 2)
        begun.set()
        assert gone.wait(10)
        progress(1, 2)
        pytest.fail("it goes on without a window")

    monkeypatch.setattr(warmup, "warm_up", warm_up)
    monkeypatch.setattr("app.running.warmup.draw_once", lambda: None)
    preparation = Preparation()
    told: list[tuple[int, int]] = []
    preparation.progress.connect(lambda *numbers: told.append(numbers))

    def prepare() -> None:
        try:
            assert preparation.prepare() == ()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=prepare)
    thread.start()
    assert begun.wait(10)
    preparation.stop()
    sip.delete(preparation)
    gone.set()
    thread.join(10)
    assert not failed
    assert told == []
