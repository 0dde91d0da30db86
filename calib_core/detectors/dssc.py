"""DSSC: 16 modules of hexagonal pixels with one linear gain, codes of 8 or 9 bits, up to 800 memory cells.

Sources: European-XFEL/EXtra-data (raw layout, keys of the control sources), European-XFEL/EXtra (conditions).
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.correction.full import MarkFull
from calib_core.correction.mask import MaskOfDark
from calib_core.correction.offset import Offset
from calib_core.correction.overflow import Overflow
from calib_core.correction.whole_asics import WholeAsics
from calib_core.detector import Calibration, DetectorType, GainStage
from calib_core.detector.clues import Combined, Device, Seen, Told, Usual, as_number
from calib_core.detector.condition_parts import ACQUISITION_RATE, BIAS_VOLTAGE, PIXELS_FAST_SLOW, memory_cells, pixels
from calib_core.detector.evidence import ControlReader, only_stage
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._geometry import known_geometry
from calib_core.detectors._xtdf import channels, encode

_CONDITION = (
    BIAS_VOLTAGE, memory_cells(800), *PIXELS_FAST_SLOW,
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
_RAW = channels("DSSC(?:1M|2)", "DSSC")


#: Quadrants: their names follow from the instrument and, of the second detector, its number.
_QUADRANTS = Device(
    r"{instrument}_[A-Z0-9]+_DSSC{number}/FPGA/PPT_Q[1-4]",
    r"(?P<instrument>[A-Z0-9]+)_[A-Z0-9]+_DSSC(?:1M-\d|(?P<number>\d))")


def _highest_cell(run: ControlReader) -> Found | None:
    cells = run.cells()
    return Found(float(cells.max() + 1), "image.cellId, highest + 1") if cells.size else None


def _checksum(run: ControlReader) -> Found | None:
    """Eight bytes of BLAKE2b over the pulse ids, read as a float64; a few of these are no number."""
    pulses = run.pulses()
    digest = hashlib.blake2b(pulses.astype("<u8").tobytes(), digest_size=8).digest()
    value: float = struct.unpack("<d", digest)[0]
    if pulses.size == 0 or not math.isfinite(value):
        return None
    return Found(value, "image.pulseId of the first train")


def _rate(cycle_length: Any) -> float | None:
    cycles = as_number(cycle_length)
    return round(_PULSE_GRID_MHZ * _CYCLES_PER_PULSE / cycles, 3) if cycles else None


def _target_gain(path: Any) -> float | None:
    named = re.search(r"_TG(\d+(?:\.\d+)?)", str(path))
    return float(named[1]) if named else None


def _encoded_gain(capacitor: Any, enabled: Any, resistor: Any, trimming: Any) -> float:
    return float(int(capacitor) + (int(enabled) << 8) + (int(resistor) << 16) + ((trimming == _TRIMMED) << 32))


_CLUES = {
    "bias_voltage": (Usual(100.0, "no bias voltage in the run"),),
    "memory_cells": (Seen(_highest_cell), Usual(400.0, "no frames in the run")),
    **pixels(512, 128),
    "pulse_id_checksum": (Seen(_checksum),),
    "acquisition_rate": (Told(_QUADRANTS, ("sequencer.cycleLength",), _rate, every=True),),
    "target_gain": (Told(_QUADRANTS, ("epcRegisterFilePath",), _target_gain, every=True),),
    "encoded_gain": (Combined(
        _QUADRANTS, ("gain.csaFbCap", "gain.fcfEnCap", "gain.csaResistor", "gain.irampFineTrm"), _encoded_gain,
        every=True),),
}
#: What the database's queries have; it cannot find a constant by what else is known of its darks.
_QUERIED = ("bias_voltage", "memory_cells", "pixels_x", "pixels_y")


def _simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a run: one per quadrant that has modules."""
    instrument, _, kind = detector.split("_", 2)
    number = "2" if kind.endswith("DSSC2") else ""
    quadrants = sorted({module // 4 + 1 for module in settings["module_numbers"]})
    domain = f"{instrument}_CDIDET_DSSC{number}"
    return {f"{domain}/FPGA/PPT_Q{quadrant}": _simulate_quadrant(settings) for quadrant in quadrants}


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
    component="DSSC1M",
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
    clues=_CLUES,
    find_stage=partial(only_stage, "the detector has one gain"),
    calibrations={k: Calibration(k, _DIMS, parameters=_QUERIED) for k in ("Offset", "Noise", "BadPixelsDark")},
    geometry=partial(known_geometry, "DSSC_1MGeometry", "example"),
    geometry_note="EXtra-geom, example arrangement",
    simulated=read_simulated("dssc", "DSSC1M", Electronics((64, 64), "DA01", telemetry_bytes=416)),
    simulate_control=_simulate_control,
)

_CORRECT = Correct(steps=(Overflow(on=False), MarkFull(), Offset(), WholeAsics(on=False), MaskOfDark()))

declare(Family("DSSC", "DSSC", (DSSC1M,), with_defaults("dssc", Dark(), _CORRECT), __doc__))
