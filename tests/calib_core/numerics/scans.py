"""Series of scans whose regions, slopes, thresholds and hooks are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
#: Steps about the switch in which the gain signal is between its levels.
ZONE = 5
#: Steps without a train: none, one in twenty, three times 30, and 30 about the switch.
LOSSES = ("", "trains", "gaps", "gap over the switch")


@dataclass(frozen=True)
class Scan:
    """Series and their truth; a step is in high gain before `switch` - ZONE, in medium gain from `switch` + ZONE."""

    x: Array
    analog: Array
    code: Array
    switch: Array
    high_slope: Array
    medium_slope: Array
    threshold: Array
    base: Array
    middle: Array
    hook: Array
    decay: Array

    @property
    def there(self) -> Array:
        """Samples that are neither lost nor saturated."""
        return (self.analog > 0) & (self.analog < 16383)

    @property
    def high(self) -> Array:
        return (self.x < self.switch[:, None] - ZONE) & self.there

    @property
    def medium(self) -> Array:
        return (self.x >= self.switch[:, None] + ZONE) & self.there


def steps(number: int, losses: str, switch: int, rng: Array) -> Array:
    """Steps that there are trains of."""
    x = np.arange(number)
    kept = np.ones(number, bool)
    if losses == "trains":
        kept = rng.random(number) > 0.05
    if losses == "gaps":
        for start in (number // 8, number // 2, 3 * number // 4):
            kept[start : start + 30] = False
    if losses == "gap over the switch":
        kept[max(switch - 15, 0) : switch + 15] = False
    return x[kept].astype(np.int32)


def scan(
    pixels: int, number: int = 600, switch: int = 200, losses: str = "", compression: float = 0.0, seed: int = 1,
    slope: float = 30.0, sharp: bool = False, hook: float = 120.0, loose: bool = False, ratio_of: float = 45.0,
    step_of: float = 1500.0, noise_of_code: float = 25.0, again: int = 0, later: int = 0,
) -> Scan:
    """Draw series, in ADU and steps; a sharp switch has no gain signal between the levels.

    About a loose one a pixel goes to and fro between the stages, and the gain signal has nothing to do with it.
    The same pixels are scanned again with other noise, and may then switch later.
    """
    rng = np.random.default_rng(seed)
    x = steps(number, losses, switch, rng)
    spread = 2 if losses.endswith("switch") else 0.06 * switch
    at = np.rint(switch + spread * rng.normal(0, 1, pixels).clip(-3, 3)).astype(int)[:, None]
    ratio = rng.normal(ratio_of, ratio_of / 30, (pixels, 1))
    high = slope * rng.normal(1, 0.04, (pixels, 1))
    of_hook, decay = hook * rng.normal(1, 1 / 3, (pixels, 1)), rng.normal(45, 10, (pixels, 1)).clip(10, 150)
    base, middle = rng.normal(4950, 250, (pixels, 1)), rng.normal(4700, 250, (pixels, 1))
    low, step = rng.normal(5750, 350, (pixels, 1)), rng.normal(step_of, step_of / 10, (pixels, 1))
    at = at + later
    rng = np.random.default_rng((seed, again)) if again else rng
    part = ((x - at + ZONE) / (2 * ZONE) + rng.normal(0, 0.2, (pixels, len(x)))).clip(0, 1)
    part = np.where(x < at - ZONE, 0, np.where(x >= at + ZONE, 1, part))
    part = np.where(sharp, x >= at, part)
    stage = part > 0.5
    if loose:
        near, drawn = abs(x - at) < ZONE, rng.random((2, *part.shape))
        stage = np.where(near, drawn[0] < (x - at + ZONE) / (2 * ZONE), x >= at)
        part = np.where(near, drawn[1], x >= at)
    before = base + high * x * (1 - compression * (x / at) ** 2) + rng.normal(0, 10, part.shape)
    with np.errstate(over="ignore"):
        curve = of_hook * np.exp(-(x - at) / decay)
    after = middle + high / ratio * x + np.where(stage, curve, 0) + rng.normal(0, 8, part.shape)
    analog = np.rint(np.where(stage, after, before)).clip(1, 16383).astype(np.uint16)
    analog[rng.random(part.shape) < 0.003] = 0
    code = np.rint(low + part * step + rng.normal(0, noise_of_code, part.shape)).clip(0, 16383).astype(np.uint16)
    code[analog == 0] = 0
    return Scan(x, analog, code, at[:, 0], high[:, 0], (high / ratio)[:, 0], (low + step / 2)[:, 0],
                base[:, 0], middle[:, 0], of_hook[:, 0], decay[:, 0])
