"""Steps of a correction over the frames of a file, with the passes that one of them needs before it can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calib_core.correction.fused import MakeArray
from calib_core.correction.gathering import Gathering
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Bound, Images
from calib_core.detector import Frames


class FilePasses:
    """Corrects frames in the last pass over a file; in those before it, the step that needs them looks at frames.

    Parameters
    ----------
    steps : BoundPipeline
        Of a module, of which one step at most needs passes.
    cells : sequence of int
        Memory cells that frames may have.
    """

    def __init__(self, steps: BoundPipeline, cells: Sequence[int]) -> None:
        places = [place for place, one in enumerate(steps.steps) if one.step.passes]
        if len(places) > 1:
            raise ValueError("two steps need passes over the frames of a file; one at most can be done")
        self._place = places[0] if places else -1
        self._passes = steps.steps[self._place].step.passes if places else 0
        self._steps, self._cells = steps, np.asarray(cells, np.int64)
        self._number, self._gathering = 0, self._begun()
        self._made: tuple[BoundPipeline, BoundPipeline] | None = None

    def begin(self, number: int) -> None:
        """Begin a pass; that before it is over.

        Parameters
        ----------
        number : int
            0 is the first of another file.
        """
        if number == 0:
            self._gathering = self._begun()
        elif self._gathering is not None:
            self._gathering.settle()
        self._number, self._made = number, None

    def images(self, ready: BoundPipeline, frames: Frames, array: MakeArray) -> Images | None:
        """Frames after all steps in the last pass; none before.

        Parameters
        ----------
        ready : BoundPipeline
            The steps with their constants in memory.
        frames : Frames
            They stay as they are.
        array : callable
            As for :meth:`BoundPipeline.corrected`.
        """
        if self._made is None or self._made[0] is not ready:
            self._made = ready, self._of_pass(ready)
        images = self._made[1].corrected(frames, array)
        if self._gathering is None or self._number == self._passes:
            return images
        one = ready.steps[self._place]
        self._gathering.add(images, one.given, one.kind)
        return None

    def _begun(self) -> Gathering | None:
        if self._place < 0:
            return None
        one = self._steps.steps[self._place]
        return one.step.gathering(one.kind, self._cells)

    def _of_pass(self, ready: BoundPipeline) -> BoundPipeline:
        """Steps before the one that needs passes, and in the last pass all of them, that one with what it knows."""
        if self._gathering is None:
            return ready
        before, one, behind = (ready.steps[:self._place], ready.steps[self._place], ready.steps[self._place + 1:])
        if self._number < self._passes:
            return replace(ready, steps=before)
        knowing = Bound(one.step, {**one.given, **self._gathering.constants}, one.kind)
        return replace(ready, steps=(*before, knowing, *behind))
