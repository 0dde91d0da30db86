"""Other parameters on a part of a module, at once: the samples of one memory cell are kept for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from calib_core.axes import Array, At, Picture, Result, Tried
from calib_core.characterisation.driver import gather
from calib_core.characterisation.method import Method
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.characterisation.unit import Accumulator, Unit
from calib_core.io.buffers import Buffers
from calib_core.jobs.plan import Plan


@dataclass(frozen=True)
class Trial:
    """Results of a part of a module at one memory cell, with other parameters than those of the job.

    Attributes
    ----------
    tried : Tried
    split, index : str, int
        The axis of memory cells, and the entry that the results are of.
    maps : mapping of str to arrays
        Results by name, over their other axes.
    """

    tried: Tried
    split: str
    index: int
    maps: Mapping[str, Array]

    def in_picture(self, picture: Picture, results: tuple[Result, ...]) -> Picture:
        """A picture with this part in it; the picture itself where it is of another place.

        Parameters
        ----------
        picture : Picture
        results : tuple of Result
        """
        if picture.view.at.get(self.split, 0) != self.index or self.tried.module not in picture.modules:
            return picture
        of, place = {one.name: one for one in results}, picture.modules.index(self.tried.module)
        part, maps = (self.tried.rows, self.tried.columns), dict(picture.maps)
        for pick, values in picture.maps.items():
            if pick.result in self.maps:
                at = {**picture.view.at, **dict(pick.at)}
                rest = tuple(at.get(name, 0) for name in of[pick.result].over if name != self.split)
                new = values.copy()
                new[place][part] = self.maps[pick.result][rest][part]
                new.flags.writeable = False
                maps[pick] = new
        return replace(picture, maps=maps, tried=self.tried)


class Trials:
    """Makes trials of one job; the samples of the memory cell that was looked at last stay in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, int], Accumulator] | None = None

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
        if not isinstance(method, ScanMethod):
            return None
        index = min(at.get(method.split, 0), len(plan.context.axes[method.split]) - 1)
        rows, columns = asic_of(plan.detector_type.asic_shape, row, col)
        with self._lock:
            maps = method.try_part(plan.context, self._series(plan, module, index), rows, columns)
        return Trial(Tried(module, rows, columns, words), method.split, index, maps)

    def read_ahead(self, plan: Plan, module: int, at: At) -> None:
        """Read the samples of a memory cell, so that parameters can be tried at once.

        Parameters
        ----------
        plan : Plan
        module : int
        at : mapping
            Indices along axes.

        Raises
        ------
        CalibrationError
            The runs cannot be read.
        """
        if isinstance(plan.method, ScanMethod):
            index = min(at.get(plan.method.split, 0), len(plan.context.axes[plan.method.split]) - 1)
            with self._lock:
                self._series(plan, module, index)

    def close(self) -> None:
        """Free the memory."""
        with self._lock:
            self._kept = None

    def _series(self, plan: Plan, module: int, index: int) -> Accumulator:
        if self._kept is None or self._kept[0] != (module, index):
            self._kept = None  # before as much is taken again
            unit = next(one for one in plan.units if one.module == module and index in one.block)
            alone = Unit(unit.index, module, unit.inputs, (index,), unit.samples)
            context = replace(plan.context, buffers=Buffers())
            series = gather(plan.method, context, alone, plan.source, lambda *_: None)
            self._kept = (module, index), series
        return self._kept[1]


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
