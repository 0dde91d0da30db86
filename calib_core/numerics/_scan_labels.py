"""K-means with three clusters in two features, and the order that regions of a scan have."""

from __future__ import annotations

import numpy as np

from calib_core.numerics._scan_series import (
    FEW_HIGH,
    FEW_MEDIUM,
    OK,
    SCALE,
    SPIKE,
    WEIGHT,
    first_run,
    last_run,
    median,
)
from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import MAD_TO_SIGMA

#: Regions of a series, and what is in none.
HIGH, TRANSITION, MEDIUM, NONE = 0, 1, 2, 255
#: K-means ends when nothing changes, or after so many passes.
PASSES = 300
#: Clusters have the same level of the gain signal up to a quarter of its step.
EQUAL = 0.25 * WEIGHT * SCALE
#: Codes count within so many standard deviations of their median.
_WIDTH = 4.0
#: A sample may still be of high gain that is so few samples behind the begin of medium gain, or behind another such;
#: medium gain's level is that of as many samples after these, and high gain's that of its last ones.
_NEAR, _LAST = 16, 5


@njit(nogil=True, cache=True)
def clusters(steep, level, seed, found, label):  # type: ignore[no-untyped-def]
    """Move the middles of three clusters until their samples stay the same, and tell these, for each series."""
    for p in range(len(found)):
        if found[p, 1] == OK:
            n = found[p, 0]
            _lloyd(steep[p, :n], level[p, :n], seed[p])
            _by_level(seed[p])
            _nearest(steep[p, :n], level[p, :n], seed[p], label[p])


@njit(nogil=True, cache=True, error_model="numpy")
def _lloyd(steep, level, seed):  # type: ignore[no-untyped-def]
    n = steep.size
    all_steep, all_level = steep.sum(), level.sum()
    n1 = n2 = x1 = x2 = y1 = y2 = np.int32(-1)
    for _ in range(PASSES):
        before = n1, n2, x1, x2, y1, y2
        n1, n2, x1, x2, y1, y2 = _sums(steep, level, seed)
        if (n1, n2, x1, x2, y1, y2) == before:
            break
        _move(seed[0], n - n1 - n2, all_steep - x1 - x2, all_level - y1 - y2)
        _move(seed[1], n1, x1, y1)
        _move(seed[2], n2, x2, y2)


@njit(nogil=True, cache=True, error_model="numpy")
def _move(middle, number, x, y):  # type: ignore[no-untyped-def]
    if number:
        middle[0], middle[1] = x / number, y / number


@njit(nogil=True, cache=True)
def _sums(steep, level, seed):  # type: ignore[no-untyped-def]
    """Number and sums of the samples nearest to the second and the third middle; a tie goes to the earlier one."""
    u0, v0, w0 = _plane(seed[0])
    u1, v1, w1 = _plane(seed[1])
    u2, v2, w2 = _plane(seed[2])
    n1 = n2 = x1 = x2 = y1 = y2 = np.int32(0)
    for i in range(steep.size):
        x, y = steep[i], level[i]
        a, b = np.float32(x), np.float32(y)
        s0, s1, s2 = u0 * a + v0 * b - w0, u1 * a + v1 * b - w1, u2 * a + v2 * b - w2
        in2 = (s2 > s0) & (s2 > s1)
        in1 = (s1 > s0) & (not in2)
        n1 = np.int32(n1 + np.int32(in1))
        n2 = np.int32(n2 + np.int32(in2))
        x1 = np.int32(x1 + (x if in1 else np.int32(0)))
        x2 = np.int32(x2 + (x if in2 else np.int32(0)))
        y1 = np.int32(y1 + (y if in1 else np.int32(0)))
        y2 = np.int32(y2 + (y if in2 else np.int32(0)))
    return n1, n2, x1, x2, y1, y2


@njit(nogil=True, cache=True)
def _plane(middle):  # type: ignore[no-untyped-def]
    """Of points, those nearest to a middle are those where this plane is the highest of all middles'."""
    x, y = middle[0], middle[1]
    return np.float32(x), np.float32(y), np.float32((x * x + y * y) / 2)


@njit(nogil=True, cache=True)
def _nearest(steep, level, seed, label):  # type: ignore[no-untyped-def]
    u0, v0, w0 = _plane(seed[0])
    u1, v1, w1 = _plane(seed[1])
    u2, v2, w2 = _plane(seed[2])
    for i in range(steep.size):
        a, b = np.float32(steep[i]), np.float32(level[i])
        s0, s1, s2 = u0 * a + v0 * b - w0, u1 * a + v1 * b - w1, u2 * a + v2 * b - w2
        label[i] = 2 if (s2 > s0) & (s2 > s1) else 1 if s1 > s0 else 0


@njit(nogil=True, cache=True)
def _by_level(seed):  # type: ignore[no-untyped-def]
    """Sort clusters by their gain signal; about equal ones stay in the order of their seeds, which is that of steps.

    Where a pixel switches within a gap there is no transition, and its cluster has no samples.
    """
    for k in (0, 1, 0):
        if seed[k, 1] > seed[k + 1, 1] + EQUAL:
            for j in range(2):
                seed[k, j], seed[k + 1, j] = seed[k + 1, j], seed[k, j]


@njit(nogil=True, cache=True)
def regions(  # type: ignore[no-untyped-def]
    x, analog, code, place, spike, cluster, need, work, found, label, levels, switch, counts, misordered
):
    """Turn clusters into regions, one after the other, and tell the gain signal of both stages, for each series.

    ``levels`` are mean and spread of high gain's and of medium gain's, ``switch`` the first and last step between.
    """
    for p in range(len(found)):
        if found[p, 1] != OK:
            continue
        n = found[p, 0]
        first, last = first_run(cluster[p, :n], HIGH), last_run(cluster[p, :n], MEDIUM)
        last = _behind_high(analog[p], place[p, :n], first, last, work)
        misordered[p] = _ordered(cluster[p, :n], spike[p], first, last, place[p, :n], label[p])
        _count(label[p], counts[p])
        if counts[p, HIGH] < need[1] or counts[p, MEDIUM] < need[2]:
            found[p, 1] = FEW_HIGH if counts[p, HIGH] < need[1] else FEW_MEDIUM
            label[p], counts[p], misordered[p] = NONE, 0, 0
            continue
        levels[p, 0], levels[p, 1] = _level(code[p], label[p], HIGH, work)
        levels[p, 2], levels[p, 3] = _level(code[p], label[p], MEDIUM, work)
        if first < last:
            switch[p, 0], switch[p, 1] = x[place[p, first]], x[place[p, last - 1]]
        else:
            switch[p] = (x[place[p, first - 1]] + x[place[p, first]]) / 2


@njit(nogil=True, cache=True)
def _behind_high(analog, place, first, last, work):  # type: ignore[no-untyped-def]
    """Begin of medium gain behind the last sample whose signal is still that of high gain.

    Near the switch codes and slopes do not tell: a pixel that goes to and fro has both of medium gain, and the signal
    of high gain, thousands of ADU from the line of medium gain.
    """
    n = place.size
    if last < first or first < _LAST or n - last < _LAST:
        return last
    high = _typical(analog, place[first - _LAST:first], work[0])
    behind = min(last + _NEAR, n - _LAST)
    medium = _typical(analog, place[behind:behind + _NEAR], work[0])
    begin = i = last
    while i < min(begin + _NEAR, behind):
        y = int(analog[place[i]])
        i += 1
        if (abs(y - medium) >= SPIKE) & (abs(y - high) < abs(y - medium)):
            begin = i
    return begin


@njit(nogil=True, cache=True)
def _typical(analog, place, work):  # type: ignore[no-untyped-def]
    """Median of some samples."""
    for i in range(place.size):
        work[i] = analog[place[i]]
    return int(median(work[:place.size]))


@njit(nogil=True, cache=True)
def _ordered(cluster, spike, first, last, place, label):  # type: ignore[no-untyped-def]
    """Label the samples of a series; how many are in another region than their cluster's, or in none of its run."""
    label[:] = NONE
    return (_labelled(cluster[:first], spike, place, HIGH, label)
            + _labelled(cluster[first:last], spike[first:], place[first:], TRANSITION, label)
            + _labelled(cluster[last:], spike[last:], place[last:], MEDIUM, label))


@njit(nogil=True, cache=True)
def _labelled(cluster, spike, place, region, label):  # type: ignore[no-untyped-def]
    """Label the samples of a run."""
    wrong = 0
    for i in range(cluster.size):
        left_out = spike[i] & (region != TRANSITION)
        differs = cluster[i] != region
        wrong += differs & (not left_out)
        label[place[i]] = NONE if left_out else TRANSITION if differs else region
    return wrong


@njit(nogil=True, cache=True)
def _count(label, counts):  # type: ignore[no-untyped-def]
    high = medium = transition = np.int32(0)
    for i in range(label.size):
        high = np.int32(high + np.int32(label[i] == HIGH))
        transition = np.int32(transition + np.int32(label[i] == TRANSITION))
        medium = np.int32(medium + np.int32(label[i] == MEDIUM))
    counts[HIGH], counts[TRANSITION], counts[MEDIUM] = high, transition, medium


@njit(nogil=True, cache=True, error_model="numpy")
def _level(code, label, region, work):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of the codes of a region that are near their median."""
    n = 0
    for i in range(code.size):
        work[0, n] = code[i]
        n += label[i] == region
    codes, away = work[0, :n], work[1, :n]
    middle = median(codes)
    for i in range(n):
        away[i] = abs(codes[i] - middle)
    reach = np.int32(max(_WIDTH * MAD_TO_SIGMA * median(away), 1.0))
    number = total = squares = 0
    for i in range(n):
        d = int(codes[i] - middle) if away[i] <= reach else 0
        number += away[i] <= reach
        total += d
        squares += d * d
    return middle + total / number, np.sqrt((squares - total * (total / number)) / max(number - 1, 1))
