"""Pictures of what is being looked at, made while the job runs and never for anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.characterisation.by_gain_stage import stage_of
from calib_core.characterisation.method import MapSpec
from calib_core.characterisation.unit import Accumulator, Maps, Unit
from calib_core.errors import CalibrationError
from calib_core.jobs.board import Picture, View
from calib_core.jobs.plan import Plan
from calib_core.jobs.spool import Spool

Array = npt.NDArray[Any]

#: Shortest time between two snapshots of a unit, and between two pictures, s.
_SNAPSHOT_INTERVAL = 0.1
_PICTURE_INTERVAL = 0.05


class Live:
    """Composes :class:`Picture` of the current view from finished maps and from running units.

    A thread of its own composes, so that neither workers nor watchers wait; it sleeps while nothing changes.
    """

    def __init__(
        self, plan: Plan, spools: Mapping[int, Spool], publish: Callable[[Picture], None], view: View,
        warn: Callable[[str], None],
    ) -> None:
        self._plan, self._spools, self._publish, self._view, self._warn = plan, spools, publish, view, warn
        self._trouble = ""
        self._partial: dict[int | None, tuple[Unit, int, Maps, float]] = {}
        self._last: dict[int | None, float] = {}
        self._changed = threading.Condition()
        self._dirty, self._stopped = True, False
        self._thread = threading.Thread(target=self._run, name="calibwb-live", daemon=True)
        self._thread.start()

    @property
    def view(self) -> View:
        """What is being looked at."""
        return self._view

    def look_at(self, view: View) -> None:
        """Look at something else."""
        with self._changed:
            self._view = view
            self._last.clear()
            self._dirty = True
            self._changed.notify()

    def offer(self, unit: Unit, accumulator: Accumulator) -> None:
        """Take a snapshot of a running unit if it is being looked at and the last one is old enough."""
        view, now = self._view, time.monotonic()
        cell = self._cell(view)
        if not self._sees(view, unit, cell) or now - self._last.get(unit.module, 0.0) < _SNAPSHOT_INTERVAL:
            return
        index = self._plan.cells.index(cell)
        slot = unit.block.index(index)
        if accumulator.coverage[slot] == 0:
            return
        self._last[unit.module] = now
        share = min(1.0, float(accumulator.coverage[slot]) / max(unit.samples, 1))
        maps = accumulator.snapshot(index)
        with self._changed:
            self._partial[unit.module] = (unit, cell, maps, share)
            self._dirty = True
            self._changed.notify()

    def finished(self, unit: Unit) -> None:
        """Tell that a unit's maps are on the spool."""
        with self._changed:
            self._partial.pop(unit.module, None)
            self._touch_if(unit.module)

    def changed(self, module: int) -> None:
        """Tell that maps of a module were written again."""
        with self._changed:
            self._touch_if(module)

    def stop(self) -> None:
        """End the thread after the last picture."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _touch_if(self, module: int | None) -> None:
        if not self._view.modules or module in self._view.modules:
            self._dirty = True
            self._changed.notify()

    def _cell(self, view: View) -> int:
        """Memory cell of the view, or the nearest that the constants have."""
        return view.cell if view.cell in self._plan.cells else min(
            self._plan.cells, key=lambda cell: abs(cell - view.cell))

    def _sees(self, view: View, unit: Unit, cell: int) -> bool:
        return self._stage(unit) == view.stage and self._plan.cells.index(cell) in unit.block and (
            not view.modules or unit.module in view.modules)

    def _stage(self, unit: Unit) -> int:
        return stage_of(self._plan.context, unit)

    def away(self, unit: Unit) -> tuple[bool, int]:
        """Whether nobody looks at a unit, and its distance in memory cells from what somebody looks at."""
        view = self._view
        seen = self._stage(unit) == view.stage and (not view.modules or unit.module in view.modules)
        # A cell that no unit has (one cell numbered 15, looked at as 0) must not hide that the module is seen.
        cells = (self._plan.cells[index] for index in unit.block)
        return not seen, min((abs(cell - view.cell) for cell in cells), default=0) if seen else 0

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._stopped)
                stop, dirty, view, partial = self._stopped, self._dirty, self._view, dict(self._partial)
                self._dirty = False
            if dirty:
                self._show(view, partial)
            if stop:
                return
            time.sleep(0 if view is not self._view else _PICTURE_INTERVAL)

    def _show(self, view: View, partial: dict[int | None, tuple[Unit, int, Maps, float]]) -> None:
        """Publish a picture; trouble with one is told once and leaves the job alone."""
        try:
            self._publish(self._compose(view, partial))
        except CalibrationError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._warn(f"The picture of the running job is not up to date: {error}")

    def _compose(self, view: View, partial: dict[int | None, tuple[Unit, int, Maps, float]]) -> Picture:
        modules = tuple(m for m in self._plan.modules if not view.modules or m in view.modules)
        specs = [s for s in self._plan.maps if (s.name in view.maps if view.maps else not s.hidden)]
        cell = self._cell(view)
        maps = {spec.name: self._blank(spec, len(modules)) for spec in specs}
        coverage = np.zeros(len(modules))
        for i, module in enumerate(modules):
            coverage[i] = self._fill(i, module, view, cell, maps, partial.get(module))
        for array in maps.values():
            array.setflags(write=False)
        return Picture(view, modules, maps, coverage)

    def _blank(self, spec: MapSpec, modules: int) -> Array:
        shape = (modules, *((len(spec.planes),) if spec.planes else ()), *self._plan.detector.type.shape)
        return np.full(shape, np.nan if np.dtype(spec.dtype).kind == "f" else 0, spec.dtype)

    def _fill(self, i: int, module: int, view: View, cell: int, maps: dict[str, Array],
              partial: tuple[Unit, int, Maps, float] | None) -> float:
        at, spool, done = self._plan.cells.index(cell), self._spools[module], False
        for name, out in maps.items():
            if out.ndim == 4:
                for plane in range(out.shape[1]):
                    out[i, plane] = spool.filled(name, plane, at)
            elif spool.has(name, view.stage, at):
                out[i] = spool.filled(name, view.stage, at)
                done = True
        if done or partial is None:
            return float(done)
        unit, of_cell, running, share = partial
        if self._stage(unit) != view.stage or of_cell != cell:
            return 0.0
        for name in maps.keys() & running.keys():
            maps[name][i] = running[name]
        return share
