"""Photons in the pixels of a frame, and the charge that they leave; random numbers depend on a frame's key only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.numerics.kernels import njit
from calib_core.simulate.noise import word_at

Array = npt.NDArray[Any]

#: From this mean on numbers are found by rejection; below by inversion.
_MANY = 10.0
#: Photons of a pixel up to which each has a place of its own; those of more are shared by the mean of all places.
SINGLE_PHOTONS = 64
#: Largest cloud in units of the pixel, so that nothing but neighbours has a part of its charge.
LARGEST_CLOUD = 0.3


def poisson_numbers(mean: Array, key: int) -> npt.NDArray[np.int64]:
    """Poisson numbers of given means.

    Parameters
    ----------
    mean : (slow_scan, fast_scan) float64
        At least 0.
    key : int
        From :func:`~calib_core.simulate.noise.key_of`.

    Returns
    -------
    (slow_scan, fast_scan) int64

    Notes
    -----
    Inversion below a mean of 10, from there transformed rejection: W. Hörmann, Insurance: Mathematics and Economics
    12 (1993) 39, algorithm PTRS.
    """
    numbers = np.empty(mean.shape, np.int64)
    _poisson(np.ascontiguousarray(mean, np.float64).reshape(-1), numbers.reshape(-1), np.uint64(key))
    return numbers


def shared_photons(photons: Array, cloud: float, key: int) -> npt.NDArray[np.float64]:
    """Charge in each pixel, in photons, where each photon's cloud reaches the neighbours of its pixel.

    Parameters
    ----------
    photons : (slow_scan, fast_scan) int64
        That hit each pixel, anywhere in it.
    cloud : float
        Standard deviation of the cloud in units of the pixel's edge, above 0 and at most 0.3.
    key : int
        From :func:`~calib_core.simulate.noise.key_of`.

    Returns
    -------
    (slow_scan, fast_scan) float64
        What leaves the module is lost. Of pixels with more than 64 photons the mean over all places is shared.
    """
    padded = np.zeros((photons.shape[0] + 2, photons.shape[1] + 2))
    _share(photons, padded, cloud, mean_share(cloud), np.uint64(key))
    return np.ascontiguousarray(padded[1:-1, 1:-1])


def mean_share(cloud: float) -> float:
    """Mean share of a photon's charge beyond one edge of its pixel, over all places in the pixel.

    Parameters
    ----------
    cloud : float
        Standard deviation of the cloud in units of the pixel's edge.
    """
    reach = 1 / cloud
    beyond = 0.5 * math.erfc(reach / math.sqrt(2))
    return cloud * (reach * beyond + (1 - math.exp(-(reach**2) / 2)) / math.sqrt(2 * math.pi))


@njit(nogil=True, cache=True)
def _poisson(mean, out, key):  # type: ignore[no-untyped-def]
    """Kernel of :func:`poisson_numbers`: flat arrays of one length; a pixel's numbers have a key of their own."""
    for i in range(mean.size):
        own = word_at(key, np.uint64(i))
        out[i] = _inverted(mean[i], own) if mean[i] < _MANY else _rejected(mean[i], own)


@njit(nogil=True, cache=True)
def _uniform(key, position):  # type: ignore[no-untyped-def]
    """A number between 0 and 1, never either."""
    return (np.float64(word_at(key, position) >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(nogil=True, cache=True)
def _inverted(mean, key):  # type: ignore[no-untyped-def]
    """Poisson number by inversion."""
    left, term, number = _uniform(key, np.uint64(0)), math.exp(-mean), 0
    while left >= term and term > 0:
        left -= term
        number += 1
        term *= mean / number
    return number


@njit(nogil=True, cache=True)
def _rejected(mean, key):  # type: ignore[no-untyped-def]
    """Poisson number by transformed rejection with squeeze, in the letters of its source."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    certain = 0.9277 - 3.6224 / (b - 2)
    drawn = np.uint64(0)
    while True:
        u = _uniform(key, drawn) - 0.5
        v = _uniform(key, drawn + np.uint64(1))
        drawn += np.uint64(2)
        near = 0.5 - abs(u)
        k = math.floor((2 * a / near + b) * u + mean + 0.43)
        if near >= 0.07 and v <= certain:
            return k
        if k < 0 or (near < 0.013 and v > near):
            continue
        if math.log(v * inverse_alpha / (a / near**2 + b)) <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return k


@njit(nogil=True, cache=True)
def _share(photons, padded, cloud, mean, key):  # type: ignore[no-untyped-def]
    """Kernel of :func:`shared_photons`: ``padded`` has a pixel more on each side, for what is lost."""
    for row in range(photons.shape[0]):
        for column in range(photons.shape[1]):
            n = photons[row, column]
            if n > SINGLE_PHOTONS:
                _put(padded, row, column, float(n), mean, mean, mean, mean)
                continue
            own = word_at(key, np.uint64(row * photons.shape[1] + column))
            for photon in range(n):
                y = _uniform(own, np.uint64(2 * photon))
                x = _uniform(own, np.uint64(2 * photon + 1))
                _put(padded, row, column, 1.0, _beyond(y, cloud), _beyond(1 - y, cloud),
                     _beyond(x, cloud), _beyond(1 - x, cloud))


@njit(nogil=True, cache=True)
def _beyond(distance, cloud):  # type: ignore[no-untyped-def]
    """Share of a cloud beyond an edge."""
    return 0.5 * math.erfc(distance / cloud / math.sqrt(2.0))


@njit(nogil=True, cache=True)
def _put(padded, row, column, charge, above, below, left, right):  # type: ignore[no-untyped-def]
    """Add a charge to a pixel and its eight neighbours by the shares beyond its edges."""
    rows = (above, 1 - above - below, below)
    columns = (left, 1 - left - right, right)
    for i in range(3):
        for j in range(3):
            padded[row + i, column + j] += charge * rows[i] * columns[j]
