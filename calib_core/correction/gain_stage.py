"""Gain stage of each sample, by its gain bits."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.step import Given, Images, Step
from calib_core.detector import DetectorType


class StageOfBits(Step):
    """Find the gain stage of each sample by the gain bits that are stored with it."""

    word: ClassVar[str] = "stage"
    title: ClassVar[str] = "Gain stage"
    required: ClassVar[bool] = True
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Always, and first: constants are of gain stages."
    caution: ClassVar[str] = "Samples whose bits are of no stage are flagged, and are no measurement."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With gain bits. Samples of no stage get stage 0, the flag WRONG_GAIN_VALUE, and are taken out of use.
        given : mapping
            Not asked.
        kind : DetectorType
            Its stages have their codes.

        Raises
        ------
        ValueError
            The images have no gain bits.
        """
        if images.bits is None:
            raise ValueError("these frames have no gain bits")
        stages, wrong = np.zeros(256, np.uint8), np.ones(256, bool)
        for index, stage in enumerate(kind.stages):
            stages[stage.code], wrong[stage.code] = index, False
        images.stage[...] = stages[images.bits]
        refused = wrong[images.bits]
        images.mask[refused] |= np.uint32(BadPixels.WRONG_GAIN_VALUE)
        images.use[refused] = False
