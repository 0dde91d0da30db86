"""Constants of months, day by day, of which it is known what changes when."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.calib_core.subjects.files import put_ours

DAY = 86400.0
SHAPE = (512, 128, 1)
VERSIONS, MODULES = 70, (0, 1, 2)
#: Module 1 has another offset from this version on, ADU, and ASIC 3 of module 2 alone.
STEP, SIZE, CHANGED = 62, 12.0, 1
#: Days without a version are between these two.
GAP = (30, 45)
OF_ASIC = (2, 3, 64, 5.0)
BIAS = {"Sensor Bias Voltage": {"value": 80.0, "unit": "V", "tolerance": 1, "origin": "KEY x"}}


def day_of(version: int) -> float:
    """When a version begins to be valid, seconds after the first."""
    return DAY * (version + (GAP[1] - GAP[0] if version >= GAP[0] else 0))


def hot(module: int) -> np.ndarray:
    """Flagged pixels of a module."""
    return np.random.default_rng(1000 + module).random(SHAPE) < 0.01


def offsets(module: int, version: int) -> np.ndarray:
    """Offset (fast_scan, slow_scan, cell), ADU; flagged pixels are far off."""
    rng = np.random.default_rng([7, module, version])
    values = rng.normal(100 + module, 3, SHAPE) + rng.normal(0, 1.5)
    if version >= STEP:
        values += SIZE * (module == CHANGED)
        if module == OF_ASIC[0]:  # 64 × 64 pixels, row by row: slow scan has two of them, fast scan eight
            values[64 * OF_ASIC[1]:64 * (OF_ASIC[1] + 1), :64] += OF_ASIC[3]
    values[hot(module)] = 511
    return values.astype(np.float32)


def make_history(root: Path) -> Path:
    """Offsets and bad-pixel maps of all versions, and two of another condition."""
    for version in range(VERSIONS):
        for module in MODULES:
            put_ours(root, module, "Offset", offsets(module, version), day_of(version), job=f"day {version}")
            flags = np.where(hot(module), np.uint32(2), np.uint32(0))
            put_ours(root, module, "BadPixelsDark", flags, day_of(version) + 0.5, job=f"day {version}")
    for version in (40, 50):
        put_ours(root, 0, "Offset", offsets(0, version) + 200, day_of(version) + 3600, job="other", conditions=BIAS)
    return root
