"""Common mode: the exact median of the samples that share an amplifier, taken off them.

A median is found by counting: how many samples do not exceed a threshold? Newton steps of a normal distribution move
the threshold until half of the samples lie below it, halving the bracket where they do not get there. No sample
moves, each count is one vectorised pass over a segment in the first cache, and the result is exact.

Source: the common mode algorithms of psana (medians of blocks, rows and columns per bank).
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

Axis = Literal["block", "row", "column"]

#: Samples that are counted exactly in float32.
MAX_SEGMENT = 1 << 24

_INFINITE, _NONE = np.float32(np.inf), np.float32(np.nan)
#: Columns that are gathered together, so that a line of the cache is read once.
_COLUMNS = 16
#: Counts with Newton steps, more than ever needed where samples are not the same; then the bracket is halved.
_NEWTON_STEPS = 8
_ROOT_TWO_PI = np.float32(2.5066283)

_Array = NDArray[Any]


def subtract_medians(
    values: _Array, use: _Array, bank_shape: tuple[int, int], axis: Axis, min_share: float, limit: float,
) -> NDArray[np.float32]:
    """Take the median of each segment of each bank off all its samples, in place.

    Parameters
    ----------
    values : (n, slow, fast) float32, C-contiguous, ADU
        Changed in place, samples that are not used too.
    use : (n, slow, fast) bool
        Samples that the median is of; those that are not finite never are.
    bank_shape : (int, int)
        Pixels (slow, fast) of a bank; banks tile the frame.
    axis : {"block", "row", "column"}
        Segments: a whole bank, each of its rows (along fast), or each of its columns (along slow).
    min_share : float
        Smallest share of a segment's samples that must be used; with fewer nothing is subtracted.
    limit : float, ADU
        Nothing is subtracted where the median is further than this from 0.

    Returns
    -------
    shifts : (n, banks along slow, banks along fast, segments) float32, ADU
        What was subtracted: the median as of `np.ma.median`, with an even number of samples the mean of the two
        in the middle in float32; NaN where nothing was subtracted, since too few samples are used or the median is
        too far from 0.

    Raises
    ------
    ValueError
        If a shape, type, bank or axis does not fit.
    """
    segment = _segment(axis, bank_shape)
    _check_frames(values, use, bank_shape)
    frames, slow, fast = values.shape
    if not values.size:
        return np.zeros((frames, slow // bank_shape[0], fast // bank_shape[1], _segments(bank_shape, segment)), "f4")
    lines = values.reshape(-1, fast)
    used = np.require(use, np.bool_, ["C", "W"]).reshape(-1, fast)
    shifts = np.zeros((frames * slow // segment[0], fast // segment[1]), np.float32)
    least = max(float(min_share) * segment[0] * segment[1], 1.0)
    kernel = _subtract_columns if axis == "column" else _subtract_lines
    kernel(lines, used, *segment, least, float(limit), shifts)
    return _by_bank(shifts, (frames, slow, fast), bank_shape, segment)


def near(values: _Array, use: _Array, reach: _Array) -> NDArray[np.bool_]:
    """Mark the used samples that are nearer to 0 than their pixel's reach.

    Parameters
    ----------
    values : (n, slow, fast) float32, C-contiguous, ADU
    use : (n, slow, fast) bool
    reach : (slow, fast) float, ADU
        Where it is 0 or NaN no sample is marked.

    Returns
    -------
    marked : (n, slow, fast) bool

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    _check_frames(values, use, (1, 1))
    if reach.shape != values.shape[1:]:
        raise ValueError(f"reach of shape {reach.shape} does not fit frames of shape {values.shape[1:]}")
    pixels = reach.size
    marked = np.empty(values.shape, np.bool_)
    flat = (values.reshape(len(values), pixels), np.require(use, np.bool_, ["C", "W"]).reshape(len(values), pixels))
    _near(*flat, np.array(reach, np.float32).reshape(pixels), marked.reshape(len(values), pixels))
    return marked


def shares(mask: _Array, bank_shape: tuple[int, int], axis: Axis) -> NDArray[np.float32]:
    """Share of the pixels of each segment that are marked.

    Parameters
    ----------
    mask : (slow, fast) bool
    bank_shape : (int, int)
        Pixels (slow, fast) of a bank; banks tile the mask.
    axis : {"block", "row", "column"}

    Returns
    -------
    (banks along slow, banks along fast, segments) float32
        In the order of the shifts of :func:`subtract_medians`.
    """
    (slow, fast), (height, width) = mask.shape, _segment(axis, bank_shape)
    of_segments = mask.reshape(slow // height, height, fast // width, width).mean(axis=(1, 3), dtype=np.float32)
    [found] = _by_bank(of_segments, (1, slow, fast), bank_shape, (height, width))
    return cast(NDArray[np.float32], found)


def _segment(axis: str, bank_shape: tuple[int, int]) -> tuple[int, int]:
    shapes = {"block": bank_shape, "row": (1, bank_shape[1]), "column": (bank_shape[0], 1)}
    if axis not in shapes:
        raise ValueError(f"axis is “{axis}”; it takes one of {', '.join(shapes)}")
    return shapes[axis]


def _segments(bank_shape: tuple[int, int], segment: tuple[int, int]) -> int:
    return bank_shape[0] * bank_shape[1] // (segment[0] * segment[1])


def _check_frames(values: _Array, use: _Array, bank_shape: tuple[int, int]) -> None:
    if values.ndim != 3:
        raise ValueError(f"frames have axes (n, slow, fast), but these have shape {values.shape}")
    check_array(values, "values", values.shape, np.float32)
    if use.shape != values.shape or use.dtype != np.bool_:
        raise ValueError(f"use must be bool of shape {values.shape}, but is {use.dtype} of shape {use.shape}")
    slow, fast = bank_shape
    if slow < 1 or fast < 1 or values.shape[1] % slow or values.shape[2] % fast:
        raise ValueError(f"banks of {slow} x {fast} pixels do not tile frames of {values.shape[1:]}")
    if slow * fast > MAX_SEGMENT:
        raise ValueError(f"a bank of {slow} x {fast} pixels has more than {MAX_SEGMENT}")


def _by_bank(
    shifts: _Array, shape: tuple[int, int, int], bank_shape: tuple[int, int], segment: tuple[int, int],
) -> NDArray[np.float32]:
    """Arrange shifts, as segments lie on the frames, by bank."""
    frames, slow, fast = shape
    down, across = bank_shape[0] // segment[0], bank_shape[1] // segment[1]
    grid = shifts.reshape(frames, slow // bank_shape[0], down, fast // bank_shape[1], across)
    by_bank = grid.transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(by_bank).reshape(*by_bank.shape[:3], down * across)


@njit(nogil=True, cache=True)
def _near(values, use, reach, marked):  # type: ignore[no-untyped-def]
    for frame in range(values.shape[0]):
        v, u, m = values[frame], use[frame], marked[frame]
        for i in range(reach.size):
            m[i] = u[i] & (abs(v[i]) < reach[i])


@njit(nogil=True, cache=True)
def _subtract_lines(values, use, height, width, least, limit, shifts):  # type: ignore[no-untyped-def]
    """Segments of whole lines: rows of a bank, or all of it."""
    samples = np.empty(height * width, np.float32)
    number = np.empty(1, np.float32)
    for i in range(shifts.shape[0]):
        for j in range(shifts.shape[1]):
            left, right = j * width, (j + 1) * width
            for y in range(height):
                row = i * height + y
                v, u, s = values[row, left:right], use[row, left:right], samples[y * width : (y + 1) * width]
                for x in range(width):
                    s[x] = _counted(v[x], u[x])
            shift = _shift(samples, number, least, limit)
            shifts[i, j] = shift
            if abs(shift) > 0:  # and a number
                for row in range(i * height, (i + 1) * height):
                    line = values[row, left:right]
                    for x in range(width):
                        line[x] -= shift


@njit(nogil=True, cache=True)
def _subtract_columns(values, use, height, _width, least, limit, shifts):  # type: ignore[no-untyped-def]
    """Segments one pixel wide, several side by side at once."""
    samples = np.empty(_COLUMNS * height, np.float32)
    line = np.empty(_COLUMNS, np.float32)
    number = np.empty(1, np.float32)
    for i in range(shifts.shape[0]):
        for left in range(0, shifts.shape[1], _COLUMNS):
            right = min(left + _COLUMNS, shifts.shape[1])
            for y in range(height):
                row = i * height + y
                v, u = values[row, left:right], use[row, left:right]
                for x in range(v.size):
                    line[x] = _counted(v[x], u[x])
                for x in range(v.size):
                    samples[x * height + y] = line[x]
            found = shifts[i, left:right]
            for x in range(found.size):
                found[x] = _shift(samples[x * height : (x + 1) * height], number, least, limit)
                line[x] = found[x] if abs(found[x]) > 0 else np.float32(0)
            for row in range(i * height, (i + 1) * height):
                part = values[row, left:right]
                for x in range(part.size):
                    part[x] -= line[x]


@njit(nogil=True, cache=True)
def _counted(value, use):  # type: ignore[no-untyped-def]
    """Return a sample that counts, else infinity: no threshold reaches it."""
    return value if use & (abs(value) < _INFINITE) else _INFINITE


@njit(nogil=True, cache=True, error_model="numpy")
def _shift(samples, number, least, limit):  # type: ignore[no-untyped-def]
    """Median where enough samples count and it is small enough, else NaN."""
    count, total, squares = _sums(samples)
    if count < least:
        return _NONE
    mean = total / count
    spread = np.sqrt(max(squares / count - mean * mean, np.float32(0)))
    median = _median(samples, number, np.int64(count), mean, spread)
    return median if abs(median) <= limit else _NONE


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _sums(samples):  # type: ignore[no-untyped-def]
    """Count and sums of the finite samples; the sums only say where to begin to look."""
    count, total, squares = np.float32(0), np.float32(0), np.float32(0)
    for i in range(samples.size):
        finite = samples[i] < _INFINITE
        v = samples[i] if finite else np.float32(0)
        count += np.float32(1) if finite else np.float32(0)
        total += v
        squares += v * v
    return count, total, squares


@njit(nogil=True, cache=True, error_model="numpy")
def _median(samples, number, count, mean, spread):  # type: ignore[no-untyped-def]
    """Find the median of the `count` finite samples; `number` is a place for one float32.

    Fewer than half of the samples are ≤ low and more than half are ≤ high, so both middle ones are within.
    """
    half = count // 2
    low, high = -_INFINITE, _INFINITE
    threshold, below = low, np.int64(0)
    step = spread * _ROOT_TWO_PI / np.float32(count)
    for turn in range(64):
        if turn or half:
            guess = mean if turn == 0 else threshold + np.float32(half - below) * step
            inside = (guess > low) & (guess < high) & (turn <= _NEWTON_STEPS)
            threshold = guess if inside else _halfway(low, high, number)
            if not threshold > low:
                return high
            below = np.int64(_count(samples, threshold))
        if below == half:
            break
        if below < half:
            low = threshold
        else:
            high = threshold
    under, over = _neighbours(samples, threshold)
    return over if count % 2 else np.float32(0.5) * (under + over)


@njit(nogil=True, cache=True)
def _halfway(low, high, number):  # type: ignore[no-untyped-def]
    """The float32 in the middle of those between two, which is low itself where they are neighbours."""
    middle = (_order(low, number) + _order(high, number)) >> 1
    number.view(np.int32)[0] = middle if middle >= 0 else middle ^ 0x7FFFFFFF
    return number[0]


@njit(nogil=True, cache=True)
def _order(value, number):  # type: ignore[no-untyped-def]
    """Whole number that grows with a float32: its bits, turned round where it is negative."""
    number[0] = value
    bits = np.int64(number.view(np.int32)[0])
    return bits if bits >= 0 else bits ^ 0x7FFFFFFF


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _count(samples, threshold):  # type: ignore[no-untyped-def]
    """Samples that do not exceed the threshold; whole numbers in float32 add up exactly in any order."""
    count = np.float32(0)
    for i in range(samples.size):
        count += np.float32(1) if samples[i] <= threshold else np.float32(0)
    return count


@njit(nogil=True, cache=True, fastmath={"reassoc", "nnan", "nsz"})
def _neighbours(samples, threshold):  # type: ignore[no-untyped-def]
    """The largest sample up to the threshold and the smallest beyond it."""
    under, over = -_INFINITE, _INFINITE
    for i in range(samples.size):
        v = samples[i]
        under = max(under, v if v <= threshold else -_INFINITE)
        over = min(over, v if v > threshold else _INFINITE)
    return under, over
