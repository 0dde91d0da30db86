"""Features of the series of a scan: how steep it is at each sample, and how far its gain signal has come.

K-means finds the regions of a scan from these two (see :mod:`calib_core.numerics.scan_regions`). They are whole
numbers, so that sums of them are exact and do not depend on the processor.
"""

from __future__ import annotations

import numpy as np

from calib_core.numerics.kernels import njit

#: Units of a feature of 1.
SCALE = 4096
#: Why there are no regions; sentences are in :class:`calib_core.numerics.scan_regions.ScanRegions`.
OK, FEW_SAMPLES, SATURATED, NO_SWITCH, INVERTED, FEW_HIGH, FEW_MEDIUM, FLAT = range(8)

#: The step of the gain signal is worth so much, beyond its levels half of it counts, and slopes to so many of high
#: gain's: a few wrong codes are no cluster of their own.
WEIGHT, _BEYOND, _STEEPEST = 1.5, 0.75, 1.5
#: Samples before and after of a slope, and between the first seeds and the crossing of the threshold.
_REACH, _MARGIN = 3, 6
#: No slope reaches over more steps without a sample than that, for there may be the switch.
_GAP = 10
#: A sample so far from the median of five is a spike, ADU.
SPIKE = 200
#: Passes of the two means, and units of an ADU per step where slopes are sorted.
_PASSES, _SLOPE_UNITS = 25, 1024


@njit(nogil=True, cache=True, error_model="numpy")
def features(  # type: ignore[no-untyped-def]
    x, analog, code, need, work, place, spike, steep, level, seed, found
):
    """Find the features of each series of a tile, and the middles of the first three groups.

    ``need`` is the least step of the gain signal, the least numbers of samples below and above the threshold, and
    the lowest saturated sample. ``found`` becomes the number of samples that are there and the status, ``place``
    where these are in the series.
    """
    for p in range(analog.shape[0]):
        n, saturated = _used(x, analog[p], code[p], need[3], work, place[p])
        found[p, 0], found[p, 1] = n, OK
        if n < need[1] + need[2]:
            found[p, 1] = SATURATED if saturated + n >= need[1] + need[2] else FEW_SAMPLES
            continue
        steps, y, codes, side, spare = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4]
        low, high = _two_means(codes)
        _sides(codes, _ceiling((low + high) / 2), side)
        found[p, 1] = _switches(side, high - low, need)
        if found[p, 1] != OK:
            continue
        _without_spikes(y, spare[:n], spike[p])
        _slopes(steps, spare[:n], y)
        if _widest(steps[:-1], steps[1:]) > _GAP:
            _beside_gaps(steps, spare[:n], analog[p], place[p], need[3], y)
        slope = median(_gathered(y, side, spare))
        if slope <= 0:
            found[p, 1] = FLAT
            continue
        end, beyond = _STEEPEST * SCALE, _BEYOND * SCALE
        _scaled(y, 0.0, SCALE / slope, -end, end, steep[p])
        _scaled(codes, low, WEIGHT * SCALE / (high - low), -beyond, WEIGHT * SCALE + beyond, level[p])
        _seeds(side, steep[p], level[p], seed[p])


@njit(nogil=True, cache=True)
def _used(x, analog, code, top, work, place):  # type: ignore[no-untyped-def]
    """Gather the samples that are there: steps, signals and codes; how many, and how many more are saturated."""
    n, saturated = 0, 0
    for i in range(x.size):
        place[n] = i
        work[0, n], work[1, n], work[2, n] = x[i], analog[i], code[i]
        saturated += analog[i] >= top
        n += (analog[i] > 0) & (analog[i] < top)
    return n, saturated


@njit(nogil=True, cache=True)
def _two_means(code):  # type: ignore[no-untyped-def]
    """Levels of the gain signal; the search begins with medians of three, for which a lone wrong code is none."""
    low = high = code[0]
    before, at, after = code[:-2], code[1:-1], code[2:]
    for i in range(after.size):
        middle = max(min(before[i], at[i]), min(max(before[i], at[i]), after[i]))
        low, high = min(low, middle), max(high, middle)
    a, b = float(low), float(high)
    for _ in range(_PASSES):
        below, number, total = _below(code, np.int32(_ceiling((a + b) / 2)))
        if number == 0 or number == code.size:
            break
        low_mean, high_mean = below / number, (total - below) / (code.size - number)
        if low_mean == a and high_mean == b:
            break
        a, b = low_mean, high_mean
    return a, b


@njit(nogil=True, cache=True)
def _ceiling(value):  # type: ignore[no-untyped-def]
    whole = int(value)
    return whole + (whole < value)


@njit(nogil=True, cache=True)
def _below(code, limit):  # type: ignore[no-untyped-def]
    """Sum and number of codes below a limit, and the sum of all."""
    below, total, number = np.int64(0), np.int64(0), np.int32(0)
    for i in range(code.size):
        under = code[i] < limit
        number = np.int32(number + np.int32(under))
        total += code[i]
        below += code[i] if under else np.int32(0)
    return below, number, total


@njit(nogil=True, cache=True)
def _sides(code, limit, side):  # type: ignore[no-untyped-def]
    """Which samples are from the threshold on, 1, and which are below it, 0."""
    limit = np.int32(limit)
    for i in range(code.size):
        side[i] = code[i] >= limit


@njit(nogil=True, cache=True)
def _switches(side, step, need):  # type: ignore[no-untyped-def]
    """Whether the gain signal goes from the lower level to the higher one, with enough samples of both."""
    if step < need[0]:
        return NO_SWITCH
    n, above, places = side.size, 0, 0
    for i in range(n):
        above += side[i]
        places += i * side[i]
    below = n - above
    if places * below < (n * (n - 1) // 2 - places) * above:
        return INVERTED
    if below < need[1]:
        return FEW_HIGH
    return FEW_MEDIUM if above < need[2] else OK


@njit(nogil=True, cache=True)
def _without_spikes(y, out, spike):  # type: ignore[no-untyped-def]
    """Put the median of five in the place of spikes; the two samples at either end have too few neighbours."""
    n = y.size
    a, b, c, d, e = y[: n - 4], y[1 : n - 3], y[2 : n - 2], y[3 : n - 1], y[4:]
    inner, far = out[2 : n - 2], spike[2 : n - 2]
    for i in range(inner.size):
        low = max(min(a[i], b[i]), min(d[i], e[i]))  # of two pairs, lowest and highest cannot be in the middle
        high = min(max(a[i], b[i]), max(d[i], e[i]))
        inner[i] = max(min(low, high), min(max(low, high), c[i]))
    for i in range(inner.size):
        one = (c[i] - inner[i] >= SPIKE) | (inner[i] - c[i] >= SPIKE)
        far[i] = one
        inner[i] = inner[i] if one else c[i]
    for i in (0, 1, n - 2, n - 1):
        spike[i], out[i] = False, y[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _slopes(x, y, out):  # type: ignore[no-untyped-def]
    """Slopes over three samples before and after, as far as there are these, in units of 1/1024 ADU per step."""
    n, far = y.size, 2 * _REACH
    x0, x1, y0, y1, inner = x[: n - far], x[far:], y[: n - far], y[far:], out[_REACH : n - _REACH]
    for i in range(inner.size):
        inner[i] = _slope(x0[i], x1[i], y0[i], y1[i])
    for i in range(_REACH):
        last, before = i + _REACH, n - 1 - i - _REACH
        out[i] = _slope(x[0], x[last], y[0], y[last])
        out[n - 1 - i] = _slope(x[before], x[n - 1], y[before], y[n - 1])


@njit(nogil=True, cache=True)
def _widest(x0, x1):  # type: ignore[no-untyped-def]
    """Most steps from a sample to the next."""
    most = np.int32(0)
    for i in range(x1.size):
        most = max(most, np.int32(x1[i] - x0[i]))
    return most


@njit(nogil=True, cache=True, error_model="numpy")
def _beside_gaps(x, y, analog, place, top, out):  # type: ignore[no-untyped-def]
    """Slopes of the samples on either side of a gap, over samples of their own side; saturated ones are no gap."""
    begin, n = 0, x.size
    for end in range(1, n + 1):
        if end < n and (x[end] - x[end - 1] <= _GAP or analog[place[end - 1]:place[end]].max() >= top):
            continue
        last = end - 1
        for k in range(min(_REACH, last - begin)):  # of one that is alone there is no other slope
            first, at = begin + k, last - k
            to, start = min(first + _REACH, last), max(at - _REACH, begin)
            out[first] = _slope(x[begin], x[to], y[begin], y[to])
            out[at] = _slope(x[start], x[last], y[start], y[last])
        begin = end


@njit(nogil=True, cache=True, error_model="numpy")
def _slope(x0, x1, y0, y1):  # type: ignore[no-untyped-def]
    return np.int32(np.float32(_SLOPE_UNITS * (y1 - y0)) / np.float32(x1 - x0))


@njit(nogil=True, cache=True)
def _gathered(values, side, out):  # type: ignore[no-untyped-def]
    """Values of the samples below the threshold, one after the other."""
    n = 0
    for i in range(values.size):
        out[n] = values[i]
        n += 1 - side[i]
    return out[:n]


@njit(nogil=True, cache=True)
def median(values):  # type: ignore[no-untyped-def]
    """Median of whole numbers, int32, the lower of two in the middle; by bisection."""
    low = high = values[0]
    for i in range(values.size):
        low, high = min(low, values[i]), max(high, values[i])
    while low < high:
        middle, number = np.int32((int(low) + int(high)) >> 1), np.int32(0)
        for i in range(values.size):
            number = np.int32(number + np.int32(values[i] <= middle))
        if 2 * number >= values.size:
            high = middle
        else:
            low = np.int32(middle + 1)
    return low


@njit(nogil=True, cache=True)
def _scaled(values, zero, factor, low, high, out):  # type: ignore[no-untyped-def]
    """Features in their units, between their ends."""
    zero, factor, low, high = np.float32(zero), np.float32(factor), np.float32(low), np.float32(high)
    for i in range(values.size):
        out[i] = np.int32(min(max(factor * (np.float32(values[i]) - zero), low), high))


@njit(nogil=True, cache=True)
def _seeds(side, steep, level, seed):  # type: ignore[no-untyped-def]
    """Middles of what lies clearly before, about and clearly after the crossing of the threshold."""
    n = side.size
    before = min(max(first_run(side, 0) - _MARGIN, 1), n - 2)
    after = max(min(last_run(side, 1) + _MARGIN, n - 1), before + 1)
    for k, (start, stop) in enumerate(((0, before), (before, after), (after, n))):
        seed[k, 0] = steep[start:stop].sum() / (stop - start)
        seed[k, 1] = level[start:stop].sum() / (stop - start)


@njit(nogil=True, cache=True)
def first_run(values, wanted):  # type: ignore[no-untyped-def]
    """End of the run at the begin: where most values before are wanted ones, and a lone other one is no end."""
    n = _number(values, wanted)
    if _number(values[:n], wanted) == n:
        return n
    end = best = run = 0
    for i in range(values.size):
        run += 1 if values[i] == wanted else -1
        if run > best:
            end, best = i + 1, run
    return end


@njit(nogil=True, cache=True)
def last_run(values, wanted):  # type: ignore[no-untyped-def]
    """Begin of the run at the end."""
    n = _number(values, wanted)
    if _number(values[values.size - n :], wanted) == n:
        return values.size - n
    begin, best, run = values.size, 0, 0
    for i in range(values.size - 1, -1, -1):
        run += 1 if values[i] == wanted else -1
        if run > best:
            begin, best = i, run
    return begin


@njit(nogil=True, cache=True)
def _number(values, wanted):  # type: ignore[no-untyped-def]
    number = np.int32(0)
    for i in range(values.size):
        number = np.int32(number + np.int32(values[i] == wanted))
    return number
