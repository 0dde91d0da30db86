"""Histograms of flat light in constant files: what they are of at once, counts of some rows of pixels when asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import BELOW, FF_HISTOGRAM, FF_HISTOGRAM_ISOLATED
from calib_core.errors import BadInput, BadParameter
from calib_core.ranges import parse_numbers
from calib_core.store.constants import StoredConstant, opened, read_constant

#: Axes of the counts in files.
DIMS = ("group", "bin", "slow_scan", "fast_scan")


@dataclass(frozen=True)
class Histograms:
    """Histograms of the pixels of a module, by groups of memory cells.

    Attributes
    ----------
    stored : StoredConstant
        The file.
    edges : (bins + 1,) float64
        Of the bins, each of which holds its lower edge.
    cells : tuple of tuple of int
        Memory cells of each group.
    of_cells : mapping of int to int
        Frames of each memory cell.
    photon_energy : float
        keV.
    unit : str
        Of the edges.
    isolated : bool
        Whether samples are counted alone whose neighbours have no signal.
    """

    stored: StoredConstant
    edges: Array
    cells: tuple[tuple[int, ...], ...]
    of_cells: Mapping[int, int]
    photon_energy: float
    unit: str = "ADU"
    isolated: bool = False

    def is_weak(self, group: int) -> tuple[bool, ...]:
        """Whether each memory cell of a group has less than half of the frames that are usual in the module.

        Parameters
        ----------
        group : int
        """
        usual = float(np.median(list(self.of_cells.values())))
        return tuple(self.of_cells[cell] < usual / 2 for cell in self.cells[group])

    @property
    def frames(self) -> Array:
        """Frames of each group, (groups,) int64, whatever was left out of single pixels."""
        return np.array([sum(self.of_cells[cell] for cell in group) for group in self.cells], np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the module, (slow_scan, fast_scan)."""
        slow, fast = self.stored.shape[-2:]
        return slow, fast

    def counts(self, group: int, rows: slice = slice(None)) -> Array:
        """Counts of some pixels.

        Parameters
        ----------
        group : int
        rows : slice
            Of the pixels, along slow_scan; files have them in pieces of a few rows, of which only those are read.

        Returns
        -------
        (bins, rows, fast_scan) uint32
            Counts in the bins alone.

        Raises
        ------
        BadInput
            The file is gone or damaged.
        """
        return self._read(np.s_[group, 1:-1, rows])

    def outside(self, group: int, rows: slice = slice(None)) -> Array:
        """Samples of some pixels below the first edge, and from the last edge on.

        Parameters
        ----------
        group : int
        rows : slice

        Returns
        -------
        (2, rows, fast_scan) uint32

        Raises
        ------
        BadInput
            The file is gone or damaged.
        """
        return np.stack([self._read(np.s_[group, side, rows]) for side in (0, -1)])

    def all_counts(self) -> Array:
        """Counts of all groups and pixels, (group, bin, slow_scan, fast_scan) uint32; of large detectors 1 GB."""
        return self._read(np.s_[:, 1:-1])

    def _read(self, part: Any) -> Array:
        with opened(self.stored) as data:
            return np.asarray(data[part])


def read_histograms(path: Path) -> Histograms:
    """Histograms in a constant file; their counts are read when they are asked for.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        The file is missing or damaged, or holds no histograms.
    """
    return histograms_of(read_constant(path))


def histograms_of(stored: StoredConstant) -> Histograms:
    """The same of a constant file that is known; nothing is read yet.

    Parameters
    ----------
    stored : StoredConstant

    Raises
    ------
    BadInput
        It holds no histograms, or does not tell what they are of.
    """
    kind = str(stored.attributes.get("kind", stored.calibration))
    if kind not in (FF_HISTOGRAM.name, FF_HISTOGRAM_ISOLATED.name):
        raise BadInput(f"{stored.path} has no histograms of flat light, but {stored.calibration}.")
    try:
        return _understood(stored, kind == FF_HISTOGRAM_ISOLATED.name)
    except (KeyError, TypeError, ValueError, IndexError, BadParameter) as error:
        raise BadInput(f"{stored.path} does not say of itself what histograms it has ({type(error).__name__}: "
                       f"{error}); it is damaged or another program's.") from error


def _understood(stored: StoredConstant, isolated: bool) -> Histograms:
    axes, beside = stored.attributes["axes"], stored.attributes["beside"]
    cells = tuple(tuple(parse_numbers(str(label))) for label in axes["group"])
    edges, energy = np.array(beside["edges"], np.float64), float(beside["photon_energy"])
    if stored.dims != DIMS or len(cells) != stored.shape[0] or len(edges) + 1 != stored.shape[1]:
        raise ValueError(f"axes {stored.dims} of {stored.shape}, {len(cells)} groups, {len(edges)} edges")
    if axes["bin"][0] != BELOW:
        raise ValueError(f"the first bin is {axes['bin'][0]!r} and not what lies below")
    return Histograms(stored, edges, cells, _of_cells(beside, cells), energy, isolated=isolated)


def _of_cells(beside: Mapping[str, Any], cells: tuple[tuple[int, ...], ...]) -> dict[int, int]:
    """Frames by memory cell; none where a cell was not seen."""
    numbers = zip((cell for group in cells for cell in group), beside["frames"], strict=True)
    return {cell: int(number or 0) for cell, number in numbers}
