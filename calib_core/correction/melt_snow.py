"""Snow: samples that are told to be of medium gain and are too small for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import THRESHOLDS_DARK, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.estimators import FLAGS, good_samples
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.params import knob

_HIGH, _MEDIUM = 0, 1


class MeltSnow(Step):
    """Find samples of medium gain whose gain signal lies little above the threshold and that are too small for it.

    A pixel switches at a signal that only medium gain can hold. Where it switches late, its sample is of neither.
    """

    word: ClassVar[str] = "melt_snow"
    title: ClassVar[str] = "Snowy pixels"
    needs: ClassVar[tuple[ConstantKind, ...]] = (THRESHOLDS_DARK,)
    optional: ClassVar[tuple[ConstantKind, ...]] = FLAGS
    follows: ClassVar[str] = RelativeGain.word
    use_when: ClassVar[str] = "Single pixels of dim parts of a frame are told to be of medium gain."
    caution: ClassVar[str] = (
        "What the pixel held is lost. Filled in is what its neighbours hold, which no statistics of that pixel may "
        "use; docs/corrections.md has how many good samples are taken for snow.")

    resolve: Literal["mask", "interpolate"] = knob(
        "mask", help="mask: no value (NaN), and the flag NON_LIN_RESPONSE_REGION. interpolate: the mean of "
        "neighbours of high gain, and the flag INTERPOLATED; masked where there are none")
    reach: float = knob(120.0, ge=0, le=16383, unit="ADU", help="Gain signals of snow lie up to this above the "
                        "threshold of medium gain; three times their noise")
    lowest: float = knob(3000.0, ge=0, le=16383, unit="ADU", help="Signals of medium gain below this, on the scale "
                         "of high gain, are too small; half of that at which gain switches")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take thresholds, and flags as far as there are any.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are no thresholds.
        CannotBeDone
            Gain is fixed, so that no stage is told by a signal.
        """
        if kind.fixed_stage is not None:
            raise CannotBeDone(f"{self.title} are left out: in fixed gain no gain stage is told by a signal.")
        return super().bind(constants, kind)

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """None: neighbours without known flags are taken as they are, and which flags are missing the mask tells."""
        return ()

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Mask or fill snowy samples; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU of high gain, and their gain signals. Snow that is filled in
            is of high gain afterwards.
        given : mapping
            Thresholds, and flags of pixels that are no neighbours.
        kind : DetectorType
            Not asked.
        """
        thresholds = given[THRESHOLDS_DARK.name]
        assert isinstance(thresholds, OfSamples)
        assert images.signal is not None
        snow = (images.stage == _MEDIUM) & (images.values < self.lowest)
        snow &= images.signal - thresholds.entry(0, images) <= self.reach
        good = good_samples(images, given, _HIGH)
        filled = np.full(images.values.shape, np.nan, np.float32)
        if self.resolve == "interpolate":
            for i in np.flatnonzero(snow.any(axis=(1, 2))):
                filled[i][snow[i]] = _means(images.values[i], good[i])[snow[i]]
        np.copyto(images.values, filled, where=snow)
        melted = snow & np.isfinite(filled)
        images.stage[melted] = _HIGH
        images.mask[melted] |= np.uint32(BadPixels.INTERPOLATED)
        images.mask[snow & ~melted] |= np.uint32(BadPixels.NON_LIN_RESPONSE_REGION)


def _means(values: Array, good: Array) -> Array:
    """Mean of the good ones of the eight neighbours of each pixel, NaN where there are none."""
    total, number = (sum(_around(one)) for one in (np.where(good, values, np.float32(0)), good.astype(np.uint8)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / number, np.float32)


def _around(values: Array) -> Iterator[Array]:
    """Values of the eight neighbours, 0 beyond the edges."""
    wide = np.pad(values, 1)
    rows, columns = values.shape
    yield from (wide[y:y + rows, x:x + columns] for y in range(3) for x in range(3) if (y, x) != (1, 1))
