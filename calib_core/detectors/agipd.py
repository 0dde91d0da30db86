"""AGIPD: 1M (16 modules) and 500K (8 modules), 352 memory cells, three gain stages by an analogue gain signal.

Sources: European-XFEL/EXtra-data (raw layout), European-XFEL/EXtra (conditions), public European XFEL notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import Calibration, DetectorType, GainStage
from calib_core.detector.condition_parts import ACQUISITION_RATE, BIAS_VOLTAGE, MEMORY_CELLS, PIXELS_SLOW_FAST, pixels
from calib_core.detector.control_values import number
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._geometry import known_geometry
from calib_core.detectors._xtdf import channels, encode

_CELL_COUNTS = (4, 32, 64, 76, 128, 176, 202, 250, 352)
_STAGES = (
    GainStage("HG", "high", "high gain"),
    GainStage("MG", "med", "medium gain"),
    GainStage("LG", "low", "low gain"),
)
_CONDITION = (
    BIAS_VOLTAGE, *PIXELS_SLOW_FAST, MEMORY_CELLS, ACQUISITION_RATE,
    ConditionParameter("gain_setting", "Gain setting", help="0 standard, 1 high CDS gain"),
    ConditionParameter("gain_mode", "Gain mode", left_out_at=0.0, per_stage=True,
                       help="0 adaptive, 1 to 3 fixed HG, MG, LG"),
    ConditionParameter("integration_time", "Integration time", "", left_out_at=12.0, help="Integration time steps"),
)
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
_RAW = channels("AGIPD1M", "AGIPD")
_HARDWARE = Electronics((64, 16), "AGIPD1MCTRL00", telemetry_bytes=5408)


def _find_condition(run: ControlReader, detector: str) -> dict[str, Found]:
    comp = next(iter(run.sources(r".*AGIPD.*/MDL/FPGA_COMP")), "")
    return {
        "bias_voltage": _bias(run),
        **pixels(512, 128),
        "memory_cells": _memory_cells(run, comp),
        "acquisition_rate": _acquisition_rate(run, comp),
        "gain_setting": _gain_setting(run, comp),
        "gain_mode": number(run, comp, "gainModeIndex") or Found.by_default(0.0, "adaptive"),
        "integration_time": number(run, comp, "integrationTime") or Found.by_default(12.0, "old default"),
    }


def _bias(run: ControlReader) -> Found:
    for source in run.sources(r".*AGIPD.*/PSC/HV"):
        for channel in range(16):
            found = number(run, source, f"channels.U{channel}.voltage")
            if found and float(found.value) > 0:
                return replace(found, value=float(int(float(found.value))))
    targets = [number(run, source, "highVoltage.target") for source in run.sources(r".*AGIPD.*/FPGA/M_\d+")]
    valid = [float(t.value) for t in targets if t and float(t.value) < 1000]
    if valid:
        return Found(float(np.median(valid)), "…/FPGA/M_* highVoltage.target, median")
    return Found.by_default(300.0, "no bias voltage in the run")


def _memory_cells(run: ControlReader, comp: str) -> Found:
    pulses = run.largest(comp, "bunchStructure.nPulses")
    if pulses is not None:
        return Found(float(pulses), f"{comp} bunchStructure.nPulses, largest")
    cells = run.cells()
    if cells.size == 0:
        return Found.by_default(352.0, "no frames in the run")
    fitting = [n for n in _CELL_COUNTS if n > int(cells.max())]
    return Found(float(fitting[0] if fitting else _CELL_COUNTS[-1]), "image.cellId, next count in use")


def _acquisition_rate(run: ControlReader, comp: str) -> Found:
    found = number(run, comp, "bunchStructure.repetitionRate")
    if found:
        return replace(found, value=round(float(found.value), 1))
    steps = np.diff(run.pulses().astype(np.int64))
    if steps.size == 0 or steps.min() <= 0:
        return Found.by_default(1.1, "one pulse per train or none")
    return Found(round(np.floor(45 / steps.min()) / 10, 1), "image.pulseId, smallest step")


def _gain_setting(run: ControlReader, comp: str) -> Found:
    found = number(run, comp, "gain")
    if found:
        return found
    setup, pattern = run.run_value(comp, "setupr"), run.run_value(comp, "patternTypeIndex")
    if setup is None or pattern is None:
        return Found.by_default(0.0, "no gain setting in the run")
    known = {(0, False): 0.0, (32, True): 0.0, (8, False): 1.0, (40, True): 1.0}
    value = known.get((int(setup), int(pattern) == 4))
    origin = f"{comp} setupr, patternTypeIndex"
    return Found.by_default(0.0, f"{origin} unknown") if value is None else Found(value, origin)


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    comp = next(iter(run.sources(r".*AGIPD.*/MDL/FPGA_COMP")), "")
    mode = run.run_value(comp, "gainModeIndex")
    if mode is not None and int(mode) in (1, 2, 3):
        return StageEvidence(int(mode) - 1, f"{comp} gainModeIndex", sample.median_gain_signal)
    return StageEvidence(None, "median of the gain signal", sample.median_gain_signal)


def _operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    """In fixed gain the gain signal says nothing, so there are no thresholds."""
    fixed = "gain_mode" in found and float(found["gain_mode"].value) != 0
    return replace(kind, signal_plane=None) if fixed else kind


def _geometry_1m(n_modules: int) -> Any:
    from extra_geom import AGIPD_1MGeometry

    return AGIPD_1MGeometry.from_quad_positions([(-525, 625), (-550, -10), (520, -160), (542.5, 475)])


def _control_domain(detector: str) -> str:
    instrument, kind = detector.split("_DET_", 1)
    return f"{instrument}_EXP_{kind}" if "500K" in kind else f"{instrument}_IRU_{kind.replace('-', '')}"


def _simulate_control(detector: str, stage: int, settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a dark run: composite device of the FPGAs, and the bias supply."""
    domain = _control_domain(detector)
    return {f"{domain}/MDL/FPGA_COMP": _simulate_comp(stage, settings), **_simulate_bias(domain, settings)}


def _simulate_comp(stage: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "acquisitionTime": np.uint16(20),
        "bunchStructure.firstPulse": np.uint16(0),
        "bunchStructure.methodIndex": np.uint16(0),
        "bunchStructure.nPulses": np.uint16(settings["memory_cells"]),
        "bunchStructure.repetitionRate": np.float64(settings["acquisition_rate"]),
        "gain": np.uint16(settings["gain_setting"]),
        "gainModeIndex": np.uint16(stage + 1 if settings["fixed_gain"] else 0),
        "integrationTime": np.uint16(settings["integration_time"]),
        "patternTypeIndex": np.uint16(stage + 1),
        "pcRowNr": np.uint16(0),
        "setupr": np.uint16(8 if settings["gain_setting"] else 0),
    }


def _simulate_bias(domain: str, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    voltage = np.float32(settings["bias_voltage"])
    if "500K" in domain:
        return {f"{domain}/FPGA/M_{i}": {"highVoltage.target": voltage} for i in range(8)}
    return {f"{domain[:-1]}/PSC/HV": {f"channels.U{i}.voltage": voltage for i in range(16)}}


AGIPD1M = DetectorType(
    name="AGIPD1M",
    database_type="AGIPD-Type",
    title="AGIPD 1M",
    shape=(512, 128),
    planes=2,
    signal_plane=1,
    least_signal_step=300.0,
    max_modules=16,
    max_cells=352,
    saturation=16383,
    asic_shape=(64, 64),
    stages=_STAGES,
    raw=_RAW,
    decode=partial(_RAW.frames, signal_plane=1),
    encode=encode,
    condition=_CONDITION,
    find_condition=_find_condition,
    find_stage=_find_stage,
    operated=_operated,
    calibrations={k: Calibration(k, _DIMS) for k in ("Offset", "Noise", "BadPixelsDark")} | {
        "ThresholdsDark": Calibration("ThresholdsDark", _DIMS, {"threshold": "gain"})},
    geometry=_geometry_1m,
    geometry_note="EXtra-geom, default quadrant positions",
    simulated=read_simulated("agipd", "AGIPD1M", _HARDWARE),
    simulate_control=_simulate_control,
)

AGIPD500K = replace(
    AGIPD1M,
    name="AGIPD500K",
    title="AGIPD 500K",
    max_modules=8,
    raw=channels("AGIPD500K", "AGIPD"),
    geometry=partial(known_geometry, "AGIPD_500K2GGeometry", "from_origin"),
    geometry_note="EXtra-geom, from origin",
    simulated=read_simulated("agipd", "AGIPD500K", replace(_HARDWARE, control_aggregator="AGIPD500K2G00")),
)

declare(Family("AGIPD", "AGIPD", (AGIPD1M, AGIPD500K), with_defaults("agipd", Dark()), __doc__))
