"""Frames that were asked for: what of it is not there, and how many are left out by what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from calib_core.axes import Axis
from calib_core.detector import FrameSelection
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.ranges import ALL, format_numbers

#: Frames by module and key of the run.
_Frames = Mapping[tuple[int, str], ModuleFrames]
_Runs = Mapping[str, Run]
_Range = tuple[int, int]
#: So many stretches of numbers are told one by one.
_TOLD = 5


def not_there(selection: FrameSelection, frames: _Frames, runs: _Runs, cells: int = 0) -> Iterator[str]:
    """Say what was asked for and is not used, or only in part: trains, files, frames, memory cells, energies.

    Parameters
    ----------
    selection : FrameSelection
    frames : mapping
        By module and key of the run.
    runs : mapping
        By key.
    cells : int
        Memory cells that the operator says are in use; 0 where he says nothing.

    Yields
    ------
    str
        One sentence for modules of which the same is to be said; none where all is used that was asked for.
    """
    yield from _trains_not_there(selection, frames.values())
    yield from _of_modules(frames, runs, lambda one, run: _files_not_there(selection, one, run))
    yield from _of_modules(frames, runs, lambda one, run: _pulses_not_there(selection, one, run))
    yield from _of_modules(frames, runs, lambda one, run: _cells_not_there(cells, one, run))
    yield from dict.fromkeys(filter(None, (run.lacks(selection) for run in runs.values())))


def frames_left_out(selection: FrameSelection, frames: _Frames, runs: _Runs, more: bool = False) -> Iterator[str]:
    """Say how many frames are used where some were chosen by trains, pulses or light, and why others are not.

    Parameters
    ----------
    selection : FrameSelection
    frames : mapping
        By module and key of the run.
    runs : mapping
        By key.
    more : bool
        Whether a common mode sees others too.

    Yields
    ------
    str
        One sentence for modules of which the same is to be said.
    """
    if selection.by_light or selection.sequences or selection.trains or selection.pulses != ALL:
        yield from _of_modules(frames, runs, partial(_left_out, more))


def cells_used(cells: Sequence[int], axis: Axis | None) -> tuple[int, ...]:
    """Memory cells of the detector that a job reads: all but where not all were asked for.

    Parameters
    ----------
    cells : sequence of int
        Of the detector.
    axis : Axis or None
        Memory cells of the results; None, or groups of them, where there is no choice.
    """
    return tuple(cells) if axis is None or axis.members else tuple(int(label) for label in axis.labels)


def cells_left_out(cells: Sequence[int], used: Sequence[int]) -> Iterator[str]:
    """Say which memory cells of the detector are read where not all were asked for.

    Parameters
    ----------
    cells : sequence of int
        Of the detector.
    used : sequence of int
        From :func:`cells_used`.

    Yields
    ------
    str
    """
    if len(used) < len(cells):
        yield (f"Of {len(cells):,} memory cells {len(used):,} are read and have results, as was asked for "
               f"({_named([(one, one) for one in used])}); the other {len(cells) - len(used):,} are in no constant.")


def _left_out(more: bool, frames: ModuleFrames, run: str) -> str:
    causes = ", ".join(f"{number:,} {reason}" for reason, number in frames.excluded.items()) or "none"
    seen = f" The common mode of memory cells looks at {len(frames.seen):,}." if more else ""
    return f"{len(frames):,} frames of {run} are used; left out are {causes}.{seen}"


def _of_modules(frames: _Frames, runs: _Runs, told: Callable[[ModuleFrames, str], str]) -> Iterator[str]:
    """A sentence for modules of which the same is told; none of those of which nothing is."""
    found: dict[str, list[int]] = {}
    for (module, key), one in frames.items():
        found.setdefault(told(one, runs[key].label), []).append(module)
    for text, modules in found.items():
        if text:
            yield f"Of module{'s' if len(modules) > 1 else ''} {format_numbers(modules)} {text}"


def _trains_not_there(selection: FrameSelection, frames: Iterable[ModuleFrames]) -> Iterator[str]:
    """A sentence on trains that no module has, since not every run has all of them."""
    trains = np.unique(np.concatenate([one.train for one in frames])).tolist() if selection.trains else []
    if absent := _gaps(selection.trains, trains):
        yield (f"Of the trains that were asked for, {_named(absent)} have no frames that are used: "
               f"{_number(absent):,} of {_number(selection.trains):,}.")


def _files_not_there(selection: FrameSelection, frames: ModuleFrames, run: str) -> str:
    absent = _gaps(selection.sequences, frames.sequences)
    return "" if not absent else (f"no frames of sequence {_named(absent)} of {run} are used: {_number(absent):,} of "
                                  f"the {_number(selection.sequences):,} sequences that were asked for.")


def _pulses_not_there(selection: FrameSelection, frames: ModuleFrames, run: str) -> str:
    """Words on how many frames of a train are wanted, where no train has so many."""
    first, end, step = selection.pulses
    if end is None:
        return ""
    wanted, most = len(range(first, end, step)), int(np.unique(frames.train, return_counts=True)[1].max(initial=0))
    return "" if most >= wanted else (f"at most {most:,} of the {wanted:,} frames of each train that were asked for "
                                      f"are used of {run}.")


def _cells_not_there(cells: int, frames: ModuleFrames, run: str) -> str:
    """Words on memory cells that hold nothing; a single one may have any number."""
    absent = _gaps([(0, cells - 1)], frames.cells) if cells > 1 else []
    return "" if not absent else (f"no frames of memory cells {_named(absent)} of {run} are used: "
                                  f"{_number(absent):,} of the {cells:,} that were asked for.")


def _number(ranges: Iterable[_Range]) -> int:
    return sum(last - first + 1 for first, last in _apart(ranges))


def _named(ranges: Sequence[_Range]) -> str:
    told = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges[:_TOLD])
    return told + (f" and {len(ranges) - _TOLD} more stretches" if len(ranges) > _TOLD else "")


def _gaps(asked: Iterable[_Range], there: Sequence[int]) -> list[_Range]:
    """Stretches of what was asked for that are not there.

    Parameters
    ----------
    asked : iterable of (int, int)
    there : sequence of int
        Ascending.
    """
    found = []
    for first, last in _apart(asked):
        edges = [first - 1, *(one for one in there if first <= one <= last), last + 1]
        found += [(one + 1, other - 1) for one, other in pairwise(edges) if other > one + 1]
    return found


def _apart(ranges: Iterable[_Range]) -> list[_Range]:
    """Ranges ascending, those that meet as one."""
    found: list[_Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found
