"""Darks of arrays in memory as the verdict reads them, drawn with known shifts, ratios and bad pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calib_core.axes import Label
from calib_core.constants.differences import Images
from calib_core.constants.verdict import Halves, Quantity, Stated

SHAPE, ASIC, NOISE, FRAMES = (64, 64), (32, 32), 5.0, 100
OFFSET = Quantity("offset", "Offset", "shift", ("HG", "MG"))
SPREAD = Quantity("noise", "Noise", "ratio", ("HG", "MG"))
FLAGS = Quantity("bad_pixels", "Bad pixels", "flags", ("HG", "MG"))


class Drawn:
    """Offsets and noises as so many samples give them: means and standard deviations of normal numbers."""

    def __init__(self, seed: int, modules: Sequence[int] = (3,), cells: Sequence[int] = (0, 1, 2),
                 frames: int = FRAMES) -> None:
        rng = np.random.default_rng(seed)
        self.asic_shape, self.modules, self.cells = ASIC, tuple(modules), tuple(cells)
        self.quantities, self.without_noise = (OFFSET, SPREAD, FLAGS), ()
        self.said, self.halves, self.looked = Stated(), {}, []
        shape = (len(modules), 2, len(cells), *SHAPE)
        level = np.random.default_rng(99).normal(5000, 100, (1, 2, 1, *SHAPE))
        self.offset = level + rng.normal(0, NOISE / np.sqrt(frames), shape)
        self.noise = NOISE * np.sqrt(rng.chisquare(frames - 1, shape) / (frames - 1))
        self.count = np.full(shape, frames)
        self.flags = np.zeros(shape, np.uint32)

    def images(self, quantity: Quantity, module: int, entry: Label, cell: Label) -> Images | None:
        self.looked.append((quantity.name, module, entry, cell))
        place = self.modules.index(module), quantity.entries.index(entry), self.cells.index(cell)
        values = {"offset": self.offset, "noise": self.noise, "bad_pixels": self.flags}[quantity.name][place]
        spread = self.noise[place] if quantity.name == "offset" else None
        return Images(values, spread, self.count[place], self.flags[place])

    def stated(self, module: int) -> Stated:
        return self.said

    def closure(self, module: int) -> Mapping[str, Sequence[Halves]]:
        return self.halves


def blocks(images: Any) -> Any:
    """Values (…, asic, pixels) of images (…, slow_scan, fast_scan)."""
    *leading, slow, fast = images.shape
    split = images.reshape(*leading, slow // ASIC[0], ASIC[0], fast // ASIC[1], ASIC[1])
    return np.moveaxis(split, -2, -3).reshape(*leading, -1, ASIC[0] * ASIC[1])
