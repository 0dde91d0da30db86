"""Steps in their order: checked, bound to constants, applied, and looked at one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import BoundConstant, Constants
from calib_core.correction.fused import AtOnce, MakeArray, fused
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, CannotBeDone, Skipped, Step
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadInput, BadParameter


@dataclass(frozen=True)
class BoundPipeline:
    """Steps of one module with their constants.

    Attributes
    ----------
    steps : tuple of Bound
    skipped : tuple of Skipped
        Those that are left out because a constant is not there, or a step that they follow; and parts of others.
    kind : DetectorType
    """

    steps: tuple[Bound, ...]
    skipped: tuple[Skipped, ...]
    kind: DetectorType

    @property
    def saturation(self) -> int:
        """Highest code that comes out."""
        kind = self.kind
        for one in self.steps:
            kind = replace(kind, saturation=one.step.saturation(one.given, kind))
        return kind.saturation

    @property
    def whole_numbers(self) -> bool:
        """Whether codes come out where codes go in."""
        return all(one.step.whole_numbers for one in self.steps)

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """What is to be known of constants: the title of each, and words that follow it and the module's number."""
        return tuple((one.step.needs[0].title, text)
                     for one in self.steps for text in one.step.told(one.given, self.kind))

    def read(self, cells: Sequence[int] = ()) -> BoundPipeline:
        """The same with constants in memory, which is freed with it.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.
        """
        known: dict[int, BoundConstant] = {}
        return replace(self, steps=tuple(one.read(cells, known) for one in self.steps))

    def prepared(self, kept: Collection[str] = ()) -> BoundPipeline:
        """The same, once all is made of its constants that a kernel takes: threads would each make it.

        Parameters
        ----------
        kept : collection of str
            As of :meth:`corrected`.
        """
        self._works(frozenset(kept))
        return self

    def apply(self, images: Images, kept: Collection[str] = ()) -> None:
        """Take images through all steps, in place.

        Parameters
        ----------
        images : Images
            Their arrays are changed as each step says; after an error they are as the step before left them, or half
            done.
        kept : collection of str
            Words of steps after which their values are kept.
        """
        _apply(self.steps, images, kept)

    def corrected(self, frames: Frames, array: MakeArray = np.empty, kept: Collection[str] = ()) -> Images:
        """Frames as they are stored after all steps, of which as many are done in one pass as can be.

        Parameters
        ----------
        frames : Frames
            They stay as they are.
        array : callable
            Makes an array of a shape and type, with anything in it, for the images.
        kept : collection of str
            Words of steps after which values are kept.

        Returns
        -------
        Images
            In arrays of their own but for gain bits and gain signal; bit for bit what :meth:`apply` makes of them.
        """
        first, *others = self._works(frozenset(kept)) or (None,)
        if isinstance(first, AtOnce):
            images = first.corrected(frames, array)
            _keep(first, images, kept)
        else:
            images, others = Images.of_frames(frames), [first, *others] if first is not None else []
        _apply(others, images, kept)
        return images

    def __reduce__(self) -> tuple[type[BoundPipeline], tuple[object, ...]]:
        return BoundPipeline, (self.steps, self.skipped, self.kind)

    def _works(self, kept: frozenset[str]) -> tuple[Bound | AtOnce, ...]:
        """What is done, found out once."""
        if kept not in self._found:
            self._found[kept] = fused(self.steps, kept)
        return self._found[kept]

    @cached_property
    def _found(self) -> dict[frozenset[str], tuple[Bound | AtOnce, ...]]:
        return {}

    def trace(self, images: Images) -> Iterator[tuple[Step, Images]]:
        """Look at images after each step; those given are not changed.

        Parameters
        ----------
        images : Images

        Yields
        ------
        step : Step
        images : Images
            A copy after that step, made when it is asked for.
        """
        for one in self.steps:
            images = images.copy()
            one.apply(images)
            yield one.step, images

    def of_pixel(self, samples: Array, cell: int, row: int, col: int) -> Array:
        """Take samples of one pixel through steps of whole numbers.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            They stay as they are; the same array comes back where there are no steps.
        cell, row, col : int

        Returns
        -------
        (n,) uint16, ADU

        Raises
        ------
        NotImplementedError
            A step needs whole images.
        """
        for one in self.steps:
            samples = one.step.of_pixel(samples, one.given, self.kind, (cell, row, col))
        return samples


def _apply(steps: Sequence[Bound | AtOnce], images: Images, kept: Collection[str]) -> None:
    with np.errstate(all="ignore"):  # what comes of numbers that are none is flagged
        for one in steps:
            one.apply(images)
            _keep(one, images, kept)


def _keep(done: Bound | AtOnce, images: Images, kept: Collection[str]) -> None:
    last = done.steps[-1] if isinstance(done, AtOnce) else done
    if last.step.word in kept:
        images.kept[last.step.word] = images.values.copy()


@dataclass(frozen=True)
class Pipeline:
    """Steps in their order; those that are switched off are left out."""

    steps: Sequence[Step]

    def __post_init__(self) -> None:
        """Make sure that steps have words of their own, and those that are on go together.

        Each takes the unit that the one before gives, and has parameters that it can work with.

        Raises
        ------
        BadParameter
            One does not, or has not.
        """
        words = [step.word for step in self.steps]
        if twice := sorted({word for word in words if words.count(word) > 1}):
            raise BadParameter(f"Two steps are named {', '.join(twice)}.")
        steps = [step for step in self.steps if step.on and step.unit_in]
        for before, after in pairwise(steps):
            if before.unit_after != after.unit_in:
                raise BadParameter(
                    f"{after.title} takes {after.unit_in}, but {before.title} gives {before.unit_after}.")
        for step in self.steps:
            if step.on:
                step.check()

    @property
    def unit(self) -> str:
        """Unit of what comes out."""
        return next((step.unit_after for step in reversed(self.steps) if step.on and step.unit_after), "ADU")

    def bind(self, constants: Constants, kind: DetectorType) -> BoundPipeline:
        """Steps with the constants of one module.

        Parameters
        ----------
        constants : Constants
            Of one module.
        kind : DetectorType

        Returns
        -------
        BoundPipeline
            Steps that are switched off are in it nowhere; those of which no needed constant is there in ``skipped``.

        Raises
        ------
        BadInput
            A step cannot be bound that is required, or of which at least one needed constant is there.
        """
        bound: list[Bound] = []
        skipped: list[Skipped] = []
        for step in (step for step in self.steps if step.on):
            if step.follows and step.follows not in {one.step.word for one in bound}:
                before = next((one.title for one in self.steps if one.word == step.follows), step.follows)
                skipped.append(Skipped(step.title, f"{step.title} is left out: {before.lower()} is not done."))
                continue
            try:
                bound.append(step.bind(constants, kind))
            except BadInput as error:
                there = any(constants.get(one) is not None for one in step.needs)
                if step.required or (there and not isinstance(error, CannotBeDone)):
                    raise
                skipped.append(Skipped(step.title, str(error)))
        skipped += [part for one in bound for part in one.left_out]
        return BoundPipeline(tuple(one.step.following(one, bound) for one in bound), tuple(skipped), kind)
