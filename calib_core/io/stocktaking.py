"""Comparing the modules of a detector with each other: lost trains, missing modules and sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from calib_core.detector import Detector
from calib_core.io.cells import odd_cells
from calib_core.io.inventory import ModuleInventory, Problem, RunInventory
from calib_core.io.loss import Loss
from calib_core.io.module_index import ModuleIndex
from calib_core.ranges import format_numbers


def take_stock(
    run: str, detector: Detector, indexes: Sequence[ModuleIndex], opening: Sequence[Problem],
    losses: Sequence[Loss], complete: bool = True,
) -> RunInventory:
    """Compare the modules of a detector by their indexes.

    Parameters
    ----------
    run : str
        Label of the run.
    detector : Detector
    indexes : sequence of ModuleIndex
        One for each module that is looked at; their suspect trains do not count.
    opening : sequence of Problem
        Those of whole files.
    losses : sequence of Loss
        Trains that each of these modules has lost.
    complete : bool
        Whether these are all modules of the run, so that missing ones can be told.

    Returns
    -------
    RunInventory
        Problems of files first, then those of modules.
    """
    clean = [index.kept(~index.suspect) for index in indexes]
    sequences = {s for index in indexes for s in index.sequences}
    expected = set(range(max(sequences, default=-1) + 1))
    modules = tuple(_module(index, loss, sorted(expected - set(index.sequences)))
                    for index, loss in zip(clean, losses, strict=True))
    problems = [*opening, *(p for index in indexes for p in index.problems)]
    problems += _missing_modules(detector, modules) if complete else []
    for module, index in zip(modules, indexes, strict=True):
        problems += _module_problems(module, index)
    problems += _losses(indexes, losses)
    problems += [odd for index in clean for odd in odd_cells(detector.type, index)]
    problems += _odd_ones(clean)
    if not any(m.frames for m in modules):
        problems.append(Problem("refuse", "R06", detector.identifier, "", "the run holds no usable frames"))
    return RunInventory(run, modules, tuple(problems))


def _module(index: ModuleIndex, loss: Loss, missing: Sequence[int]) -> ModuleInventory:
    cells = tuple(int(c) for c in np.unique(index.cell))
    return ModuleInventory(index.module.number, len(index.trains), len(index.train), cells, index.files,
                           tuple(missing), loss.lost, loss.trains)


def _losses(indexes: Sequence[ModuleIndex], losses: Sequence[Loss]) -> list[Problem]:
    """Modules that have lost trains, but for those that have none at all, which is said of them anyway."""
    return [Problem("warn", "R10", index.module.aggregator, "", str(loss), index.module.number)
            for index, loss in zip(indexes, losses, strict=True) if loss.lost and len(index.trains)]


def _missing_modules(detector: Detector, modules: Sequence[ModuleInventory]) -> list[Problem]:
    """Modules that an installed detector should have and the run has not."""
    present = {m.number for m in modules}
    start, end = detector.type.raw.first_module, detector.type.raw.first_module + detector.type.max_modules
    if not detector.type.always_whole:
        start, end = min(present, default=0), max(present, default=0) + 1
    missing = sorted(set(range(start, end)) - present)
    if not missing:
        return []
    detail = f"{len(modules)} of {end - start} modules are in the run; there is no module {format_numbers(missing)}"
    return [Problem("warn", "R05", detector.identifier, "", detail)]


def _module_problems(module: ModuleInventory, index: ModuleIndex) -> list[Problem]:
    problems = []
    if module.missing_sequences and index.parts:
        numbers = format_numbers(module.missing_sequences)
        problems.append(("R04", f"sequence {numbers} is missing; its trains have no data"))
    if index.suspect.any():
        n = len(np.unique(index.train[index.suspect]))
        problems.append(("R09", f"suspect trains, left out unless they are asked for: {n}"))
    return [Problem("warn", code, index.module.aggregator, "", detail, module.number) for code, detail in problems]


def _odd_ones(indexes: Sequence[ModuleIndex]) -> list[Problem]:
    """Modules whose frames per train or order of memory cells differ from those of most others."""
    filled = [index for index in indexes if len(index.train)]
    counts = [np.unique(index.train, return_counts=True) for index in filled]
    typical = [tuple(np.unique(n).tolist()) for _, n in counts]
    common = reduce(np.intersect1d, [ids for ids, _ in counts]) if counts else np.empty(0)
    orders = [tuple(index.cell[index.train == tid].tolist()) for index in filled for tid in common[:1]]
    return [
        *_minority(filled, typical, "R11", _of_frames),
        *_minority(filled, orders, "R13", lambda *_: "the order of memory cells differs from that of other modules"),
    ]


def _of_frames(mine: Sequence[int], usual: Sequence[int]) -> str:
    return f"has {format_numbers(mine)} frames per train; other modules have {format_numbers(usual)}"


def _minority(
    indexes: Sequence[ModuleIndex], values: Sequence[tuple[int, ...]], code: str,
    words: Callable[[Sequence[int], Sequence[int]], str],
) -> list[Problem]:
    if len(set(values)) < 2:  # also where there is no train that all have
        return []
    usual = Counter(values).most_common(1)[0][0]
    return [
        Problem("warn", code, index.module.aggregator, "", words(value, usual), index.module.number)
        for index, value in zip(indexes, values, strict=True)
        if value != usual
    ]
