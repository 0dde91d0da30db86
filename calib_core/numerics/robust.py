"""Exact median and median absolute deviation over frames, pixel by pixel, and the gate taken from them.

A median is found by bisection on its value: count the samples not above a threshold, for all pixels of a tile at
once, and halve the bracket. No sample moves, each pass is one vectorised comparison, and the result is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import LANES, LINE, NARROW_STEP, inner_loops, njit

MAX_SAMPLES = 65535
#: Standard deviation of a normal distribution per median absolute deviation.
MAD_TO_SIGMA = 1.4826

#: Pixels of a tile: samples of 128 frames in 8 bits, or of 16 bits copied, take about a quarter of a megabyte.
_TILE, _WIDE_TILE = 2048, 1024
#: Pixels from one frame of a tile to the next, whole lines; no power of two, so that frames do not share cache sets.
_STRIDE = _TILE + LINE
#: Rows are read so many frames after they were asked for.
_AHEAD = 4
#: Fewest and most frames whose samples are bisected in 8 bits.
_FEWEST_PACKED, _MOST_PACKED = 3, 256 - NARROW_STEP

bisect, bisect_packed, pack, packed_lanes = inner_loops(
    "calib_core.numerics._bisect", "bisect", "bisect_packed", "pack", "packed_lanes")

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
    out: tuple[NDArray[np.uint16], NDArray[np.uint16]] | None = None,
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
    out : pair of (...) uint16, C-contiguous, optional
        Where to write the gate.

    Returns
    -------
    low, high : (...) uint16, ADU
        Smallest and largest value inside the gate; low > high (an empty gate) where the median is NaN or the
        gate lies outside the limits.

    Raises
    ------
    ValueError
        If the limits are not 16 bit values in order, or a shape or type does not fit.
    """
    _check_range(lowest, highest)
    low, high = out or (np.empty(median.shape, np.uint16), np.empty(median.shape, np.uint16))
    for each, name in ((low, "low"), (high, "high")):
        check_array(each, name, median.shape, np.uint16)
    centre, spread = (np.ascontiguousarray(values, np.float32).ravel() for values in (median, mad))
    limits = sigma * MAD_TO_SIGMA, float(floor), float(lowest), float(highest)
    gates_of(centre, spread, *limits, low.reshape(-1), high.reshape(-1))
    return low, high


def check_gate_inputs(frames: int, lowest: int, highest: int) -> None:
    """Make sure that so many frames have a median, and that limits of 16 bits are in order.

    Raises
    ------
    ValueError
        There are too many, or they are not.
    """
    _check_range(lowest, highest)
    if frames > MAX_SAMPLES:
        raise ValueError(f"{frames} frames are more than {MAX_SAMPLES}; use fewer for the median")


def _check_range(lowest: int, highest: int) -> None:
    if not 0 <= lowest <= highest <= 65535:
        raise ValueError(f"limits {lowest} to {highest} are not an increasing range within 0 to 65535")


def _run(samples: _Array, lowest: int, highest: int, spread: bool) -> tuple[_Float, _Float, NDArray[np.uint32]]:
    if samples.ndim != 2 or samples.dtype != np.uint16:
        raise ValueError(f"samples must be (n, P) uint16, but are {samples.dtype} of shape {samples.shape}")
    frames, pixels = samples.shape
    check_gate_inputs(frames, lowest, highest)
    middle = np.full(pixels, np.nan, np.float32)
    mad = np.full(pixels, np.nan, np.float32)
    count = np.zeros(pixels, np.uint32)
    rows = np.require(samples, np.uint16, ["C", "W"])
    medians_of(rows, 0, pixels, np.uint16(lowest), np.uint16(highest), spread, middle, mad, count)
    return middle, mad, count


@njit(nogil=True, cache=True)
def medians_of(samples, first, last, lowest, highest, spread, middle, mad, count):  # type: ignore[no-untyped-def]
    """Fill in medians of pixels from the first to before the last; the number of those that 8 bits did not do for."""
    frames = samples.shape[0]
    is_short = _FEWEST_PACKED <= frames <= _MOST_PACKED
    padded = frames + -frames % NARROW_STEP if is_short else 0
    room = np.empty(padded * _STRIDE + LINE, np.uint8)
    packed = room[-room.ctypes.data % LINE:]
    packed[frames * _STRIDE : padded * _STRIDE] = 127
    base, spare, valid = np.zeros(_TILE, np.uint16), np.empty((3, _TILE), np.uint16), np.empty(_TILE, np.uint8)
    tile, width = (_TILE, LANES) if is_short else (_WIDE_TILE, _WIDE_TILE)
    staged, work = np.zeros(frames * (width + LANES), np.uint16), np.empty(frames * LANES, np.uint16)
    found, again, lanes = np.zeros((5, _TILE), np.uint16), 0, packed_lanes()
    for start in range(first, last, tile):
        size = min(tile, last - start)
        whole = size - size % lanes if is_short else 0
        if whole:
            _pack(samples, start, whole, lowest, highest, base, spare, packed, valid)
        for i in range(0, whole, lanes):
            patch = found[:, i : i + lanes]
            if not bisect_packed(packed[i:], padded, _STRIDE, spread, base[i : i + lanes], valid[i : i + lanes],
                                 patch[0], patch[1], patch[2], patch[3], patch[4]):
                _in_16_bits(samples, start + i, start + i + lanes, lowest, highest, spread, staged, work, patch)
                again += lanes
        if whole < size:
            _in_16_bits(samples, start + whole, start + size, lowest, highest, spread, staged, work, found[:, whole:])
            again += size - whole
        at, stop = start - first, start - first + size
        _convert(found[:, :size], middle[at:stop], mad[at:stop], count[at:stop])
    return again


@njit(nogil=True, cache=True)
def _pack(samples, start, size, lowest, highest, base, spare, packed, valid):  # type: ignore[no-untyped-def]
    """Pack a tile of samples about a value near their median, frame by frame."""
    frames, stop = samples.shape[0], start + size
    if frames < 9:
        _middle(samples[0, start:stop], samples[frames // 2, start:stop], samples[frames - 1, start:stop], base)
    else:
        for k in range(3):
            one, two, three = k * frames // 9, (k + 3) * frames // 9, (k + 6) * frames // 9
            _middle(samples[one, start:stop], samples[two, start:stop], samples[three, start:stop], spare[k])
        _middle(spare[0, :size], spare[1, :size], spare[2, :size], base)
    for i in range(size):
        base[i] = max(base[i], np.uint16(128)) - np.uint16(128)
    valid[:size] = 0
    for frame in range(frames):
        row = packed[frame * _STRIDE : frame * _STRIDE + size]
        later = frame + _AHEAD
        ahead = samples[later, start:stop] if later < frames else samples[later % frames, stop:]
        pack(samples[frame, start:stop], ahead, lowest, highest, base[:size], row, valid[:size])


@njit(nogil=True, cache=True)
def _middle(one, two, three, out):  # type: ignore[no-untyped-def]
    for i in range(one.size):
        out[i] = max(min(one[i], two[i]), min(max(one[i], two[i]), three[i]))


@njit(nogil=True, cache=True)
def _in_16_bits(samples, start, stop, lowest, highest, spread, staged, work, found):  # type: ignore[no-untyped-def]
    """Find the medians of some pixels, which are copied first: rows of samples lie far apart."""
    frames, size = samples.shape[0], stop - start
    stride = staged.size // max(frames, 1)
    for frame in range(frames):
        row = staged[frame * stride : frame * stride + size]
        for i in range(size):  # assigning a slice takes twice as long
            row[i] = samples[frame, start + i]
    for i in range(0, size, LANES):
        patch = found[:, i : i + LANES]
        bisect(staged[i:], frames, stride, lowest, highest, spread, work,
               patch[0], patch[1], patch[2], patch[3], patch[4])


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


@njit(nogil=True, cache=True)
def gates_of(median, mad, scale, floor, lowest, highest, low, high):  # type: ignore[no-untyped-def]
    """Fill in gates; no comparison with NaN holds, so its gate is empty."""
    for i in range(median.size):
        half = scale * np.float64(mad[i])
        half = floor if half < floor else half
        bottom, top = np.ceil(np.float64(median[i]) - half), np.floor(np.float64(median[i]) + half)
        bottom, top = lowest if bottom < lowest else bottom, highest if top > highest else top
        full = bottom <= top
        low[i], high[i] = np.uint16(bottom if full else 1.0), np.uint16(top if full else 0.0)
