"""Relative gain by the lines of a pulse capacitor: signals of all gain stages become those of high gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import OFFSET, SLOPES_CS, SLOPES_PC, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import NotBySample, OfSamples, images_of
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.numerics.operations import AddFlags, AlongLines, Multiply, Operation
from calib_core.params import knob

#: Places among the entries of the slopes that are read; the ratio takes that of the first.
_HIGH, _HIGH_BASE, _MEDIUM, _MEDIUM_BASE = range(4)
_RATIO = _HIGH


@dataclass(frozen=True, eq=False)
class Lines:
    """What pulse-capacitor lines say, in memory.

    Attributes
    ----------
    lines : OfSamples
        (4, cell, slow_scan, fast_scan) float32: slope of high gain over that of medium gain; beginning of the line of
        high gain, ADU; slope of medium gain; beginning of its line, ADU.
    guessed : OfSamples
        (1, cell, slow_scan, fast_scan) uint8: 1 where a pixel's slopes are no lines, and its ratio is the median of
        its memory cell.
    """

    lines: OfSamples
    guessed: OfSamples
    why: str = ""
    dims: Sequence[str] = ("parameter", "cell", "slow_scan", "fast_scan")

    @property
    def data(self) -> Array:
        """The array of :attr:`lines`."""
        return self.lines.data

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The ratio of each pixel."""
        return self.lines.entry(_RATIO, images)

    @classmethod
    def made(cls, slopes: OfSamples, ratio: float) -> Lines:
        """Lines from slopes, whose memory they take.

        Parameters
        ----------
        slopes : OfSamples
        ratio : float
            Of memory cells in which no pixel has lines.
        """
        guessed = np.zeros((1, *slopes.data.shape[1:]), np.uint8)
        for cell in range(slopes.data.shape[1]):
            values = slopes.data[:, cell]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = values[_HIGH] / values[_MEDIUM]
                good = np.isfinite([*values, ratios]).all(axis=0) & (ratios > 0) & (values[_HIGH] > 0)
            guessed[0, cell] = ~good
            values[_RATIO] = np.where(good, ratios, np.median(ratios[good]) if good.any() else ratio)
        return cls(slopes, OfSamples(guessed, slopes.cells, 1, slopes.why), slopes.why)


@dataclass(frozen=True, eq=False)
class LowGain:
    """What slopes of the current source say of low gain, in memory.

    Attributes
    ----------
    factor : OfSamples
        (2, cell, slow_scan, fast_scan) float32: 1, and the ratio of medium to low gain in units of the usual one.
    flags : OfSamples
        (2, cell, slow_scan, fast_scan) uint32: 0, and the flag of samples whose ratio is that of their memory cell.
    """

    factor: OfSamples
    flags: OfSamples
    why: str = ""
    dims: Sequence[str] = ("parameter", "cell", "slow_scan", "fast_scan")

    @property
    def data(self) -> Array:
        """The array of :attr:`factor`."""
        return self.factor.data

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The factor of each pixel in low gain."""
        return self.factor.entry(1, images)

    @classmethod
    def made(cls, ratios: OfSamples, usual: float) -> LowGain:
        """Factors from ratios; of pixels that have none the median of their memory cell.

        Parameters
        ----------
        ratios : OfSamples
            (1, cell, slow_scan, fast_scan).
        usual : float
            Of memory cells in which no pixel has one.
        """
        own = ratios.data[0]
        good = np.isfinite(own) & (own > 0)
        factor, flags = np.ones((2, *own.shape), np.float32), np.zeros((2, *own.shape), np.uint32)
        for cell, (values, known) in enumerate(zip(own, good, strict=True)):
            middle = np.median(values[known]) if known.any() else usual
            factor[1, cell] = np.where(known, values, middle) / np.float32(usual)
        flags[1] = np.where(good, np.uint32(0), np.uint32(BadPixels.CI2_EVAL_ERROR))
        return cls(OfSamples(factor, ratios.cells, 1, ratios.why), OfSamples(flags, ratios.cells, 0, ratios.why),
                   ratios.why)


class RelativeGain(Step):
    """Bring medium and low gain onto the scale of high gain, as pulse-capacitor lines say.

    The line of medium gain begins elsewhere than a dark lies in which medium gain is forced: by
    R · (O_M − b_M) + (b_H − O_H) in ADU of high gain, with offsets O, beginnings b and the ratio R of the slopes.
    """

    word: ClassVar[str] = "rel_gain"
    title: ClassVar[str] = "Relative gain"
    needs: ClassVar[tuple[ConstantKind, ...]] = (SLOPES_PC, OFFSET)
    optional: ClassVar[tuple[ConstantKind, ...]] = (SLOPES_CS,)
    use_when: ClassVar[str] = "Pulse-capacitor slopes are known: signals of gain stages become comparable."
    one_scale: ClassVar[bool] = True
    caution: ClassVar[str] = ("Without slopes of the current source the ratio of medium to low gain is one number "
                              "for all pixels.")

    adjust_baseline: bool = knob(
        True, help="Add what the offset of forced medium gain differs from the beginning of its line by")
    high_medium_ratio: float = knob(
        45.0, ge=1, le=1000, unit="times",
        help="Ratio of high to medium gain of memory cells in which no pixel has lines")
    medium_low_ratio: float = knob(
        4.48, ge=1, le=100, unit="times",
        help="Ratio of medium to low gain where slopes of the current source do not tell it")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take slopes and offsets of the module.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            There are no slopes.
        BadInput
            There is no offset.
        """
        if constants.get(SLOPES_PC) is None:
            high, *others = (stage.short for stage in kind.stages)
            raise CannotBeDone(f"{self.title} is left out: there is no {SLOPES_PC.name}. Signals of "
                               f"{' and '.join(others)} are not on the scale of {high}.")
        given = super().bind(constants, kind).given
        lines = WhenRead(given[SLOPES_PC.name], partial(Lines.made, ratio=self.high_medium_ratio))
        made = {SLOPES_PC.name: lines, OFFSET.name: given[OFFSET.name]}
        if SLOPES_CS.name in given:
            made[SLOPES_CS.name] = WhenRead(given[SLOPES_CS.name], partial(LowGain.made, usual=self.medium_low_ratio))
        return Bound(self, made, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Scale signals of medium and low gain; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; ADU of high gain after it, on one scale. Samples of
            medium and low gain whose ratio is a guess get the flag CI_EVAL_ERROR, those of low gain whose slopes of
            the current source are none CI2_EVAL_ERROR.
        given : mapping
            Lines, and offsets in ADU.
        kind : DetectorType
            Not asked.
        """
        lines, offset, low = given[SLOPES_PC.name], given[OFFSET.name], given.get(SLOPES_CS.name)
        assert isinstance(lines, Lines)
        assert isinstance(offset, OfSamples)
        values, stage, ratio = images.values, images.stage, lines.of(images)
        guessed = lines.guessed.entry(0, images) > 0
        if self.adjust_baseline:
            line = (stage == 1) & ~guessed
            np.add(values, offset.entry(1, images) - lines.lines.entry(_MEDIUM_BASE, images), out=values, where=line)
        np.multiply(values, ratio, out=values, where=stage > 0)
        np.multiply(values, np.float32(self.medium_low_ratio), out=values, where=stage > 1)
        if self.adjust_baseline:
            np.add(values, lines.lines.entry(_HIGH_BASE, images) - offset.entry(0, images), out=values, where=line)
        images.mask[guessed & (stage > 0)] |= np.uint32(BadPixels.CI_EVAL_ERROR)
        if isinstance(low, LowGain):
            np.multiply(values, low.of(images), out=values, where=stage > 1)
            np.bitwise_or(images.mask, low.flags.entry(1, images), out=images.mask, where=stage > 1)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Scale signals of medium and low gain.

        Returns
        -------
        sequence of named tuples
            They leave the first stage as it is.
        """
        lines, offset, low = given[SLOPES_PC.name], given[OFFSET.name], given.get(SLOPES_CS.name)
        if not isinstance(lines, Lines) or not (low is None or isinstance(low, LowGain)):
            raise NotBySample("lines are made when constants are read")
        of_low = () if low is None else (Multiply(images_of(low.factor, np.float32, 0, 0, 1)),
                                         AddFlags(images_of(low.flags, np.uint32, 0, 0, 1)))
        return [AlongLines(images_of(lines.lines, np.float32, _RATIO, _HIGH_BASE, _MEDIUM_BASE),
                           images_of(lines.guessed, np.uint8), images_of(offset, np.float32, 0, 1),
                           np.float32(self.medium_low_ratio), self.adjust_baseline,
                           np.uint32(BadPixels.CI_EVAL_ERROR)), *of_low]
