"""Zeros in place of samples that are no number, or far out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import Operation, ZeroNotFinite, ZeroOutside
from calib_core.params import Limits, knob


class ZeroNans(Step):
    """Put 0 in place of samples that are no finite number; they are flagged."""

    word: ClassVar[str] = "zero_nans"
    title: ClassVar[str] = "Zeros for no number"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Software that reads the frames takes no NaN."
    caution: ClassVar[str] = "A sum of frames takes these zeros for measurements, unless it looks at the mask."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the samples; nothing is found on the way.

        Parameters
        ----------
        images : Images
            They get the flag VALUE_IS_NAN.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        none = ~np.isfinite(images.values)
        images.values[none] = 0
        images.mask[none] |= np.uint32(BadPixels.VALUE_IS_NAN)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Set the samples.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        return [ZeroNotFinite(np.uint32(BadPixels.VALUE_IS_NAN))]


class ZeroOrange(Step):
    """Put 0 in place of samples outside limits; they are flagged."""

    word: ClassVar[str] = "zero_orange"
    title: ClassVar[str] = "Zeros for values far out"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Software that reads the frames is upset by values that no detector can measure."
    caution: ClassVar[str] = "A sum of frames takes these zeros for measurements, unless it looks at the mask."

    range: Limits = knob((-100.0, 1e6), unit="of the values' own",
                         help="Lowest and highest value that stays, in the unit of the corrected samples")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the samples; nothing is found on the way.

        Parameters
        ----------
        images : Images
            They get the flag VALUE_OUT_OF_RANGE. Samples that are not a number stay.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        low, high = self.range
        out = (images.values < np.float32(low)) | (images.values > np.float32(high))
        images.values[out] = 0
        images.mask[out] |= np.uint32(BadPixels.VALUE_OUT_OF_RANGE)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Set the samples.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        low, high = self.range
        return [ZeroOutside(np.float32(low), np.float32(high), np.uint32(BadPixels.VALUE_OUT_OF_RANGE))]
