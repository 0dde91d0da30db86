"""Chains of steps that one kernel does in one pass over the samples, with the bits of the steps one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.correction.images import Images
from calib_core.correction.step import Bound
from calib_core.detector import Frames
from calib_core.numerics.corrections import Samples, correct, go_on
from calib_core.numerics.operations import Fixed, Kept, OfBits, OfSignal, Operation, Stages

#: Makes an array of a shape and type, with anything in it.
MakeArray = Callable[..., Array]
#: What tells gain stages comes first: what is done then is done by stage.
_TELL = (Fixed, OfBits, OfSignal)


@dataclass(frozen=True)
class AtOnce:
    """Steps that one pass does.

    Attributes
    ----------
    steps : tuple of Bound
    stages : named tuple
        What tells the gain stages.
    operations : tuple of named tuples
    """

    steps: tuple[Bound, ...]
    stages: Stages
    operations: tuple[Operation, ...]

    def corrected(self, frames: Frames, array: MakeArray) -> Images:
        """Frames as they are stored after these steps, in arrays of their own.

        Parameters
        ----------
        frames : Frames
            They stay as they are.
        array : callable
            Makes an array of a shape and type, with anything in it.
        """
        shape = frames.block.shape[2:]
        out = Samples.empty(len(frames), int(np.prod(shape)), array)
        block = np.ascontiguousarray(frames.block).reshape(*frames.block.shape[:2], -1)
        stages = Fixed(np.uint8(0)) if isinstance(self.stages, Kept) else self.stages
        correct(block, frames.signal_plane or 0, _flat_bits(frames.gain), frames.cell, stages, self.operations, out)
        values, stage, mask, use = (
            one.reshape(len(frames), *shape) for one in (out.values, out.stage, out.mask, out.use))
        images = Images(values, stage, mask, use, frames.cell, frames.train, None, frames.gain, frames.gain_signal,
                        others=frames.others)
        return self._scaled(images)

    def apply(self, images: Images) -> None:
        """Take images through these steps, in place.

        Parameters
        ----------
        images : Images
            With float32 values, in C-contiguous arrays.
        """
        flat = (np.reshape(one, (len(one), -1), copy=False)
                for one in (images.values, images.stage, images.mask, images.use))
        go_on(Samples(*flat), _flat_bits(images.bits), images.cell, self.stages, self.operations)
        self._scaled(images)

    def _scaled(self, images: Images) -> Images:
        images.one_scale |= any(one.step.one_scale for one in self.steps)
        return images


def fused(steps: Sequence[Bound], kept: Collection[str] = ()) -> tuple[Bound | AtOnce, ...]:
    """Steps of which as many as can be are done at once.

    Parameters
    ----------
    steps : sequence of Bound
        With constants in memory.
    kept : collection of str
        Words of steps after which values are kept: there a pass ends.

    Returns
    -------
    tuple of Bound and AtOnce
        In their order; a step alone stays one, as do those that look at more than single samples.
    """
    done: list[Bound | AtOnce] = []
    one_scale, begun = False, 0
    while begun < len(steps):
        found = _run(steps[begun:], kept, one_scale, begun == 0)
        done.append(found if found is not None and len(found.steps) > 1 else steps[begun])
        taken = done[-1].steps if isinstance(done[-1], AtOnce) else (steps[begun],)
        one_scale |= any(one.step.one_scale for one in taken)
        begun += len(taken)
    return tuple(done)


def _run(steps: Sequence[Bound], kept: Collection[str], one_scale: bool, of_frames: bool) -> AtOnce | None:
    """As many of the first steps as one pass does."""
    taken: list[Bound] = []
    operations: list[Operation] = []
    for one in steps:
        more = one.operations(one_scale)
        if more is None or not _go_on(more, bool(operations), of_frames):
            break
        taken.append(one)
        operations += more
        one_scale |= one.step.one_scale
        if one.step.word in kept:
            break
    if not taken:
        return None
    first = operations[0] if operations else None
    if isinstance(first, _TELL):
        return AtOnce(tuple(taken), first, tuple(operations[1:]))
    return AtOnce(tuple(taken), Kept(), tuple(operations))


def _go_on(more: Sequence[Operation], begun: bool, of_frames: bool) -> bool:
    """Whether operations can follow: stages are told first, and by a signal only in frames as they are stored."""
    first = more[0] if more else None
    return not isinstance(first, _TELL) or (not begun and (of_frames or not isinstance(first, OfSignal)))


def _flat_bits(bits: Array | None) -> Array | None:
    return None if bits is None else np.ascontiguousarray(bits).reshape(len(bits), -1)
