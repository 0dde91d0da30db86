"""Baseline of medium gain: where its lowest samples lie below 0, it is moved up to there."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.correction.bound_constant import Given
from calib_core.correction.estimators import Estimator, good_samples
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType
from calib_core.params import knob


class SetMinimum(Estimator):
    """Move samples of medium gain of a frame so that the lowest of them lie at 0, where they lie below."""

    word: ClassVar[str] = "blc_set_min"
    title: ClassVar[str] = "Lowest medium gain at 0"
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "mediumShift", "ADU", "baseline that was taken off samples of medium gain; 0 where they did not lie below 0")
    use_when: ClassVar[str] = "Samples of medium gain lie below the offset of medium gain."
    caution: ClassVar[str] = (
        "Samples are moved by a rule. Where their offset is right and some have no signal, noise alone moves all of "
        "a frame, by 800 ADU of high gain; docs/corrections.md has numbers.")

    percentile: float = knob(1.0, ge=0, le=50, unit="%", help="Share of the samples that may stay below 0")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract what lies below 0; it is found, (n,) float32, ADU, 0 where nothing was subtracted.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0.
        given : mapping
            Flags of pixels that have no say.
        kind : DetectorType
            Not asked.
        """
        found = np.zeros(len(images.cell), np.float32)
        for i, (values, use) in enumerate(zip(images.values, good_samples(images, given, 1), strict=True)):
            if use.any():
                found[i] = min(0.0, float(np.percentile(values[use], self.percentile)))
        np.subtract(images.values, found[:, None, None], out=images.values, where=images.stage == 1)
        images.found[self.word] = found
