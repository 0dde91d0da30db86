"""Baseline behind stripes: rows that see no light tell where a frame's pixels without signal lie."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.estimators import Estimator, good_samples, needs_high_gain, take_baseline_off
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Bound, CannotBeDone
from calib_core.detector import DetectorType
from calib_core.params import knob


class Stripes(Estimator):
    """Take off each frame the median of its samples of high gain in rows behind stripes that stop all light."""

    word: ClassVar[str] = "blc_stripes"
    title: ClassVar[str] = "Baseline behind stripes"
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "stripeShift", "ADU", "baseline that was taken off samples of high gain, as rows behind stripes tell it",
        "rows behind stripes told no baseline")
    use_when: ClassVar[str] = (
        "Stripes of tantalum lie over some rows, and the baseline of whole frames moves with their signal.")
    caution: ClassVar[str] = (
        "No run tells whether the stripes were there: where light reaches these rows, their median is light. "
        "docs/corrections.md has by how much.")

    highest: float = knob(33.0, ge=0, le=16383, unit="ADU",
                          help="Medians above this are light, and are not believed; half of a photon")
    least: int = knob(100, ge=1, le=65536, unit="samples",
                      help="Fewest samples of high gain behind stripes of which a median is taken")
    high_medium_ratio: float = knob(45.0, ge=1, le=1000, unit="times",
                                    help="Samples of medium gain get the baseline divided by this")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take flags as far as there are any.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            No rows of the module are known to lie behind stripes, or gain is fixed to another stage than high gain.
        """
        needs_high_gain(self, kind)
        if not kind.shaded:
            raise CannotBeDone(f"{self.title} is left out: no rows of this module of {kind.title} are known to lie "
                               "behind stripes.")
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the baseline; it is found, (n,) float32, ADU, NaN where nothing was subtracted.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0. Samples that were of high gain before any was
            forced tell the baseline; it is taken off by the stages of now, and signals of low gain stay.
        given : mapping
            Flags of pixels that have no say.
        kind : DetectorType
            Its rows behind stripes.
        """
        rows = np.concatenate([np.arange(first, end) for first, end in kind.shaded])
        use = good_samples(images, given, 0, images.unforced)[:, rows]
        found = np.array([self._median(one[rows][used]) for one, used in zip(images.values, use, strict=True)],
                         np.float32)
        take_baseline_off(images, found, self.high_medium_ratio)
        images.found[self.word] = found

    def _median(self, values: Array) -> float:
        median = float(np.median(values)) if values.size >= self.least else np.nan
        return median if median <= self.highest else np.nan
