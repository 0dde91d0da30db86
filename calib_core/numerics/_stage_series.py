"""Three levels of the gain signal in the series of a scan, which samples are of which, and noise of neighbours.

All is of whole numbers, of quotients of exact sums, or adds up one sample after the other: processors do not differ.
"""

from __future__ import annotations

import numpy as np

from calib_core.numerics._scan_series import FEW_HIGH, FEW_MEDIUM, FEW_SAMPLES, INVERTED, NO_SWITCH, OK, SATURATED
from calib_core.numerics.kernels import njit

#: Why there are no three regions, beside what two can lack; sentences are in
#: :class:`calib_core.numerics.stage_regions.StageRegions`.
NO_LOW, FEW_LOW = 8, 9
#: What is in no region.
NONE = 255
#: Passes of the means.
_PASSES = 50


@njit(nogil=True, cache=True)
def regions(  # type: ignore[no-untyped-def]
    x, analog, code, need, trim, work, label, levels, switch, counts, misordered, status
):
    """Find levels and regions of each series; ``need`` is a step, samples of a region, and where an ADC ends.

    ``levels`` are three means and three spreads.
    """
    for p in range(analog.shape[0]):
        n, saturated = _used(analog[p], code[p], need[2], work)
        if n < 3 * need[1]:
            status[p] = SATURATED if saturated + n >= 3 * need[1] else FEW_SAMPLES
            continue
        place, codes, stage = work[0, :n], work[1, :n], work[2, :n]
        status[p] = _three(codes, stage, need)
        if status[p] == OK:
            ends, right = _ends(stage)
            status[p] = OK if 2 * right >= n else INVERTED
        if status[p] == OK:
            _label(place, stage, ends, trim, label[p], counts[p])
            misordered[p] = n - right
            status[p] = _enough(counts[p], need[1])
        if status[p] != OK:
            label[p], counts[p], misordered[p] = NONE, 0, 0
            continue
        for k in range(3):
            levels[p, k], levels[p, 3 + k] = _level(code[p], label[p], k)
        for k in range(2):
            switch[p, k] = (x[place[ends[k] - 1]] + x[place[ends[k]]]) / 2


@njit(nogil=True, cache=True)
def _used(analog, code, top, work):  # type: ignore[no-untyped-def]
    """Gather the samples that are there, place and gain signal; how many, and how many more are saturated."""
    n, saturated = 0, 0
    for i in range(analog.size):
        work[0, n], work[1, n] = i, code[i]
        saturated += analog[i] >= top
        n += (analog[i] > 0) & (analog[i] < top) & (code[i] > 0)
    return n, saturated


@njit(nogil=True, cache=True)
def _three(code, stage, need):  # type: ignore[no-untyped-def]
    """Tell the level of each sample, by three means; the search begins with ends of medians of three."""
    low = high = code[0]
    for i in range(1, code.size - 1):
        a, b, c = code[i - 1], code[i], code[i + 1]
        middle = max(min(a, b), min(max(a, b), c))
        low, high = min(low, middle), max(high, middle)
    means, fewest = (float(low), (float(low) + float(high)) / 2, float(high)), 0
    for _ in range(_PASSES):
        before = means
        means, fewest = _moved(code, stage, before)
        if means == before:
            break
    if means[2] - means[0] < need[0]:
        return NO_SWITCH
    apart = min(means[1] - means[0], means[2] - means[1])
    return NO_LOW if apart < need[0] or fewest < need[1] else OK


@njit(nogil=True, cache=True)
def _moved(code, stage, means):  # type: ignore[no-untyped-def]
    """Tell each sample's level; the means of theirs, one without samples stays, and the samples of the fewest."""
    first, second = (means[0] + means[1]) / 2, (means[1] + means[2]) / 2
    n1 = n2 = total = s1 = s2 = 0
    for i in range(code.size):
        low = code[i] >= second
        medium = (code[i] >= first) & (not low)
        stage[i] = int(medium) + 2 * int(low)
        c = int(code[i])
        total += c
        n1 += medium
        s1 += c * int(medium)
        n2 += low
        s2 += c * int(low)
    n0 = code.size - n1 - n2
    return (_mean(total - s1 - s2, n0, means[0]), _mean(s1, n1, means[1]), _mean(s2, n2, means[2])), min(n0, n1, n2)


@njit(nogil=True, cache=True)
def _mean(total, number, before):  # type: ignore[no-untyped-def]
    return total / number if number else before


@njit(nogil=True, cache=True)
def _ends(stage):  # type: ignore[no-untyped-def]
    """Where high and medium gain end so that most samples lie in the region of their level, and how many do."""
    low = 0  # from here on, those of high and medium gain before
    for i in range(stage.size):
        low += stage[i] == 2
    high = medium = most = at = first = second = 0
    best = -1
    for i in range(stage.size + 1):
        if high - medium > most:
            most, at = high - medium, i
        if medium + most + low > best:
            best, first, second = medium + most + low, at, i
        if i < stage.size:
            high += stage[i] == 0
            medium += stage[i] == 1
            low -= stage[i] == 2
    return (first, second), best


@njit(nogil=True, cache=True)
def _label(place, stage, ends, trim, label, counts):  # type: ignore[no-untyped-def]
    """Label the samples of each region without its ends; those of another level are left out."""
    begin = 0
    for region in range(3):
        end = ends[region] if region < 2 else stage.size
        skip = int(trim * (end - begin))
        for i in range(begin + skip, end - skip):
            right = stage[i] == region
            label[place[i]] = region if right else NONE
            counts[region] += right
        begin = end


@njit(nogil=True, cache=True)
def _enough(counts, least):  # type: ignore[no-untyped-def]
    if counts[0] < least:
        return FEW_HIGH
    if counts[1] < least:
        return FEW_MEDIUM
    return FEW_LOW if counts[2] < least else OK


@njit(nogil=True, cache=True, error_model="numpy")
def _level(code, label, region):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of the gain signal of a region."""
    about = number = total = squares = 0
    for i in range(code.size):
        if label[i] == region:
            about = about if number else int(code[i])
            d = int(code[i]) - about
            number += 1
            total += d
            squares += d * d
    return about + total / number, np.sqrt(max(squares - total * (total / number), 0.0) / max(number - 1, 1))


@njit(nogil=True, cache=True, error_model="numpy")
def neighbours(x, analog, label, region, out):  # type: ignore[no-untyped-def]
    """Mean step of a region, and variance of its samples by how far each lies off the line of its neighbours."""
    for p in range(analog.shape[0]):
        n = total = 0
        squares = 0.0
        a = b = -1
        for c in range(x.size):
            if label[p, c] != region:
                continue
            n += 1
            total += x[c]
            if a >= 0:
                part = (x[b] - x[a]) / (x[c] - x[a])
                d = analog[p, b] - (analog[p, a] + part * (float(analog[p, c]) - float(analog[p, a])))
                squares += d * d / (1 + part * part + (1 - part) * (1 - part))
            a, b = b, c
        out[p, 0] = total / n if n else np.nan
        out[p, 1] = squares / (n - 2) if n > 2 else np.nan
