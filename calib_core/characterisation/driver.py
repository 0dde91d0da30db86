"""The only loop over chunks of raw data in the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from calib_core.characterisation.method import Accumulator, Maps, Method, Unit
from calib_core.detector import Frames

#: ``chunks(limit)`` yields the unit's frames in train order, at most ``limit`` per memory cell.
Chunks = Callable[[int | None], Iterator[Frames]]
#: Called after each chunk with the accumulator and the number of frames just added; may raise Cancelled.
Progress = Callable[[Accumulator, int], None]


def run_unit(method: Method, unit: Unit, chunks: Chunks, progress: Progress) -> Iterator[tuple[int, Maps]]:
    """Run all passes of a method over one unit.

    Yields
    ------
    cell : int
    maps : dict of (slow_scan, fast_scan) arrays
        Made when asked for, so that only one memory cell's maps are held.
    """
    accumulator: Accumulator | None = None
    for index, limit in enumerate(method.passes(unit)):
        accumulator = method.begin(unit, index, accumulator)
        for frames in chunks(limit):
            accumulator.update(frames)
            progress(accumulator, len(frames))
        for _ in accumulator.settle():
            progress(accumulator, 0)
    if accumulator is None:
        raise ValueError(f"{method.title} declares no pass over the data")
    for cell in unit.cells:
        yield cell, method.reduce(unit, accumulator, cell)
        progress(accumulator, 0)
