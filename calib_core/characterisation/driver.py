"""The only loop over chunks of data in the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from calib_core.axes import At
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Accumulator, ChunkSource, Context, Maps, Unit

#: Called after each chunk with the accumulator and the number of frames just added; may raise Cancelled.
Progress = Callable[[Accumulator, int], None]


def run_unit(
    method: Method, context: Context, unit: Unit, source: ChunkSource, progress: Progress
) -> Iterator[tuple[At, Maps]]:
    """Run all passes of a method over one unit.

    Yields
    ------
    at : mapping
        Indices along axes.
    results : dict of arrays
        Made when asked for, so that only those of one place are held.
    """
    accumulator: Accumulator | None = None
    for number, limit in enumerate(method.passes(context, unit)):
        accumulator = method.begin(context, unit, number, accumulator)
        for name in unit.inputs:
            for chunk in source.chunks(unit, name, limit):
                accumulator.update(name, context.prepared(unit, chunk))
                progress(accumulator, len(chunk))
        for _ in accumulator.settle():
            progress(accumulator, 0)
    if accumulator is None:
        raise ValueError(f"{method.title} declares no pass over the data")
    for at, results in method.reduce(context, unit, accumulator):
        yield at, results
        progress(accumulator, 0)
