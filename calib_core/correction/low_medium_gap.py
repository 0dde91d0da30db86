"""Gap between medium and low gain: low gain is told of pixels only whose gain signals are far enough apart."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import BAD_PIXELS_DARK, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType

_MEDIUM, _LOW = 1, 2


class LowMediumGap(Step):
    """Take samples of low gain for medium gain where the darks could not tell both apart.

    The darks flag a pixel and memory cell in low gain where the gain signals of medium and low gain lie nearer to
    each other than the separation that they were made with, 5 σ unless somebody chose another.
    """

    word: ClassVar[str] = "low_medium_gap"
    title: ClassVar[str] = "Low gain where it can be told"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK,)
    use_when: ClassVar[str] = "Gain signals of medium and low gain lie near each other in some pixels."
    caution: ClassVar[str] = "What is of low gain in these pixels all the same gets too small a value, and a flag."

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the flags of the darks.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are none.
        CannotBeDone
            Gain is fixed, so that no stage is told by a signal.
        """
        if kind.fixed_stage is not None:
            raise CannotBeDone(f"{self.title} is left out: in fixed gain no gain stage is told by a signal.")
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Change stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With the stages that their signals told.
        given : mapping
            Flags of the darks, by gain stage.
        kind : DetectorType
            Not asked.
        """
        flags = given[BAD_PIXELS_DARK.name]
        assert isinstance(flags, OfSamples)
        near = flags.entry(_LOW, images) & np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR) != 0
        images.stage[(images.stage == _LOW) & near] = _MEDIUM
