"""Mean, spread and median of groups of pixels of a constant, with and without those that are flagged.

A group is a block of pixels, such as an ASIC, in some neighbouring memory cells of one gain stage. Its values are
copied to where they stay in the cache, the good ones first, and everything is made of the copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.medians import SAMPLE, median_of, middle

_Array = NDArray[Any]
_Float = NDArray[np.float64]
_Whole = NDArray[np.int64]

#: Groups: all values that are numbers, and those of them without a flag.
ALL, GOOD = 0, 1
SETS = ("all", "good")


@dataclass(frozen=True)
class Cut:
    """How values are cut into groups.

    Attributes
    ----------
    block_shape : (int, int)
        Pixels of a block (slow_scan, fast_scan); blocks tile the pixels.
    cells : int
        Memory cells of a group; the last may have fewer.
    """

    block_shape: tuple[int, int]
    cells: int

    def shape(self, values: Sequence[int]) -> tuple[int, int, int, int]:
        """Groups of values (entries, cells, slow_scan, fast_scan): (entries, cell rows, blocks y, blocks x).

        Parameters
        ----------
        values : sequence of int
            Their shape.

        Raises
        ------
        ValueError
            Blocks do not tile the pixels.
        """
        entries, cells, slow, fast = values
        rows, columns = self.block_shape
        if rows < 1 or columns < 1 or self.cells < 1 or slow % rows or fast % columns:
            raise ValueError(f"blocks of {rows} x {columns} pixels, {self.cells} cells, do not tile {tuple(values)}")
        return entries, -(-cells // self.cells), slow // rows, fast // columns


@dataclass(frozen=True)
class Numbers:
    """Mean, standard deviation, median and number of values, for all and for the good ones.

    Attributes
    ----------
    mean, std, median : (2, ...) float64
        In the unit of the values, the standard deviation about the mean with n in the denominator; NaN without any.
    n : (2, ...) int64
    """

    mean: _Float
    std: _Float
    median: _Float
    n: _Whole

    @classmethod
    def empty(cls, shape: Sequence[int]) -> Numbers:
        """Numbers of nothing.

        Parameters
        ----------
        shape : sequence of int
            After the first axis.
        """
        whole = (len(SETS), *shape)
        return cls(np.full(whole, np.nan), np.full(whole, np.nan), np.full(whole, np.nan), np.zeros(whole, np.int64))

    def of_entry(self, entry: int) -> Numbers:
        """Numbers of one entry of the axis after the first; changed in place they are these.

        Parameters
        ----------
        entry : int
        """
        return Numbers(self.mean[:, entry], self.std[:, entry], self.median[:, entry], self.n[:, entry])


def numbers_of(values: _Array, flags: _Array | None, cut: Cut) -> tuple[Numbers, Numbers]:
    """Numbers of all groups, and of each entry as a whole.

    Parameters
    ----------
    values : (entries, cells, slow_scan, fast_scan) float32 or float64
        Entries of the first axis are gain stages; in any order in memory. What is no number is in no group.
    flags : (entries or 1, cells or 1, slow_scan, fast_scan) uint32, optional
        Values with any flag are left out of the good ones; without flags all are good.
    cut : Cut

    Returns
    -------
    groups : Numbers
        (2, entries, cell rows, blocks y, blocks x), as NumPy has them to 1e-12.
    whole : Numbers
        (2, entries).

    Raises
    ------
    ValueError
        A shape or type does not fit.
    """
    shape = cut.shape(values.shape)
    if values.dtype.kind != "f":
        raise ValueError(f"values must be floating point, but are {values.dtype}")
    mask = _mask(flags, values.shape)
    groups, whole = Numbers.empty(shape), Numbers.empty(shape[:1])
    for entry in range(shape[0]):
        part = groups.of_entry(entry)
        _entry(values[entry], mask[entry], cut, part)
        _together(part, whole, entry)
        whole.median[ALL, entry] = median_of(values[entry], mask[entry], False, int(whole.n[ALL, entry]))
        whole.median[GOOD, entry] = median_of(values[entry], mask[entry], True, int(whole.n[GOOD, entry]))
    return groups, whole


def _mask(flags: _Array | None, shape: tuple[int, ...]) -> _Array:
    """Flags with the shape of the values, without a copy."""
    if flags is None:
        flags = np.zeros((1, 1, 1, 1), np.uint32)
    if flags.dtype != np.uint32 or flags.ndim != len(shape):
        raise ValueError(f"flags must be uint32 over {len(shape)} axes, but are {flags.dtype} of {flags.shape}")
    return np.broadcast_to(flags, shape)


def _entry(values: _Array, flags: _Array, cut: Cut, out: Numbers) -> None:
    size = min(cut.cells, len(values)) * cut.block_shape[0] * cut.block_shape[1]
    _groups(values, flags, cut.cells, *cut.block_shape, np.empty((2, size)), np.empty(SAMPLE),
            out.mean, out.std, out.median, out.n)


def _together(groups: Numbers, whole: Numbers, entry: int) -> None:
    """Mean, spread and number of several groups as one."""
    for one in range(len(SETS)):
        n = groups.n[one].ravel()
        if not n.sum():
            continue
        mean, std = (np.where(n > 0, numbers[one].ravel(), 0.0) for numbers in (groups.mean, groups.std))
        middle = np.average(mean, weights=n)
        whole.n[one, entry], whole.mean[one, entry] = n.sum(), middle
        whole.std[one, entry] = np.sqrt(np.average(std**2 + (mean - middle) ** 2, weights=n))


@njit(nogil=True, cache=True)
def _groups(values, flags, cells, slow, fast, work, spare, mean, std, median, n):  # type: ignore[no-untyped-def]
    """Fill in the numbers of each group of (cells, slow_scan, fast_scan) values."""
    copied, inside = work
    for row in range(mean.shape[1]):
        last = min((row + 1) * cells, values.shape[0])
        for top in range(mean.shape[2]):
            for left in range(mean.shape[3]):
                good, total, size, bad_sum = 0, 0.0, copied.size, 0.0
                for c in range(row * cells, last):
                    for y in range(top * slow, (top + 1) * slow):
                        for x in range(left * fast, (left + 1) * fast):
                            value = np.float64(values[c, y, x])
                            if not np.isfinite(value):
                                continue
                            if flags[c, y, x]:
                                size -= 1
                                copied[size] = value
                                bad_sum += value
                            else:
                                copied[good] = value
                                good += 1
                                total += value
                bad = copied.size - size
                for i in range(bad):  # flagged ones behind the good ones
                    copied[good + i] = copied[size + i]
                _of_group(copied, good, bad, total, bad_sum, inside, spare, mean[:, row, top, left],
                          std[:, row, top, left], median[:, row, top, left], n[:, row, top, left])


@njit(nogil=True, cache=True, error_model="numpy")
def _of_group(copied, good, bad, total, bad_sum, inside, spare, mean, std, median, n):  # type: ignore[no-untyped-def]
    """Numbers of a group: the good values first, then the others."""
    every = good + bad
    n[0], n[1] = every, good
    if every == 0:
        return
    mean[0], mean[1] = (total + bad_sum) / every, total / good
    squares = 0.0
    for i in range(good):
        away = copied[i] - mean[1]
        squares += away * away
    std[1] = np.sqrt(squares / good)
    rest = 0.0
    for i in range(good, every):
        away = copied[i] - mean[0]
        rest += away * away
    away = mean[1] - mean[0] if good else 0.0
    std[0] = np.sqrt((squares + good * away * away + rest) / every)
    if good:
        median[1] = middle(copied, good, inside, spare)
    median[0] = median[1] if bad == 0 else middle(copied, every, inside, spare)
