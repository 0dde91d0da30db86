"""Small constants of our own that can be injected, written as jobs write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import OFFSET, Constant
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_type
from calib_core.store.constants import write_constant

#: A type with small constants: one memory cell and one gain stage.
KIND = detector_type("EPIX100")
DETECTOR, AGGREGATOR, UNIT = "LAB_EPX", "EPIX01", "EPIX_M7"
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
VALUES = {"bias_voltage": 200.0, "memory_cells": 1.0, "pixels_x": 708.0, "pixels_y": 768.0, "integration_time": 50.0,
          "sensor_temperature": 288.0, "in_vacuum": 0.0}


def condition_of(kind: DetectorType, **changes: float) -> Condition:
    told = {**VALUES, **changes}
    names = kind.condition_of(kind.calibrations["Offset"])
    return Condition(tuple(one for one in kind.condition if one.name in names),
                     {name: Found(told[name], "a source and key") for name in names if told.get(name) is not None})


def put(folder: Path, seed: int = 1, kind: DetectorType = KIND, unit: str = UNIT, missing: int = 0,
        begin: datetime = BEGIN, change: Callable[[Constant], Constant] = lambda one: one, **values: Any) -> Path:
    """A constant of random values; ``missing`` of them are no number."""
    calibration = kind.calibrations["Offset"]
    dims = ("gain", "cell", "slow_scan", "fast_scan")
    shape = (1, 1, *kind.shape)
    made = np.random.default_rng(seed).normal(1000, 10, shape)
    made.reshape(-1)[:missing] = np.nan
    condition = condition_of(kind, **values)
    constant = Constant(
        kind=OFFSET, calibration=calibration.name, pdu=unit, dims=dims, shape=shape, file_dims=calibration.dims,
        labels={"gain": ("",), "cell": (0,)}, condition=condition, recorded=condition, begin=begin,
        provenance={"detector_type": kind.database_type, "detector": DETECTOR, "aggregator": AGGREGATOR, "module": 1,
                    "raw_data": [{"input": "run", "proposal": 900000, "run_number": 7}], "software": {"calibwb": "0"},
                    "parameters": {"method": "DARK"}, "job": {"seed": seed}},
        read=lambda part: made[:, part])
    return write_constant(change(constant), folder).path


def with_provenance(**changes: Any) -> Callable[[Constant], Constant]:
    return lambda one: replace(one, provenance={**one.provenance, **changes})
