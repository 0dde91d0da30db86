"""Other parameters on a part of a module, at once: the samples of one place are kept for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from calib_core.axes import Array, At, Picture, Result, Tried
from calib_core.characterisation.driver import gather
from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Accumulator, Unit
from calib_core.io.buffers import Buffers
from calib_core.jobs.plan import Plan


@dataclass(frozen=True)
class Trial:
    """Results of a part of a module at one memory cell, with other parameters than those of the job.

    Attributes
    ----------
    tried : Tried
    place : mapping of str to int
        Index of the memory cell or group of them, and of whatever else its runs are of.
    entries : mapping of str to (tuple of int)
        Indices along other axes that it is of alone: memory cells of a group.
    maps : mapping of str to arrays
        Results of these pixels by name, over their other axes, of ``entries`` those that it is of.
    """

    tried: Tried
    place: At
    entries: Mapping[str, tuple[int, ...]]
    maps: Mapping[str, Array]

    def in_picture(self, picture: Picture, results: tuple[Result, ...]) -> Picture:
        """A picture with this part in it; the picture itself where it is of another place.

        Parameters
        ----------
        picture : Picture
        results : tuple of Result
        """
        of = {one.name: one for one in results}
        if self.tried.module not in picture.modules or any(
                picture.view.at.get(name, index) != index for name, index in self.place.items()):
            return picture
        module, maps = picture.modules.index(self.tried.module), dict(picture.maps)
        for pick, values in picture.maps.items():
            over, at = of[pick.result].over, {**picture.view.at, **dict(pick.at)}
            if pick.result in self.maps and self._is_of(over, at):
                maps[pick] = self._put(values, module, self.maps[pick.result][self._within(over, at)])
        return replace(picture, maps=maps, tried=self.tried)

    def _is_of(self, over: tuple[str, ...], at: At) -> bool:
        """Whether it has a place of a result."""
        known = {**{name: (index,) for name, index in self.place.items()}, **self.entries}
        return all(at.get(name, 0) in known[name] for name in over if name in known)

    def _within(self, over: tuple[str, ...], at: At) -> tuple[int, ...]:
        """Where that is among the arrays of the result."""
        return tuple(self.entries[name].index(at.get(name, 0)) if name in self.entries else at.get(name, 0)
                     for name in over if name not in self.place)

    def _put(self, values: Array, module: int, made: Array) -> Array:
        """A map (modules, slow_scan, fast_scan) with this part in it; read-only."""
        new = values.copy()
        new[module][self.tried.rows, self.tried.columns] = made
        new.flags.writeable = False
        return new


class Trials:
    """Makes trials of one job; the samples of the place that was looked at last stay in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, tuple[int, ...]], Accumulator] | None = None

    def make(self, plan: Plan, method: Method, of: OfPixel, at: At, words: str) -> Trial | None:
        """Try a method on the ASIC of a pixel.

        Parameters
        ----------
        plan : Plan
        method : Method
            With the parameters that are tried.
        of : OfPixel
            What the job has of the pixel.
        at : mapping
            Indices along axes.
        words : str
            Which parameters are tried.

        Returns
        -------
        Trial or None
            None where the method does not keep the samples of pixels.

        Raises
        ------
        CalibrationError
            The runs cannot be read, or are not what the parameters take.
        """
        unit = _unit_at(plan, of.module, (of.row, of.col), at)
        if not method.tries_parts or unit is None:
            return None
        place, context = asic_of(plan.detector_type.asic_shape, of.row, of.col), plan.context
        with self._lock:
            maps = method.part(context, unit, self._series(plan, unit), place, of, partial(_at_once, plan.threads))
        group, cells = context.axes[method.split], context.axes.get("cell")
        entries = {} if cells is None or not group.members else {
            "cell": tuple(cells.index(cell) for cell in context.cells_of(unit))}
        return Trial(Tried(of.module, *place, words), {**context.place(unit), method.split: unit.block[0]}, entries,
                     maps)

    def read_ahead(self, plan: Plan, module: int, row: int, col: int, at: At) -> None:
        """Read the samples of a place, so that parameters can be tried at once.

        Parameters
        ----------
        plan : Plan
        module, row, col : int
        at : mapping
            Indices along axes.

        Raises
        ------
        CalibrationError
            The runs cannot be read.
        """
        unit = _unit_at(plan, module, (row, col), at)
        if plan.method.tries_parts and unit is not None:
            with self._lock:
                self._series(plan, unit)

    def close(self) -> None:
        """Free the memory."""
        with self._lock:
            self._kept = None

    def _series(self, plan: Plan, unit: Unit) -> Accumulator:
        key = unit.index, unit.block
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # before as much is taken again
            context = replace(plan.context, buffers=Buffers())
            self._kept = key, gather(plan.method, context, unit, plan.source, lambda *_: None)
        return self._kept[1]


def _at_once(threads: int, pieces: Sequence[Callable[[], None]]) -> None:
    """Do pieces of work in so many threads; raises what went wrong."""
    with ThreadPoolExecutor(threads, "calibwb-trial") as pool:
        for one in [pool.submit(piece) for piece in pieces]:
            one.result()


def _unit_at(plan: Plan, module: int, pixel: tuple[int, int], at: At) -> Unit | None:
    """The unit of a place with that memory cell, or group of them, alone; None where there is none."""
    split = plan.method.split
    if split not in plan.context.axes:
        return None
    index = min(at.get(split, 0), len(plan.context.axes[split]) - 1)
    key = plan.key_at(at, pixel)
    return next((replace(one, block=(index,)) for one in plan.units
                 if one.module == module and index in one.block and (key in one.inputs or not plan.frames)), None)


def asic_of(shape: tuple[int, int], row: int, col: int) -> tuple[slice, slice]:
    """Rows and columns of the ASIC of a pixel.

    Parameters
    ----------
    shape : (int, int)
        Of an ASIC.
    row, col : int
    """
    top, left = (place // size * size for place, size in zip((row, col), shape, strict=True))
    return slice(top, top + shape[0]), slice(left, left + shape[1])
