"""Matched histograms: medium gain of a frame begins where its high gain ends."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Given
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.estimators import Estimator, good_samples
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType
from calib_core.params import knob

#: Turns in which the edge of medium gain is found, each about those before, and the share of the samples, per cent,
#: below which it is looked for first.
_TURNS, _FIRST = 8, 1


class MatchHistograms(Estimator):
    """Take off samples of medium gain of a frame what their lower edge lies above the upper edge of high gain.

    An edge is told by how many samples there are between a limit and it, in units of those in an interval beside the
    limit: noise, and pixels that switch elsewhere, change neither number. Both edges are told by intervals of one
    width, so that a slope of the density cancels.
    """

    word: ClassVar[str] = "blc_hmatch"
    title: ClassVar[str] = "Matched histograms of gains"
    follows: ClassVar[str] = RelativeGain.word
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "mediumStep", "ADU", "step between high and medium gain, ADU of high gain, that was taken off samples of "
        "medium gain", "there were too few samples beside the switch of gain, or no edges")
    use_when: ClassVar[str] = "Many pixels of a frame lie on both sides of the switch from high to medium gain."
    caution: ClassVar[str] = (
        "Signals must be spread evenly over the switch: a peak of the light beside it is taken for an edge. What "
        "falls off steeply, and few samples, shift it as docs/corrections.md says.")

    switch: float = knob(6000.0, ge=100, le=16383, unit="ADU",
                         help="Signal at which gain switches from high to medium")
    width: float = knob(0.3, ge=0.05, le=0.9, unit="of the switch", help="Interval below the switch whose samples "
                        "tell the edge of high gain; one as wide above it tells that of medium gain")
    least: int = knob(500, ge=10, le=1000000, unit="samples", help="Fewest samples that tell an edge")
    largest: float = knob(3000.0, ge=0, le=16383, unit="ADU", help="Largest step that is believed, of high gain")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the step; it is found, (n,) float32, ADU, NaN where nothing was subtracted.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU of high gain, of all stages; those of others than medium
            gain stay.
        given : mapping
            Flags of pixels that have no say.
        kind : DetectorType
            Not asked.
        """
        high, medium = (good_samples(images, given, stage) for stage in (0, 1))
        found = np.array([self._step(values[one], values[other])
                          for values, one, other in zip(images.values, high, medium, strict=True)], np.float32)
        np.subtract(images.values, np.nan_to_num(found)[:, None, None], out=images.values, where=images.stage == 1)
        images.found[self.word] = found

    def _step(self, high: Array, medium: Array) -> float:
        """Edge of medium gain above that of high gain, ADU; NaN where one is not known."""
        near, begin = self.switch * self.width, self.switch * (1 - self.width)
        edge = begin + self._length(high - begin, near / 2)
        if not np.isfinite(edge) or medium.size < self.least:
            return np.nan
        end, step = 2 * edge - begin, float(np.percentile(medium, _FIRST)) - edge
        for _ in range(_TURNS):
            step = end + step - self._length(end + step - medium, near / 2) - edge
        return step if abs(step) <= self.largest else np.nan

    def _length(self, inside: Array, near: float) -> float:
        """How far even samples go on beyond a limit at 0, by the number of those near it; NaN where they are few."""
        every, known = np.count_nonzero(inside > 0), np.count_nonzero((inside > 0) & (inside < near))
        return near * every / known if every >= self.least and known else np.nan
