"""X-ray gain: signals of high gain become energies, as flat fields say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import GAIN, SLOPES_FF, ConstantKind
from calib_core.correction.bound_constant import BoundConstant, Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import NotBySample, OfSamples, images_of
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.correction.when_read import WhenRead, unit_of
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.operations import AddFlags, Divide, GiveUpOthers, Operation
from calib_core.params import knob

#: Of combined gains that of the first stage, on whose scale signals are.
_GAIN = replace(GAIN, used=(0,))
_INVERSE, _RELATIVE = "keV/ADU", "relative"
#: Slopes that do not tell their unit are no relative ones where their median lies outside of this.
_ABOUT_ONE = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class FlatField:
    """Gains of pixels in memory; those too far from others of their memory cell have the median, and a flag.

    Attributes
    ----------
    gain : OfSamples
        (1, cell, slow_scan, fast_scan), ADU/keV.
    flags : OfSamples
        uint32.
    """

    gain: OfSamples
    flags: OfSamples
    why: str = ""
    dims: Sequence[str] = ("cell", "slow_scan", "fast_scan")

    @property
    def data(self) -> Array:
        """The gains."""
        return self.gain.data

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The gain of each pixel."""
        return self.gain.entry(0, images)

    @classmethod
    def made(cls, found: OfSamples, lowest: float, highest: float, about_one: bool = False) -> FlatField:
        """Gains within limits about their median.

        Parameters
        ----------
        found : OfSamples
        lowest, highest : float
            In units of the median of all pixels of a memory cell; one in which no gain is a positive number has none.
        about_one : bool
            Whether medians are to lie about 1.

        Raises
        ------
        BadInput
            They do not.
        """
        values = found.data[:1]
        known = np.isfinite(values) & (values > 0)
        some = known.any(axis=(0, 2, 3))
        usual = np.array([np.median(one[mine]) if mine.any() else np.nan
                          for one, mine in zip(values[0], known[0], strict=True)], np.float32)[None, :, None, None]
        if about_one and ((usual < _ABOUT_ONE[0]) | (usual > _ABOUT_ONE[1])).any():
            raise BadInput(f"{SLOPES_FF.title} of {found.why} have medians from {np.nanmin(usual):.3g} to "
                           f"{np.nanmax(usual):.3g} and do not tell their unit, so they are not relative; leave "
                           "--xray-gain-relative out.")
        good = known & (values >= lowest * usual) & (values <= highest * usual)
        flag = np.where(some, int(BadPixels.FF_GAIN_DEVIATION), int(BadPixels.FF_NO_ENTRIES))[None, :, None, None]
        flags = np.where(good, 0, flag).astype(np.uint32)
        return cls(OfSamples(np.where(good, values, usual), found.cells, why=found.why),
                   OfSamples(flags, found.cells, int(BadPixels.FF_NO_ENTRIES), found.why), found.why)

    @classmethod
    def combined(cls, found: OfSamples, inverse: bool) -> FlatField:
        """Gains as they were combined.

        Parameters
        ----------
        found : OfSamples
        inverse : bool
            Whether they are energies for each signal.
        """
        if inverse:
            np.divide(np.float32(1), found.data, out=found.data)
        flags = np.where(np.isfinite(found.data), 0, int(BadPixels.FF_NO_ENTRIES)).astype(np.uint32)
        return cls(found, OfSamples(flags, found.cells, int(BadPixels.FF_NO_ENTRIES), found.why), found.why)


class XrayGain(Step):
    """Divide by the gain of each pixel and memory cell; signals are on the scale of high gain before."""

    word: ClassVar[str] = "xray_gain"
    title: ClassVar[str] = "X-ray gain"
    unit_out: ClassVar[str] = "keV"
    needs: ClassVar[tuple[ConstantKind, ...]] = (SLOPES_FF,)
    instead: ClassVar[tuple[ConstantKind, ...]] = (_GAIN,)
    use_when: ClassVar[str] = (
        "Combined gains or flat-field slopes are known: by those in ADU/keV signals become energies, by relative "
        "ones pixels become alike.")
    caution: ClassVar[str] = "Pixels far from the others have the median gain of their memory cell, and a flag."

    lowest_gain: float = knob(0.8, ge=0, le=1, unit="of the median", help="Lowest gain that a pixel may have")
    highest_gain: float = knob(1.2, ge=1, le=100, unit="of the median", help="Highest gain that a pixel may have")
    relative: bool = knob(False, help="Take gains in units of their median: pixels become alike, and signals stay in "
                          "ADU")

    @property
    def unit_after(self) -> str:
        """ADU, where gains are relative."""
        return self.unit_in if self.relative else self.unit_out

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take gains in ADU/keV, or relative ones.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are none, or they say another unit than is wanted: with relative ones nothing becomes an energy.
        """
        if (combined := constants.get(_GAIN)) is not None:
            return self._combined(combined, kind)
        found = super().bind(constants, kind).given[SLOPES_FF.name]
        unit = unit_of(found, _RELATIVE if self.relative else SLOPES_FF.unit)
        if unit not in ((_RELATIVE, "") if self.relative else (SLOPES_FF.unit,)):
            told = f"are in “{unit}”" if unit else "do not tell their unit"
            takes = ("leave --xray-gain-relative out" if self.relative else
                     f"{self.title.lower()} takes those that say {SLOPES_FF.unit} (--xray-gain-relative takes "
                     "relative ones, --no-xray-gain leaves it out)")
            raise BadInput(f"{SLOPES_FF.title} of {found.why} {told}; {takes}.")
        make = partial(FlatField.made, lowest=self.lowest_gain, highest=self.highest_gain, about_one=not unit)
        return Bound(self, {SLOPES_FF.name: WhenRead(found, make)}, kind)

    def _combined(self, found: BoundConstant, kind: DetectorType) -> Bound:
        """Combined gains, in either unit or relative; those of pixels without their own have flags already."""
        unit = unit_of(found, "" if self.relative else _GAIN.unit)
        if unit not in (("", _RELATIVE) if self.relative else (_GAIN.unit, _INVERSE)):
            told = f"“{unit}”" if unit else "units of their median"
            but = ("which are not relative; leave --xray-gain-relative out" if self.relative
                   else "of which nothing becomes energies; --xray-gain-relative takes them")
            raise CannotBeDone(f"{self.title} is left out: {found.why} has gains in {told}, {but}.")
        make = partial(FlatField.combined, inverse=unit == _INVERSE)
        return Bound(self, {SLOPES_FF.name: WhenRead(found, make)}, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide by the gain; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU of high gain; :attr:`unit_after` after it. Samples of pixels
            whose gain is not their own get the flag FF_GAIN_DEVIATION; those of other gain stages that nothing has
            brought onto the scale of high gain have no value (NaN) and get the flag CI_EVAL_ERROR.
        given : mapping
            Gains.
        kind : DetectorType
            Not asked.
        """
        found = given[SLOPES_FF.name]
        assert isinstance(found, FlatField)
        np.divide(images.values, found.gain.entry(0, images), out=images.values)
        images.mask |= found.flags.entry(0, images)
        if not images.one_scale:
            other = images.stage > 0
            images.values[other] = np.nan
            images.mask[other] |= np.uint32(BadPixels.CI_EVAL_ERROR)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Divide by the gain, and give up what is on another scale.

        Returns
        -------
        sequence of named tuples
            Division and flags; where stages are on scales of their own, an operation that gives up the others.
        """
        found = given[SLOPES_FF.name]
        if not isinstance(found, FlatField):
            raise NotBySample("gains are made when constants are read")
        others = [] if one_scale else [GiveUpOthers(np.uint32(BadPixels.CI_EVAL_ERROR))]
        return [Divide(images_of(found.gain, np.float32)), AddFlags(images_of(found.flags, np.uint32)), *others]
