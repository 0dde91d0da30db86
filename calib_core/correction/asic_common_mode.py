"""Common mode of ASICs: the mean of the pixels without signal is taken off each ASIC in each frame."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.correction.estimators import Estimator, good_samples
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Given, Images
from calib_core.detector import DetectorType
from calib_core.numerics.dark_means import dark_means
from calib_core.params import Limits, knob


class AsicCommonMode(Estimator):
    """Take off each ASIC in each frame the mean of its samples of high gain whose signal is that of no light."""

    word: ClassVar[str] = "cm"
    title: ClassVar[str] = "Common mode of ASICs"
    finds: ClassVar[OfFrames | None] = OfFrames(
        "commonMode", "ADU", "common mode that was taken off samples of high gain of each ASIC",
        "too few samples were dark", of_asics=True)
    use_when: ClassVar[str] = "Pixels of one ASIC rise and fall together from frame to frame, and most have no light."
    caution: ClassVar[str] = (
        "Signal within the dark range is taken off too: where charge is shared with the next pixel, at a cloud of "
        "8 µm in pixels of 200 µm, 0.2, 1 and 3.5 ADU at 0.05, 0.3 and 1 photons of 9 keV a pixel. What memory cells "
        "of one row have in common over trains stays.")

    dark_range: Limits = knob((-30.0, 30.0), unit="ADU", help="Signals of pixels without light")
    dark_fraction: float = knob(0.15, ge=0, le=1, help="Share of the pixels of an ASIC that must be dark")
    n_itr: int = knob(4, ge=1, le=100, help="How often the mean is taken, each time about the one before")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the shifts; they are found, (n, ASICs along slow, ASICs along fast) float32, ADU.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; those of other stages than high gain stay.
        given : mapping
            Flags of pixels that have no say.
        kind : DetectorType
            Its ASICs.
        """
        use = good_samples(images, given, 0)
        found = dark_means(images.values, use, kind.asic_shape, self.dark_range, self.dark_fraction, self.n_itr)
        images.found[self.word] = found.astype(np.float32)
        shift = np.nan_to_num(images.found[self.word])
        for axis, pixels in enumerate(kind.asic_shape, 1):
            shift = np.repeat(shift, pixels, axis)
        np.subtract(images.values, shift, out=images.values, where=images.stage == 0)
