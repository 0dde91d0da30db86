"""Control of AGIPD: what registers and indexes tell, and what the simulator writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from calib_core.constants.condition import Found
from calib_core.detector.evidence import ControlReader
from calib_core.resource_files import read_resource

_CELL_COUNTS = (4, 32, 64, 76, 128, 176, 202, 250, 352)
#: Gain setting by two registers of old versions of the composite device: setupr, and patternTypeIndex 4 or below.
_OLD_SETTINGS = {(0, False): 0.0, (32, True): 0.0, (8, False): 1.0, (40, True): 1.0}
#: The first of these registers by whether the run is no dark, and the gain setting.
_SETUPS = {(light, setting): setup for (setup, light), setting in _OLD_SETTINGS.items()}
#: Pattern of runs that are no darks; those of the darks are 1 to 3.
_PATTERN_OF_LIGHT = 4
#: Registers that tell what the current source does, by what they tell; without a name where that is not known.
CURRENT_KEYS = {name: read_resource("codings", "agipd")["current_source"][f"{name}_key"]
                for name in ("charged", "current")}


def next_count(run: ControlReader) -> Found | None:
    """Smallest number of memory cells in use that holds all that were recorded."""
    cells = run.cells()
    fitting = [n for n in _CELL_COUNTS if cells.size and n > int(cells.max())]
    return Found(float(fitting[0]), "image.cellId, next count in use", sure=False) if fitting else None


def smallest_step(run: ControlReader) -> Found | None:
    """Repetition rate by the smallest step between pulses, MHz."""
    steps = np.diff(run.pulses().astype(np.int64))
    if steps.size == 0 or steps.min() <= 0:
        return None
    return Found(round(np.floor(45 / steps.min()) / 10, 1), "image.pulseId, smallest step")


def old_setting(setup: Any, pattern: Any) -> float | None:
    """Gain setting by the two registers; None of versions that tell it by themselves."""
    return _OLD_SETTINGS.get((int(setup), int(pattern) == 4)) if int(pattern) <= 4 else None


def _control_domain(detector: str) -> str:
    instrument, kind = detector.split("_DET_", 1)
    return f"{instrument}_EXP_{kind}" if "500K" in kind else f"{instrument}_IRU_{kind.replace('-', '')}"


def simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a run: composite device of the FPGAs, and the bias supply."""
    domain = _control_domain(detector)
    return {f"{domain}/MDL/FPGA_COMP": _simulate_comp(stage, settings), **_simulate_bias(domain, settings)}


def _simulate_comp(stage: int | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    fixed = 0 if stage is None or not settings["fixed_gain"] else stage + 1
    return {
        "acquisitionTime": np.uint16(20),
        "bunchStructure.firstPulse": np.uint16(0),
        "bunchStructure.methodIndex": np.uint16(0),
        "bunchStructure.nPulses": np.uint16(settings["memory_cells"]),
        "bunchStructure.repetitionRate": np.float64(settings["acquisition_rate"]),
        "gain": np.uint16(settings["gain_setting"]),
        "gainModeIndex": np.uint16(fixed),
        "integrationTime": np.uint16(settings["integration_time"]),
        "patternTypeIndex": np.uint16(_PATTERN_OF_LIGHT if stage is None else stage + 1),
        "pcRowNr": np.uint16(settings.get("pattern", 0)),
        **{key: np.float32(settings[name]) for name, key in CURRENT_KEYS.items() if key and name in settings},
        "setupr": np.uint16(_SETUPS[stage is None, float(bool(settings["gain_setting"]))]),
    }


def _simulate_bias(domain: str, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    voltage = np.float32(settings["bias_voltage"])
    if "500K" in domain:
        return {f"{domain}/FPGA/M_{i}": {"highVoltage.target": voltage} for i in range(8)}
    return {f"{domain[:-1]}/PSC/HV": {f"channels.U{i}.voltage": voltage for i in range(16)}}
