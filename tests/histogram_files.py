"""Files of flat-field histograms whose photons were thrown one by one; most pixels have no samples at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import ABOVE, BELOW, FF_HISTOGRAM, Constant
from calib_core.detector.registry import detector_type
from calib_core.ranges import format_numbers
from calib_core.store.constants import write_constant

from .calib_core.numerics.flat_light import EDGES, Flat

Array = Any
KIND = detector_type("AGIPD500K")
#: Columns of the rows that have samples.
COLUMNS = KIND.shape[1]


def write_histograms(
    root: Path, lights: Sequence[Flat], *, module: int = 3, energy: float = 9.2, cells: int = 4,
    frames: Sequence[float] | None = None, **beside: Any,
) -> Path:
    """One module; each group of memory cells has the histograms of one light in the pixels of its first rows."""
    slow, fast = KIND.shape
    counts = np.zeros((len(lights), len(EDGES) + 1, slow, fast), np.uint32)
    for group, light in enumerate(lights):
        number = len(light.counts)
        counts[group, 1:-1].reshape(len(EDGES) - 1, -1)[:, :number] = light.counts.T
    groups = [tuple(range(i * cells, (i + 1) * cells)) for i in range(len(lights))]
    told: dict[str, Any] = {"edges": EDGES.tolist(), "photon_energy": energy,
                            "frames": list(frames or [5000.0] * cells * len(lights)), **beside}
    pdu = f"AGIPD_SIV1_AGIPD11_M{module:03d}"
    values = {"bias_voltage": 300.0, "pixels_x": 512.0, "pixels_y": 128.0, "memory_cells": float(cells * len(lights)),
              "acquisition_rate": 4.5, "gain_setting": 0.0, "gain_mode": 0.0, "integration_time": 12.0}
    condition = Condition(tuple(one for one in KIND.condition if one.name in values),
                          {name: Found(value, "made") for name, value in values.items()})
    labels = {"group": tuple(map(format_numbers, groups)), "bin": (BELOW, *EDGES[:-1].tolist(), ABOVE)}
    dims = ("group", "bin", "slow_scan", "fast_scan")
    return write_constant(Constant(
        FF_HISTOGRAM, FF_HISTOGRAM.name, pdu, dims, counts.shape, dims, labels, condition,
        datetime(2026, 3, 1, tzinfo=UTC), {
            "detector": "HED_DET_AGIPD500K2G", "detector_type": KIND.database_type, "module": module, "raw_data": [],
            "software": {}, "parameters": {}, "aggregator": f"AGIPD{module:02d}", "source": ""},
        lambda part: counts[part], split="group", recorded=condition, beside=told), root).path
