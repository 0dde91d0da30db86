"""Density of signals where light is weak and charge is shared, and what means of dark samples are off by there.

Photons hit pixels at random, and each leaves in a pixel the part of a Gaussian cloud that falls into it: the charge
of a pixel is a sum of a Poisson number of such parts, whose density is made by Fourier transforms.
"""

from __future__ import annotations

from functools import lru_cache
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Points of the density, and of a photon's signal among them: 62 photons are in it.
POINTS, OF_PHOTON = 8192, 132
#: Places along one axis from which a photon's charge can reach a pixel, in pixels from its middle, and their number.
_REACH, _PLACES = 1.5, 300
#: Pixels from which a photon's charge can reach one of them.
PIXELS = (2 * _REACH) ** 2
#: Photons in a pixel on average up to which a bias is known, and how many values are between.
_MOST, _STEPS = 3.0, 61

#: Lines of the light: energy in units of the first one's, and share of the photons.
Lines = tuple[tuple[float, float], ...]
ONE_LINE: Lines = ((1.0, 1.0),)

_Array = NDArray[Any]


def density(photons: float, photon: float, cloud: float, sigma: float) -> tuple[_Array, _Array]:
    """Density of the signals of pixels in flat light.

    Parameters
    ----------
    photons : float
        In a pixel on average, at most 20.
    photon : float, ADU
        Signal of a photon.
    cloud : float, pixels
        Standard deviation of the charge of a photon; 0 shares nothing.
    sigma : float, ADU
        Noise.

    Returns
    -------
    signal : (8192,) float64, ADU
    density : (8192,) float64
        Share of the samples at each signal; the sum is 1.
    """
    step = photon / OF_PHOTON
    omega = 2 * np.pi * np.fft.fftfreq(POINTS, step)
    grow = PIXELS * photons * (np.fft.fft(parts_of_photon(cloud)) - 1)
    found = np.fft.ifft(np.exp(grow - (omega * sigma) ** 2 / 2)).real
    signal = np.arange(POINTS) * step
    # signals below 0 stand at the end
    far = signal > signal[-1] * 0.9
    return np.where(far, signal - POINTS * step, signal), np.maximum(found, 0)


@lru_cache(maxsize=4)
def parts_of_photon(cloud: float, lines: Lines = ONE_LINE) -> _Array:
    """Charge that a photon leaves in a pixel, when it hits somewhere in the nine pixels around.

    Parameters
    ----------
    cloud : float, pixels
        Standard deviation of the charge of a photon; 0 shares nothing.
    lines : tuple of (float, float)
        Of the light: energy in units of the first one's, and share of the photons.

    Returns
    -------
    (8192,) float64
        Share of the photons that leave each charge, in steps of 1/132 of a photon of the first line; the sum is 1.
        Not to be changed.
    """
    place = (np.arange(_PLACES) + 0.5) / _PLACES * 2 * _REACH - _REACH
    inside = np.array([_share(one, cloud) for one in place])
    part = np.multiply.outer(inside, inside).ravel()
    found = np.zeros(POINTS)
    for energy, weight in lines:
        low = np.floor(part * energy * OF_PHOTON).astype(int)
        above = part * energy * OF_PHOTON - low
        found += weight * (np.bincount(low, 1 - above, POINTS) + np.bincount(low + 1, above, POINTS))
    return np.asarray(found / part.size)


def _share(place: float, cloud: float) -> float:
    """Part of a cloud at a place that lies in the pixel between -0.5 and 0.5."""
    if not cloud:
        return float(abs(place) < 0.5)
    return (erf((0.5 - place) / cloud / sqrt(2)) - erf((-0.5 - place) / cloud / sqrt(2))) / 2


@lru_cache(maxsize=256)
def dark_bias(
    photon: float, cloud: float, sigma: float, dark: tuple[float, float], turns: int,
) -> tuple[_Array, _Array]:
    """Mean that weak light leaves in samples which are called dark, in turns, where nothing is shifted.

    Parameters
    ----------
    photon : float, ADU
    cloud : float, pixels
    sigma : float, ADU
    dark : (float, float), ADU
        Lowest and highest signal without light.
    turns : int
        In each it grows by the mean of the samples that are dark without it.

    Returns
    -------
    above : (61,) float64, ADU
        Mean of all samples above that of the dark ones, rising; from 0 to 3 photons in a pixel.
    bias : (61,) float64, ADU
        Not to be changed.
    """
    photons = np.linspace(0, _MOST, _STEPS)
    bias = np.array([_mean_of_dark(*density(one, photon, cloud, sigma), dark, turns) for one in photons])
    return np.maximum.accumulate(photons * photon - bias), bias


def _mean_of_dark(signal: _Array, share: _Array, dark: tuple[float, float], turns: int) -> float:
    found = 0.0
    for _ in range(turns):
        mine = (signal - found >= dark[0]) & (signal - found <= dark[1])
        found += float(np.dot(signal[mine] - found, share[mine]) / share[mine].sum())
    return found
