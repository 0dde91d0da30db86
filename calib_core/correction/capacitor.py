"""Relative gain: signals of all gain stages become those of high gain, by combined constants or capacitor lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import (
    FIELDS_GAIN,
    OFFSET,
    OFFSET_SHIFT,
    RELATIVE_GAIN,
    SLOPES_CS,
    SLOPES_PC,
    ConstantKind,
)
from calib_core.correction.bound_constant import BoundConstant, Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import NotBySample, images_of
from calib_core.correction.one_scale import Guess, Scale
from calib_core.correction.step import Bound, CannotBeDone, Skipped, Step
from calib_core.correction.when_read import WhenRead, goes_with, unit_of
from calib_core.detector import DetectorType
from calib_core.numerics.operations import OntoScale, Operation
from calib_core.params import knob

#: Combined factors of the stages after the first, which has 1; there are none that change nothing.
_FACTORS = replace(RELATIVE_GAIN, unit="", used=(1, 2), neutral=None)


class RelativeGain(Step):
    """Bring medium and low gain onto the scale of high gain, as combined constants or pulse-capacitor lines say.

    The line of medium gain begins elsewhere than a dark lies in which medium gain is forced: by
    R · (O_M − b_M) + (b_H − O_H) in ADU of high gain, with offsets O, beginnings b and the ratio R of the slopes.
    Combined constants have this shift, and that of low gain, for the darks that they were made with; with others it
    is made anew of the beginnings that they keep.
    """

    word: ClassVar[str] = "rel_gain"
    title: ClassVar[str] = "Relative gain"
    needs: ClassVar[tuple[ConstantKind, ...]] = (SLOPES_PC, OFFSET)
    optional: ClassVar[tuple[ConstantKind, ...]] = (SLOPES_CS,)
    instead: ClassVar[tuple[ConstantKind, ...]] = (_FACTORS, OFFSET_SHIFT, FIELDS_GAIN)
    use_when: ClassVar[str] = ("Combined constants or pulse-capacitor slopes are known: signals of gain stages "
                               "become comparable.")
    one_scale: ClassVar[bool] = True
    caution: ClassVar[str] = ("Combined constants go before slopes. By slopes alone low gain is not shifted, and "
                              "without those of the current source its ratio is one number for all pixels.")

    adjust_baseline: bool = knob(
        True, help="Add what offsets of forced gain differ from the beginnings of their lines by")
    high_medium_ratio: float = knob(
        45.0, ge=1, le=1000, unit="times",
        help="Ratio of high to medium gain of memory cells in which no pixel has lines")
    medium_low_ratio: float = knob(
        4.48, ge=1, le=100, unit="times",
        help="Ratio of medium to low gain where slopes of the current source do not tell it")

    medium_shift: float | None = knob(
        None, ge=-1e6, le=1e6, unit="ADU", expert=True,
        help="Shift of medium gain on the scale of high gain, one number for all pixels that have lines, in place of "
             "what the lines say, where slopes of the current source are taken; by the lines unless given")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take combined constants, else slopes and offsets of the module.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            There are neither, or those that are there do not go together.
        BadInput
            There is no offset.
        """
        factors, lines = constants.get(_FACTORS), constants.get(SLOPES_PC)
        if factors is not None and (lines is None or any(
                constants.get(one) is not None for one in (OFFSET_SHIFT, FIELDS_GAIN))):
            return self._combined(factors, constants, kind)
        if lines is None:
            high, *others = (stage.short for stage in kind.stages)
            raise CannotBeDone(f"{self.title} is left out: there is no {SLOPES_PC.name}. Signals of "
                               f"{' and '.join(others)} are not on the scale of {high}.")
        given = super().bind(constants, kind).given
        low = {name: one for name, one in given.items() if name == SLOPES_CS.name}
        number = self.medium_shift if low else None
        make = partial(Scale.of_lines, ratio=self.high_medium_ratio, low=self.medium_low_ratio,
                       adjust=self.adjust_baseline, number=number)
        lines = WhenRead(given[SLOPES_PC.name], make, (given[OFFSET.name], *low.values()))
        return Bound(self, {SLOPES_PC.name: lines, **low}, kind,
                     self._unused(f"there is no {SLOPES_CS.name}" if number is None else ""))

    def _unused(self, why: str) -> tuple[Skipped, ...]:
        """What is told where a shift was given that is not taken."""
        if self.medium_shift is None or not why:
            return ()
        return (Skipped(self.title, f"medium_shift = {self.medium_shift:g} ADU is not used: {why}; medium gain is "
                        "shifted by what is known of each pixel."),)

    def _combined(self, factors: BoundConstant, constants: Constants, kind: DetectorType) -> Bound:
        """With the shifts that belong to the offsets, or made anew of the beginnings of lines."""
        shift, offset, fields = (constants.get(one) for one in (OFFSET_SHIFT, OFFSET, FIELDS_GAIN))
        if unit := unit_of(factors, ""):
            raise CannotBeDone(f"{self.title} is left out: {factors.why} is in “{unit}”, not factors.")
        unused = self._unused(f"{factors.why} has shifts of its own")
        if not self.adjust_baseline:
            return Bound(self, {_FACTORS.name: WhenRead(factors, Scale.of_factors)}, kind, unused)
        same = None if shift is None or offset is None else goes_with(shift, offset, OFFSET.name)
        if shift is not None and same is not False:
            told = () if same else (Skipped(self.title, f"{shift.why} does not tell with which offsets it was made; "
                                            "its shifts are taken as they are."),)
            return Bound(self, {_FACTORS.name: WhenRead(factors, Scale.combined, (shift,))}, kind,
                         (*unused, *told))
        if offset is None or fields is None:
            raise CannotBeDone(f"{self.title} is left out: {factors.why} has no shifts for these offsets, and there "
                               f"is no {FIELDS_GAIN.name} of which they could be made.")
        anew = Skipped(self.title, f"Shifts of {factors.why} are made anew for the offsets {offset.why}: they were "
                       "made with others.")
        return Bound(self, {_FACTORS.name: WhenRead(factors, Scale.anew, (offset, fields))}, kind, (*unused, anew))

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """Slopes of the current source, unless combined constants have what they tell."""
        return () if _FACTORS.name in given else super().missing(given, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Scale signals of medium and low gain; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; ADU of high gain after it, on one scale. Samples of
            medium and low gain whose ratio of high to medium gain is a guess that no constant flags get the flag
            CI_EVAL_ERROR, those of low gain whose slopes of the current source are none CI2_EVAL_ERROR.
        given : mapping
            The scale.
        kind : DetectorType
            Not asked.
        """
        scale = next(iter(given.values()))
        assert isinstance(scale, Scale)
        values, stage, guessed = images.values, images.stage, scale.guessed.entry(0, images)
        for index in range(len(scale.factors.data)):
            mine = stage == index + 1
            np.multiply(values, scale.factors.entry(index, images), out=values, where=mine)
            np.add(values, scale.shifts.entry(index, images), out=values, where=mine)
        images.mask[(guessed & Guess.MEDIUM > 0) & (stage > 0)] |= np.uint32(BadPixels.CI_EVAL_ERROR)
        images.mask[(guessed & Guess.LOW > 0) & (stage > 1)] |= np.uint32(BadPixels.CI2_EVAL_ERROR)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Scale signals of medium and low gain.

        Returns
        -------
        sequence of named tuples
            One operation, which leaves the first stage as it is.
        """
        scale = next(iter(given.values()))
        if not isinstance(scale, Scale):
            raise NotBySample("the scale is made when constants are read")
        return [OntoScale(images_of(scale.factors, np.float32), images_of(scale.shifts, np.float32),
                          images_of(scale.guessed, np.uint8), np.uint32(BadPixels.CI_EVAL_ERROR),
                          np.uint32(BadPixels.CI2_EVAL_ERROR))]
