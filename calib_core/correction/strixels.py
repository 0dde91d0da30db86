"""Strixels: sensors whose pixels are joined to the read-out in another order than images have them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import PIXEL_ORDER, ConstantKind
from calib_core.correction.bound_constant import Constants, Given, shared
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.params import knob


class StrixelOrder(Step):
    """Bring samples to where their pixels lie in the sensor, and divide those that stand at several places."""

    word: ClassVar[str] = "strixels"
    title: ClassVar[str] = "Order of strixels"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (PIXEL_ORDER,)
    use_when: ClassVar[str] = "The sensor has strixels, and a file tells which pixel of the read-out is where in it."
    caution: ClassVar[str] = (
        "Rows and columns are those of the sensor from here on, and those of constants and raw frames are not: the "
        "expected error of a sample is not known, a mask that is drawn on them is of other pixels, and geometries of "
        "ordinary sensors do not fit.")

    double_norm: float = knob(2.0, ge=1, le=100, unit="pixels", help="Area of a pixel that stands at several places: "
                              "its samples are divided by it")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the order.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There is none, or one of its numbers is no pixel of a module.
        """
        bound = super().bind(constants, kind)
        found = bound.given[PIXEL_ORDER.name]
        numbers, pixels = np.asarray(found.data, np.float64), kind.pixels
        odd = numbers[~((numbers >= -1) & (numbers < pixels) & (numbers == np.floor(numbers)))]
        if odd.size:
            raise BadInput(f"{found.why} has {odd.size} of {numbers.size} entries that are no pixels, such as "
                           f"{odd.flat[0]:g}; those of {kind.title} are 0 to {pixels - 1}, row × {kind.shape[1]} + "
                           "column, and -1 is none.")
        return bound

    def told(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """How many places have no pixel, and how many pixels stand nowhere or at several places.

        Parameters
        ----------
        given : mapping
        kind : DetectorType
        """
        order = np.asarray(given[PIXEL_ORDER.name].data).astype(np.int64).reshape(-1)
        times = np.bincount(order[order >= 0], minlength=kind.pixels)
        return (f"has no pixel at {int((order < 0).sum())} of {order.size} places; {int((times == 0).sum())} pixels "
                f"have none and {int((times > 1).sum())} have several, whose samples are divided by "
                f"{self.double_norm:g}",)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Bring samples to their places; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32 in any unit, with stages, flags and use of the samples. Places
            without a pixel have no value (NaN), the flag NON_SENSITIVE and no use.
        given : mapping
            Number of the pixel that stands at each place.
        kind : DetectorType
            Not asked.
        """
        order = shared(given[PIXEL_ORDER.name].of(images)).astype(np.int64)
        none, source = order < 0, np.maximum(order, 0)
        for part in (images.values, images.stage, images.mask, images.use):
            part[...] = _in_order(part, source)
        if images.unforced is not None:
            images.unforced = _in_order(images.unforced, source)
        double = np.bincount(order[~none], minlength=order.size)[source] > 1
        images.values[:, double] /= np.float32(self.double_norm)
        images.values[:, none] = np.nan
        images.mask[:, none] = np.uint32(BadPixels.NON_SENSITIVE)
        images.use[:, none] = False


def _in_order(part: Array, source: Array) -> Array:
    """Samples of the pixels of some numbers, a new array of their shape."""
    return np.asarray(part.reshape(len(part), -1)[:, source])
