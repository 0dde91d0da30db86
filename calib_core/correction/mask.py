"""Mask: what is known of pixels goes to each of their samples."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import BAD_PIXELS_DARK, BAD_PIXELS_FF, BAD_PIXELS_PC, ConstantKind
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType


class Mask(Step):
    """Give each sample the bad-pixel flags of its pixel, memory cell and gain stage."""

    word: ClassVar[str] = "mask"
    title: ClassVar[str] = "Mask"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_FF)
    use_when: ClassVar[str] = "Always: whoever uses the data leaves flagged samples out."
    caution: ClassVar[str] = "Values of flagged samples stay; they are marked, not removed."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flags; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Samples that are no finite number get the flag VALUE_IS_NAN.
        given : mapping
            Flags of dark, flat field and others, uint32, as far as there are any.
        kind : DetectorType
            Not asked.
        """
        for one in self.optional:
            if one.name in given:
                images.mask |= given[one.name].of(images)
        images.mask[~np.isfinite(images.values)] |= np.uint32(BadPixels.VALUE_IS_NAN)


class MaskOfDark(Mask):
    """Give each sample the bad-pixel flags of its pixel, where darks alone find such."""

    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK,)


class MaskWithCapacitor(Mask):
    """Give each sample the bad-pixel flags of its pixel, those of the pulse capacitor among them."""

    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_PC, BAD_PIXELS_FF)
