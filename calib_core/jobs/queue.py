"""Order of a job's work: what is looked at first, then module by module; a module is finished after its last unit."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calib_core.characterisation.unit import Unit


@dataclass(frozen=True)
class Ready:
    """A module all of whose units are done; None stands for a job without modules."""

    module: int | None


class WorkQueue:
    """Work units and the finishing of modules, handed out to worker threads one by one.

    ``away(unit)`` says whether nobody looks at a unit, and how far it is from what somebody looks at.
    """

    def __init__(self, units: Sequence[Unit], away: Callable[[Unit], tuple[bool, int]]) -> None:
        self._waiting = list(units)
        self._open = Counter(unit.module for unit in units)
        self._ready: list[Ready] = []
        self._away = away
        self._changed = threading.Condition()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nobody works."""
        with self._changed:
            return not (self._waiting or self._ready or any(self._open.values()))

    def next(self, idle: Callable[[], None] = lambda: None) -> Unit | Ready | None:
        """Next unit, or a module to finish, or None when all is done; waits for the last units, ``idle`` before."""
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
                idle()
                self._changed.wait(0.1)

    def done(self, unit: Unit, finish: bool = True) -> None:
        """Tell that a unit has ended; its module is finished next when it was the last (and ``finish`` holds)."""
        with self._changed:
            self._open[unit.module] -= 1
            if self._open[unit.module] == 0 and finish:
                self._ready.append(Ready(unit.module))
            self._changed.notify_all()

    def drop(self, module: int | None) -> None:
        """Forget the waiting units of a module that has failed."""
        with self._changed:
            self._forget([unit for unit in self._waiting if unit.module == module])

    def clear(self) -> None:
        """Forget all work that waits."""
        with self._changed:
            self._ready.clear()
            self._forget(list(self._waiting))

    def _forget(self, units: Sequence[Unit]) -> None:
        for unit in units:
            self._waiting.remove(unit)
            self._open[unit.module] -= 1
        self._changed.notify_all()

    def _rank(self, unit: Unit) -> tuple[bool, int, int]:
        return (*self._away(unit), unit.index)
