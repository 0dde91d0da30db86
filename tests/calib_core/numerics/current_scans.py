"""Series of scans of a current source whose lines, switches and levels are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
X = np.concatenate([np.arange(3, 203), np.arange(203, 3200, 10)]).astype(np.int32)
NOISE = np.array([11.0, 8.0, 8.0])


@dataclass(frozen=True)
class Drawn:
    """Series of pixels (n, s) with the truth of their lines (n, 3) and switches (n, 2)."""

    analog: Array
    code: Array
    slope: Array
    intercept: Array
    switch: Array
    level: Array


def drawn(
    pixels: int, seed: int = 1, lost: float = 0.003, x: Array = X, mixed: int = 4, ratios: tuple[float, float] = (
        45.0, 4.48), steps: tuple[float, float] = (1500.0, 1200.0), noise_of_code: float = 40.0,
) -> Drawn:
    """Slopes of high gain about 98 ADU a step, so that pixels switch near 61 and 2250, if no ratio is another."""
    rng = np.random.default_rng(seed)
    high = 98 * rng.normal(1, 0.04, (pixels, 1))
    medium = high / rng.normal(ratios[0], ratios[0] / 30, (pixels, 1))
    slope = np.hstack([high, medium, medium / ratios[1]])
    intercept = rng.normal((4950, 4680, 4600), 150, (pixels, 3))
    switch = np.hstack([rng.normal(6000, 100, (pixels, 1)) / high, rng.normal(4900, 100, (pixels, 1)) / medium])
    level = np.cumsum(rng.normal((5750, *steps), (200, 30, 30), (pixels, 3)), axis=1)
    off = x - switch[:, :, None] + mixed * rng.uniform(-1, 1, (pixels, 2, len(x)))  # near the switch either stage
    stage = (off > 0).sum(axis=1)
    rows = np.arange(pixels)[:, None]
    analog = intercept[rows, stage] + slope[rows, stage] * x + NOISE[stage] * rng.normal(0, 1, stage.shape)
    code = level[rows, stage] + rng.normal(0, noise_of_code, stage.shape)
    found = [np.rint(one).clip(1, 16383).astype(np.uint16) for one in (analog, code)]
    for one in found:
        one[rng.random(one.shape) < lost if one is found[0] else found[0] == 0] = 0
    return Drawn(*found, slope, intercept, switch, level)
