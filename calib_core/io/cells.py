"""Memory cells of frames that cannot be what they say: not in use, of few frames, others than in other files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
#: A memory cell with this share of the frames of the most frequent one is in nearly every train.
_MOST = 0.9


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


def odd_cells(detector: DetectorType, index: ModuleIndex) -> Iterator[Problem]:
    """Memory cells of a few frames only, and files whose memory cells are not those of the module's other files.

    Parameters
    ----------
    detector : DetectorType
    index : ModuleIndex
        After all that is left out.
    """
    if detector.raw.cell is None or not len(index.cell):
        return
    yield from _rare(index)
    files = [index.kept(index.part == part) for part in np.unique(index.part)]
    usual = [_usual_cells(file.cell) for file in files]
    reference = files[usual.index(Counter(usual).most_common(1)[0][0])]
    for file, cells in zip(files, usual, strict=True):
        expected, there = set(_usual_cells(reference.cell)), set(file.cell.tolist())
        if expected - there or set(cells) - set(reference.cell.tolist()):
            yield _odd_file(file, f"holds memory cells {format_numbers(cells)}; other files of the module hold "
                                  f"{format_numbers(sorted(expected))}")
        elif not detector.raw.cells_repeat and _differ(_order(file), _order(reference)):
            yield _odd_file(file, "the order of memory cells differs from that of other files of the module")


def _rare(index: ModuleIndex) -> Iterator[Problem]:
    """Memory cells that nearly no train has, as a wrong number in a frame leaves them."""
    rare = ~np.isin(index.cell, frequent_cells(index.cell))
    if rare.any():
        file, cells = index.parts[int(index.part[rare][0])].file, np.unique(index.cell[rare]).tolist()
        detail = (f"{int(rare.sum())} of {len(rare)} frames are of memory cell{'s' * (len(cells) > 1)} "
                  f"{format_numbers(cells)}, which other trains do not have (first train {index.train[rare][0]})")
        yield file.problem("warn", "R14", f"INSTRUMENT/{index.module.source}", detail, index.module.number)


def _usual_cells(cell: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Memory cells that nearly every train has of those that have any, ascending."""
    cells, counts = np.unique(cell, return_counts=True)
    return tuple(cells[counts >= _MOST * counts.max()].tolist())


def _order(file: ModuleIndex) -> list[int]:
    """Memory cells of the first train of a file, each once, in the order of recording."""
    return list(dict.fromkeys(file.cell[file.train == file.train[0]].tolist()))


def _differ(one: list[int], other: list[int]) -> bool:
    """Whether the cells that both have are in another order; vetoes leave the order as it is."""
    return [cell for cell in one if cell in other] != [cell for cell in other if cell in one]


def _odd_file(file: ModuleIndex, detail: str) -> Problem:
    run_file = file.parts[int(file.part[0])].file
    return run_file.problem("warn", "R13", f"INSTRUMENT/{file.module.source}", detail, file.module.number)
