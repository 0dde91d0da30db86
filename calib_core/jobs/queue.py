"""Order of a job's work: what is looked at first, then module by module; a module is finished after its last unit."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from calib_core.characterisation.unit import Unit


class WorkQueue:
    """Work units and the finishing of modules, handed out to worker threads one by one.

    ``away(unit)`` says whether nobody looks at a unit, and how far it is from what somebody looks at.
    """

    def __init__(self, units: Sequence[Unit], away: Callable[[Unit], tuple[bool, int]]) -> None:
        self._waiting = list(units)
        self._open = Counter(_module(unit) for unit in units)
        self._ready: list[int] = []
        self._away = away
        self._changed = threading.Condition()

    def next(self) -> Unit | int | None:
        """Next unit, or the number of a module to finish, or None when all is done; waits for the last units."""
        with self._changed:
            while True:
                if self._ready:
                    return self._ready.pop(0)
                if self._waiting:
                    best = min(self._waiting, key=self._rank)
                    self._waiting.remove(best)
                    return best
                if not any(self._open.values()):
                    return None
                self._changed.wait(0.1)

    def done(self, unit: Unit, finish: bool = True) -> None:
        """Tell that a unit has ended; its module is finished next when it was the last (and ``finish`` holds)."""
        with self._changed:
            self._open[_module(unit)] -= 1
            if self._open[_module(unit)] == 0 and finish:
                self._ready.append(_module(unit))
            self._changed.notify_all()

    def drop(self, module: int | None = None) -> None:
        """Forget the waiting units of a module that has failed, or all of them."""
        with self._changed:
            for unit in [u for u in self._waiting if module in (None, u.module)]:
                self._waiting.remove(unit)
                self._open[_module(unit)] -= 1
            if module is None:
                self._ready.clear()
            self._changed.notify_all()

    def _rank(self, unit: Unit) -> tuple[bool, int, int]:
        return (*self._away(unit), unit.index)


def _module(unit: Unit) -> int:
    assert unit.module is not None
    return unit.module
