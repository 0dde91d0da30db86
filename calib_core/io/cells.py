"""Memory cells of frames that cannot be what they say: out of range, not in use, twice in a train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.io.entries import Mask
from calib_core.io.inventory import Problem
from calib_core.io.module_index import ModuleIndex
from calib_core.ranges import format_numbers

#: Reason of frames of memory cells that the condition does not have.
NOT_IN_USE = "memory cell not in use"
#: A memory cell with less than this share of the frames of the most frequent one is not taken for one in use.
_FEW = 0.1


def frequent_cells(cell: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Distinct memory cells of frames, ascending, but for those of a few stray frames.

    Parameters
    ----------
    cell : (n,) int64
    """
    cells, counts = np.unique(cell, return_counts=True)
    return np.asarray(cells[counts >= _FEW * counts.max(initial=0)])


def in_use(cell: npt.NDArray[np.int64], number: int) -> tuple[int, ...]:
    """Memory cells that a number of them means: the first ones, or the only one, which may have any number.

    Parameters
    ----------
    cell : (n,) int64
        Of all frames.
    number : int
        As the condition has it.
    """
    if number > 1 or not len(cell):
        return tuple(range(number))
    cells, counts = np.unique(cell, return_counts=True)
    return (int(cells[counts.argmax()]),)


def without_strays(detector: DetectorType, index: ModuleIndex, number: int) -> ModuleIndex:
    """Index without frames of memory cells that the condition does not have, which are counted and told.

    Parameters
    ----------
    detector : DetectorType
    index : ModuleIndex
    number : int
        Memory cells in use; 0 where that is not known.
    """
    if detector.raw.cell is None or not number:
        return index
    used = in_use(index.cell, number)
    stray = ~np.isin(index.cell, used)
    if not stray.any():
        return index
    return replace(index.left_out(stray, NOT_IN_USE), problems=(*index.problems, _stray(index, stray, used)))


def _stray(index: ModuleIndex, stray: Mask, used: tuple[int, ...]) -> Problem:
    cells = np.unique(index.cell[stray]).tolist()
    detail = (f"{int(stray.sum())} of {len(stray)} frames are of memory cell{'s' * (len(cells) > 1)} "
              f"{format_numbers(cells)}, which the condition does not have; in use: {format_numbers(used)}")
    return Problem("exclude", "R14", index.module.aggregator, "", detail, index.module.number)
