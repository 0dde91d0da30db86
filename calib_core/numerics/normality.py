"""Whether samples are normal: D'Agostino and Pearson's omnibus test of skewness and kurtosis, pixel by pixel.

Source: R. D'Agostino and E. S. Pearson, Biometrika 60 (1973) 613; the transformations are those of
D'Agostino (1970) for the skewness and of Anscombe and Glynn (1983) for the kurtosis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

Array = npt.NDArray[Any]

#: With fewer samples the test says nothing.
LEAST_SAMPLES = 20


def normality(samples: Array, low: Array, high: Array) -> npt.NDArray[np.float32]:
    """Probability that normal samples look at least so little normal.

    Parameters
    ----------
    samples : (n, P) uint16
        Rows are frames.
    low, high : (P,) uint16
        Only samples from low to high, inclusive, count.

    Returns
    -------
    (P,) float32
        p-value; NaN with fewer than 20 samples or without any spread.

    Raises
    ------
    ValueError
        An array has another dtype or shape.
    """
    samples = np.ascontiguousarray(samples)
    frames, pixels = samples.shape
    check_array(samples, "samples", (frames, pixels), np.uint16)
    check_array(low, "low", (pixels,), np.uint16)
    check_array(high, "high", (pixels,), np.uint16)
    out = np.empty(pixels, np.float32)
    _normality(samples, low, high, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _normality(samples, low, high, out):  # type: ignore[no-untyped-def]
    for p in range(samples.shape[1]):
        n, total = 0, 0
        for i in range(samples.shape[0]):
            if low[p] <= samples[i, p] <= high[p]:
                n += 1
                total += int(samples[i, p])
        out[p] = np.nan
        if n < LEAST_SAMPLES:
            continue
        mean = total / n
        m2 = m3 = m4 = 0.0
        for i in range(samples.shape[0]):
            if low[p] <= samples[i, p] <= high[p]:
                d = samples[i, p] - mean
                m2 += d * d
                m3 += d * d * d
                m4 += d * d * d * d
        if m2 > 0:
            m2, m3, m4 = m2 / n, m3 / n, m4 / n
            k2 = _skewness(m3 / m2**1.5, n) ** 2 + _kurtosis(m4 / m2**2, n) ** 2
            out[p] = math.exp(-k2 / 2)


@njit(nogil=True, cache=True, error_model="numpy")
def _skewness(b1, n):  # type: ignore[no-untyped-def]
    y = b1 * math.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    beta = 3.0 * (n * n + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2.0) * (n + 5) * (n + 7) * (n + 9))
    w2 = -1 + math.sqrt(2 * (beta - 1))
    alpha = math.sqrt(2.0 / (w2 - 1))
    y = y / alpha if y != 0 else 1 / alpha
    return math.log(y + math.sqrt(y * y + 1)) / math.sqrt(0.5 * math.log(w2))


@njit(nogil=True, cache=True, error_model="numpy")
def _kurtosis(b2, n):  # type: ignore[no-untyped-def]
    expected = 3.0 * (n - 1) / (n + 1)
    variance = 24.0 * n * (n - 2) * (n - 3) / ((n + 1) * (n + 1.0) * (n + 3) * (n + 5))
    x = (b2 - expected) / math.sqrt(variance)
    root = 6.0 * (n * n - 5 * n + 2) / ((n + 7.0) * (n + 9)) * math.sqrt(
        6.0 * (n + 3) * (n + 5) / (n * (n - 2.0) * (n - 3)))
    a = 6.0 + 8.0 / root * (2.0 / root + math.sqrt(1 + 4.0 / root**2))
    denominator = 1 + x * math.sqrt(2 / (a - 4.0))
    term = 1 - 2 / (9.0 * a)
    ratio = (1 - 2.0 / a) / abs(denominator)
    return (term - math.copysign(ratio ** (1 / 3.0), denominator)) / math.sqrt(2 / (9.0 * a))
