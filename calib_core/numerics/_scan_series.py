"""Features of the series of a scan: how steep it is at each sample, and how far its gain signal has come.

K-means finds the regions of a scan from these two (see :mod:`calib_core.numerics.scan_regions`). They are whole
numbers, so that sums of them are exact and do not depend on the processor.
"""

from __future__ import annotations

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
#: A sample so far from the median of five is a spike, ADU.
_SPIKE = 200
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
        low, high = _two_means(work[2, :n])
        limit = _ceiling((low + high) / 2)
        found[p, 1] = _switches(work[2, :n], limit, high - low, need)
        if found[p, 1] != OK:
            continue
        _without_spikes(work[1, :n], work[3, :n], spike[p])
        slope = _typical_slope(work[0, :n], work[3, :n], work[2, :n], limit, work[4])
        if not slope > 0:
            found[p, 1] = FLAT
            continue
        _scaled_slopes(work[0, :n], work[3, :n], SCALE / slope, steep[p])
        _scaled_codes(work[2, :n], low, WEIGHT * SCALE / (high - low), level[p])
        _seeds(work[2, :n], limit, steep[p], level[p], seed[p])


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
    for i in range(2, code.size):
        one = min(code[i - 2], code[i - 1])
        other = max(code[i - 2], code[i - 1])
        middle = max(one, min(other, code[i]))
        low, high = min(low, middle), max(high, middle)
    a, b = float(low), float(high)
    for _ in range(_PASSES):
        limit = _ceiling((a + b) / 2)
        below, number, total = _below(code, limit)
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
    below = number = total = 0
    for i in range(code.size):
        under = code[i] < limit
        total += code[i]
        number += under
        below += code[i] if under else 0
    return below, number, total


@njit(nogil=True, cache=True)
def _switches(code, limit, step, need):  # type: ignore[no-untyped-def]
    """Whether the gain signal goes from the lower level to the higher one, with enough samples of both."""
    if step < need[0]:
        return NO_SWITCH
    below = places = 0
    for i in range(code.size):
        under = code[i] < limit
        below += under
        places += i if under else 0
    above, all_places = code.size - below, code.size * (code.size - 1) // 2
    if places * above > (all_places - places) * below:
        return INVERTED
    if below < need[1]:
        return FEW_HIGH
    return FEW_MEDIUM if above < need[2] else OK


@njit(nogil=True, cache=True)
def _without_spikes(y, out, spike):  # type: ignore[no-untyped-def]
    """Put the median of five in the place of spikes; the two samples at either end have too few neighbours."""
    n = y.size
    for i in range(2, n - 2):
        middle = _median5(y[i - 2], y[i - 1], y[i], y[i + 1], y[i + 2])
        far = abs(y[i] - middle) >= _SPIKE
        spike[i] = far
        out[i] = middle if far else y[i]
    for i in (0, 1, n - 2, n - 1):
        spike[i], out[i] = False, y[i]


@njit(nogil=True, cache=True)
def _median5(a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Middle of five: of two pairs in order the lowest and the highest cannot be it."""
    low = max(min(a, b), min(d, e))
    high = min(max(a, b), max(d, e))
    first, second = min(low, high), max(low, high)
    return max(first, min(second, c))


@njit(nogil=True, cache=True, error_model="numpy")
def _slope(x, y, first, last):  # type: ignore[no-untyped-def]
    return float(y[last] - y[first]) / float(x[last] - x[first])


@njit(nogil=True, cache=True, error_model="numpy")
def _typical_slope(x, y, code, limit, units):  # type: ignore[no-untyped-def]
    """Median slope below the threshold, the lower of two in the middle, in ADU per step; found by bisection."""
    n, last, low, high = 0, y.size - 1, 1 << 30, -(1 << 30)
    for i in range(y.size):
        if code[i] < limit:
            one = int(_SLOPE_UNITS * _slope(x, y, max(i - _REACH, 0), min(i + _REACH, last)))
            low, high = min(low, one), max(high, one)
            units[n] = one
            n += 1
    while low < high:
        middle, number = (low + high) >> 1, 0
        for i in range(n):
            number += units[i] <= middle
        if 2 * number >= n:
            high = middle
        else:
            low = middle + 1
    return low / _SLOPE_UNITS


@njit(nogil=True, cache=True, error_model="numpy")
def _scaled_slopes(x, y, factor, out):  # type: ignore[no-untyped-def]
    n, end = y.size, _STEEPEST * SCALE
    for i in range(_REACH, n - _REACH):
        one = factor * _slope(x, y, i - _REACH, i + _REACH)
        out[i] = int(min(max(one, -end), end))
    for i in range(_REACH):
        one = factor * _slope(x, y, 0, i + _REACH)
        out[i] = int(min(max(one, -end), end))
        one = factor * _slope(x, y, n - 1 - i - _REACH, n - 1)
        out[n - 1 - i] = int(min(max(one, -end), end))


@njit(nogil=True, cache=True)
def _scaled_codes(code, low, factor, out):  # type: ignore[no-untyped-def]
    end = _BEYOND * SCALE
    for i in range(code.size):
        out[i] = int(min(max(factor * (code[i] - low), -end), WEIGHT * SCALE + end))


@njit(nogil=True, cache=True)
def _seeds(code, limit, steep, level, seed):  # type: ignore[no-untyped-def]
    """Middles of what lies clearly before, about and clearly after the crossing of the threshold."""
    n = code.size
    first, best, run = 0, 0, 0
    for i in range(n):
        run += 1 if code[i] < limit else -1
        if run > best:
            first, best = i + 1, run
    last, best, run = n, 0, 0
    for i in range(n - 1, -1, -1):
        run += 1 if code[i] >= limit else -1
        if run > best:
            last, best = i, run
    before = min(max(first - _MARGIN, 1), n - 2)
    after = max(min(last + _MARGIN, n - 1), before + 1)
    for k, (start, stop) in enumerate(((0, before), (before, after), (after, n))):
        seed[k, 0] = steep[start:stop].sum() / (stop - start)
        seed[k, 1] = level[start:stop].sum() / (stop - start)
