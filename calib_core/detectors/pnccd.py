"""pnCCD: one frame of 1024 × 1024 pixels a train from two sensors around a hole, one of several fixed gains.

Sources: European-XFEL/EXtra-data and its predecessor's calibration data (keys, conditions), EXtra-geom, the
facility's pnCCD analysis manual and dark notebook, SLAC psana (banks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter
from calib_core.correction.cosmics import FlagCosmics
from calib_core.correction.transfer import ChargeTransfer
from calib_core.detector import Array, Calibration, DetectorType, GainStage, RawLayout, Region
from calib_core.detector.clues import Device, Scaled, Told, Usual, magnitude
from calib_core.detector.condition_parts import (
    JUST_ONE_CELL,
    ONE_MEMORY_CELL,
    PIXELS_FAST_SLOW,
    SENSOR_TEMPERATURE,
    SOURCE_ENERGY,
    UNSIGNED_BIAS_VOLTAGE,
    pixels,
)
from calib_core.detector.defaults import defaults
from calib_core.detector.evidence import only_stage
from calib_core.detector.expected_events import read_expected
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._events import calibrations, correct, corrected
from calib_core.detectors._geometry import known_geometry

_SHAPE = (1024, 1024)
_CONDITION = (
    UNSIGNED_BIAS_VOLTAGE, ONE_MEMORY_CELL, *PIXELS_FAST_SLOW,
    ConditionParameter("integration_time", "Integration Time", "ms", lowest=0, highest=1e5, help="Integration time"),
    replace(SENSOR_TEMPERATURE, database_name="Sensor Temperature", help="Temperature of the upper sensor"),
    ConditionParameter("gain_setting", "Gain Setting", choices=(1, 4, 16, 64, 256, 340),
                       help="Divisor of the gain: 1, 4, 16, 64, 256 or 340"),
    SOURCE_ENERGY,
)
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "cell")
_RAW = RawLayout(
    source=r"(?P<detector>\w+_PNCCD\w*)/CAL/PNCCD_FMT-(?P<module>\d+):output",
    source_format="{detector}/CAL/PNCCD_FMT-{module}:output",
    aggregator="PNCCD01",
    group="data",
    pixels="data.image",
    cell=None,
    train="data.trainId",
)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    return {"data.image": block[:, 0]}


_CLUES = {
    "bias_voltage": (
        Told(Device(r"{detector}/MDL/DAQ_MPOD"), ("u0voltage",), magnitude),
        Usual(270.0, "no bias voltage in the run")),
    "memory_cells": JUST_ONE_CELL,
    **pixels(_SHAPE[1], _SHAPE[0]),
    "integration_time": (Usual(70.0, "not in the run"),),
    "sensor_temperature": (
        Told(Device(r"{detector}/CTRL/TCTRL"), ("inputA.krdg",), Scaled()),
        Usual(243.347, "no temperature in the run")),
    "gain_setting": (
        Told(Device(r"{detector}/MDL/DAQ_GAIN"), ("pNCCDGain",), Scaled()), Usual(64.0, "no gain in the run")),
}


def _regions(edge_rows: int, edge_columns: int, hole_rows: int, hole_columns: int) -> tuple[Region, ...]:
    """The frame's edges, from the first pass on, and the hole around the beam at its centre, from the second."""
    slow, fast = _SHAPE
    edges = (
        (0, edge_rows, 0, fast), (slow - edge_rows, slow, 0, fast),
        (0, slow, 0, edge_columns), (0, slow, fast - edge_columns, fast),
    )
    top, left = (slow - hole_rows) // 2, (fast - hole_columns) // 2
    hole = (top, top + hole_rows, left, left + hole_columns)
    return (
        Region("edges", BadPixels.OVERSCAN, edges),
        Region("hole", BadPixels.NON_SENSITIVE, (hole,), from_pass=2),
    )


def _simulate_control(detector: str, stage: int, settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a dark run; the supply tells its voltage with its sign."""
    return {
        f"{detector}/MDL/DAQ_GAIN": {"pNCCDGain": np.int32(settings["gain_setting"])},
        f"{detector}/MDL/DAQ_MPOD": {"u0voltage": np.float32(-settings["bias_voltage"])},
        f"{detector}/CTRL/TCTRL": {"inputA.krdg": np.float32(243.3), "inputB.krdg": np.float32(243.9)},
    }


PNCCD = DetectorType(
    name="PNCCD",
    database_type="pnCCD-Type",
    title="pnCCD",
    shape=_SHAPE,
    planes=1,
    max_modules=1,
    max_cells=1,
    # No smaller range of the converter is published, and illuminated pixels are kept up to 32000 ADU.
    saturation=65535,
    # 128 rows of a sensor's left or right half go to one CAMEX, which reads a column of them at a time.
    asic_shape=(128, 512),
    regions=_regions(**defaults("pnccd", "regions")),
    stages=(GainStage("G", "dark", "dark"),),
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=_CLUES,
    find_stage=partial(only_stage, "it has one gain stage"),
    calibrations={**calibrations("CCD", _DIMS, _CONDITION), "CTE": Calibration("CTECCD", _DIMS)},
    # corrected data have the name of the raw source
    corrected=corrected("data", source=()),
    events=read_expected("pnccd"),
    geometry=partial(known_geometry, "PNCCDGeometry", "example"),
    geometry_note="EXtra-geom, example positions",
    # Cosmic rays leave 80 electrons of 3.65 eV per µm; the levels are in ADU of 1 eV.
    simulated=read_simulated("pnccd", "PNCCD", Electronics(
        (128, 512), "PNCCD02", common_mode_axis=("column",), cosmic_adu_per_pixel=75 * 80 * 3.65, pixel_size=75)),
    simulate_control=_simulate_control,
)

_CORRECT = correct(in_adu=[FlagCosmics(on=False)], on_one_scale=[ChargeTransfer(on=False)])

declare(Family("PNCCD", "pnCCD", (PNCCD,), with_defaults("pnccd", RefinedDark(), _CORRECT), __doc__))
