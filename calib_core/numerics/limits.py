"""Soft limits of a map, taken from the spread of its pixels in blocks, and the pixels outside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import MAD_TO_SIGMA

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
    """Number of keys not above the threshold."""
    count = 0
    for i in range(keys.size):
        count += keys[i] <= threshold
    return count


@njit(nogil=True, cache=True)
def _value(key):  # type: ignore[no-untyped-def]
    """Value of a sortable integer."""
    bits = np.empty(1, np.int32)
    bits[0] = _sortable(key)
    return np.float64(bits.view(np.float32)[0])


@njit(nogil=True, cache=True)
def _median(values, keys):  # type: ignore[no-untyped-def]
    """Exact median by bisection on the order of float32; `keys` is room for as many int32."""
    bits = values.view(np.int32)
    for i in range(bits.size):
        keys[i] = _sortable(bits[i])
    rank = (keys.size + 1) // 2
    low, high = np.int64(keys.min()), np.int64(keys.max())
    while low < high:
        threshold = (low + high) >> 1
        if _at_most(keys, np.int32(threshold)) >= rank:
            high = threshold
        else:
            low = threshold + 1
    if keys.size % 2 or _at_most(keys, np.int32(low)) > rank:
        return _value(np.int32(low))
    above = np.int32(0x7FFFFFFF)
    for i in range(keys.size):
        above = min(above, keys[i] if keys[i] > low else above)
    return (_value(np.int32(low)) + _value(above)) / 2


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
        inside = 0
        for i in range(size):
            kept[inside] = kept[i]
            inside += abs(np.float64(kept[i]) - centre) <= half
        if inside in (0, size):
            break
        size = inside
    return centre, scale


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
    """Copy the finite values of a block, without a branch for each; return their number."""
    size = 0
    for y in range(top, top + slow):
        for x in range(left, left + fast):
            kept[size] = values[y, x]
            size += np.isfinite(values[y, x])
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
