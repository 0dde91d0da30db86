"""Common mode of memory cells: what a pixel has in common in the memory cells of a row, over the trains of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import BoundConstant, Given
from calib_core.correction.estimators import good_samples
from calib_core.correction.images import Images
from calib_core.detector import DetectorType
from calib_core.numerics.dark_means import PART, add_dark, dark_means, no_maps

#: Name under which a step finds them among its constants.
CELL_MEANS = "cell means"


@dataclass(frozen=True, eq=False)
class CellMeans:
    """What is taken off pixels, turn by turn.

    Attributes
    ----------
    data : (turns, rows, slow_scan, fast_scan) float32, ADU
        All of it up to each turn.
    per_row : int
        Memory cells of a row.
    """

    data: Array
    per_row: int
    why: str = "the passes before"
    dims: Sequence[str] = ("turn", "row", "slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def rows(self, images: Images) -> Array:
        """Row of the memory cell of each frame, (n,) int64."""
        return images.cell.astype(np.int64) // self.per_row

    def of(self, images: Images) -> Array:
        """All that is taken off the pixels of each frame, (n, slow_scan, fast_scan)."""
        found: Array = self.data[-1, self.rows(images)]
        return found


class GatheredMeans:
    """Sums of dark samples of each pixel and row of memory cells, of one file; one pass for each turn.

    Parameters
    ----------
    rows, per_row : int
        Rows of memory cells, and memory cells of a row.
    shape : (int, int)
        Pixels of a frame.
    dark : (float, float), ADU
    min_share : float
        Share of the frames of a row in which more samples of a pixel must be dark, and of the pixels of an ASIC.
    """

    def __init__(
        self, rows: int, per_row: int, shape: tuple[int, int], dark: tuple[float, float], min_share: float,
    ) -> None:
        self._dark, self._share = dark, min_share
        self._means = CellMeans(no_maps(shape), per_row)
        self._frames = np.zeros(rows, np.int64)
        self._sums = np.zeros((rows, *shape), np.int64), np.zeros((rows, *shape), np.uint32)

    def add(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Look at frames, which come once in each pass.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0.
        given : mapping
            Constants of the step.
        kind : DetectorType
            Its ASICs.
        """
        use, rows, maps = good_samples(images, given, 0), self._means.rows(images), self._means.data
        shifts = dark_means(images.values, use, kind.asic_shape, self._dark, self._share, len(maps), maps, rows)
        add_dark(images.values, use, shifts, self._dark, maps, rows, self._sums)
        self._frames += np.bincount(rows, minlength=len(self._frames))

    def settle(self) -> None:
        """Add the means of a turn to those before."""
        total, number = self._sums
        enough = (number > 0) & (number > self._share * self._frames[:, None, None])
        mean = np.where(enough, total / PART / np.maximum(number, 1), 0)
        before = self._means.data[-1:] if len(self._means.data) else np.zeros((1, *total.shape), np.float32)
        turns = [*self._means.data, (before[0] + mean).astype(np.float32)]
        self._means = CellMeans(np.stack(turns), self._means.per_row)
        for one in (self._frames, *self._sums):
            one[...] = 0

    @property
    def constants(self) -> dict[str, BoundConstant]:
        """What pixels have in common, for the step."""
        return {CELL_MEANS: self._means}
