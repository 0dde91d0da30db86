"""Tracks of charged particles: clusters of samples far above the noise, found and taken out frame by frame.

In Gaussian noise without signal a sample exceeds s σ with the probability Q(s). A cluster of at least two neighbours,
one above s σ and the other above t σ, is expected 4 · (2 Q(s) Q(t) − Q(s)²) times per sample: 2.5e-13 with s = 6 and
t = 4, 8e-5 in 300 frames of 1 Mpx.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

#: A cluster: where its largest sample is, how many pixels it has, and the sum of their signals in ADU.
EVENT_DTYPE = np.dtype([
    ("frame", np.int32), ("row", np.int32), ("column", np.int32), ("pixels", np.int32), ("charge", np.float32),
])

_Array = NDArray[Any]


def take_out(values: _Array, use: _Array, seed: _Array, neighbour: _Array, min_pixels: int) -> _Array:
    """Take clusters and the pixels around them out of the samples that are used, in place.

    A cluster is all used samples above `neighbour` that touch, also by corners, and of which one is above `seed`.

    Parameters
    ----------
    values : (n, slow, fast) float32, C-contiguous, ADU
        Signals after offset and common mode.
    use : (n, slow, fast) bool, C-contiguous
        Samples that are a measurement; changed in place.
    seed, neighbour : (slow, fast) float32, C-contiguous, ADU
        Thresholds of each pixel, seed ≥ neighbour; NaN keeps a pixel out of all clusters.
    min_pixels : int
        Smallest cluster.

    Returns
    -------
    events : (k,) `EVENT_DTYPE`
        Clusters in the order of frames, and of their first seed within.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    if values.ndim != 3:
        raise ValueError(f"frames have axes (n, slow, fast), but these have shape {values.shape}")
    check_array(values, "values", values.shape, np.float32)
    check_array(use, "use", values.shape, np.bool_)
    for name, threshold in (("seed", seed), ("neighbour", neighbour)):
        check_array(threshold, name, values.shape[1:], np.float32)
    found = _take_out(
        np.require(values, requirements="W"), use, np.require(seed, requirements="W"),
        np.require(neighbour, requirements="W"), int(min_pixels),
    )
    events = np.empty(len(found), EVENT_DTYPE)
    for column, name in enumerate(EVENT_DTYPE.names or ()):
        events[name] = found[:, column]
    return events


@njit(nogil=True, cache=True)
def _take_out(values, use, seed, neighbour, min_pixels):  # type: ignore[no-untyped-def]
    frames, slow, fast = values.shape
    found, events = 0, np.empty((64, 5), np.float64)
    members = np.empty((slow * fast, 2), np.int32)
    for frame in range(frames):
        v, u = values[frame], use[frame]
        for row in range(slow):
            if not _any_above(v[row], seed[row]):
                continue
            for column in range(fast):
                if not (u[row, column] and v[row, column] > seed[row, column]):
                    continue
                size = _grow(v, u, neighbour, row, column, members)
                if size < min_pixels:
                    _give_back(u, members, size)
                    continue
                if found == len(events):
                    more = np.empty((2 * found, 5), np.float64)
                    more[:found] = events
                    events = more
                events[found, 0] = frame
                _describe(v, members, size, events[found])
                _take_around(u, members, size)
                found += 1
    return events[:found].copy()


@njit(nogil=True, cache=True)
def _any_above(values, threshold):  # type: ignore[no-untyped-def]
    """Whether a row needs a closer look; nearly none does."""
    above = np.uint8(0)
    for i in range(values.size):
        above |= np.uint8(values[i] > threshold[i])
    return above != 0


@njit(nogil=True, cache=True)
def _grow(values, use, threshold, row, column, members):  # type: ignore[no-untyped-def]
    """Gather a cluster from its seed, taking each member out of use so that it is met once."""
    slow, fast = values.shape
    members[0, 0], members[0, 1] = row, column
    use[row, column] = False
    size, looked = 1, 0
    while looked < size:
        y, x = members[looked, 0], members[looked, 1]
        looked += 1
        for i in range(max(y - 1, 0), min(y + 2, slow)):
            for j in range(max(x - 1, 0), min(x + 2, fast)):
                if use[i, j] and values[i, j] > threshold[i, j]:
                    use[i, j] = False
                    members[size, 0], members[size, 1] = i, j
                    size += 1
    return size


@njit(nogil=True, cache=True)
def _give_back(use, members, size):  # type: ignore[no-untyped-def]
    for k in range(size):
        use[members[k, 0], members[k, 1]] = True


@njit(nogil=True, cache=True)
def _describe(values, members, size, event):  # type: ignore[no-untyped-def]
    """Fill in the largest sample's row and column, the number of pixels and the charge."""
    best, charge = 0, 0.0
    for k in range(size):
        v = values[members[k, 0], members[k, 1]]
        charge += v
        if v > values[members[best, 0], members[best, 1]]:
            best = k
    event[1], event[2], event[3], event[4] = members[best, 0], members[best, 1], size, charge


@njit(nogil=True, cache=True)
def _take_around(use, members, size):  # type: ignore[no-untyped-def]
    slow, fast = use.shape
    for k in range(size):
        y, x = members[k, 0], members[k, 1]
        use[max(y - 1, 0) : min(y + 2, slow), max(x - 1, 0) : min(x + 2, fast)] = False
