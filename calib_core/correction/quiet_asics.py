"""Quiet ASICs: where all pixels of one are more alike in a frame than noise would have them, all are flagged."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import NOISE, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.estimators import FLAGS, Estimator, good_samples, needs_high_gain
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound
from calib_core.detector import DetectorType
from calib_core.params import knob


class QuietAsics(Estimator):
    """Flag all samples of an ASIC in a frame whose samples of high gain scatter far less than the noise of darks."""

    word: ClassVar[str] = "quiet_asics"
    title: ClassVar[str] = "Quiet ASICs"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    optional: ClassVar[tuple[ConstantKind, ...]] = FLAGS
    use_when: ClassVar[str] = "ASICs stop for some frames, and give the same code in all pixels, or their offsets."
    caution: ClassVar[str] = "Values stay. An ASIC whose pixels have all switched gain is not looked at."

    share: float = knob(0.5, ge=0, le=1, unit="of the noise",
                        help="Deviation of the samples of an ASIC about their mean below which they are flagged")
    least: int = knob(100, ge=2, le=65536, unit="samples", help="Fewest good samples of an ASIC that is looked at")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the noise, and flags as far as there are any.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There is no noise.
        CannotBeDone
            Gain is fixed to another stage than high gain.
        """
        needs_high_gain(self, kind)
        return super().bind(constants, kind)

    def without(self, kind: DetectorType) -> str:
        """Say that they are left out, and for lack of what."""
        return f"{self.title} are left out: there is no {NOISE.name}."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flag ASIC_STD_BELOW_NOISE; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0.
        given : mapping
            Noise in ADU, and flags of pixels that have no say.
        kind : DetectorType
            Its ASICs.
        """
        noise = given[NOISE.name]
        assert isinstance(noise, OfSamples)
        sigma = noise.entry(0, images)
        use = good_samples(images, given, 0) & np.isfinite(sigma)
        (slow, fast), (n, rows, columns) = kind.asic_shape, images.values.shape
        blocks = n, rows // slow, slow, columns // fast, fast
        number = use.reshape(blocks).sum((2, 4))
        mean, square, expected = (_mean(one, use, blocks, number) for one in (
            images.values, np.square(images.values, dtype=np.float64), np.square(sigma, dtype=np.float64)))
        quiet = (number >= self.least) & (square - mean**2 < self.share**2 * expected)
        images.mask[quiet.repeat(slow, axis=1).repeat(fast, axis=2)] |= np.uint32(BadPixels.ASIC_STD_BELOW_NOISE)


def _mean(values: Array, use: Array, blocks: tuple[int, ...], number: Array) -> Array:
    """Mean of the used samples of each ASIC; 0 where there are none."""
    total = np.where(use, values, 0).reshape(blocks).sum((2, 4), dtype=np.float64)
    return np.asarray(total / np.maximum(number, 1))
