"""Large pixels: those at borders between ASICs collect more light than others."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class LargePixels(Step):
    """Flag samples of pixels that are larger than others, and divide them by how much larger these are."""

    word: ClassVar[str] = "large_pixels"
    title: ClassVar[str] = "Large pixels"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Pixels at borders between ASICs are not to look brighter, or not to be used."
    caution: ClassVar[str] = (
        "Sums of photons lose what these samples are divided by, and whole photons are no longer whole. Events "
        "beside flagged samples are refused.")

    divide: bool = knob(False, help="Divide samples by the area of their pixel, in units of that of the others")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Ask for nothing.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            No pixels of this type are known to be larger.
        """
        if kind.border_pixels == (1.0, 1.0):
            raise CannotBeDone(f"{self.title} are left out: all pixels of {kind.title} are of one size.")
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Flag and divide; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32 in any unit. Samples of larger pixels get the flag
            NON_STANDARD_SIZE.
        given : mapping
            Not asked.
        kind : DetectorType
            Its ASICs, and how large pixels at borders between them are.
        """
        area = areas(kind)
        images.mask[:, area > 1] |= np.uint32(BadPixels.NON_STANDARD_SIZE)
        if self.divide:
            np.divide(images.values, area, out=images.values)


def areas(kind: DetectorType) -> Array:
    """Area of each pixel in units of that of most.

    Parameters
    ----------
    kind : DetectorType

    Returns
    -------
    (slow_scan, fast_scan) float32
    """
    slow, fast = (_sizes(*one) for one in zip(kind.shape, kind.asic_shape, kind.border_pixels, strict=True))
    return np.asarray(slow[:, None] * fast, np.float32)


def _sizes(pixels: int, asic: int, at_border: float) -> Array:
    """Size of pixels along one axis: those on both sides of each border between two ASICs are larger."""
    sizes = np.ones(pixels, np.float32)
    borders = np.arange(asic, pixels, asic)
    sizes[borders], sizes[borders - 1] = at_border, at_border
    return sizes
