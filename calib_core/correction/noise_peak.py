"""Baseline by the noise peak: where pixels without signal lie is taken off each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import NOISE, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.estimators import Estimator, good_samples, needs_high_gain, take_baseline_off
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.of_samples import OfSamples, places_of
from calib_core.correction.step import Bound
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.numerics.noise_peak import noise_peaks
from calib_core.params import knob

#: ADU below the largest baseline that is believed in which a peak is looked for too: to refuse the frame, in which
#: another would be taken for it.
_BEYOND = 500.0


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """Usual noise of high gain in each memory cell.

    Attributes
    ----------
    data : (cells,) float64, ADU
        Median of the pixels, at most what was asked for; NaN where no pixel has a noise.
    cells : tuple of int or None
        As :class:`~calib_core.correction.of_samples.OfSamples` has them.
    """

    data: Array
    cells: tuple[int, ...] | None
    why: str = ""
    dims: Sequence[str] = ("cell",)

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """One of each frame: (n, 1, 1)."""
        return self.of_cells(images.cell)[:, None, None]

    def of_cells(self, cell: Array) -> Array:
        """Noise of memory cells.

        Parameters
        ----------
        cell : (n,)

        Returns
        -------
        (n,) float64, ADU
            NaN of those that the constant does not have.
        """
        place = places_of(self.cells, cell)
        return np.where(place < 0, np.nan, self.data[place])

    @classmethod
    def made(cls, noise: OfSamples, widest: float) -> NoiseLevel:
        """Level of a noise in memory, which is not kept.

        Parameters
        ----------
        noise : OfSamples
        widest : float, ADU
        """
        known = [one[np.isfinite(one)] for one in noise.data[0]]
        median = [float(np.median(one)) if one.size else np.nan for one in known]
        return cls(np.minimum(median, widest), noise.cells, noise.why)


class NoisePeak(Estimator):
    """Take off each frame where its pixels without signal lie: the left-most peak of its samples of high gain."""

    word: ClassVar[str] = "blc_noise"
    title: ClassVar[str] = "Baseline by noise peak"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "blShift", "ADU", "baseline that was taken off samples of high gain", "no noise peak was found")
    use_when: ClassVar[str] = (
        "The baseline of whole frames moves down with their signal, and no more than 3 photons of 9 keV hit a pixel "
        "on average.")
    caution: ClassVar[str] = (
        "Charge that is shared with the next pixel moves the peak: by 1 ADU for each photon in a pixel at a cloud of "
        "8 µm in pixels of 200 µm, and from 4 photons on one frame of ten is off by a photon. Where nearly all "
        "pixels have signal, one photon is taken for none. docs/corrections.md has more numbers.")

    threshold: float = knob(5000.0, ge=50, le=100000, unit="ADU",
                            help="Largest baseline that is looked for below 0, and largest mean signal of a frame in "
                                 "which it is")
    highest: float = knob(10.0, ge=0, le=50, unit="ADU",
                          help="Highest place above 0 of a noise peak that is believed")
    widest_filter: float = knob(9.0, ge=1, le=100, unit="ADU",
                                help="Filters are as wide as the noise, but no wider, or peaks of photons were one")
    high_medium_ratio: float = knob(45.0, ge=1, le=1000, unit="times",
                                    help="Samples of medium gain get the baseline divided by this")

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
        given = super().bind(constants, kind).given
        level = WhenRead(given[NOISE.name], partial(NoiseLevel.made, widest=self.widest_filter))
        return Bound(self, {**given, NOISE.name: level}, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the baseline; it is found, (n,) float32, ADU, NaN where nothing was subtracted.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0. Samples that were of high gain before any was
            forced tell the baseline; it is taken off by the stages of now, and signals of low gain stay.
        given : mapping
            Noise, and flags of pixels that have no say.
        kind : DetectorType
            Not asked.
        """
        level = given[NOISE.name]
        assert isinstance(level, NoiseLevel)
        use = good_samples(images, given, 0, images.unforced).reshape(len(images.cell), -1)
        values = images.values.reshape(use.shape)
        peaks = noise_peaks(values, use, level.of_cells(images.cell), -self.threshold - _BEYOND)
        refused = (peaks < -self.threshold) | (peaks > self.highest) | (_means(values, use) > self.threshold)
        peaks[refused] = np.nan
        found = peaks.astype(np.float32)
        take_baseline_off(images, found, self.high_medium_ratio)
        images.found[self.word] = found


def _means(values: Array, use: Array) -> Array:
    """Mean of the used samples of each frame, (n,), NaN where there are none."""
    return np.array([np.mean(one, where=used, dtype=np.float64) if used.any() else np.nan
                     for one, used in zip(values, use, strict=True)])
