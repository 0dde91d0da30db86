"""Exact integer moments of raw samples per memory cell and pixel: number, sum and sum of squares.

Sums of integers do not depend on the order or the chunking of the frames, so two jobs that see the same frames
give the same bits. All sums stay exact up to `MAX_FRAMES` frames per memory cell, for any 16 bit data:
65536 * 65535 < 2**32 bounds the sum and (65536 * 65535)**2 < 2**64 bounds every product in `Sums.finish`. Whatever
adds refuses more; sums of longer runs are folded into wider ones in time, of which `finish_wide` makes mean and
deviation.

The kernel takes frames grouped by memory cell and walks them in tiles of pixels, sixteen frames at a time. Nearly all
samples of a pixel lie in a window of codes; they are summed about its lower end, in 8 bytes per pixel, and only after
64 frames, or more where windows are narrow, in 16 more: what blocks of few frames carry to memory and back is half of
what whole sums are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _frames
from calib_core.numerics._arrays import check_array
from calib_core.numerics._first_gate import gate_and_sums
from calib_core.numerics._frames import (
    check_bits,
    check_block,
    check_frames,
    check_gate,
    check_number,
    grouped,
    writable,
)
from calib_core.numerics._tiles import TILE, add_block, finish, means_of_block
from calib_core.numerics.kernels import BEGUN, HELD, MARKS, REACHES
from calib_core.numerics.robust import MAD_TO_SIGMA, check_gate_inputs

TOTAL_DTYPE, SQUARES_DTYPE, COUNT_DTYPE = _frames.TOTAL_DTYPE, _frames.SQUARES_DTYPE, _frames.COUNT_DTYPE
MAX_FRAMES = _frames.MAX_FRAMES

#: Of both ends of windows where gates are too wide for that, sums, sums of squares, and numbers of samples outside.
_NEAR_DTYPES = (np.uint16, np.uint16, np.uint16, np.uint32, np.uint16)

_Array = NDArray[Any]
_Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]


class Sums:
    """Sums of the samples inside the gate of their memory cell and pixel.

    Parameters
    ----------
    low, high : (C, P) uint16, C-contiguous, ADU
        Gates, both ends inside; empty where low > high. They may be set until frames of their memory cell are added.
    array : callable
        Makes an array of a shape and type, with anything in it.

    Attributes
    ----------
    seen : (C,) int64
        Frames of each memory cell that the sums are of.
    """

    def __init__(self, low: _Array, high: _Array, array: Callable[..., _Array] = np.empty) -> None:
        check_gate(low, high)
        self.low, self.high, self.seen = low, high, np.zeros(len(low), np.int64)
        self._near = tuple(array(low.shape, dtype) for dtype in _NEAR_DTYPES)
        self._whole = tuple(array(low.shape, dtype) for dtype in (TOTAL_DTYPE, SQUARES_DTYPE, COUNT_DTYPE))
        #: What is known of each tile.
        self._state = np.zeros((*_tiles(low.shape), 3), np.int64)
        self.forget()

    def forget(self) -> None:
        """Begin anew with the same gates."""
        self.seen[:], self._state[..., HELD], self._state[..., MARKS] = 0, -1, 0

    def add(self, block: _Array, plane: int, slot: _Array, bits: tuple[_Array, int, _Array] | None = None) -> None:
        """Add frames.

        Parameters
        ----------
        block : (n, planes, P) uint16, C-contiguous, ADU
            Raw frames.
        plane : int
            The plane to add.
        slot : (n,) int64
            Index of each frame's memory cell in the sums.
        bits : gain, expected, wrong, optional
            Gain bits of each sample, (n, P) uint8, C-contiguous, and those of the gain stage under test. Samples with
            others are left out and counted up in (C, P) uint32.

        Raises
        ------
        ValueError
            If a shape, type or index does not fit, or a memory cell would exceed `MAX_FRAMES`.
        """
        add((self,), block, (plane,), slot, bits)

    def begin(self, cell: int, samples: _Array, limits: tuple[int, int], sigma: float, floor: float) -> None:
        """Take the gate of a memory cell from its first samples, and begin its sums with those inside.

        As :func:`calib_core.numerics.robust.median_mad`, :func:`calib_core.numerics.robust.gate` and :meth:`add` one
        after the other; samples come from memory once.

        Parameters
        ----------
        cell : int
            Index in the sums, to which nothing was added yet.
        samples : (n, P) uint16, C-contiguous, ADU
        limits : (lowest, highest), ADU
            Samples outside lowest ≤ v ≤ highest do not count, and no gate reaches there.
        sigma, floor : float
            Half width of the gate in standard deviations, 1.4826 · MAD, and the least one, ADU.

        Raises
        ------
        ValueError
            If a shape, type or range does not fit, the memory cell has samples already or would exceed `MAX_SAMPLES`
            of the median.
        """
        frames = len(samples)
        check_array(samples, "samples", (frames, self.low.shape[1]), np.uint16)
        check_gate_inputs(frames, *limits)
        if not 0 <= cell < len(self.seen):
            raise ValueError(f"memory cell {cell} reaches outside 0 to {len(self.seen) - 1}")
        if self.seen[cell]:
            raise ValueError(f"memory cell {cell} has {self.seen[cell]} samples already")
        rows, (lowest, highest) = writable(samples), map(np.uint16, limits)
        order = np.arange(frames), np.array([cell]), np.array([0, frames])
        gate_and_sums(
            rows, rows[:, None], 0, order, lowest, highest, sigma * MAD_TO_SIGMA, float(floor), (self.low, self.high),
            self._near, self._whole, self._state)
        self.seen[cell] = frames

    def _add(self, block: _Array, plane: int, order: tuple[_Array, ...], bits: Any = None) -> None:
        """Run the kernel on checked arguments; it is compiled with bits and without."""
        gain, expected, wrong = (writable(bits[0]), np.uint8(bits[1]), bits[2]) if bits else (None, None, None)
        add_block(writable(block), plane, order, gain, expected, wrong, (writable(self.low), writable(self.high)),
                  self._near, self._whole, self._state)

    def merge(self, other: Sums) -> None:
        """Add other sums; whole numbers, so the order does not matter.

        Parameters
        ----------
        other : Sums
            With the same gates, and of no more than `MAX_FRAMES` together with these.
        """
        for mine, theirs in zip(self.whole(), other.whole(), strict=True):
            mine += theirs
        self.seen += other.seen

    def whole(self) -> tuple[_Array, _Array, _Array]:
        """The sums themselves.

        Returns
        -------
        total, squares, count : (C, P) uint32, uint64 and uint32, ADU, ADU² and samples
            Not copies: they stay valid until more is added, and may be added to.
        """
        for cell, tile in np.ndindex(self._state.shape[:2]):
            rows, pixels = self._state[cell, tile, HELD], slice(tile * TILE, (tile + 1) * TILE)
            if not self._state[cell, tile, MARKS] & BEGUN:
                for sums in self._whole:
                    sums[cell, pixels] = 0
            if rows > 0:
                self._fold(cell, pixels, rows)
        self._state[..., MARKS] |= BEGUN
        np.minimum(self._state[..., HELD], 0, out=self._state[..., HELD])
        total, squares, count = self._whole
        return total, squares, count

    def _fold(self, cell: int, tile: slice, rows: int) -> None:
        """Add sums inside of windows to whole ones."""
        some = self.low[cell, tile] <= self.high[cell, tile]
        reaches = self._state[cell, tile.start // TILE, MARKS] & REACHES
        lower = (self._near[0] if reaches else self.low, *self._near[2:])
        base, near, squares, outside = (one[cell, tile].astype(np.uint64) * some for one in lower)
        n = rows * some - outside
        for sums, more in zip(self._whole, (near + n * base, squares + base * (2 * near + n * base), n), strict=True):
            sums[cell, tile] += more.astype(sums.dtype)

    def finish(self, ddof: int = 1, out: _Maps | None = None, cells: slice = slice(None)) -> _Maps:
        """Mean and standard deviation; the sums stay as they are.

        The variance is (n·q − s²) / (n·(n − ddof)) with an exact integer numerator, so nothing cancels; the standard
        deviation is good to 2 parts in 10⁷. The mean is the exact quotient rounded once to float32: with n ≤ 65536 a
        quotient that is not itself halfway between two float32 lies further from halfway than float64 rounding moves
        it.

        Parameters
        ----------
        ddof : int
            Degrees of freedom lost: 1 for the unbiased variance, 0 for NumPy's default.
        out : three of (cells, P) float32, float32 and uint32, C-contiguous, optional
            Where to write the results; fresh memory costs more than the calculation.
        cells : slice, optional
            Some of the memory cells.

        Returns
        -------
        mean, std : (cells, P) float32, ADU
            NaN where count is 0 (mean), where count ≤ ddof (std).
        count : (cells, P) uint32
            Samples behind them.

        Raises
        ------
        ValueError
            If ``out`` does not fit, or ``ddof`` is negative.
        """
        low, high = self.low[cells], self.high[cells]
        made = _made(low.shape, ddof, out)
        near, whole = (tuple(one[cells] for one in arrays) for arrays in (self._near, self._whole))
        finish((writable(low), writable(high)), near, whole, self._state[cells], ddof, *made)
        return made


def add(
    each: Sequence[Sums], block: _Array, planes: Sequence[int], slot: _Array,
    bits: tuple[_Array, int, _Array] | None = None,
) -> None:
    """Add frames to the sums of several planes; where their memory cells are is found out once.

    Parameters
    ----------
    each : sequence of Sums
        With gates of as many memory cells and pixels.
    planes : sequence of int
        The plane of each.
    block, slot, bits
        As for `Sums.add`; wrong gain bits are counted for each plane.

    Raises
    ------
    ValueError
        As of `Sums.add`; nothing was added then.
    """
    for sums, plane in zip(each, planes, strict=True):
        check_block(block, plane, slot, sums.low.shape)
        if bits:
            check_bits(block, *bits, sums.low.shape)
    order = _, cells, first = grouped(slot)
    for sums in each:
        check_number(cells, first, sums.seen)
    for sums, plane in zip(each, planes, strict=True):
        sums._add(block, plane, order, bits)
        sums.seen[cells] += first[1:] - first[:-1]


def _tiles(shape: tuple[int, ...]) -> tuple[int, int]:
    """Memory cells, and tiles of each."""
    return shape[0], -(-shape[1] // TILE)


def _made(shape: tuple[int, ...], ddof: int, out: _Maps | None) -> _Maps:
    """Where to write results, checked."""
    if ddof < 0:
        raise ValueError(f"ddof must not be negative, but is {ddof}")
    kinds = {"mean": np.float32, "std": np.float32, "count": COUNT_DTYPE}
    made: Any = out or tuple(np.empty(shape, dtype) for dtype in kinds.values())
    for array, name in zip(made, kinds, strict=True):
        check_array(array, name, shape, kinds[name])
    found: _Maps = made
    return found


def finish_wide(
    total: _Array, squares: _Array, count: _Array, ddof: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments of more than `MAX_FRAMES` frames into mean and standard deviation.

    The sum of squares is moved to the whole number m = ⌊s/n⌋ next below the mean: q − m·(2s − n·m), which is exact
    modulo 2⁶⁴ and equals Σ(x − m)², and r²/n, with the rest r = s − n·m, comes off it in float64.

    Parameters
    ----------
    total, squares : (...) uint64, ADU and ADU²
        Sums of at most 2³² samples.
    count : (...) integer
        Samples.
    ddof : int
        As of `finish`.

    Returns
    -------
    mean, std : (...) float32, ADU
        NaN where count is 0 (mean), where count ≤ ddof (std).
    """
    n = np.asarray(count).astype(np.uint64)
    some = np.maximum(n, np.uint64(1))
    whole = total // some
    rest = (total - whole * some).astype(np.float64)
    about_whole = (squares - whole * (np.uint64(2) * total - some * whole)).astype(np.float64)
    samples = n.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total.astype(np.float64) / samples, np.nan)
        variance = (about_whole - rest * rest / samples) / np.where(samples > ddof, samples - ddof, np.nan)
        return mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def whole(
    block: _Array, plane: int, slot: _Array, cells: int, ddof: int, gate: tuple[_Array, _Array],
    out: _Maps | None = None,
) -> _Maps:
    """Mean and standard deviation inside the gate of a block that holds all frames of its memory cells.

    They have the bits of `Sums`; those of one memory cell after the other stay near the core.

    Parameters
    ----------
    block, plane, slot
        As for `Sums.add`.
    cells : int
        Memory cells C.
    ddof : int
        As for `Sums.finish`.
    gate : pair of (C, P) uint16, ADU
        As for `Sums`.
    out : three of (C, P) float32, float32 and uint32, C-contiguous, optional
        Where to write the results; fresh memory costs more than the calculation.

    Returns
    -------
    mean, std : (C, P) float32, ADU
        As of `Sums.finish`; NaN for memory cells without frames.
    count : (C, P) uint32
        Samples behind them.

    Raises
    ------
    ValueError
        If a shape, type or index does not fit, or a memory cell has more than `MAX_FRAMES`.
    """
    check_frames(block, plane, slot, cells)
    order = _, numbers, first = grouped(slot)
    check_number(numbers, first, np.zeros(cells, np.int64))
    shape = (cells, block.shape[2])
    check_array(gate[0], "low", shape, np.uint16)
    check_gate(*gate)
    mean, std, count = made = _made(shape, ddof, out)
    without = np.bincount(slot, minlength=cells) == 0
    mean[without], std[without], count[without] = np.nan, np.nan, 0
    low, high = map(writable, gate)
    means_of_block(writable(block), plane, order, (low, high), ddof, mean, std, count)
    return made
