"""How new constants differ from others, ASIC by ASIC and memory cell by memory cell.

Numbers are medians and 1.4826 MADs over the pixels of an ASIC that are good in both, made image by image, so that
only as many numbers as there are ASICs are kept of a memory cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np

from calib_core.axes import Array, Label
from calib_core.numerics.limits import group_spread

#: An ASIC with fewer pixels that are good in both gives no number.
FEWEST = 16
#: Standard errors of a median and of 1.4826 MAD of normal values, in units of their spread over √n.
_OF_MEDIAN, _OF_MAD = 1.2533, 1.1664


@dataclass(frozen=True, eq=False)
class Images:
    """What constants have at one place, each (slow_scan, fast_scan).

    Attributes
    ----------
    values : array
        NaN where there are none.
    spread : array, optional
        Of one sample, in the unit of the values.
    count : array, optional
        Samples behind each value.
    flags : uint32 array, optional
        Pixels are good where they are 0, or where there are no flags.
    """

    values: Array
    spread: Array | None = None
    count: Array | None = None
    flags: Array | None = None

    @property
    def good(self) -> Array:
        """Pixels without a flag that have a value."""
        there = np.isfinite(self.values)
        return there if self.flags is None else there & (self.flags == 0)


def _shift(a: Images, b: Images) -> Array:
    """Difference in units of the spread of a sample of B."""
    assert b.spread is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.asarray(a.values, np.float64) - b.values) / np.where(b.spread > 0, b.spread, np.nan)


def _ratio(a: Images, b: Images) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a.values, np.float64) / np.where(b.values != 0, b.values, np.nan)


def _change(a: Images, b: Images) -> Array:
    """Relative change in %."""
    return 100 * (_ratio(a, b) - 1)


#: How values are compared, by the rule.
COMPARED: Mapping[str, Callable[[Images, Images], Array]] = {"shift": _shift, "ratio": _ratio, "change": _change}


@dataclass(frozen=True, eq=False)
class OfAsics:
    """What was found of each ASIC over all memory cells, each (asic,) float64; NaN where too few pixels are good.

    Attributes
    ----------
    centre : array
        Median over the memory cells of the medians over the pixels.
    centre_error : array
        Statistical error of the median of one memory cell.
    scatter : array
        Spread over pixels and memory cells, without what the numbers of samples explain where they are known.
    scatter_error : array
    cells : list of Label
        Memory cells of which there are numbers.
    furthest : (asic,) int64
        Memory cell, as a place in ``cells``, whose median lies furthest from the one over all.
    """

    centre: Array
    centre_error: Array
    scatter: Array
    scatter_error: Array
    cells: list[Label]
    furthest: Array


class Differences:
    """Differences of one quantity of a module at one gain stage, as memory cells come.

    Parameters
    ----------
    rule : str
        Of :data:`COMPARED`.
    asic_shape : (int, int)
    """

    def __init__(self, rule: str, asic_shape: tuple[int, int]) -> None:
        self._compare, self._shape = COMPARED[rule], asic_shape
        self._with_samples = rule == "shift"
        self._rows: list[Array] = []
        self._cells: list[Label] = []
        self._are_there = False

    def add(self, cell: Label, a: Images, b: Images) -> None:
        """Take the images of a memory cell.

        Parameters
        ----------
        cell : Label
        a, b : Images
            New and accepted.
        """
        good = a.good & b.good
        self._are_there |= bool(np.isfinite(a.values).any() and np.isfinite(b.values).any())
        values = np.where(good, self._compare(a, b), np.nan)
        spread_of = partial(group_spread, block_shape=self._shape, sigma=0.0, passes=1)
        centre, spread = spread_of(np.asarray(values, np.float32))
        number = _blocks(np.isfinite(values), self._shape).sum(axis=1)
        explained = np.zeros_like(centre)
        if self._with_samples and a.count is not None and b.count is not None:
            explained, _ = spread_of(np.where(np.isfinite(values), _explained(a, b), np.nan).astype(np.float32))
        row = np.stack([one.ravel() for one in (centre, spread, explained, number)]).astype(np.float64)
        row[:3, number < FEWEST] = np.nan
        self._rows.append(row)
        self._cells.append(cell)

    @property
    def is_asked(self) -> bool:
        """Whether both have values somewhere."""
        return self._are_there

    def found(self) -> OfAsics | None:
        """What was found of each ASIC; None where nothing could be compared."""
        rows = np.array(self._rows)
        if not rows.size or not np.isfinite(rows[:, 0]).any():
            return None
        known = np.isfinite(rows[:, 0]).any(axis=0)
        found = np.full((4, rows.shape[2]), np.nan)
        found[:, known] = _over_cells(*np.moveaxis(rows[:, :, known], 1, 0))
        furthest = np.zeros(rows.shape[2], np.int64)
        furthest[known] = np.nanargmax(np.abs(rows[:, 0, known] - found[0, known]), axis=0)
        centre, centre_error, scatter, scatter_error = found
        return OfAsics(centre, centre_error, scatter, scatter_error, self._cells, furthest)


def _over_cells(centre: Array, spread: Array, explained: Array, number: Array) -> Array:
    """Rows of :class:`OfAsics` of numbers (cell, asic) that have a value in at least one cell of each ASIC."""
    pixels = np.nanmedian(np.where(np.isfinite(centre), number, np.nan), axis=0)
    middle, typical = np.nanmedian(centre, axis=0), np.nanmedian(spread, axis=0)
    beyond = np.nanmedian(spread**2 - explained, axis=0) + np.nanvar(centre, axis=0)
    return np.stack([middle, _OF_MEDIAN * typical / np.sqrt(pixels), np.sqrt(np.maximum(beyond, 0)),
                     _OF_MAD * typical / np.sqrt(pixels)])


def _explained(a: Images, b: Images) -> Array:
    """Variance of a shift that the numbers of samples explain."""
    assert a.spread is not None
    assert b.spread is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = (a.spread**2 / a.count + b.spread**2 / b.count) / b.spread**2
        return found


def _blocks(values: Array, shape: tuple[int, int]) -> Array:
    """Values by ASIC, row by row: (asic, pixels)."""
    (slow, fast), (high, wide) = values.shape, shape
    return values.reshape(slow // high, high, fast // wide, wide).swapaxes(1, 2).reshape(-1, high * wide)


class Flags:
    """Bad pixels of a module at one gain stage that are new or that recovered, as memory cells come.

    Attributes
    ----------
    compared : int
        Pixels and memory cells of which flags of both are known.
    new, healed : (asic,) int64
        Of these, those that are bad in the new constants alone, or in the accepted ones alone.
    by_flag : (2, 32) int64
        Flags that are new and that are gone, by their bits, of all of them.
    """

    def __init__(self, asic_shape: tuple[int, int]) -> None:
        self._shape = asic_shape
        self.compared = 0
        self.new = self.healed = np.zeros(1, np.int64)
        self.by_flag = np.zeros((2, 32), np.int64)

    def add(self, a: Array, b: Array) -> None:
        """Take the flags of a memory cell.

        Parameters
        ----------
        a, b : (slow_scan, fast_scan) uint32
            New and accepted.
        """
        new, healed = (a != 0) & (b == 0), (a == 0) & (b != 0)
        self.new, self.healed = (before + _blocks(one, self._shape).sum(axis=1)
                                 for before, one in ((self.new, new), (self.healed, healed)))
        self.compared += a.size
        for row, bits in enumerate((a & ~b, b & ~a)):
            changed = bits[bits != 0]
            if changed.size:
                single = changed[:, None] >> np.arange(32, dtype=np.uint32) & 1
                self.by_flag[row] += single.sum(axis=0, dtype=np.int64)

    @property
    def shares(self) -> tuple[float, float]:
        """New and recovered pixels, % of those that were compared."""
        whole = max(self.compared, 1)
        return 100 * float(self.new.sum()) / whole, 100 * float(self.healed.sum()) / whole


class Coverage:
    """Samples behind the new constants of a module at one gain stage, as memory cells come.

    Attributes
    ----------
    is_accepted : bool
        Whether the accepted ones have any value there.
    """

    def __init__(self) -> None:
        self._typical: dict[Label, float] = {}
        self.is_accepted = False

    def add(self, cell: Label, found: Images | None, other: Images | None = None) -> None:
        """Take a memory cell, or that there is nothing of it.

        Parameters
        ----------
        cell : Label
        found, other : Images, optional
            New and accepted.
        """
        self.is_accepted |= other is not None and bool(np.isfinite(other.values).any())
        there = None if found is None else np.isfinite(found.values)
        if found is None or there is None or not there.any():
            self._typical[cell] = 0.0
        else:
            self._typical[cell] = float(np.median(found.count[there])) if found.count is not None else 1.0

    @property
    def most(self) -> float:
        """Largest number of samples behind the median pixel of a memory cell."""
        return max(self._typical.values(), default=0.0)

    def missing(self, most: float) -> tuple[float, float]:
        """Samples and memory cells that are missing, %.

        Parameters
        ----------
        most : float
            Samples of a memory cell that is whole.
        """
        typical = np.array(list(self._typical.values()))
        if not typical.size or most <= 0:
            return 100.0, 100.0
        there = typical[typical > 0]
        samples = 100 * (1 - float(there.mean()) / most) if there.size else 100.0
        return samples, 100 * float((typical == 0).mean())


def error_of_shift(pixels: float, common: float) -> float:
    """Statistical error of a median pull over banks that have a share f of their noise in common."""
    return sqrt(_OF_MEDIAN**2 / max(pixels, 1) + common**2)
