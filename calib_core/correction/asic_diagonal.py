"""Diagonals of ASICs: a slope of the baseline along them is taken off each frame."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.estimators import Estimator, good_samples, needs_high_gain
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Bound
from calib_core.detector import DetectorType
from calib_core.numerics.dark_planes import dark_planes
from calib_core.params import Limits, knob


class AsicDiagonal(Estimator):
    """Take the slopes along both diagonals of each ASIC off each frame, as samples without light tell them.

    A plane a + b·(row + column) + c·(row − column) about the middle of the ASIC is fitted in turns to the samples
    that are dark without it; each slope is taken off where it is larger than so many of its errors. What the ASIC has
    in common, a, stays.
    """

    word: ClassVar[str] = "corr_asic_diag"
    title: ClassVar[str] = "Diagonals of ASICs"
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "asicSlopes", "ADU", "rise of the baseline from corner to corner of each ASIC that was taken off samples of "
        "high gain, of the steeper diagonal; 0 where both were within their errors", "too few samples were dark",
        of_asics=True)
    use_when: ClassVar[str] = "The baseline rises over ASICs along their diagonals, and most pixels are dark."
    caution: ClassVar[str] = (
        "Light whose intensity rises over an ASIC lies within the dark range in part, and is evened out by as much: "
        "docs/corrections.md has numbers. Chance makes one slope of 370 larger than 3 of its errors.")

    dark_range: Limits = knob((-30.0, 30.0), unit="ADU", help="Signals of pixels without light")
    dark_fraction: float = knob(0.15, ge=0, le=1, help="Share of the pixels of an ASIC that must be dark")
    turns: int = knob(4, ge=1, le=100, help="Turns in which planes are fitted, each about those before")
    significance: float = knob(3.0, ge=0, le=100, unit="σ", help="Slopes within so many of their errors stay")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take flags as far as there are any.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            Gain is fixed to another stage than high gain.
        """
        needs_high_gain(self, kind)
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the slopes.

        Found is the rise along the steeper diagonal, (n, ASICs along slow, ASICs along fast) float32, ADU, NaN where
        nothing was fitted.

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
        slopes, errors = dark_planes(
            images.values, use, kind.asic_shape, self.dark_range, self.dark_fraction, self.turns)
        fitted = np.isfinite(slopes[..., 0])
        slopes = np.where(np.abs(slopes) > self.significance * errors, slopes, 0.0)
        steeper = np.take_along_axis(slopes, np.abs(slopes).argmax(-1)[..., None], -1)[..., 0]
        images.found[self.word] = np.where(fitted, 2 * steeper, np.nan).astype(np.float32)
        np.subtract(images.values, _tilts(slopes, kind.asic_shape), out=images.values, where=images.stage == 0)


def _tilts(slopes: Array, asic_shape: tuple[int, int]) -> Array:
    """Planes through the middle of each ASIC, (n, slow_scan, fast_scan) float32."""
    row, column = (np.linspace(-1, 1, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32) for n in asic_shape)
    along = (slopes[..., 0] + slopes[..., 1]) / 2, (slopes[..., 0] - slopes[..., 1]) / 2
    of_row, of_column = (one.astype(np.float32)[:, :, None, :, None] for one in along)
    tilts = of_row * row[:, None, None] + of_column * column
    return tilts.reshape(len(slopes), slopes.shape[1] * len(row), slopes.shape[2] * len(column))
