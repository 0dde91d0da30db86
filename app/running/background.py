"""Long calls away from the window's thread; of several with the same name only the newest is answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PyQt6.QtCore import QObject, Qt, pyqtSignal

Done = Callable[[Any], None]
Failed = Callable[[Exception], None]

#: What a click asks for, samples, curve and rules, and something that takes longer.
_THREADS = 4

_log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions in a few threads and answers in the window's thread.

    The signal between the threads carries a name and a number; results wait in a dictionary, so that no array
    ever travels in a signal.
    """

    failed = pyqtSignal(str)
    _ready = pyqtSignal(str, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="calibwb-window")
        self._newest: dict[str, int] = {}
        #: Names of which a call in turn is in the pool, and the newest call that waits until it has ended.
        self._begun: set[str] = set()
        self._next: dict[str, tuple[int, Callable[[], Any]]] = {}
        self._waiting: dict[str, tuple[Done, Failed | None]] = {}
        self._results: dict[tuple[str, int], tuple[Any, Exception | None]] = {}
        self._closed, self._telling = False, threading.Lock()
        self._ready.connect(self._answer, Qt.ConnectionType.QueuedConnection)

    def run(
        self, name: str, function: Callable[[], Any], done: Done, failed: Failed | None = None, *,
        in_turn: bool = False,
    ) -> None:
        """Call ``function`` in a thread, then ``done`` with its result; an older call of this name is dropped.

        Without ``failed`` an error goes out as the signal :attr:`failed`, one sentence. ``in_turn`` waits until an
        older call of this name has ended, so that what takes long and is asked for again and again, as reading ahead
        is, never takes more than one thread.
        """
        if self._closed:
            return
        number = self._newest.get(name, 0) + 1
        self._newest[name] = number
        self._waiting[name] = (done, failed)
        if in_turn:
            with self._telling:
                self._next[name] = (number, function)
            self._begin(name)
        else:
            self._pool.submit(self._call, name, number, function)

    def drop(self, name: str) -> None:
        """Forget a call of this name that has not been answered."""
        self._newest[name] = self._newest.get(name, 0) + 1
        self._waiting.pop(name, None)

    def close(self) -> None:
        """Take no more calls and answer none; no thread touches this object after that."""
        with self._telling:
            self._closed = True
        self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, name: str) -> None:
        """Begin the newest call in turn of a name unless one is running."""
        with self._telling:
            if self._closed or name in self._begun or name not in self._next:
                return
            self._begun.add(name)
            self._pool.submit(self._work, name, *self._next.pop(name))

    def _work(self, name: str, number: int, function: Callable[[], Any]) -> None:
        self._call(name, number, function)
        with self._telling:
            self._begun.discard(name)
        self._begin(name)

    def _call(self, name: str, number: int, function: Callable[[], Any]) -> None:
        if self._closed or self._newest.get(name) != number:
            return
        try:
            result, error = function(), None
        except Exception as caught:
            result, error = None, caught
            if not self._closed:  # else it was made to fail, so that the program can end
                _log.warning("%s failed", name, exc_info=caught)
        self._results[name, number] = (result, error)
        with self._telling:
            if not self._closed:
                self._ready.emit(name, number)

    def _answer(self, name: str, number: int) -> None:
        result, error = self._results.pop((name, number))
        if self._newest.get(name) != number or name not in self._waiting:
            return
        done, failed = self._waiting.pop(name)
        if error is None:
            done(result)
        elif failed is not None:
            failed(error)
        else:
            self.failed.emit(f"{name} failed: {error}")
