"""Soft limits of a map, taken from the spread of its pixels in blocks, and the pixels outside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import MAD_TO_SIGMA

#: The largest float32.
_LARGEST = float(np.finfo(np.float32).max)

_Array = NDArray[Any]
_Float = NDArray[np.float32]


def group_limits(
    values: _Array, block_shape: tuple[int, int], sigma: float, robust: bool = True, passes: int = 3,
    floor: float = 0.0, relative: float = 0.0,
) -> tuple[_Float, _Float]:
    """Take the soft limits of each block of a map: median ± sigma · s over the block's finite values.

    Robust limits use s = max(1.4826 · MAD, floor, relative · median) and are taken again from the values inside them
    until nothing more falls out (or everything would), at most `passes` times in all. The others use s = `np.std` of
    all finite values, as the original notebooks do, once and without the floor.

    Parameters
    ----------
    values : (slow_scan, fast_scan) float32
        The map.
    block_shape : (int, int)
        Shape of a block, such as an ASIC; the shape of the map for one block.
    sigma : float
        Half width of the limits in units of s.
    robust : bool
        Which scale to use.
    passes : int
        Largest number of times the robust limits are taken, at least 1.
    floor : float, unit of the map
        Smallest robust s, so that a block whose values are mostly equal (such as a quantised map) does not flag
        the pixels that differ a little; 0 for none.
    relative : float
        Smallest robust s as a share of the block's median, such as the statistical error of a standard deviation.

    Returns
    -------
    low, high : (blocks along slow_scan, blocks along fast_scan) float32
        Limits; NaN for a block without a finite value.

    Raises
    ------
    ValueError
        If the blocks do not tile the map or a number is out of range.
    """
    centre, scale = group_spread(values, block_shape, sigma, robust, passes, floor, relative)
    half = sigma * scale
    return (centre - half).astype(np.float32), (centre + half).astype(np.float32)


def group_spread(
    values: _Array, block_shape: tuple[int, int], sigma: float, robust: bool = True, passes: int = 3,
    floor: float = 0.0, relative: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take the median and the scale s that the soft limits of each block are made of.

    Parameters
    ----------
    values, block_shape, sigma, robust, passes, floor, relative
        As of :func:`group_limits`.

    Returns
    -------
    centre, scale : (blocks along slow_scan, blocks along fast_scan) float64
        Median and s of the last pass; NaN for a block without a finite value.

    Raises
    ------
    ValueError
        If the blocks do not tile the map or a number is out of range.
    """
    blocks = _blocks(values, block_shape)
    if min(sigma, floor, relative) < 0 or passes < 1:
        raise ValueError(
            f"sigma {sigma}, floor {floor} and relative {relative} must not be negative, passes {passes} at least 1")
    centre, scale = np.full(blocks, np.nan), np.full(blocks, np.nan)
    _group(_kernel_map(values), *block_shape, float(sigma), bool(robust), int(passes), float(floor), float(relative),
           centre, scale)
    return centre, scale


def outside(
    values: _Array, low: _Array, high: _Array, block_shape: tuple[int, int],
    hard_low: float, hard_high: float,
) -> NDArray[np.bool_]:
    """Find the pixels outside the soft limits of their block or outside the hard limits.

    Parameters
    ----------
    values : (slow_scan, fast_scan) float32
        The map.
    low, high : (blocks along slow_scan, blocks along fast_scan) float32
        Soft limits from `group_limits`; NaN limits flag nothing.
    block_shape : (int, int)
        Shape of a block.
    hard_low, hard_high : float, unit of the map
        Hard limits.

    Returns
    -------
    (slow_scan, fast_scan) bool
        True outside; False where the value is NaN.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    blocks = _blocks(values, block_shape)
    if low.shape != blocks or high.shape != blocks:
        raise ValueError(f"limits of shape {low.shape} and {high.shape} do not fit {blocks} blocks")
    flagged = np.empty(values.shape, np.bool_)
    bottom, top = (
        nearer(np.asarray(soft, np.float32), hard, dtype=np.float64, order="C")  # of NaN and a number, the number
        for nearer, soft, hard in ((np.fmax, low, hard_low), (np.fmin, high, hard_high)))
    _outside(_kernel_map(values), bottom, top, *block_shape, flagged)
    return flagged


def _blocks(values: _Array, block_shape: tuple[int, int]) -> tuple[int, int]:
    """Number of blocks along both axes of the map."""
    if values.ndim != 2:
        raise ValueError(f"a map has 2 axes, but this one has shape {values.shape}")
    slow, fast = block_shape
    if slow < 1 or fast < 1 or values.shape[0] % slow or values.shape[1] % fast:
        raise ValueError(f"blocks of {slow} x {fast} pixels do not tile a map of {values.shape}")
    return values.shape[0] // slow, values.shape[1] // fast


def _kernel_map(values: _Array) -> _Float:
    """Give the map the one type and layout that kernels are compiled for."""
    return np.require(values, np.float32, ["C", "W"])


@njit(nogil=True, cache=True)
def _sortable(bits):  # type: ignore[no-untyped-def]
    """Turn the bits of a float32 into an integer of the same order, and back."""
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@njit(nogil=True, cache=True)
def _value(key):  # type: ignore[no-untyped-def]
    """Value of a sortable integer."""
    return np.float64(np.int32(_sortable(key)).view(np.float32))


@njit(nogil=True, cache=True)
def _around(keys, threshold):  # type: ignore[no-untyped-def]
    """Number of keys not above the threshold, the last of these, and the first key above.

    Counted from the threshold on in 32 bits without a sign, the keys above come first and the others after them, so
    that the two are the greatest and the least number: loops that compilers turn into vectors, as they don't with a
    condition. Where all keys are on one side, the two are its ends.
    """
    start, threshold, count = np.uint32(threshold + 1), np.int32(threshold), np.int32(0)
    first, last = np.uint32(0xFFFFFFFF), np.uint32(0)
    for i in range(keys.size):
        count = np.int32(count + np.int32(keys[i] <= threshold))
        place = np.uint32(np.uint32(keys[i]) - start)
        first, last = min(first, place), max(last, place)
    return np.int64(count), np.int64(np.int32(last + start)), np.int64(np.int32(first + start))


@njit(nogil=True, cache=True)
def _middle(keys):  # type: ignore[no-untyped-def]
    """Exact median of the values of keys, by a search for a threshold with as many keys on either side; the largest.

    Both ends of the bracket are keys. The search goes where their ranks let the middle be expected, and halfway
    whenever that left more than half of the keys, so that it ends soon whatever the values are.
    """
    rank, below, up_to, halve = (keys.size + 1) // 2, 0, keys.size, False  # keys below the bracket, and up to its end
    _, high, low = _around(keys, np.int64(0x7FFFFFFF))
    largest = _value(np.int32(high))
    while low < high:
        between, ahead = up_to - below, rank - below - 1
        threshold = (low + high) >> 1
        if not halve or ahead == 0 or ahead == between - 2:
            share = np.float64(ahead) / np.float64(max(between - 2, 1))
            threshold = min(low + np.int64(np.float64(high - low) * share), high - 1)
        number, last, first = _around(keys, threshold)
        if number == rank:
            low, high = last, first
            break
        if number > rank:
            high, up_to = last, number
        else:
            low, below = first, number
        halve = not halve and 2 * (up_to - below) > between
    lower = _value(np.int32(low))
    return (lower if keys.size % 2 else (lower + _value(np.int32(high))) / 2), largest


@njit(nogil=True, cache=True)
def _median(values, keys):  # type: ignore[no-untyped-def]
    """Exact median; `keys` is room for as many int32."""
    bits = values.view(np.int32)
    for i in range(bits.size):
        keys[i] = _sortable(bits[i])
    return _middle(keys)[0]


@njit(nogil=True, cache=True)
def _distances(values, centre, keys):  # type: ignore[no-untyped-def]
    """Exact median of the distances as float32, whose bits are in order as they are, and the largest distance."""
    distances = keys.view(np.float32)
    for i in range(values.size):
        distances[i] = np.float32(abs(np.float64(values[i]) - centre))
    return _middle(keys)


@njit(nogil=True, cache=True)
def _robust(kept, keys, sigma, passes, floor, relative):  # type: ignore[no-untyped-def]
    """Median of the values and their scale, about which the limits lie."""
    size = inside = kept.size
    for _ in range(passes):
        size = inside
        centre = _median(kept[:size], keys[:size])
        typical, largest = _distances(kept[:size], centre, keys[:size])
        scale = max(max(MAD_TO_SIGMA * typical, floor), relative * centre)
        half = sigma * scale
        if largest < np.float32(half):  # so they were before both were rounded
            break
        inside = _keep_within(kept[:size], centre, half)
        if inside == 0 or inside == size:
            break
    return centre, scale


@njit(nogil=True, cache=True)
def _keep_within(values, centre, half):  # type: ignore[no-untyped-def]
    """Move the values that are not farther away than half to the front, without a branch; return their number."""
    inside = np.int32(0)
    for i in range(values.size):
        inside = np.int32(inside + np.int32(abs(np.float64(values[i]) - centre) <= half))
    if inside == values.size:  # as in most maps
        return values.size
    at = 0
    for i in range(values.size):
        value = values[i]
        values[at] = value
        at += abs(np.float64(value) - centre) <= half
    return at


@njit(nogil=True, cache=True)
def _plain(kept, keys):  # type: ignore[no-untyped-def]
    """Median of the values and their standard deviation."""
    total = 0.0
    for i in range(kept.size):
        total += np.float64(kept[i])
    mean, squares = total / kept.size, 0.0
    for i in range(kept.size):
        squares += (np.float64(kept[i]) - mean) ** 2
    return _median(kept, keys), np.sqrt(squares / kept.size)


@njit(nogil=True, cache=True)
def _gather(values, top, left, slow, fast, kept):  # type: ignore[no-untyped-def]
    """Copy the finite values of a block, row by row; return their number."""
    size = 0
    for y in range(slow):
        row, room, finite = values[top + y, left:left + fast], kept[y * fast:(y + 1) * fast], np.int32(0)
        for x in range(fast):
            room[x] = row[x]
            finite = np.int32(finite + np.int32(abs(row[x]) < np.float32(np.inf)))
        size += int(finite)
    return size if size == kept.size else _keep_within(kept, 0.0, _LARGEST)


@njit(nogil=True, cache=True)
def _group(values, slow, fast, sigma, robust, passes, floor, relative, centre, scale):  # type: ignore[no-untyped-def]
    kept, keys = np.empty(slow * fast, np.int32).view(np.float32), np.empty(slow * fast, np.int32)
    for row in range(centre.shape[0]):
        for column in range(centre.shape[1]):
            size = _gather(values, row * slow, column * fast, slow, fast, kept)
            if size == 0:
                continue
            if robust:
                middle, spread = _robust(kept[:size], keys, sigma, passes, floor, relative)
            else:
                middle, spread = _plain(kept[:size], keys[:size])
            centre[row, column], scale[row, column] = middle, spread


@njit(nogil=True, cache=True)
def _outside(values, low, high, slow, fast, flagged):  # type: ignore[no-untyped-def]
    for y in range(values.shape[0]):
        for column in range(low.shape[1]):
            left, bottom, top = column * fast, low[y // slow, column], high[y // slow, column]
            row, found = values[y, left:left + fast], flagged[y, left:left + fast]
            for x in range(fast):
                found[x] = (row[x] < bottom) | (row[x] > top)
