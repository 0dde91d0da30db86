"""Work of the window's thread in pieces, a few in each turn of the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import thread_time

from PyQt6.QtCore import QObject, QTimer

Work = Callable[[], None]
#: No piece is begun later in a turn, s of the processor: the operator would notice three of them. Time that others
#: have the processor does not count, since turns would then end soonest where the next one comes latest.
SLICE = 0.012


class Turns(QObject):
    """Does what was asked for, one after the other; keys and clicks are answered in between."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._due: deque[Work] = deque()
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._next)

    def ask(self, work: Work) -> None:
        """Do something in one of the next turns; once, where it is asked for again before."""
        if work not in self._due:
            self._due.append(work)
        self._turn.start()

    @property
    def is_busy(self) -> bool:
        """Whether anything that was asked for has not been done yet."""
        return bool(self._due)

    def is_due(self, work: Work) -> bool:
        """Whether something was asked for and has not been done yet."""
        return work in self._due

    def _next(self) -> None:
        end = thread_time() + SLICE
        while self._due:
            self._due.popleft()()
            if thread_time() > end:
                break
        if self._due:
            self._turn.start()
