"""Soft limits of a map, taken from the spread of its pixels in blocks, and the pixels outside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import MAD_TO_SIGMA

#: Keys that are sorted rather than searched.
_FEW = 16
#: Values that are looked at together.
_RUN = 64

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
    limits = (np.array(limit, np.float32) for limit in (low, high))
    _outside(_kernel_map(values), *limits, *block_shape, float(hard_low), float(hard_high), flagged)
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
def _at_most(keys, threshold):  # type: ignore[no-untyped-def]
    """Number of keys not above the threshold, in 32 bit, of which processors add twice as many at once."""
    count = np.int32(0)
    for i in range(keys.size):
        count = np.int32(count + np.int32(keys[i] <= threshold))
    return np.int64(count)


@njit(nogil=True, cache=True)
def _value(key):  # type: ignore[no-untyped-def]
    """Value of a sortable integer."""
    bits = np.empty(1, np.int32)
    bits[0] = _sortable(key)
    return np.float64(bits.view(np.float32)[0])


@njit(nogil=True, cache=True)
def _median(values, keys):  # type: ignore[no-untyped-def]
    """Exact median by a search on the order of float32; `keys` is room for as many int32.

    The search goes where the numbers of keys at the ends of the bracket let the rank be expected, and every third
    time to the middle, so that it ends whatever the values are. The few keys that are left are sorted.
    """
    bits = values.view(np.int32)
    least, most = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
    for i in range(bits.size):
        key = _sortable(bits[i])
        keys[i] = key
        least, most = min(least, key), max(most, key)
    rank = (keys.size + 1) // 2
    low, high = np.int64(least), np.int64(most)
    below, up_to, step = np.int64(0), np.int64(keys.size), 0  # keys below the bracket, and up to its end
    while low < high and up_to - below > _FEW:
        threshold = (low + high) >> 1
        if step % 3 < 2:
            share = (np.float64(rank - below) - 0.5) / np.float64(up_to - below)
            threshold = min(max(low + np.int64(np.float64(high - low) * share), low), high - 1)
        number = _at_most(keys, np.int32(threshold))
        if number >= rank:
            high, up_to = threshold, number
        else:
            low, below = threshold + 1, number
        step += 1
    few = np.full(_FEW + 1, np.int32(low), np.int32)
    if low < high:
        _sort_between(keys, np.int32(low), np.int32(high), few)
    middle = few[rank - below - 1 if low < high else 0]
    if keys.size % 2 or (up_to > rank and (low == high or few[rank - below] == middle)):
        return _value(middle)
    above = np.int32(0x7FFFFFFF)
    for i in range(keys.size):
        above = min(above, keys[i] if keys[i] > middle else above)
    return (_value(middle) + _value(above)) / 2


@njit(nogil=True, cache=True)
def _sort_between(keys, low, high, few):  # type: ignore[no-untyped-def]
    """Sort the keys from low to high into an array that has room for one more than there are."""
    size = 0
    for start in range(0, keys.size, _RUN):
        run = keys[start:start + _RUN]
        inside = np.int32(0)
        for i in range(run.size):
            inside = np.int32(inside + np.int32((run[i] >= low) & (run[i] <= high)))
        if inside == 0:
            continue
        for i in range(run.size):
            few[size] = run[i]
            size += (run[i] >= low) & (run[i] <= high)
    for i in range(1, size):
        key, at = few[i], i
        while at > 0 and few[at - 1] > key:
            few[at] = few[at - 1]
            at -= 1
        few[at] = key


@njit(nogil=True, cache=True)
def _robust(kept, away, keys, sigma, passes, floor, relative):  # type: ignore[no-untyped-def]
    """Median of the values and their scale, about which the limits lie."""
    size = kept.size
    for _ in range(passes):
        centre = _median(kept[:size], keys[:size])
        for i in range(size):
            away[i] = np.float32(abs(np.float64(kept[i]) - centre))
        scale = max(MAD_TO_SIGMA * _median(away[:size], keys[:size]), floor, relative * centre)
        half = sigma * scale
        inside = _within(kept[:size], centre, half)
        if inside in (0, size):
            break
        _drop_beyond(kept[:size], centre, half)
        size = inside
    return centre, scale


@njit(nogil=True, cache=True)
def _within(values, centre, half):  # type: ignore[no-untyped-def]
    """Number of values not farther away than half."""
    count = np.int32(0)
    for i in range(values.size):
        count = np.int32(count + np.int32(abs(np.float64(values[i]) - centre) <= half))
    return np.int64(count)


@njit(nogil=True, cache=True)
def _drop_beyond(values, centre, half):  # type: ignore[no-untyped-def]
    """Move the values that are not farther away than half to the front, whole runs of them at once."""
    at = 0
    for start in range(0, values.size, _RUN):
        run = values[start:start + _RUN]
        if _within(run, centre, half) == run.size:
            room = values[at:at + run.size]
            for i in range(run.size):
                room[i] = run[i]
            at += run.size
            continue
        for i in range(run.size):
            value = run[i]
            values[at] = value
            at += abs(np.float64(value) - centre) <= half


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
    """Copy the finite values of a block, row by row as far as all are, else without a branch; return their number."""
    size = 0
    for y in range(top, top + slow):
        row, room, finite = values[y, left:left + fast], kept[size:size + fast], np.int32(0)
        for x in range(fast):
            room[x] = row[x]
            finite = np.int32(finite + np.int32(abs(row[x]) < np.float32(np.inf)))
        if finite == fast:
            size += fast
            continue
        for x in range(fast):
            kept[size] = row[x]
            size += np.isfinite(row[x])
    return size


@njit(nogil=True, cache=True)
def _group(values, slow, fast, sigma, robust, passes, floor, relative, centre, scale):  # type: ignore[no-untyped-def]
    kept = np.empty(slow * fast, np.float32)
    away = np.empty(slow * fast, np.float32)
    keys = np.empty(slow * fast, np.int32)
    for row in range(centre.shape[0]):
        for column in range(centre.shape[1]):
            size = _gather(values, row * slow, column * fast, slow, fast, kept)
            if size == 0:
                continue
            if robust:
                middle, spread = _robust(kept[:size], away, keys, sigma, passes, floor, relative)
            else:
                middle, spread = _plain(kept[:size], keys[:size])
            centre[row, column], scale[row, column] = middle, spread


@njit(nogil=True, cache=True)
def _outside(values, low, high, slow, fast, hard_low, hard_high, flagged):  # type: ignore[no-untyped-def]
    for y in range(values.shape[0]):
        for column in range(low.shape[1]):
            bottom, top = low[y // slow, column], high[y // slow, column]
            for x in range(column * fast, (column + 1) * fast):
                v = values[y, x]
                flagged[y, x] = (v < bottom) | (v > top) | (v < hard_low) | (v > hard_high)
