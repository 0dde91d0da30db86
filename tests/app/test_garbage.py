"""Garbage is collected between events of the window's thread, never in a thread that happens to allocate."""

from __future__ import annotations

import gc
import threading
import weakref

from PyQt6.QtCore import QObject

from app.running.garbage import Garbage


class Tied(QObject):
    """An object that only a collection frees."""

    def __init__(self) -> None:
        super().__init__()
        self.own = self


def test_cycles_are_collected_in_the_thread_of_the_window_alone(qtbot):
    gc.unfreeze()
    gc.enable()
    garbage, ended_in = Garbage(), []
    garbage.start()
    try:
        tied = Tied()
        gone = weakref.finalize(tied, lambda: ended_in.append(threading.get_ident()))
        del tied
        busy = threading.Thread(target=lambda: [[] for _ in range(3)] + [[i] for i in range(200_000)])
        busy.start()
        busy.join()
        assert gone.alive
        kept = [[i] for i in range(5000)]
        qtbot.waitUntil(lambda: not gone.alive)
        assert ended_in == [threading.get_ident()]
        assert len(kept) == 5000
    finally:
        garbage.stop()
        gc.freeze()
    assert gc.isenabled()
