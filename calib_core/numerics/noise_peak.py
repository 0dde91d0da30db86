"""Where samples without signal lie in a frame: the left-most peak that filters of the noise's width find.

Samples up to a limit are counted in bins, Ricker filters of one and of two standard deviations of the noise are
summed over them, and the left-most maximum that is large enough and has enough samples around it is the noise peak:
the highest one would be that of one photon as soon as few pixels have none. Finer bins, and a parabola through the
three highest responses, tell it more closely.

Source: the public correction notebook of the facility (noise peak), with the rule of the left-most maximum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import njit

#: Samples above are not looked at, and bins end where filters have left them behind, ADU.
_CUT, _END = 50.0, 100.0
#: Width of bins, first and then, and how far these reach to either side, ADU.
_COARSE, _FINE, _REACH = 6.0, 2.0, 200.0
#: A maximum counts from this part of the highest, and from so many samples within so many σ.
_SHARE, _LEAST, _NEAR = 0.08, 200, 2.0
#: Filters end at so many of their widths.
_TAIL = 5.0
#: Further than any sample, ADU.
_FAR = 1e9

_Array = NDArray[Any]


def noise_peaks(values: _Array, use: _Array, sigma: _Array, lowest: float) -> NDArray[np.float64]:
    """Find the noise peak of each frame.

    Parameters
    ----------
    values : (n, pixels) float32, C-contiguous, ADU
        About 0.
    use : (n, pixels) bool, C-contiguous
        Samples that are looked at; those that are no number never are.
    sigma : (n,) float64, C-contiguous, ADU
        Width of the filter; in a frame where it is not above 0 nothing is found.
    lowest : float, ADU
        Below 0: where bins begin. In a frame with many samples below nothing is found, since the peak may be there.

    Returns
    -------
    (n,) float64, ADU
        NaN where there is no peak.

    Raises
    ------
    ValueError
        If a shape, type or ``lowest`` does not fit.
    """
    if values.ndim != 2:
        raise ValueError(f"values must be (n, pixels), but have shape {values.shape}")
    if not -1e6 < lowest < 0:
        raise ValueError(f"lowest is {lowest:g}; it takes numbers between -1e6 and 0")
    check_array(values, "values", values.shape, np.float32)
    check_array(use, "use", values.shape, np.bool_)
    check_array(sigma, "sigma", values.shape[:1], np.float64)
    found = np.full(len(values), np.nan)
    _peaks(writable(values), writable(use), writable(sigma), float(lowest), found)
    return found


@njit(nogil=True, cache=True)
def _peaks(values, use, sigma, lowest, found):  # type: ignore[no-untyped-def]
    for frame in range(len(values)):
        if sigma[frame] > 0 and sigma[frame] < _REACH:
            found[frame] = _peak(values[frame], use[frame], sigma[frame], lowest)


@njit(nogil=True, cache=True)
def _peak(values, use, sigma, lowest):  # type: ignore[no-untyped-def]
    if _number_near(values, use, lowest - _FAR, _FAR) >= _LEAST:
        return np.nan
    counts = _counted(values, use, lowest, _COARSE, math.ceil((_END - lowest) / _COARSE))
    response = _filtered(counts, sigma / _COARSE) + _filtered(counts, 2 * sigma / _COARSE)
    least = _SHARE * response.max()
    for i in range(1, response.size - 1):
        one = response[i]
        if one > 0 and one >= least and one >= response[i - 1] and one > response[i + 1]:
            centre = lowest + (i + 0.5) * _COARSE
            if _number_near(values, use, centre, _NEAR * sigma) >= _LEAST:
                return _refined(values, use, centre, sigma)
    return np.nan


@njit(nogil=True, cache=True)
def _refined(values, use, centre, sigma):  # type: ignore[no-untyped-def]
    """The highest response of fine bins within one σ, between bins."""
    begin = centre - _REACH
    response = _filtered(_counted(values, use, begin, _FINE, int(2 * _REACH / _FINE)), sigma / _FINE)
    middle, far = int(_REACH / _FINE), math.ceil(sigma / _FINE)
    best = middle
    for i in range(middle - far, middle + far + 1):
        if response[i] > response[best]:
            best = i
    before, at, after = response[best - 1], response[best], response[best + 1]
    bend = before - 2 * at + after
    return begin + (best + 0.5) * _FINE + (0.5 * (before - after) / bend * _FINE if bend < 0 else 0.0)


@njit(nogil=True, cache=True)
def _counted(values, use, begin, width, bins):  # type: ignore[no-untyped-def]
    counts = np.zeros(bins, np.int64)
    for i in range(values.size):
        if use[i] and values[i] >= begin and values[i] <= _CUT:
            place = int((values[i] - begin) / width)
            if place < bins:
                counts[place] += 1
    return counts


@njit(nogil=True, cache=True)
def _filtered(counts, width):  # type: ignore[no-untyped-def]
    """Counts under a Ricker filter; there is nothing beyond the bins."""
    half = math.ceil(_TAIL * width)
    weights = np.empty(2 * half + 1)
    for i in range(weights.size):
        t = ((i - half) / width) ** 2
        weights[i] = 2 / (math.sqrt(3 * width) * math.pi**0.25) * (1 - t) * math.exp(-t / 2)
    out = np.zeros(counts.size)
    for i in range(counts.size):
        for j in range(max(0, i - half), min(counts.size, i + half + 1)):
            if counts[j]:
                out[i] += counts[j] * weights[j - i + half]
    return out


@njit(nogil=True, cache=True)
def _number_near(values, use, centre, reach):  # type: ignore[no-untyped-def]
    number = 0
    for i in range(values.size):
        if use[i] and abs(values[i] - centre) <= reach and values[i] <= _CUT:
            number += 1
    return number
