"""Other parameters on a part of a module, at once: the samples of one memory cell are kept for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from calib_core.axes import Array, At, Picture, Result, Tried
from calib_core.characterisation.driver import gather
from calib_core.characterisation.method import Method
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.characterisation.scan_series import ScanSeries
from calib_core.characterisation.unit import Unit
from calib_core.io.buffers import Buffers
from calib_core.jobs.plan import Plan


@dataclass(frozen=True)
class Trial:
    """Results of a part of a module at one memory cell, with other parameters than those of the job.

    Attributes
    ----------
    tried : Tried
    place : mapping of str to int
        Index of the memory cell, and of whatever else its runs are of.
    maps : mapping of str to arrays
        Results by name, over their other axes.
    """

    tried: Tried
    place: At
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
            at = {**picture.view.at, **dict(pick.at)}
            if pick.result in self.maps and not any(
                    at.get(name, 0) != self.place[name] for name in of[pick.result].over if name in self.place):
                rest = tuple(at.get(name, 0) for name in of[pick.result].over if name not in self.place)
                maps[pick] = self._put(values, module, self.maps[pick.result][rest])
        return replace(picture, maps=maps, tried=self.tried)

    def _put(self, values: Array, module: int, made: Array) -> Array:
        """A map (modules, slow_scan, fast_scan) with this part in it; read-only."""
        new, part = values.copy(), (self.tried.rows, self.tried.columns)
        new[module][part] = made[part]
        new.flags.writeable = False
        return new


class Trials:
    """Makes trials of one job; the samples of the memory cell that was looked at last stay in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, tuple[int, ...]], ScanSeries] | None = None

    def make(self, plan: Plan, method: Method, module: int, row: int, col: int, at: At, words: str) -> Trial | None:
        """Try a method on the ASIC of a pixel.

        Parameters
        ----------
        plan : Plan
        method : Method
            With the parameters that are tried.
        module, row, col : int
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
            The runs cannot be read.
        """
        unit = _unit_at(plan, module, (row, col), at)
        if not isinstance(method, ScanMethod) or unit is None:
            return None
        rows, columns = asic_of(plan.detector_type.asic_shape, row, col)
        with self._lock:
            maps = self._series(plan, unit).part(rows, columns, method)
        place = {**plan.context.place(unit), method.split: unit.block[0]}
        return Trial(Tried(module, rows, columns, words), place, maps)

    def read_ahead(self, plan: Plan, module: int, row: int, col: int, at: At) -> None:
        """Read the samples of a memory cell, so that parameters can be tried at once.

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
        if isinstance(plan.method, ScanMethod) and unit is not None:
            with self._lock:
                self._series(plan, unit)

    def close(self) -> None:
        """Free the memory."""
        with self._lock:
            self._kept = None

    def _series(self, plan: Plan, unit: Unit) -> ScanSeries:
        key = unit.index, unit.block
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # before as much is taken again
            context = replace(plan.context, buffers=Buffers())
            series = gather(plan.method, context, unit, plan.source, lambda *_: None)
            assert isinstance(series, ScanSeries)  # what methods of scans begin with
            self._kept = key, series
        return self._kept[1]


def _unit_at(plan: Plan, module: int, pixel: tuple[int, int], at: At) -> Unit | None:
    """The unit of a place with that memory cell alone; None where there is none."""
    split = plan.method.split
    if split not in plan.context.axes:
        return None
    index = min(at.get(split, 0), len(plan.context.axes[split]) - 1)
    key = plan.key_at(at, pixel)
    return next((replace(one, block=(index,)) for one in plan.units
                 if one.module == module and index in one.block and key in one.inputs), None)


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
