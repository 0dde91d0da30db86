"""Cosmic rays: the tracks of charged particles are found and their samples taken out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import BAD_PIXELS_DARK, BAD_PIXELS_MANUAL, NOISE, ConstantKind
from calib_core.correction.bound_constant import Given, is_flagged, shared
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics import tracks
from calib_core.params import knob


class RejectCosmics(Step):
    """Take clusters of signal and one pixel around them out of frames that should be dark.

    With the defaults pure noise makes 2.5e-13 clusters per sample, one in ten thousand runs of 300 frames of 1 Mpx;
    where the true noise is 1.25 times the given one it makes about one in each such run.
    """

    word: ClassVar[str] = "cosmics"
    title: ClassVar[str] = "Reject cosmic rays"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_MANUAL)
    takes_out: ClassVar[bool] = True
    use_when: ClassVar[str] = "Dark frames of thick sensors or long exposures, after offset and common mode."
    caution: ClassVar[str] = "Takes photons out too: for frames without light only."

    sigma: float = knob(6.0, ge=3, le=100, unit="σ", help="A cluster has a sample above this")
    neighbour_sigma: float = knob(4.0, ge=2, le=100, unit="σ", help="A cluster is of samples above this that touch, "
                                  "or above sigma where that is lower")
    min_pixels: int = knob(2, ge=1, le=1000, help="Smallest cluster; single pixels may just be unstable")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Take clusters out of use.

        They are found, (k,) `calib_core.numerics.tracks.EVENT_DTYPE`: frame, row and column of the largest sample,
        pixels, and charge in ADU of each cluster.

        Parameters
        ----------
        images : Images
            Signals float32, C-contiguous, about 0, which stay; ``use`` is changed and must be an array of its own.
            All of one memory cell: the noise of the first frame holds for all.
        given : mapping
            Noise in ADU; a pixel where it is not above 0, or that has bad-pixel flags, is in no cluster.
        kind : DetectorType
            Not asked.
        """
        noise = shared(given[NOISE.name].of(images))
        unit = np.where((noise > 0) & ~is_flagged(given, images, *self.optional), noise, np.nan)
        thresholds = self.sigma, min(self.neighbour_sigma, self.sigma)
        seed, neighbour = ((sigma * unit).astype(np.float32) for sigma in thresholds)
        images.found[self.word] = tracks.take_out(images.values, images.use, seed, neighbour, self.min_pixels)


class FlagCosmics(RejectCosmics):
    """Flag clusters of signal that are larger than those of photons, and one pixel around them, in frames with light.

    A particle leaves more charge in each pixel of its track than a photon in all of its own.
    """

    takes_out: ClassVar[bool] = False
    of_frames: ClassVar[OfFrames | None] = OfFrames("tracks", "", "tracks of particles whose samples were flagged")
    use_when: ClassVar[str] = "Photons are far apart, and sensors so thick that particles leave long tracks."
    caution: ClassVar[str] = (
        "Photons that lie side by side are flagged too where one sample of theirs is large enough: look at the "
        "number of tracks at many photons. Steep particles leave short tracks; their events have too large a sum.")

    sigma: float = knob(100.0, ge=3, le=10000, unit="σ", help="A track has a sample above this")
    min_pixels: int = knob(5, ge=1, le=1000, help="Smallest track; a photon has no more than four samples")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Flag tracks and take them out of use; found is their number, (n,) float32.

        Parameters
        ----------
        images : Images
            As for :class:`RejectCosmics`; samples of tracks get the flag VALUE_OUT_OF_RANGE.
        given : mapping
            As for :class:`RejectCosmics`.
        kind : DetectorType
            Not asked.
        """
        before = images.use.copy()
        super().apply(images, given, kind)
        images.mask[before & ~images.use] |= np.uint32(BadPixels.VALUE_OUT_OF_RANGE)
        tracks_of = np.bincount(images.found[self.word]["frame"], minlength=len(images.cell))
        images.found[self.word] = tracks_of.astype(np.float32)
