"""Constants of one module in memory, and which of their values goes with which sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from calib_core.axes import Array
from calib_core.correction.images import Images


@dataclass(frozen=True, eq=False)
class OfSamples:
    """A constant whose values are known by gain stage and memory cell.

    Attributes
    ----------
    data : (gain, cell, slow_scan, fast_scan) array
        Or over something else than gain stages, of which :meth:`entry` gives one.
    cells : tuple of int or None
        Memory cells in the order of their axis; None where the only image is that of all frames.
    missing : float
        What stands for a memory cell that the constant does not have.
    why : str
        Where it comes from.
    """

    data: Array
    cells: tuple[int, ...] | None
    missing: float = float("nan")
    why: str = ""
    dims: Sequence[str] = ("gain", "cell", "slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """Values of the samples' own stages and memory cells.

        Parameters
        ----------
        images : Images

        Returns
        -------
        (n or 1, slow_scan, fast_scan) array
            Of the only stage where the constant has but one. Where one image is that of all frames it comes once, and
            is the constant's own; else the array is a new one.
        """
        stages, place = len(self.data), places_of(self.cells, images.cell)
        if len(place) and place[0] >= 0 and (place == place[0]).all() and (stages == 1 or not images.stage.any()):
            own: Array = self.data[:1, place[0]]
            return own
        found: Array = self.data[0, place]
        for stage in range(1, stages):
            np.copyto(found, self.data[stage, place], where=images.stage == stage)
        found[place < 0] = self.missing
        return found

    def entry(self, index: int, images: Images) -> Array:
        """One entry of the first axis, of the samples' own memory cells.

        Parameters
        ----------
        index : int
        images : Images

        Returns
        -------
        (n, slow_scan, fast_scan) array
            A new one.
        """
        place = places_of(self.cells, images.cell)
        found: Array = self.data[index, place]
        found[place < 0] = self.missing
        return found


def places_of(own: tuple[int, ...] | None, cells: Array) -> Array:
    """Where memory cells are among those of a constant.

    Parameters
    ----------
    own : tuple of int or None
        Memory cells of the constant; None where its only image is that of all frames.
    cells : (n,) array
        Memory cells of frames.

    Returns
    -------
    (n,) int64
        Indices, -1 of those that are not there.
    """
    if own is None:
        return np.zeros(len(cells), np.int64)
    table = np.full(max([int(cells.max(initial=0)), *own]) + 1, -1, np.int64)
    table[list(own)] = np.arange(len(own))
    return np.asarray(table[cells])
