"""Collection of garbage between events of the window's thread, and never anywhere else.

Python collects cycles whenever and in whichever thread something is allocated. Widgets among them are then deleted
in a foreign thread, or while Qt goes through a list that has them, as it does to change a style sheet: the program
dies.
"""

from __future__ import annotations

import gc

from PyQt6.QtCore import QObject, QTimer

_INTERVAL = 200
#: Objects that were made since the last collection before there is another one.
_YOUNG = 2000
#: Every so many intervals everything is collected that the window has made.
_ALL_EVERY = 150


class Garbage(QObject):
    """Collects by a timer what Python would collect by itself; what was there at the start is never looked at."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rounds = 0
        self._timer = QTimer(self, interval=_INTERVAL)
        self._timer.timeout.connect(self._collect)

    def start(self) -> None:
        """Take over from Python."""
        gc.disable()
        gc.collect()
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _collect(self) -> None:
        self._rounds += 1
        if self._rounds % _ALL_EVERY == 0:
            gc.collect()
        elif gc.get_count()[0] > _YOUNG:
            gc.collect(1)
