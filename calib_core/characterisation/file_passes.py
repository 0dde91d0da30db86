"""Steps of a correction over the frames of a file, with the passes that some need before they can be done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from calib_core.correction.bound_constant import BoundConstant
from calib_core.correction.fused import MakeArray
from calib_core.correction.gathering import Gathering
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import Frames

#: What steps have learned of all frames of a file, by their places in the chain.
Learned = Mapping[int, Mapping[str, BoundConstant]]


class FilePasses:
    """Corrects frames in the last pass over a file; in those before it, steps that need them look at frames.

    The first such step has its passes first, with frames after the steps before it, then the next one.

    Parameters
    ----------
    steps : BoundPipeline
        Of a module.
    cells : sequence of int
        Memory cells that frames may have.
    """

    def __init__(self, steps: BoundPipeline, cells: Sequence[int]) -> None:
        self._steps, self._cells = steps, np.asarray(cells, np.int64)
        #: Place of the step that each pass is for.
        self._places = [place for place, one in enumerate(steps.steps) for _ in range(one.step.passes)]
        self._gathered: dict[int, Gathering] = {}
        self._made: tuple[BoundPipeline, BoundPipeline] | None = None
        self._place: int | None = None

    def beside(self) -> FilePasses:
        """The same over another file."""
        return FilePasses(self._steps, self._cells.tolist())

    def begin(self, number: int) -> None:
        """Begin a pass; that before it is over.

        Parameters
        ----------
        number : int
            0 is the first of another file.
        """
        if number == 0:
            self._gathered = {}
        else:
            self._gathered[self._places[number - 1]].settle()
        self._place = self._places[number] if number < len(self._places) else None
        if self._place is not None and self._place not in self._gathered:
            one = self._steps.steps[self._place]
            self._gathered[self._place] = one.step.gathering(one.kind, self._cells)
        self._made = None

    @property
    def number(self) -> int:
        """Passes before the last."""
        return len(self._places)

    @property
    def of_common_mode(self) -> bool:
        """Whether the pass is for a step that looks at what frames have in common."""
        return self._place is not None and self._steps.steps[self._place].step.of_common_mode

    @property
    def learned(self) -> Learned:
        """What steps have learned of the frames in all passes so far."""
        return {place: one.constants for place, one in self._gathered.items() if place != self._place}

    def images(
        self, ready: BoundPipeline, frames: Frames, array: MakeArray, kept: Collection[str] = ()
    ) -> Images | None:
        """Frames after all steps in the last pass; none before.

        Parameters
        ----------
        ready : BoundPipeline
            The steps with their constants in memory.
        frames : Frames
            They stay as they are.
        array, kept
            As for :meth:`BoundPipeline.corrected`.
        """
        if self._made is None or self._made[0] is not ready:
            self._made = ready, self._of_pass(ready)
        images = self._made[1].corrected(frames, array, kept)
        if self._place is None:
            return images
        one = ready.steps[self._place]
        self._gathered[self._place].add(images, one.given, one.kind)
        return None

    def _of_pass(self, ready: BoundPipeline) -> BoundPipeline:
        """Steps before the one that the pass is for, or all; those that have looked at frames with what they know."""
        if not self._places:
            return ready
        return knowing(replace(ready, steps=ready.steps[:self._place]), self.learned)


def knowing(steps: BoundPipeline, learned: Learned) -> BoundPipeline:
    """Steps with what they have learned of the frames of a file.

    Parameters
    ----------
    steps : BoundPipeline
    learned : mapping
        By the place of a step, what it takes beside its constants.
    """
    return replace(steps, steps=tuple(replace(one, given={**one.given, **learned.get(place, {})})
                                      for place, one in enumerate(steps.steps)))
