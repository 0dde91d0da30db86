"""Matched ASICs: steps of the signal at borders between ASICs are evened out in each frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Given
from calib_core.correction.estimators import Estimator, good_samples
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType
from calib_core.params import knob

#: Pixels on each side of a border whose mean is taken, and along it.
_DEEP, _LONG = 2, 8


class MatchAsics(Estimator):
    """Take off each ASIC in each frame its offset from the others, as the steps at all borders together tell it.

    A step is the difference of the means of 2 × 8 pixels on both sides of a border; offsets are those of least
    squares with a mean of zero.
    """

    word: ClassVar[str] = "match_asics"
    title: ClassVar[str] = "Matched ASICs"
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "asicOffset", "ADU", "offset from the others that was taken off samples of high gain of each ASIC",
        "there was no border to match", of_asics=True)
    use_when: ClassVar[str] = "ASICs are off from each other in a frame, and signal goes on smoothly over borders."
    caution: ClassVar[str] = (
        "Signal that has steps at borders itself, as at the edge of a shadow, is evened out too: nearly wholly, as "
        "docs/corrections.md has it.")

    largest: float = knob(100.0, ge=1, le=16383, unit="ADU",
                          help="Steps of eight pixels from here on are not believed")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the offsets; they are found, (n, ASICs along slow, ASICs along fast) float32, ADU.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; those of other stages than high gain stay.
        given : mapping
            Flags of pixels that have no say.
        kind : DetectorType
            Its ASICs.
        """
        use, asic = good_samples(images, given, 0), kind.asic_shape
        grid = (kind.shape[0] // asic[0], kind.shape[1] // asic[1])
        numbers = np.arange(grid[0] * grid[1]).reshape(grid)
        found = np.empty((len(images.cell), *grid), np.float32)
        for i, (values, used) in enumerate(zip(images.values, use, strict=True)):
            edges = [*_borders(values, used, asic, numbers, self.largest),
                     *_borders(values.T, used.T, asic[::-1], numbers.T, self.largest)]
            found[i] = _offsets(edges, numbers.size).reshape(grid)
        images.found[self.word] = found
        shift = np.nan_to_num(found).repeat(asic[0], axis=1).repeat(asic[1], axis=2)
        np.subtract(images.values, shift, out=images.values, where=images.stage == 0)


def _borders(
    values: Array, use: Array, asic: tuple[int, int], numbers: Array, largest: float
) -> Iterator[tuple[int, int, float, int]]:
    """Both ASICs of each border between rows of ASICs that has steps, their mean, and how many there are."""
    for edge in range(asic[0], values.shape[0], asic[0]):
        before, behind = (_means(values[rows], use[rows], asic[1])
                          for rows in (slice(edge - _DEEP, edge), slice(edge, edge + _DEEP)))
        row = edge // asic[0]
        for steps, one, other in zip(behind - before, numbers[row - 1], numbers[row], strict=True):
            believed = steps[np.abs(steps) < largest]
            if believed.size:
                yield int(one), int(other), float(believed.mean()), believed.size


def _means(values: Array, use: Array, wide: int) -> Array:
    """Means of blocks along a border, (ASICs, blocks) float64; NaN where no sample is used."""
    deep, asics, blocks = values.shape[0], values.shape[1] // wide, wide // _LONG
    total, number = (
        one.reshape(deep, asics, wide)[..., :blocks * _LONG].reshape(deep, asics, blocks, _LONG).sum((0, 3))
        for one in (np.where(use, values, 0).astype(np.float64), use))
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), np.nan))


def _offsets(edges: list[tuple[int, int, float, int]], asics: int) -> Array:
    """Offsets of least squares about 0, (asics,); NaN of those without a border."""
    matrix, right, seen = np.zeros((asics, asics)), np.zeros(asics), np.zeros(asics, bool)
    for one, other, step, weight in edges:
        matrix[[one, other], [one, other]] += weight
        matrix[[one, other], [other, one]] -= weight
        right[[one, other]] += weight * step * np.array([-1, 1])
        seen[[one, other]] = True
    return np.where(seen, np.linalg.pinv(matrix, hermitian=True) @ right, np.nan)
