"""Kernels are prepared in a thread, which ends with the window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PyQt6 import sip
from pytestqt.qtbot import QtBot

from app.running.warmup import Preparation, draw_once
from app.widgets import colour, levels, placement
from app.widgets.map_view import MapView
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


def test_maps_compile_nothing_more_once_they_are_prepared(qtbot: QtBot) -> None:
    """Whatever memory their arrays lie in, and whether it may be written to."""
    draw_once()
    kernels = [one for module in (colour, levels, placement) for one in vars(module).values()
               if hasattr(one, "signatures")]
    assert len(kernels) > 5
    known = [list(one.signatures) for one in kernels]
    view = MapView()
    qtbot.addWidget(view)
    view.show()
    values, flags = np.arange(64, dtype="f4").reshape(2, 4, 8), np.arange(64, dtype="u4").reshape(2, 4, 8)
    for writeable in (True, False):
        for array in (values, flags):
            array.flags.writeable = writeable
        for shown in (values, flags):
            view.set_map(shown)
            view.set_flags(flags)
            view.set_overlay(1)
            view.image()
    assert [list(one.signatures) for one in kernels] == known
