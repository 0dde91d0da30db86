"""A detector-like scene: AGIPD geometry from EXtra-geom, ASIC structure, flags."""

from __future__ import annotations

import numpy as np

SHAPE = (16, 512, 128)
DEAD_MODULE = 5


def assembled_index() -> np.ndarray:
    """Layout of an assembled AGIPD1M as EXtra-geom places its pixels."""
    from extra_geom import AGIPD_1MGeometry

    geometry = AGIPD_1MGeometry.from_quad_positions([(-525, 625), (-550, -10), (520, -160), (542.5, 475)])
    numbers = np.arange(np.prod(SHAPE), dtype=float).reshape(SHAPE)
    image, _ = geometry.position_modules(numbers)
    return np.where(np.isnan(image), -1, image).astype(np.int32)[::-1, ::-1]


def maps(seed: int = 0) -> dict[str, np.ndarray]:
    """Offset, noise and relative gain with one dead ASIC, and the flags."""
    rng = np.random.default_rng(seed)

    def asics(spread: float) -> np.ndarray:
        return rng.normal(0, spread, (16, 8, 2)).repeat(64, 1).repeat(64, 2)

    offset = (5500 + rng.normal(0, 250, (16, 1, 1)) + asics(120) + rng.normal(0, 25, SHAPE)).astype("f4")
    noise = (10 + asics(0.8) + rng.gamma(2, 0.5, SHAPE)).astype("f4")
    gain = (1 + asics(0.02) + rng.normal(0, 0.01, SHAPE)).astype("f4")
    flags = np.zeros(SHAPE, "u4")
    for bit, part in ((0, 0.002), (1, 0.002), (4, 0.0005)):
        flags[rng.random(SHAPE) < part] |= 1 << bit
    flags[DEAD_MODULE, 128:192, :64] |= 1 << 3
    offset[DEAD_MODULE, 128:192, :64] = np.nan
    return {"offset": offset, "noise": noise, "gain": gain, "flags": flags}
