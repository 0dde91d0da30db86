"""Order of a job's work: what is looked at first, then module by module; a module is finished after its last unit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from calib_core.characterisation.method import Unit
from calib_core.jobs.board import View


class WorkQueue:
    """Work units and the finishing of modules, handed out to worker threads one by one."""

    def __init__(self, units: Sequence[Unit], view: Callable[[], View]) -> None:
        self._waiting = list(units)
        self._open = {m: sum(u.module == m for u in units) for m in {u.module for u in units}}
        self._ready: list[int] = []
        self._view = view
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
            self._open[unit.module] -= 1
            if self._open[unit.module] == 0 and finish:
                self._ready.append(unit.module)
            self._changed.notify_all()

    def drop(self, module: int | None = None) -> None:
        """Forget the waiting units of a module that has failed, or all of them."""
        with self._changed:
            for unit in [u for u in self._waiting if module in (None, u.module)]:
                self._waiting.remove(unit)
                self._open[unit.module] -= 1
            if module is None:
                self._ready.clear()
            self._changed.notify_all()

    def _rank(self, unit: Unit) -> tuple[bool, int, int, int]:
        view = self._view()
        seen = unit.stage == view.stage and (not view.modules or unit.module in view.modules)
        # A cell that no unit has (one cell numbered 15, looked at as 0) must not hide that the module is seen.
        away = min((abs(cell - view.cell) for cell in unit.cells), default=0) if seen else 0
        return (not seen, away, unit.module, unit.stage)
