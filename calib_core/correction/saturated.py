"""Saturated samples: codes at the end of the converter's range are no measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import Operation, RefuseFrom
from calib_core.params import knob


class Saturated(Step):
    """Flag samples that are as large as the converter can tell, or larger than is believed."""

    word: ClassVar[str] = "saturated"
    title: ClassVar[str] = "Saturated samples"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Always, and before the offset: later nobody sees the codes."
    caution: ClassVar[str] = "Their values stay; there was at least so much."

    threshold: float = knob(65535.0, ge=1, le=65535, unit="ADU", help="Codes from here on are saturated; the largest "
                            "of the converter always is")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Give saturated samples the flag VALUE_OUT_OF_RANGE and take them out of use; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Codes as they are read, in the type of signals.
        given : mapping
            Not asked.
        kind : DetectorType
            Its converter's largest code.
        """
        full = images.values >= min(self.threshold, kind.saturation)
        images.mask[full] |= np.uint32(BadPixels.VALUE_OUT_OF_RANGE)
        images.use &= ~full

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Flag saturated samples and refuse them.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        return [RefuseFrom(np.float32(min(self.threshold, kind.saturation)), np.uint32(BadPixels.VALUE_OUT_OF_RANGE))]
