"""Expected counts in the bins of a histogram, and their derivatives, of three models of photon peaks.

Bins have the middles ``axis[0] + b axis[1]``. That they are wide is a wider noise, σ² + width² / 12. Parameters are
in the order of :data:`calib_core.numerics.photon_peaks.MODELS`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.shared_charge import Lines

#: Models: charge that is shared, free Gaussians, Gaussians at equal distances with shelves between.
SHARED, FREE, SHELVES = range(3)
#: Standard deviations to which a normal density is tabulated, steps of one, and peaks of a model with shelves.
REACH, PER_SIGMA, PEAKS = 9, 64, 16
#: A Poisson number whose probability is smaller than this changes nothing.
_IMPROBABLE = 1e-9


@lru_cache(maxsize=8)
def ways_of(lines: Lines) -> NDArray[np.float64]:
    """What photons of lines add up to: for each number of them each sum, by the line of the last one.

    Parameters
    ----------
    lines : tuple of (float, float)
        Of the light: energy in units of the first one's, and share of the photons.

    Returns
    -------
    (ways, 4) float64
        Number of photons from 0 to 15, ascending; energies of all but the last and of all; share of this way among
        those of the number. Not to be changed.
    """
    found, sums = [(0.0, 0.0, 0.0, 1.0)], {(0,) * len(lines): 1.0}
    for photons in range(1, PEAKS):
        before, sums = sums, {}
        for of_lines, share in before.items():
            for i, (_, part) in enumerate(lines):
                more = (*of_lines[:i], of_lines[i] + 1, *of_lines[i + 1:])
                sums[more] = sums.get(more, 0.0) + share * part
                if share * part >= _IMPROBABLE:
                    found.append((photons, _energy(of_lines, lines), _energy(more, lines), share * part))
    return np.array(found)


def _energy(of_lines: tuple[int, ...], lines: Lines) -> float:
    return sum(number * energy for number, (energy, _) in zip(of_lines, lines, strict=True))


@njit(nogil=True, cache=True, error_model="numpy")
def expect(model, theta, axis, tables, curve, expected, slopes):  # type: ignore[no-untyped-def]
    """Fill in the expected counts, (bins,), and their derivatives, (parameters, bins)."""
    templates, numbers, inside, normal, ways = tables
    if model == SHARED:
        _shared(theta, axis, templates, numbers, inside, curve, expected, slopes)
    elif model == FREE:
        _free(theta, axis, normal, ways, expected, slopes)
    else:
        _shelves(theta, axis, normal, ways, expected, slopes)


@njit(nogil=True, cache=True, error_model="numpy")
def _shared(theta, axis, templates, numbers, inside, curve, expected, slopes):  # type: ignore[no-untyped-def]
    """Entries, photons, gain, position of no photon, logarithm of noise over gain."""
    total, photons, gain, zero, noise = theta[0], theta[1], theta[2], theta[3], theta[4]
    first, step = numbers[0], numbers[1]
    begin, stride = ((axis[0] - zero) / gain - first) / step, axis[1] / (gain * step)
    low = max(int(begin) - 1, 0)
    high = min(int(begin + stride * (expected.size - 1)) + 3, templates.shape[2])
    _weigh(templates, numbers, inside, photons, noise, low, high, curve)
    height, by_entries = total * axis[1] / gain, axis[1] / gain
    by_place, sixth = height / (gain * step), 1 / 6
    # without signs that they might have, numba asks of no index whether it counts from the end
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    density, of_photons, of_noise = curve[0], curve[1], curve[2]
    for b in range(expected.size):
        place = begin + stride * b
        i = min(max(int(place), low + 1), high - 3)
        t, k = place - i, np.uint64(i - 1)
        u, v, w, tt = t + 1, t - 1, t - 2, 3 * t * t
        c0, c1, c2, c3 = -t * v * w * sixth, u * v * w * 0.5, -u * t * w * 0.5, u * t * v * sixth
        d0, d1, d2, d3 = (-tt + 6 * t - 2) * sixth, (tt - 4 * t - 1) * 0.5, (-tt + 2 * t + 2) * 0.5, (tt - 1) * sixth
        h0, h1, h2, h3 = density[k], density[k + one], density[k + two], density[k + three]
        value, moved = c0 * h0 + c1 * h1 + c2 * h2 + c3 * h3, d0 * h0 + d1 * h1 + d2 * h2 + d3 * h3
        expected[b] = height * value
        slopes[0, b] = by_entries * value
        slopes[1, b] = height * (c0 * of_photons[k] + c1 * of_photons[k + one] + c2 * of_photons[k + two]
                                 + c3 * of_photons[k + three])
        slopes[2, b] = -by_place * (step * value + moved * (first + step * place))
        slopes[3, b] = -by_place * moved
        slopes[4, b] = height * (c0 * of_noise[k] + c1 * of_noise[k + one] + c2 * of_noise[k + two]
                                 + c3 * of_noise[k + three])


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh(templates, numbers, inside, photons, noise, low, high, curve):  # type: ignore[no-untyped-def]
    """Density of some photons at a noise, and its derivatives by both, from ``low`` to ``high``."""
    place = (noise - numbers[2]) / numbers[3]
    j = min(max(int(place), 1), templates.shape[0] - 3)
    t = place - j
    u, v, w, tt = t + 1, t - 1, t - 2, 3 * t * t
    c0, c1, c2, c3 = -t * v * w / 6, u * v * w / 2, -u * t * w / 2, u * t * v / 6
    d0, d1, d2, d3 = (-tt + 6 * t - 2) / 6, (tt - 4 * t - 1) / 2, (-tt + 2 * t + 2) / 2, (tt - 1) / 6
    curve[:, low:high] = 0
    mean = photons * numbers[4]
    before, chance = 0.0, _exp_of_minus(mean)
    for n in range(templates.shape[1]):
        if n > mean and chance < _IMPROBABLE:
            break
        of_photons, of_noise = (before - chance) * numbers[4], chance / numbers[3]
        begin, end = max(low, inside[j + 2, n, 0]), min(high, inside[j + 2, n, 1])
        h0, h1 = templates[j - 1, n, begin:end], templates[j, n, begin:end]
        h2, h3 = templates[j + 1, n, begin:end], templates[j + 2, n, begin:end]
        density, by_photons, by_noise = curve[0, begin:end], curve[1, begin:end], curve[2, begin:end]
        for i in range(h0.size):  # of parts that begin at 0 numba makes one loop over vectors
            value = c0 * h0[i] + c1 * h1[i] + c2 * h2[i] + c3 * h3[i]
            density[i] += chance * value
            by_photons[i] += of_photons * value
            by_noise[i] += of_noise * (d0 * h0[i] + d1 * h1[i] + d2 * h2[i] + d3 * h3[i])
        before, chance = chance, chance * mean / (n + 1)


@njit(nogil=True, cache=True)
def _exp_of_minus(x):  # type: ignore[no-untyped-def]
    """Exponential of −x, x ≥ 0, by a series; a library's would depend on the processor in its last bit."""
    halvings = 0
    while x > 0.5:
        x /= 2
        halvings += 1
    term = total = 1.0
    for i in range(1, 16):
        term *= -x / i
        total += term
    for _ in range(halvings):
        total *= total
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _normal_at(z, normal):  # type: ignore[no-untyped-def]
    """Normal density and its integral, by cubics that have their derivatives at the points of the table."""
    if not abs(z) < REACH:
        return 0.0, 1.0 if z > 0 else 0.0
    place = (z + REACH) * PER_SIGMA
    i = int(place)
    t = place - i
    h, z0 = 1 / PER_SIGMA, i / PER_SIGMA - REACH
    p, q = normal[0, i], normal[0, i + 1]
    a, b = t * t * (3 - 2 * t), t * (1 - t) * h
    density = p + a * (q - p) + b * (-(1 - t) * z0 * p + t * (z0 + h) * q)
    return density, normal[1, i] + a * (normal[1, i + 1] - normal[1, i]) + b * ((1 - t) * p - t * q)


@njit(nogil=True, cache=True, error_model="numpy")
def _reached(axis, low, high, sigma, bins):  # type: ignore[no-untyped-def]
    """First and last of the bins that a peak, or what is between two, reaches."""
    first = (low - REACH * sigma - axis[0]) / axis[1]
    last = (high + REACH * sigma - axis[0]) / axis[1] + 1
    return int(min(max(first, 0.0), bins)), int(min(max(last, 0.0), bins))


@njit(nogil=True, cache=True, error_model="numpy")
def _free(theta, axis, normal, ways, expected, slopes):  # type: ignore[no-untyped-def]
    """Entries, position and standard deviation of each peak, and entries that lie anywhere.

    A position is that of photons of the first line; those of others lie beside it by their part of its distance from
    no photon.
    """
    last = theta.size - 1
    slopes[:] = 0
    slopes[last] = 1 / expected.size
    expected[:] = theta[last] / expected.size
    for w in range(ways.shape[0]):
        photons, chance = ways[w, 0], ways[w, 3]
        k = 3 * int(photons)
        if k >= last:
            break
        beside = ways[w, 2] / photons - 1 if k else 0.0
        total, sigma = theta[k] * chance, theta[k + 2]
        middle = theta[k + 1] + beside * (theta[k + 1] - theta[1])
        for b in range(*_reached(axis, middle, middle, sigma, expected.size)):
            z = (axis[0] + b * axis[1] - middle) / sigma
            share = _normal_at(z, normal)[0] * axis[1] / sigma
            expected[b] += total * share
            slopes[k, b] += chance * share
            slopes[k + 1, b] += (1 + beside) * (total * share * z / sigma)
            slopes[1, b] -= beside * (total * share * z / sigma)
            slopes[k + 2, b] += total * share * (z * z - 1) / sigma


@njit(nogil=True, cache=True, error_model="numpy")
def _shelves(theta, axis, normal, ways, expected, slopes):  # type: ignore[no-untyped-def]
    """Entries, photons, gain, position of no photon, its standard deviation, what a photon adds, share of shelves."""
    total, photons, gain, zero, sigma, growth, part = theta
    expected[:] = 0
    slopes[:] = 0
    number, chance, before = 0, _exp_of_minus(photons), 0.0
    for w in range(ways.shape[0]):
        k, begin, end, way = int(ways[w, 0]), ways[w, 1], ways[w, 2], ways[w, 3]
        if k > number:
            number, before, chance = k, chance, chance * photons / k
            if k > photons and chance < _IMPROBABLE:
                break
        if way * chance < _IMPROBABLE:
            continue
        wide = np.sqrt(sigma * sigma + k * growth * growth)
        flat = part if k else 0.0
        for b in range(*_reached(axis, zero + begin * gain, zero + end * gain, wide, expected.size)):
            x = axis[0] + b * axis[1] - zero
            z = (x - end * gain) / wide
            peak = _normal_at(z, normal)[0] * axis[1] / wide
            shelf = of_gain = of_zero = of_sigma = 0.0
            if k:
                low, up = (x - begin * gain) / sigma, (x - end * gain) / sigma
                d0, a0 = _normal_at(low, normal)
                d1, a1 = _normal_at(up, normal)
                each = axis[1] / ((end - begin) * gain)
                shelf = each * (a0 - a1)
                of_gain = each * (end * d1 - begin * d0) / sigma - shelf / gain
                of_zero = each * (d1 - d0) / sigma
                of_sigma = each * (up * d1 - low * d0) / sigma
            value = (1 - flat) * peak + flat * shelf
            share = way * chance
            whole, of_wide = total * share, (1 - flat) * peak * (z * z - 1) / (wide * wide)
            expected[b] += whole * value
            slopes[0, b] += share * value
            slopes[1, b] += total * way * (before - chance) * value
            slopes[2, b] += whole * ((1 - flat) * peak * z * end / wide + flat * of_gain)
            slopes[3, b] += whole * ((1 - flat) * peak * z / wide + flat * of_zero)
            slopes[4, b] += whole * (of_wide * sigma + flat * of_sigma)
            slopes[5, b] += whole * of_wide * k * growth
            slopes[6, b] += whole * (shelf - peak) if k else 0.0
