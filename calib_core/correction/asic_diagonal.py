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
        slow, fast = kind.asic_shape
        grid = kind.shape[0] // slow, kind.shape[1] // fast
        terms = _terms(slow, fast)
        use, found = good_samples(images, given, 0), np.empty((len(images.cell), *grid), np.float32)
        for i, y, x in np.ndindex(*found.shape):
            part = np.s_[i, y * slow:(y + 1) * slow, x * fast:(x + 1) * fast]
            slopes = self._slopes(images.values[part][use[part]].astype(np.float64), terms[:, use[part]], slow * fast)
            found[i, y, x] = 2 * slopes[np.abs(slopes).argmax()]
            if np.nan_to_num(slopes).any():
                tilt = np.tensordot(slopes, terms[1:], 1).astype(np.float32)
                np.subtract(images.values[part], tilt, out=images.values[part], where=images.stage[part] == 0)
        images.found[self.word] = found

    def _slopes(self, values: Array, terms: Array, pixels: int) -> Array:
        """Rise from the middle of an ASIC to its corners along both diagonals, (2,); NaN without a fit."""
        low, high = self.dark_range
        plane, errors = np.zeros(3), np.full(3, np.nan)
        for _ in range(self.turns):
            rest = values - plane @ terms
            dark = (rest >= low) & (rest <= high)
            if dark.sum() <= max(self.dark_fraction * pixels, 3):
                return np.full(2, np.nan)
            mine, left = terms[:, dark], rest[dark]
            inverse = np.linalg.pinv(mine @ mine.T, hermitian=True)
            change = inverse @ (mine @ left)
            plane += change
            errors = np.sqrt(np.diag(inverse) * np.mean((left - change @ mine) ** 2))
        return np.where(np.abs(plane[1:]) > self.significance * errors[1:], plane[1:], 0.0)


def _terms(slow: int, fast: int) -> Array:
    """1, and the places along both diagonals, -1 to 1 from corner to corner: (3, slow, fast)."""
    row, column = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (slow, fast))
    return np.stack([np.ones((slow, fast)), (row[:, None] + column) / 2, (row[:, None] - column) / 2])
