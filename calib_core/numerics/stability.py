"""Samples outside their gates: how many there are of each pixel, and how many chance and the ASIC explain.

A sample of a normal pixel with mean m and standard deviation s lies outside the gate from *low* to *high* with the
probability p = Q((m − low) / s) + Q((high − m) / s), where Q is the tail of the normal distribution. What all pixels
of an ASIC have beyond that, such as cosmic rays, light or a jump, is a common probability q, taken from the pixels
that it explains: q = (max(0, Σ(k − n·p)) + 3) / Σn over those with P(X ≥ k | Binomial(n, p + q)) ≥ 10⁻³, k being
the samples outside of n. The 3 is the 95 % limit where none is seen. It starts from all pixels, and ends when no
pixel comes or goes, after six rounds at the latest.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

#: Pixels that are less probable than this do not tell what their ASIC has in common.
KEPT = 1e-3
ROUNDS = 6
#: Samples that an ASIC may have had outside by 95 % where none was seen.
_UNSEEN = 3.0

_STEPS, _REACH = 128, 8
#: Q at multiples of 1/128 up to 8, interpolated: good to 4 · 10⁻⁴ of the value, and 0 beyond.
_TAIL = np.array([math.erfc(i / _STEPS / math.sqrt(2)) / 2 for i in range(_STEPS * _REACH + 2)])

_Array = NDArray[Any]
_Float = NDArray[np.float32]


def explained(
    mean: _Array, std: _Array, low: _Array, high: _Array, count: _Array, tried: _Array, ordinary: _Array,
    block_shape: tuple[int, int],
) -> tuple[_Float, _Float]:
    """Probability of a sample to lie outside its gate by chance, or by what its ASIC has in common: p + q.

    Parameters
    ----------
    mean, std : (slow_scan, fast_scan) float32, ADU
        Of the samples inside.
    low, high : (slow_scan, fast_scan) float32, ADU
        Ends of the gate; of whole codes half a code further out.
    count, tried : (slow_scan, fast_scan) uint32
        Samples inside, and all that could have been.
    ordinary : (slow_scan, fast_scan) bool
        Pixels that are judged; others tell nothing of their ASIC.
    block_shape : (int, int)
        Of an ASIC; blocks tile the map.

    Returns
    -------
    chance : (slow_scan, fast_scan) float32
        At most 1; NaN where there is no mean, no spread or no sample.
    common : (blocks along slow_scan, blocks along fast_scan) float32
        q of each ASIC; 0 where it has no such pixel.

    Raises
    ------
    ValueError
        A shape or type does not fit.
    """
    slow, fast = block_shape
    if mean.ndim != 2 or slow < 1 or fast < 1 or mean.shape[0] % slow or mean.shape[1] % fast:
        raise ValueError(f"blocks of {slow} x {fast} pixels do not tile a map of {mean.shape}")
    for name, values, dtype in (
        ("mean", mean, np.float32), ("std", std, np.float32), ("low", low, np.float32), ("high", high, np.float32),
        ("count", count, np.uint32), ("tried", tried, np.uint32), ("ordinary", ordinary, np.bool_),
    ):
        check_array(values, name, mean.shape, dtype)
    found = np.full(mean.shape, np.nan, np.float32)
    common = np.zeros((mean.shape[0] // slow, mean.shape[1] // fast), np.float32)
    writable = (np.require(one, requirements="W") for one in (mean, std, low, high, count, tried, ordinary))
    _explained(*writable, slow, fast, _TAIL, found, common)
    return found, common


def improbable(outside: _Array, tried: _Array, chance: _Array) -> NDArray[np.float64]:
    """Probability of at least so many samples outside: P(X ≥ k | Binomial(n, chance)).

    Parameters
    ----------
    outside, tried : (n,) integer
        k and n.
    chance : (n,) float
        Of a single sample.

    Returns
    -------
    (n,) float64
        NaN where the chance is.
    """
    found = np.empty(len(outside))
    _improbable(outside.astype(np.int64), tried.astype(np.int64), chance.astype(np.float64), found)
    return found


@njit(nogil=True, cache=True)
def _q(z, tail):  # type: ignore[no-untyped-def]
    """Tail of the normal distribution beyond z ≥ 0."""
    at = max(z, 0.0) * _STEPS
    if not at < _STEPS * _REACH:
        return 0.0
    i = int(at)
    part = at - i
    return tail[i] * (1 - part) + tail[i + 1] * part


@njit(nogil=True, cache=True)
def _at_least(k, n, p):  # type: ignore[no-untyped-def]
    """P(X ≥ k | Binomial(n, p)), summed upwards from k, or downwards from k − 1 where that is shorter."""
    if k <= 0:
        return 1.0
    if p <= 0.0 or k > n:
        return 0.0
    if p >= 1.0:
        return 1.0
    below = k - 1 < n * p
    first = k - 1 if below else k
    term = math.exp(math.lgamma(n + 1.0) - math.lgamma(first + 1.0) - math.lgamma(n - first + 1.0)
                    + first * math.log(p) + (n - first) * math.log1p(-p))
    odds, total, i = p / (1 - p), 0.0, first
    while term > 1e-17 * total and 0 <= i <= n:
        total += term
        if below:
            term *= i / (n - i + 1.0) / odds
            i -= 1
        else:
            term *= (n - i) / (i + 1.0) * odds
            i += 1
    return 1.0 - min(total, 1.0) if below else min(total, 1.0)


@njit(nogil=True, cache=True)
def _improbable(outside, tried, chance, found):  # type: ignore[no-untyped-def]
    for i in range(found.size):
        found[i] = _at_least(outside[i], tried[i], chance[i]) if chance[i] == chance[i] else np.nan


@njit(nogil=True, cache=True)
def _common(k, n, p, kept):  # type: ignore[no-untyped-def]
    """What an ASIC explains beyond chance, of its pixels that it explains."""
    q = 0.0
    kept[:] = True
    for _ in range(ROUNDS):
        beyond, samples = 0.0, 0.0
        for i in range(k.size):
            if kept[i]:
                beyond += k[i] - n[i] * p[i]
                samples += n[i]
        if samples == 0:
            return q
        q = (max(0.0, beyond) + _UNSEEN) / samples
        changed = False
        for i in range(k.size):
            chance = min(1.0, p[i] + q)
            inside = k[i] <= n[i] * chance or _at_least(k[i], n[i], chance) >= KEPT
            changed |= inside != kept[i]
            kept[i] = inside
        if not changed:
            break
    return q


@njit(nogil=True, cache=True)
def _explained(mean, std, low, high, count, tried, ordinary, slow, fast, tail, found, common):  # type: ignore[no-untyped-def]
    most = slow * fast
    k, n, p = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.float64)
    y, x, kept = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.bool_)
    for top in range(0, mean.shape[0], slow):
        for left in range(0, mean.shape[1], fast):
            size = 0
            for i in range(top, top + slow):
                for j in range(left, left + fast):
                    s, m = np.float64(std[i, j]), np.float64(mean[i, j])
                    if ordinary[i, j] and tried[i, j] > 0 and s > 0 and m == m:
                        k[size], n[size] = np.int64(tried[i, j]) - np.int64(count[i, j]), tried[i, j]
                        p[size] = _q((m - low[i, j]) / s, tail) + _q((high[i, j] - m) / s, tail)
                        y[size], x[size] = i, j
                        size += 1
            q = _common(k[:size], n[:size], p[:size], kept[:size])
            common[top // slow, left // fast] = np.float32(q)
            for i in range(size):
                found[y[i], x[i]] = np.float32(min(1.0, p[i] + q))
