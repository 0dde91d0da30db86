"""Work that gives way while somebody waits: for an answer about one pixel, or for the maps of another place."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from calib_core.axes import Picture, View

#: Longest time that work gives way at once, and time after an answer, or after a picture, in which it is drawn, s.
_LONGEST, _DRAWN, _PAINTED = 0.25, 0.05, 0.1


class GivingWay:
    """Lets workers wait between two pieces of work while somebody waits for them; safe to use from any thread.

    Who goes from pixel to pixel, or from cell to cell, without a pause has half of the time: work goes on for as long
    as it has waited.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin = self._until = 0.0
        self._view: View | None = None

    @contextmanager
    def question(self) -> Iterator[None]:
        """Have work give way while the block runs, and while its answer is drawn."""
        self._rest(_LONGEST)
        try:
            yield
        finally:
            self._rest(_DRAWN)

    def look(self, view: View) -> None:
        """Have work give way until there is a picture of a view, and while it is painted."""
        self._view = view
        self._rest(_LONGEST)

    def pictured(self, picture: Picture) -> None:
        """Tell of a picture; only the first of a view that is waited for matters."""
        if picture.view is self._view:
            self._view = None
            self._rest(_PAINTED)

    def wait(self) -> None:
        """Wait as long as work gives way."""
        while (left := self._until - time.monotonic()) > 0:
            time.sleep(min(left, _DRAWN / 10))

    def _rest(self, seconds: float) -> None:
        with self._lock:
            now, rested = time.monotonic(), self._until - self._begin
            if now >= self._until + rested:
                self._begin = now
            elif now > self._until:
                return
            self._until = min(now + seconds, self._begin + _LONGEST)
