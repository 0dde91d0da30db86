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
    pixels : str
        Which pixels of a module they are as text, where it is not all of them; they are then one row.
    """

    block_shape: tuple[int, int]
    cells: int
    pixels: str = ""

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

    def of_entry(self, entry: int | slice) -> Numbers:
        """Numbers of one entry of the axis after the first; changed in place they are these.

        Parameters
        ----------
        entry : int, or slice of several
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
    order = (0, *(axis + 1 for axis in in_memory(values[0])))
    boxes = tuple(cut.boxes[axis - 1] for axis in order[1:])
    one, flagged = values.transpose(order), _mask(flags, values.shape).transpose(order)
    groups, whole = Numbers.empty(shape), Numbers.empty(shape[:1])
    brackets = [Bracket.of(*some) for some in zip(one, flagged, strict=True)]
    for entry, some in enumerate(_collected(one, flagged, boxes, brackets, groups.transposed(order))):
        _together(groups.of_entry(entry), whole, entry)
        every, good = whole.n[:, entry].tolist()
        found = some.medians(every, good)
        if found is None:
            part = slice(entry, entry + 1)
            again = groups.of_entry(part).transposed(order)
            found = _collected(one[part], flagged[part], boxes, [EVERYTHING], again)[0].medians(every, good)
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


def _collected(
    values: _Array, flags: _Array, boxes: tuple[int, ...], brackets: Sequence[Bracket], out: Numbers
) -> list[Collected]:
    """Fill in the numbers of groups, and collect of each entry what may be in the middle of all of them."""
    entries, size = len(values), int(np.prod(np.minimum(boxes, values.shape[1:])))
    room = max(bracket.room(values[0].size, size) for bracket in brackets)
    inside, counts = np.empty((2, entries, room)), np.zeros((2, entries, 2), np.int64)
    _groups(values, flags, boxes, np.empty((2, size + 1)), np.empty(SAMPLE),
            np.array([(bracket.low, bracket.high) for bracket in brackets]), inside, counts,
            out.mean, out.std, out.median, out.n)
    return [Collected(inside[0, e, : counts[0, e, 1]], inside[1, e, : counts[1, e, 1]], int(counts[0, e, 0]),
                      int(counts[1, e, 0]), bool((counts[:, e, 1] < room).all()), bracket)
            for e, bracket in enumerate(brackets)]


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
    values, flags, boxes, work, spare, brackets, inside, counts, mean, std, median, n
):
    """Fill in the numbers of each group, a box of three axes in their order in memory, of all entries one after the
    other since they may lie side by side; collect what is in a bracket, and count what is below and inside."""
    copied = work[0]
    for i in range(mean.shape[2]):
        for j in range(mean.shape[3]):
            for k in range(mean.shape[4]):
                for e in range(values.shape[0]):
                    good, bad = _copy(
                        values[e], flags[e], _part(i, boxes[0], values.shape[1]), _part(j, boxes[1], values.shape[2]),
                        _part(k, boxes[2], values.shape[3]), copied)
                    _of_group(copied, good, good + bad, work[1], spare, mean[:, e, i, j, k], std[:, e, i, j, k],
                              median[:, e, i, j, k], n[:, e, i, j, k])
                    _collect(copied, 0, good, brackets[e], inside[0, e], counts[0, e])
                    _collect(copied, good, good + bad, brackets[e], inside[1, e], counts[1, e])


@njit(nogil=True, cache=True)
def _collect(values, begin, end, bracket, inside, counts):  # type: ignore[no-untyped-def]
    """Add what is in a bracket to what is there, as long as there is room for all that may be."""
    if counts[1] + end - begin < inside.size:
        below, counts[1] = inside_of(values, begin, end, bracket[0], bracket[1], inside, counts[1])
        counts[0] += below
    else:
        counts[1] = inside.size


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
