"""Densities of the signals of a number of photons that share charge, at steps of the noise.

A pixel that n photons reach has the density h_n: what n photons leave, smeared by the noise. With λ photons on a
pixel the number that reach it is a Poisson number with the mean 9 λ (1 − q₀), where q₀ is the share of the photons
hitting the nine pixels around that leave nothing. So the density at any λ is a weighted sum of these, without an
error; between steps of the noise it is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.shared_charge import OF_PHOTON, ONE_LINE, PIXELS, POINTS, Lines, parts_of_photon

_Array = NDArray[Any]

#: Numbers of photons, from 0 on.
PHOTONS = 25
#: Steps of the logarithm of the noise: interpolated by cubics, a density is known to 1e-5 of its peak.
_STEP = 0.06
#: Points beside what is asked for, which cubics need.
_BESIDE = 4
#: Standard deviations of the noise beyond which nothing is left of the digits that are kept.
_REACH = 9
#: Digits that are kept, so that all processors have the same.
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Templates:
    """Densities by noise, number of photons and signal.

    Attributes
    ----------
    values : (noises, photons, points) float64
        Share of the samples for a step of the signal of a photon.
    numbers : (5,) float64
        First signal and the step of signals, in photons; first logarithm of the noise, its step; mean number of
        photons that leave something in a pixel, for each that hits it.
    inside : (noises, photons, 2) int64
        Points from the first to before the last; at all others a density, and those of less noise, is 0.
    """

    values: _Array
    numbers: _Array
    inside: NDArray[np.int64]

    @property
    def tables(self) -> tuple[_Array, _Array, NDArray[np.int64]]:
        """All of it, as kernels take it."""
        return self.values, self.numbers, self.inside

    def of(self, photons: int) -> Templates:
        """The same of one number of photons alone; all others add nothing.

        Parameters
        ----------
        photons : int
            That leave something in a pixel.
        """
        only = np.zeros_like(self.values)
        only[:, photons] = self.values[:, photons]
        return Templates(only, self.numbers, self.inside)

    @property
    def noise(self) -> tuple[float, float]:
        """Least and largest noise that densities can be interpolated at, in units of the signal of a photon."""
        _, _, first, step, _ = self.numbers.tolist()
        return float(np.exp(first + step)), float(np.exp(first + step * (len(self.values) - 2)))

    @property
    def signal(self) -> tuple[float, float]:
        """Least and largest signal likewise."""
        first, step = self.numbers[:2].tolist()
        return first + step * _BESIDE / 2, first + step * (self.values.shape[2] - 1 - _BESIDE / 2)


def templates_of(
    cloud: float, noise: tuple[float, float], signal: tuple[float, float], lines: Lines = ONE_LINE,
) -> Templates:
    """Densities for a cloud of charge.

    Parameters
    ----------
    cloud : float, pixels
        Standard deviation of the charge of a photon.
    noise, signal : (float, float)
        Least and largest that are asked for, in units of the signal of a photon of the first line.
    lines : tuple of (float, float)
        Of the light: energy in units of the first one's, and share of the photons.

    Returns
    -------
    Templates

    Raises
    ------
    ValueError
        The noise is so small that a step of the signal is no longer small, or it does not ascend.
    """
    if not 2 / OF_PHOTON < noise[0] < noise[1] or not signal[0] < signal[1]:
        raise ValueError(f"noise from {noise[0]:g} to {noise[1]:g} of a photon is not told apart from steps of 1/132")
    first = log(noise[0]) - _STEP
    number = ceil((log(noise[1]) - first) / _STEP) + 2
    of_photon = np.fft.rfft(parts_of_photon(cloud, lines))
    nothing = float(parts_of_photon(cloud, lines)[0])
    most = (PHOTONS - 1) * max(energy for energy, _ in lines) + 2 * _REACH * noise[1]
    # half of the points, which are every other frequency, do where what all photons leave has room among them
    every = 2 if most < POINTS / 2 / OF_PHOTON else 1
    powers = ((of_photon[::every] - nothing) / (1 - nothing)) ** np.arange(PHOTONS)[:, None]
    low, high = floor(signal[0] * OF_PHOTON) - _BESIDE, ceil(signal[1] * OF_PHOTON) + _BESIDE
    values = np.empty((number, PHOTONS, high - low + 1))
    for i, sigma in enumerate(np.exp(first + _STEP * np.arange(number))):
        found = np.fft.irfft(powers * _smearing(sigma)[::every], POINTS // every) * OF_PHOTON
        values[i] = np.round(np.take(found, np.arange(low, high + 1), axis=1, mode="wrap"), _DIGITS)
    numbers = np.array([low / OF_PHOTON, 1 / OF_PHOTON, first, _STEP, PIXELS * (1 - nothing)])
    return Templates(values, numbers, _inside(values))


def _inside(values: _Array) -> NDArray[np.int64]:
    some, points = values != 0, values.shape[2]
    ends = np.stack([some.argmax(axis=2), points - some[..., ::-1].argmax(axis=2)], axis=2)
    ends[~some.any(axis=2)] = points, 0
    return np.stack([np.minimum.accumulate(ends[..., 0]), np.maximum.accumulate(ends[..., 1])], axis=2)


def _smearing(sigma: float) -> _Array:
    """Fourier transform of the noise, at the frequencies of the points."""
    omega = 2 * np.pi * np.fft.rfftfreq(POINTS, 1 / OF_PHOTON)
    return np.asarray(np.exp(-((omega * sigma) ** 2) / 2))
