"""A line through a series, and whether it is bent."""

from __future__ import annotations

import numpy as np

from calib_core.numerics._scan_hook import FEW_POINTS, LINE
from calib_core.numerics.kernels import njit

#: Columns of a fit, in the order of :class:`calib_core.numerics.scan_fits.RegionLines`.
COLUMNS = 7
SLOPE, INTERCEPT, SLOPE_ERROR, INTERCEPT_ERROR, DEVIATION, LARGEST, BEND = range(COLUMNS)


@njit(nogil=True, cache=True)
def high(x, analog, label, region, ends, least, out, number, status):  # type: ignore[no-untyped-def]
    """Fit each series of a tile; ``ends`` are what is left out, the part, and a fixed interval or -1."""
    for p in range(analog.shape[0]):
        first, last, origin = _bounds(x, label[p], region, ends)
        sums = _sums(x, analog[p], label[p], region, first, last, origin)
        number[p] = sums[0]
        if number[p] >= least:
            _fit(x, analog[p], label[p], region, first, last, origin, sums, out[p])
            status[p] = LINE
        else:
            status[p] = FEW_POINTS


@njit(nogil=True, cache=True)
def _bounds(x, label, region, ends):  # type: ignore[no-untyped-def]
    """Places of the samples of a fit, to behind the last, and a step in their middle."""
    first, stop = 0, x.size
    while stop > 0 and label[stop - 1] != region:
        stop -= 1
    while first < stop and label[first] != region:
        first += 1
    if first == stop:
        return 0, 0, 0
    low, high = float(x[first]) + ends[0], float(x[stop - 1]) - ends[1]
    high = min(high, x[first] + ends[2] * (x[stop - 1] - x[first]))
    if ends[4] >= 0:
        low, high = ends[3], ends[4]
    while first < stop and x[first] < low:
        first += 1
    while first < stop and x[stop - 1] > high:
        stop -= 1
    return first, stop, (int(x[first]) + int(x[stop - 1])) // 2 if first < stop else 0


@njit(nogil=True, cache=True)
def _sums(x, analog, label, region, first, stop, origin):  # type: ignore[no-untyped-def]
    """Σ1, Σd, Σd², Σd³, Σy, Σdy of steps from the middle, exact."""
    n = s1 = s2 = s3 = y0 = y1 = 0
    for i in range(first, stop):
        here = int(label[i] == region)
        d, y = here * (int(x[i]) - origin), here * int(analog[i])
        n += here
        s1 += d
        s2 += d * d
        s3 += d * d * d
        y0 += y
        y1 += d * y
    return n, s1, s2, s3, y0, y1


@njit(nogil=True, cache=True, error_model="numpy")
def _fit(x, analog, label, region, first, stop, origin, sums, out):  # type: ignore[no-untyped-def]
    n, s1, s2, s3, y0, y1 = sums
    mean, spread = s1 / n, s2 - s1 * (s1 / n)
    slope = (y1 - mean * y0) / spread
    level = y0 / n - slope * mean
    skew = (s3 - 3 * mean * s2 + 2 * n * mean**3) / spread
    squares = largest = bend = bends = 0.0
    for i in range(first, stop):
        if label[i] == region:
            d = x[i] - origin
            left = analog[i] - level - slope * d
            d -= mean
            curve = d * d - skew * d - spread / n
            squares += left * left
            bend += left * curve
            bends += curve * curve
            largest = max(largest, abs(left))
    variance, far = squares / (n - 2), mean + origin
    out[SLOPE], out[INTERCEPT] = slope, level - slope * origin
    out[SLOPE_ERROR] = np.sqrt(variance / spread)
    out[INTERCEPT_ERROR] = np.sqrt(variance * (1 / n + far * far / spread))
    out[DEVIATION], out[LARGEST] = np.sqrt(squares / n), largest
    rest = max(squares - bend * bend / bends, 0.0) / (n - 3)
    out[BEND] = bend / np.sqrt(rest * bends) if rest > 0 else 0.0
