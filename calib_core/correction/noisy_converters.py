"""Noisy converters: where many pixels of one converter are noisy, all of them are flagged."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import BAD_PIXELS_DARK, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples, places_of
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class NoisyConverters(Step):
    """Flag all samples of a converter in a memory cell and gain stage in which too many of its pixels are noisy."""

    word: ClassVar[str] = "mask_noisy_adc"
    title: ClassVar[str] = "Noisy converters"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK,)
    use_when: ClassVar[str] = "Converters fail as a whole, but not all of their pixels are flagged by the darks."
    caution: ClassVar[str] = "Good pixels of a noisy converter are flagged too; values stay."

    threshold: float = knob(0.25, ge=0, le=1, help="Share of the pixels of a converter that may be noisy")

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
            The detector type does not tell which pixels share a converter.
        """
        if kind.converter_shape is None:
            raise CannotBeDone(f"{self.title} are left out: which pixels of {kind.title} share one is not known.")
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flag NOISY_ADC; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With their stages.
        given : mapping
            Flags of the darks, of which NOISE_OUT_OF_THRESHOLD is looked at.
        kind : DetectorType
            Its converters.
        """
        flags, shape = given[BAD_PIXELS_DARK.name], kind.converter_shape
        assert isinstance(flags, OfSamples)
        assert shape is not None
        places = places_of(flags.cells, images.cell)
        for place in np.unique(places[places >= 0]):
            noisy = self._noisy(flags.data[:, place], shape)
            if noisy.any():
                for frame in np.flatnonzero(places == place):
                    mine = np.take_along_axis(noisy, images.stage[frame][None].astype(np.intp), 0)[0]
                    images.mask[frame][mine] |= np.uint32(BadPixels.NOISY_ADC)

    def _noisy(self, flags: Array, shape: tuple[int, int]) -> Array:
        """Of each stage, the pixels of noisy converters: (stages, slow_scan, fast_scan) bool."""
        noisy = flags & np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD) != 0
        stages, slow, fast = noisy.shape
        share = noisy.reshape(stages, slow // shape[0], shape[0], fast // shape[1], shape[1]).mean(axis=(2, 4))
        return np.asarray((share > self.threshold).repeat(shape[0], axis=1).repeat(shape[1], axis=2))
