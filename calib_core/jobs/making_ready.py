"""Constants of which no memory cell can be read alone are made ready beside what is looked at, module by module."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from calib_core.errors import CalibrationError, Cancelled
from calib_core.jobs.file_constant import FileConstant

#: Shortest time between two words on modules that have become ready, s.
_TELL_INTERVAL = 0.2


class MakingReady:
    """Has files of constants read as a whole in a thread of its own, which ends once all are ready.

    Parameters
    ----------
    told : callable
        Called when modules have become ready, or could not.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told, self._lock, self._stopped = told, threading.Lock(), False
        self._wanted: Mapping[int, Sequence[FileConstant]] = {}
        self._first: tuple[int, ...] = ()
        self._cell = 0
        self._failed: dict[int, CalibrationError] = {}
        self._thread: threading.Thread | None = None

    def ask(self, wanted: Mapping[int, Sequence[FileConstant]], cell: int, first: Sequence[int]) -> None:
        """Want constants at a memory cell; returns at once, and only what was asked for last counts.

        Parameters
        ----------
        wanted : mapping of int to sequence of FileConstant
            By module.
        cell : int
        first : sequence of int
            Modules that somebody looks at.
        """
        with self._lock:
            if (cell, wanted) != (self._cell, self._wanted):
                self._failed = {}
            self._wanted, self._cell, self._first = wanted, cell, tuple(first)
            if self._thread is None and not self._stopped and self._next() is not None:
                self._thread = threading.Thread(target=self._run, name="calibwb-constants", daemon=True)
                self._thread.start()

    def is_ready(self, module: int) -> bool:
        """Whether the memory cell that was asked for can be read of a module.

        Raises
        ------
        CalibrationError
            It never can.
        """
        if module in self._failed:
            raise self._failed[module]
        return all(one.is_ready(self._cell) for one in self._wanted[module])

    @property
    def words(self) -> str:
        """How many modules are ready; empty where all are."""
        with self._lock:
            ready = sum(self._is_done(module) for module in self._wanted)
            return "" if ready == len(self._wanted) else (
                f"constants of {ready} of {len(self._wanted)} modules are ready")

    @property
    def trouble(self) -> tuple[str, ...]:
        """Sentences on constants for which there is no room."""
        return tuple(dict.fromkeys(
            one.by_cell.trouble for constants in self._wanted.values() for one in constants if one.by_cell.trouble))

    def stop(self) -> None:
        """Leave what is being made ready."""
        with self._lock:
            self._stopped = True
            for one in self._all():
                one.by_cell.stop()

    def close(self) -> None:
        """End the thread, and free the space of what nobody else uses, once nobody reads constants any more."""
        self.stop()
        thread = self._thread
        if thread is not None:
            thread.join()
        for one in self._all():
            one.by_cell.close()

    def _all(self) -> list[FileConstant]:
        return [one for constants in self._wanted.values() for one in constants]

    def _is_done(self, module: int) -> bool:
        return module in self._failed or all(one.is_ready(self._cell) for one in self._wanted[module])

    def _next(self) -> int | None:
        """Module whose turn it is: of those that are looked at, then of the others."""
        order = dict.fromkeys((*self._first, *self._wanted))
        return next((module for module in order if not self._is_done(module)), None)

    def _run(self) -> None:
        said = time.monotonic()
        while (work := self._take()) is not None:
            self._make(*work)
            # whoever looks at a module does not wait for the next one
            if work[0] in self._first or time.monotonic() - said > _TELL_INTERVAL or not self.words:
                self._told()
                said = time.monotonic()

    def _take(self) -> tuple[int, Sequence[FileConstant], int] | None:
        with self._lock:
            module = None if self._stopped else self._next()
            if module is None:
                self._thread = None
                return None
            return module, self._wanted[module], self._cell

    def _make(self, module: int, constants: Sequence[FileConstant], cell: int) -> None:
        try:
            for one in constants:
                one.read([cell])
        except Cancelled:
            return
        except CalibrationError as error:
            with self._lock:
                self._failed[module] = error
