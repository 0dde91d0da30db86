"""The only loop over chunks of data in the program."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from calib_core.axes import At
from calib_core.characterisation.file_passes import FilePasses, Learned
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Accumulator, ChunkSource, Context, Maps, Unit
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import Frames
from calib_core.io.buffers import Buffers

#: Called after each piece of a chunk with the accumulator and the number of frames just added; may raise Cancelled.
Progress = Callable[[Accumulator, int], None]
#: A piece of work, which takes the memory of who does it.
Piece = Callable[[Buffers], None]
#: Does pieces of work; ends when all are done, and raises what went wrong.
Together = Callable[[Sequence[Piece]], None]


def one_by_one(pieces: Sequence[Piece]) -> None:
    """Do pieces of work one after the other, with memory of their own.

    Parameters
    ----------
    pieces : sequence of callable
    """
    for piece in pieces:
        piece(Buffers())


def run_unit(
    method: Method, context: Context, unit: Unit, source: ChunkSource, progress: Progress, parts: Sequence[Unit] = (),
    together: Together = one_by_one,
) -> Iterator[tuple[At, Maps]]:
    """Run all passes of a method over one unit, which may be cut into parts of its frames.

    Parts are merged pass by pass, in their order: a gate comes from the first samples of the whole run, and a pass
    begins from what the whole pass before found, so the results are those of the unit in one piece, bit for bit. Of a
    method that goes file by file, a part goes through all passes as if the others were not there, and they may go at
    the same time.

    Parameters
    ----------
    method, context, unit, source
        What is done with which data.
    progress : callable
        Told of each chunk; may raise Cancelled.
    parts : sequence of Unit, optional
        The unit again, each with some of its sequences; the unit itself unless given.
    together : callable
        Does pieces of work, in any order and at the same time as it likes, each with memory of who does it.

    Yields
    ------
    at : mapping
        Indices along axes.
    results : dict of arrays
        Made when asked for, so that only those of one place are held.
    """
    if method.by_sequence:
        accumulator: Accumulator | None = _file_by_file(method, context, parts or (unit,), source, progress, together)
    else:
        accumulator = _pass_by_pass(method, context, parts or (unit,), source, progress)
    if accumulator is None:
        raise ValueError(f"{method.title} declares no pass over the data")
    for at, results in method.reduce(context, unit, accumulator):
        yield at, results
        progress(accumulator, 0)


def gather(method: Method, context: Context, unit: Unit, source: ChunkSource, progress: Progress) -> Accumulator:
    """What a method's first pass keeps of the data of a unit, before anything is made of it.

    Parameters
    ----------
    method, context, unit, source
        What is done with which data.
    progress : callable
        Told of each chunk; may raise Cancelled.

    Returns
    -------
    Accumulator
        That is not settled.
    """
    taken = method.begin(context, unit, 0, None)
    _feed(taken, context, unit, method.passes(context, unit)[0], source, progress)
    return taken


def learn(
    steps: BoundPipeline, cells: Sequence[int], chunks: Callable[[bool], Iterator[Frames]], check: Callable[[], None]
) -> Learned:
    """Have steps look at frames in all the passes that they need before they can be done.

    Parameters
    ----------
    steps : BoundPipeline
        With constants that can be read.
    cells : sequence of int
        Memory cells of the frames.
    chunks : callable
        Gives the frames, once for each pass, which is that of a common mode or not.
    check : callable
        Asked after each chunk; may raise Cancelled.

    Returns
    -------
    mapping
        By the place of a step, what it takes beside its constants.
    """
    passes, ready = FilePasses(steps, cells), steps.read(cells)
    for number in range(passes.number):
        passes.begin(number)
        for chunk in chunks(passes.of_common_mode):
            passes.images(ready, chunk, np.empty)
            check()
    passes.begin(passes.number)
    return passes.learned


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
    method: Method, context: Context, parts: Sequence[Unit], source: ChunkSource, progress: Progress,
    together: Together,
) -> Accumulator:
    """A part goes through all passes by itself; all add to the same sums, whichever comes first."""
    accumulator = method.begin(context, parts[0], 0, None)

    def one(part: Unit, buffers: Buffers) -> None:
        taken = accumulator.beside(buffers)
        for number, which in enumerate(method.passes(context, part)):
            taken.goes_on(part, number)
            _feed(taken, context, part, which, source, progress, method.sees_more(number))
        if context.sink is not None:
            context.sink.whole(part)

    together([partial(one, part) for part in parts])
    _settle(accumulator, progress)
    return accumulator


def _feed(
    taken: Accumulator, context: Context, part: Unit, which: slice, source: ChunkSource, progress: Progress,
    more: bool = False,
) -> None:
    for name in part.inputs:
        for chunk in source.chunks(part, name, which, more):
            for piece in taken.pieces(context.prepared(part, chunk)):
                taken.update(name, piece)
                progress(taken, len(piece))


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
