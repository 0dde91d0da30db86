"""Exact median and median absolute deviation over frames, pixel by pixel, and the gate taken from them.

A median is found by bisection on its value: count the samples not above a threshold, for all pixels of a tile at
once, and halve the bracket. No sample moves, each pass is one vectorised comparison, and the result is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import LANES, inner_loops, njit

MAX_SAMPLES = 65535
#: Standard deviation of a normal distribution per median absolute deviation.
MAD_TO_SIGMA = 1.4826

_TILE = 1024
#: Pixels from one staged frame to the next; not a power of two, so that frames do not share cache sets.
_STRIDE = _TILE + LANES

bisect, bisect_spread = inner_loops("calib_core.numerics._bisect", "bisect", "bisect_spread")

_Array = NDArray[Any]
_Float = NDArray[np.float32]


def median_mad(samples: _Array, lowest: int, highest: int) -> tuple[_Float, _Float, NDArray[np.uint32]]:
    """Take the exact median and median absolute deviation of each pixel over frames.

    Parameters
    ----------
    samples : (n, P) uint16, ADU
        Frames of one memory cell, at most `MAX_SAMPLES`; copied unless C-contiguous.
    lowest, highest : int, ADU
        Samples outside lowest ≤ v ≤ highest do not count (missing, saturated, of another gain stage).

    Returns
    -------
    median : (P,) float32, ADU
        As `np.median` of the samples that count; NaN where there is none.
    mad : (P,) float32, ADU
        Median of |v − median|; NaN where there is no sample.
    count : (P,) uint32
        Samples that count.

    Raises
    ------
    ValueError
        If the shape, type or range does not fit.
    """
    return _run(samples, lowest, highest, True)


def median(samples: _Array, lowest: int, highest: int) -> _Float:
    """Take the exact median of each pixel over frames: the first part of `median_mad` alone.

    Parameters
    ----------
    samples : (n, P) uint16, ADU
        Frames of one memory cell, at most `MAX_SAMPLES`; copied unless C-contiguous and writable.
    lowest, highest : int, ADU
        Samples outside lowest ≤ v ≤ highest do not count.

    Returns
    -------
    (P,) float32, ADU
        The mean of the two in the middle where their number is even; NaN where no sample counts.

    Raises
    ------
    ValueError
        If the shape, type or range does not fit.
    """
    return _run(samples, lowest, highest, False)[0]


def gate(
    median: _Array, mad: _Array, sigma: float, floor: float, lowest: int, highest: int,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Make the gate of each pixel: median ± max(sigma · 1.4826 · MAD, floor) in whole ADU.

    Parameters
    ----------
    median, mad : (...) float32, ADU
        From `median_mad`.
    sigma : float
        Half width in standard deviations.
    floor : float, ADU
        Smallest half width, for pixels whose samples hardly differ.
    lowest, highest : int, ADU
        Limits to which the gate is clipped.

    Returns
    -------
    low, high : (...) uint16, ADU
        Smallest and largest value inside the gate; low > high (an empty gate) where the median is NaN or the
        gate lies outside the limits.

    Raises
    ------
    ValueError
        If the limits are not 16 bit values in order.
    """
    _check_range(lowest, highest)
    centre = np.asarray(median, np.float64)
    half = np.maximum(sigma * MAD_TO_SIGMA * np.asarray(mad, np.float64), floor)
    low = np.maximum(np.ceil(centre - half), lowest)
    high = np.minimum(np.floor(centre + half), highest)
    full = low <= high
    return np.where(full, low, 1).astype(np.uint16), np.where(full, high, 0).astype(np.uint16)


def _check_range(lowest: int, highest: int) -> None:
    if not 0 <= lowest <= highest <= 65535:
        raise ValueError(f"limits {lowest} to {highest} are not an increasing range within 0 to 65535")


def _run(samples: _Array, lowest: int, highest: int, spread: bool) -> tuple[_Float, _Float, NDArray[np.uint32]]:
    _check_range(lowest, highest)
    if samples.ndim != 2 or samples.dtype != np.uint16:
        raise ValueError(f"samples must be (n, P) uint16, but are {samples.dtype} of shape {samples.shape}")
    frames, pixels = samples.shape
    if frames > MAX_SAMPLES:
        raise ValueError(f"{frames} frames are more than {MAX_SAMPLES}; use fewer for the median")
    middle = np.full(pixels, np.nan, np.float32)
    mad = np.full(pixels, np.nan, np.float32)
    count = np.zeros(pixels, np.uint32)
    rows = np.require(samples, np.uint16, ["C", "W"])
    _medians(rows, np.uint16(lowest), np.uint16(highest), spread, middle, mad, count)
    return middle, mad, count


@njit(nogil=True, cache=True)
def _medians(samples, lowest, highest, spread, middle, mad, count):  # type: ignore[no-untyped-def]
    frames, pixels = samples.shape
    staged = np.zeros(frames * _STRIDE, np.uint16)
    work = np.empty(frames * LANES, np.uint16)
    found = np.zeros((5, _TILE), np.uint16)
    for start in range(0, pixels, _TILE):
        size = min(_TILE, pixels - start)
        for frame in range(frames):
            staged[frame * _STRIDE : frame * _STRIDE + size] = samples[frame, start : start + size]
        for i in range(0, size, LANES):
            lower, upper = found[0, i : i + LANES], found[1, i : i + LANES]
            near, far, valid = found[2, i : i + LANES], found[3, i : i + LANES], found[4, i : i + LANES]
            if spread:
                bisect_spread(staged[i:], frames, _STRIDE, lowest, highest, work, lower, upper, near, far, valid)
            else:
                bisect(staged[i:], frames, _STRIDE, lowest, highest, work, lower, upper, near, far, valid)
        stop = start + size
        _convert(found[:, :size], middle[start:stop], mad[start:stop], count[start:stop])


@njit(nogil=True, cache=True)
def _convert(found, middle, mad, count):  # type: ignore[no-untyped-def]
    """Turn the middle samples and whole distances of a tile into medians; NaN without samples."""
    for i in range(middle.size):
        twice = np.int32(found[0, i]) + np.int32(found[1, i])
        distances = np.int32(found[2, i]) + np.int32(found[3, i]) + (twice & 1)
        count[i] = found[4, i]
        none = found[4, i] == 0
        middle[i] = np.float32(np.nan) if none else np.float32(twice / 2)
        mad[i] = np.float32(np.nan) if none else np.float32(distances / 2)
