"""Histograms of pixels in flat light, photon by photon: each hits somewhere, and shares its charge between pixels.

Beside it the density that they follow, by a Fourier transform on a grid of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ndtr

Array = Any

#: Edge of a pixel, µm; signal of 9.2 keV at 7.2 ADU/keV.
PIXEL, GAIN = 200.0, 66.24
EDGES = np.arange(-50.0, 301.0)
ONE = ((1.0, 1.0),)
#: Copper: energies over that of Kα, and 12 % of the photons in Kβ.
COPPER = ((1.0, 0.88), (8.905 / 8.048, 0.12))


@dataclass(frozen=True)
class Flat:
    """Histograms, and what was drawn for each pixel."""

    counts: Array
    gain: Array
    zero: Array
    noise: Array


def flat(number: int, photons: float, cloud: float, lines: Any = ONE, *, frames: int = 20_000, seed: int = 1,
         spread: float = 0.0, gain: float = GAIN, noise: float = 9.0, cells: int = 1, of_cells: float = 0.0) -> Flat:
    """Histograms of some pixels with a cloud in µm, whose gains, offsets and noise differ by a relative spread.

    Frames are of several memory cells in turns, whose gains may have a relative spread in each pixel.
    """
    draw = np.random.default_rng(seed)
    gains, noises = gain * (1 + spread * draw.normal(size=number)), noise * (1 + spread * draw.normal(size=number))
    zeros = 40 * spread * draw.normal(size=number)
    counts = np.empty((number, len(EDGES) - 1), np.uint32)
    for p in range(number):
        signal = zeros[p] + noises[p] * draw.normal(size=frames)
        hits = draw.poisson(9 * photons, frames)  # of this pixel and its neighbours
        place = draw.uniform(-1.5, 1.5, (2, int(hits.sum())))
        share = ndtr((0.5 - place) * PIXEL / cloud) - ndtr((-0.5 - place) * PIXEL / cloud)
        energy = draw.choice([one[0] for one in lines], share.shape[1], p=[one[1] for one in lines])
        charge = np.bincount(np.repeat(np.arange(frames), hits), share[0] * share[1] * energy, frames)
        own = gains[p] * (1 + of_cells * draw.normal(size=cells)) if of_cells else gains[p:p + 1]
        gains[p] = own.mean()
        counts[p] = np.histogram(signal + own[np.arange(frames) % len(own)] * charge, EDGES)[0]
    return Flat(counts, gains, zeros, noises)


@lru_cache(8)
def of_photon(cloud: float, lines: Any) -> Array:
    """Fourier transform of what a photon leaves in a pixel, in steps of 1/256 of a photon, less 1; 9 pixels."""
    place = (np.arange(750) + 0.5) / 250 - 1.5
    inside = ndtr((0.5 - place) * PIXEL / cloud) - ndtr((-0.5 - place) * PIXEL / cloud)
    share = np.outer(inside, inside).ravel()
    found = np.zeros(8192)
    for energy, weight in lines:
        step = share * energy * 256
        low = step.astype(int)
        np.add.at(found, low, weight * (1 - step + low) / share.size)
        np.add.at(found, low + 1, weight * (step - low) / share.size)
    return 9 * (np.fft.rfft(found) - 1)


def expected(entries: float, photons: float, gain: float, zero: float, noise: float, cloud: float,
             lines: Any = ONE) -> Array:
    """Expected counts in the bins, (bins,), of a pixel."""
    frequency = np.fft.rfftfreq(8192, 1 / 256)
    wave = (np.exp(photons * of_photon(cloud, lines) - (2 * np.pi * frequency * noise / gain) ** 2 / 2)
            * np.sinc(frequency / gain))
    share = np.fft.fftshift(np.fft.irfft(wave)) * 256 / gain
    signal = (np.arange(8192) - 4096) / 256
    near = (signal > -3) & (signal < 9)
    return entries * CubicSpline(signal[near], share[near])((EDGES[:-1] + 0.5 - zero) / gain)
