"""Pictures of what is being looked at, made while the job runs and never for anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array, At, Pick, Picture, Result, View, picks_of
from calib_core.characterisation.unit import Accumulator, Maps, Unit
from calib_core.composer import Composer
from calib_core.errors import CalibrationError
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results

#: Shortest time between two snapshots of a unit, and between two pictures, s.
_SNAPSHOT_INTERVAL = 0.1
_PICTURE_INTERVAL = 0.05
#: A snapshot takes one part in so many of a unit's time at most: of a large camera it is longer than the interval.
_SNAPSHOT_SHARE = 4


@dataclass(frozen=True)
class _Partial:
    """A snapshot of a running unit: where it is, what there is, and the share of the frames behind it.

    ``numbers`` are the results without pixels of its whole ``block``.
    """

    at: At
    maps: Maps
    share: float
    numbers: Maps
    block: tuple[int, ...]


class Live:
    """Composes :class:`Picture` of the current view from finished results and from running units.

    A thread of its own composes, so that neither workers nor watchers wait; it sleeps while nothing changes, and
    nothing is made before somebody looks. Trouble with a picture is told once and leaves the job alone.
    """

    def __init__(
        self, plan: Plan, results: Mapping[int | None, Results], publish: Callable[[Picture], None],
        warn: Callable[[str], None],
    ) -> None:
        self._plan, self._results, self._warn = plan, results, warn
        split = plan.context.axes.get(plan.method.split)
        self._groups = () if split is None else split.members
        #: Result that counts the frames of each entry of the axis of units or of memory cells, where there is one.
        counts = {one.over: one.name for one in plan.results if one.role == "count" and not one.pixels}
        of_cells = counts.get(("cell",)) if self._groups else None
        self._counted, self._of_cells = counts.get((plan.method.split,), of_cells), of_cells is not None
        #: Image that tells which entries of that axis are there; maps are whole one by one where the method says so.
        self._image = next((one.name for one in plan.results if one.pixels and plan.method.split in one.over), "")
        self._whole = self._image if plan.method.by_entry else ""
        self._work = planned_entries(plan) if self._image else {}
        self._view: View | None = None
        self._trouble = ""
        self._partial: dict[int | None, _Partial] = {}
        self._due: dict[int | None, float] = {}
        #: Units that are being worked on, by their number.
        self._running: dict[int, Unit] = {}
        self._lock = threading.Lock()
        self._composer = Composer(self._pictures, publish, self._tell, pause=_PICTURE_INTERVAL)

    @property
    def view(self) -> View | None:
        """What is being looked at; None before somebody looks."""
        return self._view

    def look_at(self, view: View) -> None:
        """Look at something, or at something else."""
        self._view = view
        self._due.clear()
        self._composer.look_at(view)

    def offer(self, unit: Unit, accumulator: Accumulator) -> None:
        """Take a snapshot of a running unit if it is being looked at and the last one is old enough."""
        view, now = self._view, time.monotonic()
        self._running.setdefault(unit.index, unit)
        if view is None:
            return
        index = self._index(view)
        if now < self._due.get(unit.module, 0.0) or not self._sees(view, unit, index):
            return
        coverage = accumulator.coverage
        frames = float(coverage[unit.block.index(index)]) if coverage.size else 0.0
        if not frames:
            return
        self._due[unit.module] = now + _SNAPSHOT_INTERVAL
        at = {**self._plan.context.place(unit), self._plan.method.split: index}
        whole = self._pixels if self._plan.method.by_tile else unit.samples * len(unit.inputs)
        share = min(1.0, frames / max(whole, 1))
        partial = _Partial(at, accumulator.snapshot(index), share, accumulator.numbers(), unit.block)
        took = time.monotonic() - now
        self._due[unit.module] = now + max(_SNAPSHOT_INTERVAL, _SNAPSHOT_SHARE * took)
        with self._lock:
            self._partial[unit.module] = partial
        self._composer.renew()

    def finished(self, unit: Unit) -> None:
        """Tell that a unit's results are kept."""
        self._running.pop(unit.index, None)
        with self._lock:
            self._partial.pop(unit.module, None)
        self.changed(unit.module)

    def dropped(self, module: int | None) -> None:
        """Tell that nobody works on units of a module any more, since it failed."""
        for unit in list(self._running.values()):
            if unit.module == module:
                self._running.pop(unit.index, None)
        self.changed(module)

    def changed(self, module: int | None) -> None:
        """Tell that results of a module were written again."""
        if self._view is not None and _of(self._view, module):
            self._composer.renew()

    def away(self, unit: Unit) -> tuple[bool, int]:
        """Whether nobody looks at a unit, and its distance along the axis of units from what somebody looks at."""
        view = self._view
        if view is None or not self._is_at(view, self._plan.context.place(unit)) or not _of(view, unit.module):
            return True, 0
        index = self._index(view)
        return False, min((abs(one - index) for one in unit.block), default=0)

    def values(self, result: str, module: int | None) -> Array | None:
        """A result without pixels in the last snapshot of a running unit.

        Parameters
        ----------
        result : str
        module : int or None

        Returns
        -------
        array or None
            None where no unit of the module is being looked at, or it is over axes that a snapshot has one entry of.
        """
        with self._lock:
            partial = self._partial.get(module)
        if partial is None:
            return None
        over = next((one.over for one in self._plan.results if one.name == result), ())
        if result not in partial.numbers:
            return None if over else partial.maps.get(result)
        whole = self._results[module].values(result).copy()
        whole[tuple(self._places(partial, axis) for axis in over)] = partial.numbers[result]
        return whole

    def _places(self, partial: _Partial, axis: str) -> list[int] | int | slice:
        """Where the numbers of a running unit stand along an axis; groups have their memory cells."""
        axes, split = self._plan.context.axes, self._plan.method.split
        if axis == split:
            return list(partial.block)
        if axis == "cell" and axes[split].members:
            return list(axes[axis].indices([cell for one in partial.block for cell in axes[split].members[one]]))
        return partial.at.get(axis, slice(None))

    def stop(self) -> None:
        """End the thread after the last picture."""
        self._composer.stop(finish=True)

    def _along(self, view: View, axis: str) -> int:
        """Index of a view along an axis, or the last that the axis has."""
        return max(0, min(view.at.get(axis, 0), len(self._plan.context.axes[axis]) - 1))

    def _index(self, view: View) -> int:
        """Index of a view along the axis of units."""
        split = self._plan.method.split
        return self._along(view, split) if split in self._plan.context.axes else 0

    def _is_at(self, view: View, at: At) -> bool:
        return all(self._along(view, axis) == index for axis, index in at.items() if axis in self._plan.context.axes)

    def _sees(self, view: View, unit: Unit, index: int) -> bool:
        return index in unit.block and _of(view, unit.module) and self._is_at(view, self._plan.context.place(unit))

    def _pictures(self, view: View) -> Iterator[Picture]:
        with self._lock:
            partial = dict(self._partial)
        yield self._compose(view, partial)

    def _tell(self, words: str) -> None:
        if words not in ("", self._trouble):
            self._trouble = words
            self._warn(f"The picture of this job is not up to date: {words}")

    def _compose(self, view: View, partial: Mapping[int | None, _Partial]) -> Picture:
        modules = tuple(m for m in self._plan.modules if m is not None and _of(view, m))
        maps = {pick: self._blank(result, len(modules)) for pick, result in self._picked(view).items()}
        coverage, counts = np.zeros(len(modules)), np.zeros((2, len(modules)), np.int64)
        for i, module in enumerate(modules):
            try:
                coverage[i] = self._fill(i, module, view, maps, partial.get(module))
                counts[:, i] = self._counts(module, view, partial.get(module))
            except CalibrationError as error:  # the others are there
                self._tell(str(error))
        for array in maps.values():
            array.setflags(write=False)
        there = self._there(modules, view)
        if self._plan.method.by_tile and (fitted := self._fitted(modules, view, coverage)).min(initial=1) < 1:
            counts = np.stack([fitted * self._pixels, np.full(len(modules), self._pixels)]).astype(np.int64)
            return Picture(view, modules, maps, coverage, counts=counts, counted="pixel", there=there)
        if self._counted:
            return Picture(view, modules, maps, coverage, counts=counts, there=there)
        if not self._whole or (counts[0] == counts[1]).all():
            return Picture(view, modules, maps, coverage, there=there)
        entries = self._plan.context.axes[self._plan.method.split].title.lower()
        return Picture(view, modules, maps, coverage, counts=counts, counted=entries, there=there)

    def _fitted(self, modules: Sequence[int], view: View, coverage: Array) -> Array:
        """Share of the pixels that maps have so far of each module, (modules,) float64."""
        done = [self._results[module].has(self._image, view.at) for module in modules]
        return np.where(done, 1.0, coverage)

    @property
    def _pixels(self) -> int:
        return self._plan.detector_type.pixels

    def _there(self, modules: Sequence[int], view: View) -> dict[str, Array]:
        """Share of the modules that have each entry of the axis of units; nothing once all are there."""
        if not self._image or not modules:
            return {}
        split, running = self._plan.method.split, list(self._running.values())
        done = np.array([self._results[module].there(self._image, split, view.at) for module in modules])
        due = done | [self._planned(module, view) for module in modules]
        if (done == due).all():
            return {}
        share = done.astype(np.float64)
        for row, module in zip(share, modules, strict=True):
            for one in running:
                if one.module == module and self._is_at(view, self._plan.context.place(one)):
                    row[list(one.block)] = np.maximum(row[list(one.block)], 0.5)
        wanted = due.sum(axis=0)
        return {split: np.divide(share.sum(axis=0), wanted, where=wanted > 0, out=np.full(len(wanted), np.nan))}

    def _picked(self, view: View) -> dict[Pick, Result]:
        """Results of images that the view wants, or all that are offered."""
        images = {one.name: one for one in self._plan.results if one.pixels}
        picks = view.picks or [pick for one in images.values() if not one.hidden
                               for pick in picks_of(one, self._plan.context.axes)]
        return {pick: images[pick.result] for pick in picks if pick.result in images}

    def _blank(self, result: Result, modules: int) -> Array:
        return np.full((modules, *self._plan.detector_type.shape), result.blank, result.numpy_dtype)

    def _fill(
        self, i: int, module: int, view: View, maps: Mapping[Pick, Array], partial: _Partial | None
    ) -> float:
        """Put a module into the picture; returns the share of the frames behind it."""
        results, done = self._results[module], False
        for pick, out in maps.items():
            at = {**view.at, **dict(pick.at)}
            if pick.at or results.has(pick.result, at):
                out[i] = results.filled(pick.result, at)
                done |= not pick.at
        if done or partial is None or not self._is_at(view, partial.at):
            return float(done)
        for pick, out in maps.items():
            if pick.result in partial.maps:
                out[i] = self._of_pick(partial, pick)
        return partial.share

    def _counts(self, module: int, view: View, partial: _Partial | None) -> tuple[int, int]:
        """How much there is of a module and how much there will be: frames, or entries; 0 where none are counted."""
        if self._counted is not None:
            return self._frames(self._counted, module, view, partial)
        if not self._whole:
            return 0, 0
        done = int(self._results[module].there(self._whole, self._plan.method.split, view.at).sum())
        return done, max(done, int(self._planned(module, view).sum()))

    def _planned(self, module: int, view: View) -> Array:
        """Entries of the axis of units that there is work for, at the place of a view; others have no frames."""
        found = np.zeros(len(self._plan.context.axes[self._plan.method.split]), np.bool_)
        for place, entries in self._work.get(module, ()):
            if self._is_at(view, place):
                found |= entries
        return found

    def _frames(self, name: str, module: int, view: View, partial: _Partial | None) -> tuple[int, int]:
        """Frames behind the maps of a module by the result that counts them, and those that there will be."""
        index, at = self._index(view), {axis: self._along(view, axis) for axis in self._plan.context.axes}
        found, counted = self._results[module].values(name), None if partial is None else partial.numbers.get(name)
        here = partial is not None and counted is not None and self._is_at(view, partial.at)
        if self._of_cells:
            return self._frames_of_cells(module, self._groups[index], found, counted if here else None)
        frames = self._plan.frames.get((module, self._plan.key_at(at)))
        whole = 0 if frames is None else frames.frames_per_cell.get(self._plan.cell_at(at), 0)
        done = int(found[index])
        if not done and here and partial is not None and counted is not None:
            done = int(counted[partial.block.index(index)])
        return done, whole

    def _frames_of_cells(
        self, module: int, cells: Sequence[int], found: Array, counted: Array | None,
    ) -> tuple[int, int]:
        """The same of a group of memory cells, whose frames of all runs count."""
        axis, runs = self._plan.context.axes["cell"], [
            one for (of, _), one in self._plan.frames.items() if of == module]
        done = int(found[[axis.index(cell) for cell in cells]].sum())
        whole = sum(one.frames_per_cell.get(cell, 0) for one in runs for cell in cells)
        return done or (0 if counted is None else int(counted.sum())), whole

    def _of_pick(self, partial: _Partial, pick: Pick) -> Array:
        """Image of a pick in a snapshot, whose arrays begin with those axes that its place leaves open."""
        result = next(one for one in self._plan.results if one.name == pick.result)
        chosen = dict(pick.at)
        index = tuple(chosen.get(axis, 0) for axis in result.over if axis not in partial.at)
        image: Array = partial.maps[pick.result][index]
        return image


def planned_entries(plan: Plan) -> dict[int | None, list[tuple[At, Array]]]:
    """Entries of the axis of units that there is work for, (entries,) bool, by module and place along other axes.

    Parameters
    ----------
    plan : Plan
    """
    found: dict[int | None, dict[tuple[str, ...], tuple[At, Array]]] = {}
    number = len(plan.context.axes[plan.method.split])
    for unit in plan.units:
        _, entries = found.setdefault(unit.module, {}).setdefault(
            unit.inputs, (plan.context.place(unit), np.zeros(number, np.bool_)))
        entries[list(unit.block)] = True
    return {module: list(of.values()) for module, of in found.items()}


def _of(view: View, module: int | None) -> bool:
    return not view.modules or module in view.modules
