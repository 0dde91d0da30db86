"""Frames of high gain with light by NumPy and SciPy alone, for tests that must not ask our own simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

Array = Any
#: Of a module, and the signal of a photon of 9.2 keV, ADU.
SHAPE, PHOTON = (512, 128), 66.24
PIXEL = 200.0


def charge(rng: np.random.Generator, photons: float, cloud: float = 0.0, shape: tuple[int, int] = SHAPE) -> Array:
    """Charge in each pixel, in photons: Poisson numbers, each photon anywhere in its pixel; cloud in µm."""
    number = rng.poisson(photons, shape)
    if not cloud:
        return number.astype(float)
    row, column = (np.repeat(where, number.reshape(-1)) for where in np.indices(shape).reshape(2, -1))
    rows, columns = (_shares(rng.random(len(row)) * PIXEL / cloud, PIXEL / cloud) for _ in range(2))
    made = np.zeros((shape[0] + 2, shape[1] + 2))
    for i, up in enumerate(rows):
        for j, left in enumerate(columns):
            np.add.at(made, (row + i, column + j), up * left)
    return made[1:-1, 1:-1]


def _shares(place: Array, edge: float) -> tuple[Array, Array, Array]:
    """Shares of a cloud of width 1 before its pixel, in it, and behind it."""
    before, behind = ndtr(-place), ndtr(-(edge - place))
    return before, 1 - before - behind, behind


def frame(rng: np.random.Generator, photons: float, sigma: float, shift: float = 0.0, cloud: float = 0.0) -> Array:
    """Signals of a module, ADU about a baseline of ``shift``, (slow_scan, fast_scan) float32."""
    return (charge(rng, photons, cloud) * PHOTON + rng.normal(shift, sigma, SHAPE)).astype(np.float32)
