"""The only loop over chunks of data in the program."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

from calib_core.axes import At
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Accumulator, ChunkSource, Context, Maps, Unit

#: Called after each chunk with the accumulator and the number of frames just added; may raise Cancelled.
Progress = Callable[[Accumulator, int], None]


def run_unit(
    method: Method, context: Context, unit: Unit, source: ChunkSource, progress: Progress, parts: Sequence[Unit] = ()
) -> Iterator[tuple[At, Maps]]:
    """Run all passes of a method over one unit, which may be cut into parts of its frames.

    Parts are merged pass by pass, in their order: a gate comes from the first samples of the whole run, and a pass
    begins from what the whole pass before found, so the results are those of the unit in one piece, bit for bit. Of a
    method that goes file by file, a part goes through all passes before the next, as if the others were not there.

    Parameters
    ----------
    method, context, unit, source
        What is done with which data.
    progress : callable
        Told of each chunk; may raise Cancelled.
    parts : sequence of Unit, optional
        The unit again, each with some of its sequences; the unit itself unless given.

    Yields
    ------
    at : mapping
        Indices along axes.
    results : dict of arrays
        Made when asked for, so that only those of one place are held.
    """
    order = _file_by_file if method.by_sequence else _pass_by_pass
    accumulator = order(method, context, parts or (unit,), source, progress)
    if accumulator is None:
        raise ValueError(f"{method.title} declares no pass over the data")
    for at, results in method.reduce(context, unit, accumulator):
        yield at, results
        progress(accumulator, 0)


def _pass_by_pass(
    method: Method, context: Context, parts: Sequence[Unit], source: ChunkSource, progress: Progress
) -> Accumulator | None:
    """All parts go through a pass before the next."""
    accumulator: Accumulator | None = None
    for number, which in enumerate(method.passes(context, parts[0])):
        merged: Accumulator | None = None
        for part in parts:
            # what the pass before found is every part's own: passes change it
            previous = copy.deepcopy(accumulator) if len(parts) > 1 else accumulator
            taken = method.begin(context, part, number, previous)
            if merged is not None:
                taken.forget()
            _feed(taken, context, part, which, source, progress)
            merged = _merged(merged, taken)
        accumulator = merged
        _settle(accumulator, progress)
    return accumulator


def _file_by_file(
    method: Method, context: Context, parts: Sequence[Unit], source: ChunkSource, progress: Progress
) -> Accumulator | None:
    """One accumulator goes through all passes of a part before the next."""
    accumulator: Accumulator | None = None
    for part in parts:
        for number, which in enumerate(method.passes(context, part)):
            if accumulator is None:
                accumulator = method.begin(context, part, number, None)
            accumulator.goes_on(part, number)
            _feed(accumulator, context, part, which, source, progress)
    _settle(accumulator, progress)
    return accumulator


def _feed(
    taken: Accumulator, context: Context, part: Unit, which: slice, source: ChunkSource, progress: Progress
) -> None:
    for name in part.inputs:
        for chunk in source.chunks(part, name, which):
            taken.update(name, context.prepared(part, chunk))
            progress(taken, len(chunk))


def _settle(accumulator: Accumulator | None, progress: Progress) -> None:
    if accumulator is not None:
        for _ in accumulator.settle():
            progress(accumulator, 0)


def _merged(first: Accumulator | None, second: Accumulator) -> Accumulator:
    """The first, with the second added to it."""
    if first is None:
        return second
    first.merge(second)
    return first
