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
    begins from what the whole pass before found, so the results are those of the unit in one piece, bit for bit.

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
    accumulator: Accumulator | None = None
    for number, which in enumerate(method.passes(context, unit)):
        merged: Accumulator | None = None
        for part in parts or (unit,):
            taken = _begun(method, context, part, number, accumulator, merged, len(parts) > 1)
            for name in part.inputs:
                for chunk in source.chunks(part, name, which):
                    taken.update(name, context.prepared(part, chunk))
                    progress(taken, len(chunk))
            merged = taken if taken is merged else _merged(merged, taken)
        accumulator = merged
        if merged is not None:
            for _ in merged.settle():
                progress(merged, 0)
    if accumulator is None:
        raise ValueError(f"{method.title} declares no pass over the data")
    for at, results in method.reduce(context, unit, accumulator):
        yield at, results
        progress(accumulator, 0)


def _begun(
    method: Method, context: Context, part: Unit, number: int, previous: Accumulator | None,
    merged: Accumulator | None, several: bool,
) -> Accumulator:
    """What takes the frames of a part: what took those before, if it goes on, else a new one."""
    if merged is not None and merged.goes_on(part):
        return merged
    # what the pass before found is every part's own: passes change it
    taken = method.begin(context, part, number, copy.deepcopy(previous) if several else previous)
    if merged is not None:
        taken.forget()
    return taken


def _merged(first: Accumulator | None, second: Accumulator) -> Accumulator:
    """The first, with the second added to it."""
    if first is None:
        return second
    first.merge(second)
    return first
