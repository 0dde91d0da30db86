"""Mask: what is known of pixels goes to each of their samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels, flags_named
from calib_core.constants.constant import (
    BAD_PIXELS_CS,
    BAD_PIXELS_DARK,
    BAD_PIXELS_FF,
    BAD_PIXELS_GAIN,
    BAD_PIXELS_MANUAL,
    BAD_PIXELS_PC,
    ConstantKind,
)
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples, images_of, together
from calib_core.correction.step import Bound, Step
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.numerics.operations import AddFlags, FlagNotFinite, GiveUpFlagged, LeaveOut, Operation
from calib_core.params import knob


class Mask(Step):
    """Give each sample the bad-pixel flags of its pixel, memory cell and gain stage."""

    word: ClassVar[str] = "mask"
    title: ClassVar[str] = "Mask"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_FF, BAD_PIXELS_MANUAL)
    use_when: ClassVar[str] = "Always: whoever uses the data leaves flagged samples out."
    caution: ClassVar[str] = (
        "Values of flagged samples stay, unless no_value names their flag; they are marked, not removed. Flags that "
        "are left out are nowhere in the files, and their samples are good ones for all that follows.")

    no_value: str = knob("", unit="names of flags", help="Flags, or presets such as expert, commas between, whose "
                         "samples have no value (NaN)")
    left_out: str = knob("", unit="names of flags", help="Flags, or presets such as expert, commas between, that are "
                         "left out of the mask")

    def check(self) -> None:
        """Refuse names that are no flags, with BadParameter."""
        for name in ("no_value", "left_out"):
            flags_named(getattr(self, name), f"{self.word}_{name}")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flags; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Samples that are no finite number get the flag VALUE_IS_NAN, those without a value for their flags too.
        given : mapping
            Flags of dark, flat field, people and others, uint32, as far as there are any.
        kind : DetectorType
            Not asked.
        """
        for one in given.values():
            images.mask |= one.of(images)
        if none := flags_named(self.no_value):
            images.values[images.mask & np.uint32(none) != 0] = np.nan
        images.mask[~np.isfinite(images.values)] |= np.uint32(BadPixels.VALUE_IS_NAN)
        if left_out := flags_named(self.left_out):
            images.mask &= ~np.uint32(left_out)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Add the flags.

        Returns
        -------
        sequence of named tuples
            Flags of constants, as far as there are any, and of samples that are no finite number; what is chosen for
            some flags.
        """
        flags = list(given.values())
        none, left_out = flags_named(self.no_value), flags_named(self.left_out)
        return [*(AddFlags(images_of(one, np.uint32)) for one in together(flags)),
                *([GiveUpFlagged(np.uint32(none))] if none else ()),
                FlagNotFinite(np.uint32(BadPixels.VALUE_IS_NAN)),
                *([LeaveOut(np.uint32(left_out))] if left_out else ())]


class MaskOfDark(Mask):
    """Give each sample the bad-pixel flags of its pixel, where darks alone find such."""

    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_MANUAL)


class MaskWithScans(Mask):
    """Give each sample the bad-pixel flags of its pixel, those of pulse capacitor and current source among them.

    Of the current source the last gain stage alone is scaled, and so it alone has its flags. Combined flags stand for
    those of scans and flat fields; flags of the dark may be of another one than those.
    """

    optional: ClassVar[tuple[ConstantKind, ...]] = (
        BAD_PIXELS_DARK, BAD_PIXELS_PC, BAD_PIXELS_FF, BAD_PIXELS_CS, BAD_PIXELS_MANUAL)
    instead: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_GAIN,)

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take combined flags with those of the dark and of people, else all that are there."""
        combined, bound = constants.get(BAD_PIXELS_GAIN), super().bind(constants, kind)
        if combined is not None:
            beside = {one.name: bound.given[one.name] for one in (BAD_PIXELS_DARK, BAD_PIXELS_MANUAL)
                      if one.name in bound.given}
            return replace(bound, given={**beside, BAD_PIXELS_GAIN.name: combined})
        given = {name: WhenRead(one, _of_last_stage) if name == BAD_PIXELS_CS.name else one
                 for name, one in bound.given.items()}
        return replace(bound, given=given)

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """None beside combined flags, which have those of all."""
        return () if BAD_PIXELS_GAIN.name in given else super().missing(given, kind)


def _of_last_stage(flags: OfSamples) -> OfSamples:
    """Flags of the last gain stage, in their own memory; memory cells that are not there have none.

    What scales such samples without slopes flags them itself.
    """
    flags.data[:-1] = 0
    return replace(flags, missing=0)
