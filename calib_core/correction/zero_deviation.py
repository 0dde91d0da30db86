"""Pixels that never change: where all samples of a pixel and memory cell in a file are the same, they are flagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import BoundConstant, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import places_of
from calib_core.correction.step import Step
from calib_core.detector import DetectorType

#: Name under which the step finds what never changed among its constants.
_SAME = "same in all frames"


@dataclass(frozen=True, eq=False)
class Same:
    """Pixels whose samples were the same in all frames of a file.

    Attributes
    ----------
    data : (cells, slow_scan, fast_scan) bool
    cells : tuple of int
        Memory cells in the order of their axis.
    """

    data: Array
    cells: tuple[int, ...]
    why: str = "the pass before"
    dims: Sequence[str] = ("cell", "slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """Of the memory cell of each frame, (n, slow_scan, fast_scan)."""
        found: Array = self.data[places_of(self.cells, images.cell)]
        return found


class Changes:
    """Whether samples differ from the first of their pixel and memory cell in a file.

    Parameters
    ----------
    cells : (n,) int64
        Memory cells that frames may have.
    shape : (int, int)
        Pixels of a frame.
    """

    def __init__(self, cells: Array, shape: tuple[int, int]) -> None:
        self._cells = tuple(cells.tolist())
        self._first = np.zeros((len(cells), *shape), np.float32)
        self._changed = np.zeros((len(cells), *shape), bool)
        self._frames = np.zeros(len(cells), np.int64)

    def add(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Look at frames.

        Parameters
        ----------
        images : Images
            Values as they are stored.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        for values, place in zip(images.values, places_of(self._cells, images.cell).tolist(), strict=True):
            if self._frames[place]:
                self._changed[place] |= values != self._first[place]
            else:
                self._first[place] = values
            self._frames[place] += 1

    def settle(self) -> None:
        """Nothing is left to do."""

    @property
    def constants(self) -> dict[str, BoundConstant]:
        """What never changed, in memory cells of which there is more than one frame."""
        return {_SAME: Same(~self._changed & (self._frames > 1)[:, None, None], self._cells)}


class ZeroDeviation(Step):
    """Flag samples of pixels and memory cells that are the same in all trains of a file; it is read once more."""

    word: ClassVar[str] = "mask_zero_std"
    title: ClassVar[str] = "Pixels that never change"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Pixels have died since the darks, and their converters give one code."
    caution: ClassVar[str] = "Of a file with few trains good pixels are among them by chance. Values stay."

    @property
    def passes(self) -> int:
        """One: nothing is known of a pixel before all of its samples were seen."""
        return 1

    def gathering(self, kind: DetectorType, cells: Array) -> Changes:
        """Nothing is known yet.

        Parameters
        ----------
        kind : DetectorType
        cells : (n,) int64
            Memory cells that frames may have.
        """
        return Changes(cells, kind.shape)

    def bytes_of_file(self, kind: DetectorType) -> int:
        """First sample of each pixel and memory cell, and whether one differs, twice.

        Parameters
        ----------
        kind : DetectorType
        """
        return kind.max_cells * kind.pixels * 6

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flag DATA_STD_IS_ZERO; nothing is found on the way.

        Parameters
        ----------
        images : Images
        given : mapping
            What never changed, if frames were looked at before.
        kind : DetectorType
            Not asked.
        """
        if _SAME in given:
            images.mask[given[_SAME].of(images)] |= np.uint32(BadPixels.DATA_STD_IS_ZERO)
