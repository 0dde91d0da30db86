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
from calib_core.numerics.medians import EVERYTHING, SAMPLE, Bracket, Collected, inside_of, middles

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

    @property
    def boxes(self) -> tuple[int, int, int]:
        """Memory cells, rows and columns of a group."""
        return (self.cells, *self.block_shape)

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

    def transposed(self, order: Sequence[int]) -> Numbers:
        """The same with its axes after the first in another order.

        Parameters
        ----------
        order : sequence of int
        """
        axes = (0, *(axis + 1 for axis in order))
        return Numbers(self.mean.transpose(axes), self.std.transpose(axes), self.median.transpose(axes),
                       self.n.transpose(axes))


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
        part, order = groups.of_entry(entry), in_memory(values[entry])
        one, flagged = values[entry].transpose(order), mask[entry].transpose(order)
        boxes, transposed = tuple(cut.boxes[axis] for axis in order), part.transposed(order)
        collected = _entry(one, flagged, boxes, Bracket.of(one, flagged), transposed)
        _together(part, whole, entry)
        every, good = whole.n[:, entry].tolist()
        found = collected.medians(every, good)
        if found is None:
            found = _entry(one, flagged, boxes, EVERYTHING, transposed).medians(every, good)
        whole.median[:, entry] = np.nan if found is None else found
    return groups, whole


def in_memory(values: _Array) -> tuple[int, ...]:
    """Axes in their order in memory, the one last whose values lie next to each other.

    Parameters
    ----------
    values : array
    """
    return tuple(sorted(range(values.ndim), key=lambda axis: (-abs(values.strides[axis]), axis)))


def _mask(flags: _Array | None, shape: tuple[int, ...]) -> _Array:
    """Flags with the shape of the values, without a copy."""
    if flags is None:
        flags = np.zeros((1, 1, 1, 1), np.uint32)
    if flags.dtype != np.uint32 or flags.ndim != len(shape):
        raise ValueError(f"flags must be uint32 over {len(shape)} axes, but are {flags.dtype} of {flags.shape}")
    return np.broadcast_to(flags, shape)


def _entry(values: _Array, flags: _Array, boxes: tuple[int, ...], bracket: Bracket, out: Numbers) -> Collected:
    """Fill in the numbers of groups, and collect what may be in the middle of all of them."""
    size = int(np.prod(np.minimum(boxes, values.shape)))
    good, bad = (np.empty(bracket.room(values.size, size)) for _ in range(2))
    below, number, below_bad, number_bad, whole = _groups(
        values, flags, boxes, np.empty((2, size + 1)), np.empty(SAMPLE), (bracket.low, bracket.high), (good, bad),
        out.mean, out.std, out.median, out.n)
    return Collected(good[:number], bad[:number_bad], below, below_bad, bool(whole))


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
def _groups(  # type: ignore[no-untyped-def]
    values, flags, boxes, work, spare, bracket, collected, mean, std, median, n
):
    """Fill in the numbers of each group, a box of three axes in their order in memory; collect what is in a bracket,
    and count what is below."""
    copied, inside = work
    below, number, below_bad, number_bad, whole = 0, 0, 0, 0, True
    for i in range(mean.shape[1]):
        for j in range(mean.shape[2]):
            for k in range(mean.shape[3]):
                good, bad = _copy(values, flags, _part(i, boxes[0], values.shape[0]),
                                  _part(j, boxes[1], values.shape[1]), _part(k, boxes[2], values.shape[2]), copied)
                _of_group(copied, good, good + bad, inside, spare, mean[:, i, j, k], std[:, i, j, k],
                          median[:, i, j, k], n[:, i, j, k])
                whole &= number + good < collected[0].size and number_bad + bad < collected[1].size
                if whole:
                    more, number = inside_of(copied, 0, good, bracket[0], bracket[1], collected[0], number)
                    below += more
                    more, number_bad = inside_of(
                        copied, good, good + bad, bracket[0], bracket[1], collected[1], number_bad)
                    below_bad += more
    return below, number, below_bad, number_bad, whole


@njit(nogil=True, cache=True)
def _part(number, length, end):  # type: ignore[no-untyped-def]
    return number * length, min((number + 1) * length, end)


@njit(nogil=True, cache=True)
def _copy(values, flags, first, second, third, copied):  # type: ignore[no-untyped-def]
    """Copy the finite values of a group, the good ones first; how many there are of these and of the others."""
    good, end = 0, copied.size - 1
    for c in range(first[0], first[1]):
        for y in range(second[0], second[1]):
            for x in range(third[0], third[1]):
                value = np.float64(values[c, y, x])
                if flags[c, y, x]:
                    copied[end] = value
                    end -= value - value == 0
                else:
                    copied[good] = value
                    good += value - value == 0
    bad = copied.size - 1 - end
    for i in range(bad):
        copied[good + i] = copied[end + 1 + i]
    return good, bad


@njit(nogil=True, cache=True, error_model="numpy")
def _of_group(copied, good, every, inside, spare, mean, std, median, n):  # type: ignore[no-untyped-def]
    """Numbers of a group: the good values first, then the others."""
    n[0], n[1] = every, good
    if every == 0:
        return
    total = _sum(copied, 0, good)
    mean[1] = total / good
    mean[0] = (total + _sum(copied, good, every)) / every
    squares, away = 0.0, 0.0
    if good:
        squares, away = _squares(copied, 0, good, mean[1]), mean[1] - mean[0]
    std[1] = np.sqrt(squares / good)
    std[0] = np.sqrt((squares + good * away * away + _squares(copied, good, every, mean[0])) / every)
    median[0], median[1] = middles(copied, good, every, inside, spare)


@njit(nogil=True, cache=True)
def _sum(values, begin, end):  # type: ignore[no-untyped-def]
    """Sum of some values, in eight parts so that none waits for the one before."""
    parts = np.zeros(8)
    whole = begin + (end - begin) // 8 * 8
    for i in range(begin, whole, 8):
        for part in range(8):
            parts[part] += values[i + part]
    for i in range(whole, end):
        parts[0] += values[i]
    return parts.sum()


@njit(nogil=True, cache=True)
def _squares(values, begin, end, middle):  # type: ignore[no-untyped-def]
    """Sum of the squares of some values less another, in eight parts."""
    parts = np.zeros(8)
    whole = begin + (end - begin) // 8 * 8
    for i in range(begin, whole, 8):
        for part in range(8):
            away = values[i + part] - middle
            parts[part] += away * away
    for i in range(whole, end):
        away = values[i] - middle
        parts[0] += away * away
    return parts.sum()
