"""DSSC: 16 modules of hexagonal pixels with one linear gain, codes of 8 or 9 bits, up to 800 memory cells.

Sources: European-XFEL/EXtra-data (raw layout, keys of the control sources), European-XFEL/EXtra (conditions).
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import Calibration, DetectorType, GainStage
from calib_core.detector.condition_parts import ACQUISITION_RATE, BIAS_VOLTAGE, MEMORY_CELLS, PIXELS_FAST_SLOW, pixels
from calib_core.detector.evidence import ControlReader, only_stage
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._geometry import known_geometry
from calib_core.detectors._xtdf import channels, encode

_CONDITION = (
    BIAS_VOLTAGE, MEMORY_CELLS, *PIXELS_FAST_SLOW,
    ConditionParameter("pulse_id_checksum", "Pulse id checksum",
                       help="Checksum of the pulse ids of a train; the offset depends on the pattern of pulses"),
    ACQUISITION_RATE,
    ConditionParameter("target_gain", "Target gain", help="Gain that the configuration was trimmed to"),
    ConditionParameter("encoded_gain", "Encoded gain", help="Gain registers in one number"),
)
#: Cycles of the sequencer in a period of the 4.5 MHz grid.
_CYCLES_PER_PULSE = 22
_PULSE_GRID_MHZ = 4.5
_TRIMMED = "Various"
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "slow_scan", "cell")
_RAW = channels("DSSC1M", "DSSC")


def _find_condition(run: ControlReader, detector: str) -> dict[str, Found]:
    """Conditions; those that the database takes optionally are left out where nothing tells them."""
    optional = {
        "pulse_id_checksum": _checksum(run),
        "acquisition_rate": _of_quadrants(run, "sequencer.cycleLength", _acquisition_rate),
        "target_gain": _of_quadrants(run, "epcRegisterFilePath", _target_gain),
        "encoded_gain": _of_quadrants(run, "gain.csaFbCap, fcfEnCap, csaResistor, irampFineTrm", _encoded_gain),
    }
    return {
        "bias_voltage": Found.by_default(100.0, "no bias voltage in the run"),
        "memory_cells": _memory_cells(run),
        **pixels(512, 128),
        **{name: found for name, found in optional.items() if found is not None},
    }


def _memory_cells(run: ControlReader) -> Found:
    cells = run.cells()
    if cells.size == 0:
        return Found.by_default(400.0, "no frames in the run")
    return Found(float(cells.max() + 1), "image.cellId, highest + 1")


def _checksum(run: ControlReader) -> Found | None:
    """Eight bytes of BLAKE2b over the pulse ids, read as a float64; a few of these are no number."""
    pulses = run.pulses()
    digest = hashlib.blake2b(pulses.astype("<u8").tobytes(), digest_size=8).digest()
    value: float = struct.unpack("<d", digest)[0]
    if pulses.size == 0 or not math.isfinite(value):
        return None
    return Found(value, "image.pulseId of the first train")


def _of_quadrants(
    run: ControlReader, keys: str, find: Callable[[ControlReader, str], float | None]
) -> Found | None:
    """Value of the first quadrant that has one; doubtful where the quadrants differ."""
    values = {source: find(run, source) for source in run.sources(r".*DSSC.*/FPGA/PPT_Q[1-4]")}
    told = [(source, value) for source, value in values.items() if value is not None]
    if not told:
        return None
    same = len({value for _, value in told}) == 1
    source, first = told[0]
    return Found(first, f"{source} {keys}" + ("" if same else "; the quadrants differ"), sure=same)


def _acquisition_rate(run: ControlReader, source: str) -> float | None:
    length = run.run_value(source, "sequencer.cycleLength")
    return round(_PULSE_GRID_MHZ * _CYCLES_PER_PULSE / float(length), 3) if length else None


def _target_gain(run: ControlReader, source: str) -> float | None:
    named = re.search(r"_TG(\d+(?:\.\d+)?)", str(run.run_value(source, "epcRegisterFilePath")))
    return float(named[1]) if named else None


def _encoded_gain(run: ControlReader, source: str) -> float | None:
    registers = [run.run_value(source, f"gain.{key}") for key in ("csaFbCap", "fcfEnCap", "csaResistor")]
    if any(value is None for value in registers):
        return None
    trimmed = run.run_value(source, "gain.irampFineTrm") == _TRIMMED
    capacitor, enabled, resistor = (int(value) for value in registers if value is not None)
    return float(capacitor + (enabled << 8) + (resistor << 16) + (trimmed << 32))


def _simulate_control(detector: str, stage: int, settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a dark run: one per quadrant that has modules."""
    instrument = detector.split("_DET_", 1)[0]
    quadrants = sorted({module // 4 + 1 for module in settings["module_numbers"]})
    return {f"{instrument}_CDIDET_DSSC/FPGA/PPT_Q{quadrant}": _simulate_quadrant(settings) for quadrant in quadrants}


def _simulate_quadrant(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "epcRegisterFilePath": "/config/DSSC_Q_TG2.5_trimmed.epc",
        "gain.csaFbCap": np.uint32(2 if settings["gain_setting"] else 8),
        "gain.csaResistor": np.uint32(1),
        "gain.fcfEnCap": np.uint32(15),
        "gain.gainHash": np.uint64(0),
        "gain.irampFineTrm": _TRIMMED,
        "sequencer.cycleLength": np.uint32(round(_PULSE_GRID_MHZ * _CYCLES_PER_PULSE / settings["acquisition_rate"])),
        "sequencer.integrationTime": np.uint32(25),
    }


DSSC1M = DetectorType(
    name="DSSC1M",
    database_type="DSSC-Type",
    title="DSSC 1M",
    shape=(128, 512),
    planes=1,
    max_modules=16,
    max_cells=800,
    saturation=511,
    asic_shape=(64, 64),
    stages=(GainStage("LIN", "dark", "linear gain"),),
    raw=_RAW,
    decode=_RAW.frames,
    encode=encode,
    condition=_CONDITION,
    find_condition=_find_condition,
    find_stage=partial(only_stage, "the detector has one gain"),
    calibrations={k: Calibration(k, _DIMS) for k in ("Offset", "Noise", "BadPixelsDark")},
    geometry=partial(known_geometry, "DSSC_1MGeometry", "example"),
    geometry_note="EXtra-geom, example arrangement",
    simulated=read_simulated("dssc", "DSSC1M", Electronics((64, 64), "DA01", telemetry_bytes=416)),
    simulate_control=_simulate_control,
)

declare(Family("DSSC", "DSSC", (DSSC1M,), with_defaults("dssc", Dark()), __doc__))
