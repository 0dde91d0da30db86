"""Full codes: samples at the end of the converter's range are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import FlagFrom, Operation, ZeroOutside
from calib_core.params import knob


class MarkFull(Step):
    """Mark samples that are full: there was at least so much signal, and nobody knows how much."""

    word: ClassVar[str] = "full"
    title: ClassVar[str] = "Full codes"
    use_when: ClassVar[str] = "Always, and before the offset: afterwards nothing tells a full code."
    caution: ClassVar[str] = "Values of full samples stay; they are marked, not removed."

    code: int = knob(0, ge=0, le=65535, unit="ADU",
                     help="Codes from here on are full; 0 takes the largest of the converter")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Flag full codes; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32 or uint16, codes as they are stored. Those that are full get the
            flag VALUE_OUT_OF_RANGE, and stay in use.
        given : mapping
            Not asked.
        kind : DetectorType
            Its largest code, unless the step has its own.
        """
        images.mask[images.values >= (self.code or kind.saturation)] |= np.uint32(BadPixels.VALUE_OUT_OF_RANGE)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Flag full codes.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        return [FlagFrom(np.float32(self.code or kind.saturation), np.uint32(BadPixels.VALUE_OUT_OF_RANGE))]


class MarkEnds(MarkFull):
    """Mark samples at either end of the converter: signals of some gain stages fall, and are full at 0."""

    title: ClassVar[str] = "Codes at the ends"

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Flag full codes and those of 0; nothing is found on the way.

        Parameters
        ----------
        images : Images
            As :meth:`MarkFull.apply` takes them.
        given : mapping
            Not asked.
        kind : DetectorType
            Its largest code, unless the step has its own.
        """
        super().apply(images, given, kind)
        images.mask[images.values == 0] |= np.uint32(BadPixels.VALUE_OUT_OF_RANGE)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Flag full codes, and those below 1, which are 0 and stay so.

        Returns
        -------
        sequence of named tuples
            Two operations.
        """
        none = ZeroOutside(np.float32(1), np.float32(np.inf), np.uint32(BadPixels.VALUE_OUT_OF_RANGE))
        return [*(super().operations(given, kind, one_scale) or ()), none]
