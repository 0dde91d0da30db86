"""Order of a job's work: what is looked at first, then module by module; a module is finished after its last unit."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from calib_core.characterisation.unit import Unit
from calib_core.jobs.held import Held


@dataclass(frozen=True)
class Ready:
    """A module all of whose units are done; None stands for a job without modules."""

    module: int | None


class Together:
    """Pieces of work on a module that workers without work take from the one who waits for all of them.

    Parameters
    ----------
    module : int or None
        Whose they are.
    pieces : sequence of callable
        Each is called once with what its worker holds.
    needs : int, optional
        Bytes that a worker must hold before it takes a piece, without waiting for them; then the one who waits for
        all keeps what it holds. None where pieces see to it themselves.
    small : bool
        Whether pieces are so small that whoever could begin other work does that first.
    """

    def __init__(
        self, module: int | None, pieces: Sequence[Callable[[Held], None]], needs: int | None = None,
        small: bool = False,
    ) -> None:
        self.module, self.needs, self.small = module, needs, small
        self._pieces, self._running, self._changed = deque(pieces), 0, threading.Condition()
        self._error: BaseException | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a piece that nobody has taken."""
        return bool(self._pieces)

    def help(self, held: Held) -> bool:
        """Do a piece; False where all are taken. What goes wrong ends the others, and is raised by :meth:`finish`."""
        with self._changed:
            if not self._pieces:
                return False
            piece = self._pieces.popleft()
            self._running += 1
        try:
            piece(held)
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._pieces.clear()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
        return True

    def finish(self, held: Held) -> None:
        """Do what nobody has taken, and wait for the others; raises what went wrong first."""
        while self.help(held):
            pass
        with self._changed:
            if self._running and self.needs is None:
                held.release()  # others may wait for this memory
            self._changed.wait_for(lambda: not self._running)
        if self._error is not None:
            raise self._error


class WorkQueue:
    """Work units and the finishing of modules, handed out to worker threads one by one.

    ``away(unit)`` says whether nobody looks at a unit, and how far it is from what somebody looks at.
    """

    def __init__(self, units: Sequence[Unit], away: Callable[[Unit], tuple[bool, int]]) -> None:
        self._waiting = list(units)
        self._open = Counter(unit.module for unit in units)
        self._ready: list[Ready] = []
        self._finishing = 0
        self._together: list[Together] = []
        self._away = away
        self._changed = threading.Condition()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nobody works."""
        with self._changed:
            return not (self._waiting or self._ready or self._finishing or any(self._open.values()))

    def next(
        self, idle: Callable[[], None] = lambda: None, can_hold: Callable[[int], bool] = lambda _: True
    ) -> Unit | Ready | Together | None:
        """Next unit, module to finish or to help with; None when all is done. Waits for others, ``idle`` before.

        Parameters
        ----------
        idle : callable
        can_hold : callable
            Whether the worker holds so many bytes from now on, without waiting for them.
        """
        with self._changed:
            while True:
                if self._ready:
                    self._finishing += 1
                    return self._ready.pop(0)
                if shared := self._shared(False, can_hold):
                    return shared
                if self._waiting:
                    best = min(self._waiting, key=self._rank)
                    self._waiting.remove(best)
                    return best
                if shared := self._shared(True, can_hold):
                    return shared
                if not self._finishing and not any(self._open.values()):
                    return None
                idle()
                self._changed.wait(0.1)

    def _shared(self, small: bool, can_hold: Callable[[int], bool]) -> Together | None:
        """Work that others offer, of which the worker can hold what it needs."""
        return next((one for one in self._together if one.small == small and one.is_open
                     and (one.needs is None or can_hold(one.needs))), None)

    def done(self, unit: Unit, finish: bool = True) -> None:
        """Tell that a unit has ended; its module is finished next when it was the last (and ``finish`` holds)."""
        with self._changed:
            self._open[unit.module] -= 1
            if self._open[unit.module] == 0 and finish:
                self._ready.append(Ready(unit.module))
            self._changed.notify_all()

    def finished(self) -> None:
        """Tell that the finishing of a module has ended, however it did."""
        with self._changed:
            self._finishing -= 1
            self._changed.notify_all()

    @contextmanager
    def shared(self, together: Together) -> Iterator[None]:
        """Offer pieces to workers without work while the block runs."""
        with self._changed:
            self._together.append(together)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._together.remove(together)

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
