"""Known gain stage: regions whose gain bits are known to be wrong get the stage that they are in."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.named_regions import NamedRegion, OfRegions
from calib_core.correction.step import Bound
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.params import knob


class KnownStage(OfRegions):
    """Put samples of regions whose gain bits are known to be wrong into one gain stage."""

    word: ClassVar[str] = "known_stage"
    title: ClassVar[str] = "Known gain stage"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Gain bits of a part of a module are wrong, and the stage of its samples is known."
    order: ClassVar[str] = "module, first column, that behind the last, first row, that behind the last"
    example: ClassVar[str] = "3,0,256,0,512"
    caution: ClassVar[str] = "Whoever names a region vouches for the stage: samples of another get a wrong value."

    regions: str = knob("", unit="numbers", help="Module, first column, that behind the last, first row, that behind "
                        "the last; further regions follow, with commas between")
    stage: int = knob(0, ge=0, le=2, help="Gain stage that is put there, counted from 0")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take no constants.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
            Of the module.

        Raises
        ------
        BadParameter
            A region is on no module of its type, or there is no such stage.
        """
        bound = super().bind(constants, kind)
        if self.stage >= len(kind.stages):
            raise BadParameter(f"{self.word}_stage = {self.stage} is not allowed; {kind.title} has stages 0 to "
                               f"{len(kind.stages) - 1}.")
        return bound

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the stage, whatever was told before; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Raw samples with their stages. Those of the regions lose the flag WRONG_GAIN_VALUE; where they had it
            they are in use again.
        given : mapping
            Not asked.
        kind : DetectorType
            Its number tells which regions are of it.
        """
        inside, flag = self._inside(kind), np.uint32(BadPixels.WRONG_GAIN_VALUE)
        images.stage[:, inside] = self.stage
        images.use[:, inside] |= (images.mask[:, inside] & flag) != 0
        images.mask[:, inside] &= ~flag

    def _inside(self, kind: DetectorType) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether each pixel of a module is in one of its regions."""
        inside = np.zeros(kind.shape, bool)
        for region in self.named():
            inside[region.place] |= region.module == kind.number
        return inside

    def region_of(self, *numbers: int) -> NamedRegion:
        """The region of a module, of columns and of rows."""
        module, left, right, top, bottom = numbers
        return NamedRegion(module, (top, bottom), (left, right))
