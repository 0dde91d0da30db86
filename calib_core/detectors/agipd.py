"""AGIPD: 1M (16 modules) and 500K (8 modules), 352 memory cells, three gain stages by an analogue gain signal.

Sources: European-XFEL/EXtra-data (raw layout), European-XFEL/EXtra (conditions), public European XFEL notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from calib_core.characterisation.combine import Combine
from calib_core.characterisation.current_source import CurrentSource
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.photon_peaks import PhotonPeaks
from calib_core.characterisation.presets import presets
from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import Calibration, DetectorType, GainStage
from calib_core.detector.clues import Coded, Combined, Device, Scaled, Seen, Told, Unknown, Usual, powered, stage_told
from calib_core.detector.condition_parts import (
    ACQUISITION_RATE,
    BIAS_VOLTAGE,
    PIXELS_SLOW_FAST,
    SOURCE_ENERGY,
    memory_cells,
    pixels,
)
from calib_core.detector.defaults import defaults
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._agipd_control import next_count, old_setting, simulate_control, smallest_step
from calib_core.detectors._agipd_correction import CORRECT, FF_HISTS
from calib_core.detectors._agipd_injection import injections
from calib_core.detectors._geometry import known_geometry
from calib_core.detectors._xtdf import channels, encode

_STAGES = (
    GainStage("HG", "high", "high gain"),
    GainStage("MG", "med", "medium gain"),
    GainStage("LG", "low", "low gain"),
)
_CONDITION = (
    BIAS_VOLTAGE, *PIXELS_SLOW_FAST, memory_cells(352), ACQUISITION_RATE,
    ConditionParameter("gain_setting", "Gain setting", choices=(0, 1), help="0 standard, 1 high CDS gain"),
    ConditionParameter("gain_mode", "Gain mode", left_out_at=0.0, per_stage=True, choices=(0, 1, 2, 3),
                       help="0 adaptive, 1 to 3 fixed HG, MG, LG"),
    ConditionParameter("integration_time", "Integration time", "", left_out_at=12.0, lowest=1, highest=255,
                       help="Integration time steps"),
    SOURCE_ENERGY,
)
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
#: Parameters of the condition that constants of darks, flat fields, pulse capacitor and current source have.
_OF_DARKS = tuple(one.name for one in _CONDITION if one != SOURCE_ENERGY)
_OF_FLAT_FIELDS = tuple(one.name for one in _CONDITION if one.name != "gain_mode")
_BY_STAGE = ("BadPixelsPC", "GainADUperkeV", "BadPixelsGain", "OffsetShift", "ThresholdsGain")
_OF_CAPACITOR = tuple(name for name in _OF_DARKS if name != "gain_mode")
_OF_CURRENT = tuple(name for name in _OF_CAPACITOR if name != "integration_time")
_RAW = channels("AGIPD1M", "AGIPD")
_CONVERTER = (64, 16)
_HARDWARE = Electronics(_CONVERTER, "AGIPD1MCTRL00", telemetry_bytes=5408, pixel_size=200)


#: Names of control devices have another word in the middle than their detector's; the supply's lacks the number.
_NAMES = r"(?P<instrument>[A-Z0-9]+)_[A-Z0-9]+_(?P<kind>AGIPD(?:1M|500K))-?(?P<number>\w*)"
_COMP = Device(r"{instrument}_[A-Z0-9]+_{kind}{number}/MDL/FPGA_COMP", _NAMES)
_SUPPLY = Device(r"{instrument}_[A-Z0-9]+_{kind}/PSC/HV", _NAMES)
_MODULES = Device(r"{instrument}_[A-Z0-9]+_{kind}{number}/FPGA/M_\d+", _NAMES)
_CLUES = {
    "bias_voltage": (
        Told(_SUPPLY, tuple(f"channels.U{channel}.voltage" for channel in range(16)), powered, every=True),
        # these devices now and then tell an absurd voltage
        Told(_MODULES, ("highVoltage.target",), powered, every=True, glitch=1000),
        Usual(300.0, "no bias voltage in the run")),
    **pixels(512, 128),
    "memory_cells": (
        Told(_COMP, ("bunchStructure.nPulses",), over="largest", added=", largest"), Seen(next_count),
        Usual(352.0, "no frames in the run")),
    "acquisition_rate": (
        Told(_COMP, ("bunchStructure.repetitionRate",), Scaled(digits=1)), Seen(smallest_step),
        Usual(1.1, "one pulse per train or none")),
    "gain_setting": (
        Told(_COMP, ("gain",)),
        Combined(_COMP, ("setupr", "patternTypeIndex"), old_setting),
        Usual(0.0, "no gain setting in the run")),
    "gain_mode": (Told(_COMP, ("gainModeIndex",)), Usual(0.0, "adaptive")),
    "integration_time": (
        Told(_COMP, ("integrationTime",)), Unknown(_COMP, 12.0, "is from before integrationTime"),
        Usual(12.0, "old default")),
}
#: Gain stage of each fixed gain mode.
_FIXED = Told(_COMP, ("gainModeIndex",), Coded({1: 0.0, 2: 1.0, 3: 2.0}))


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    fixed = stage_told(run, detector, _FIXED)
    if fixed is not None:
        return replace(fixed, gain_signal=sample.median_gain_signal)
    return StageEvidence(None, "median of the gain signal", sample.median_gain_signal)


def _operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    """In fixed gain the gain signal says nothing, so there are no thresholds."""
    mode = int(float(found["gain_mode"].value)) if "gain_mode" in found else 0
    return replace(kind, signal_plane=None, fixed_stage=mode - 1) if mode else kind


#: Rows behind stripes of each quadrant of four modules.
_STRIPES = tuple(tuple(tuple(rows) for rows in one) for one in defaults("agipd", "stripes")["rows"])


def _with_stripes(kind: DetectorType, number: int) -> DetectorType:
    """A module with the rows that lie behind its quadrant's stripes."""
    return replace(kind, shaded=_STRIPES[number // 4])


def _geometry_1m(n_modules: int) -> Any:
    from extra_geom import AGIPD_1MGeometry

    return AGIPD_1MGeometry.from_quad_positions([(-525, 625), (-550, -10), (520, -160), (542.5, 475)])


AGIPD1M = DetectorType(
    name="AGIPD1M",
    component="AGIPD1M",
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
    converter_shape=_CONVERTER,
    lit_device=r".+/REDU/LITFRM",
    border_pixels=(2.0, 1.0),
    of_module=_with_stripes,
    stages=_STAGES,
    raw=_RAW,
    decode=partial(_RAW.frames, signal_plane=1),
    encode=encode,
    condition=_CONDITION,
    clues=_CLUES,
    find_stage=_find_stage,
    operated=_operated,
    calibrations={
        **{k: Calibration(k, _DIMS, parameters=_OF_DARKS) for k in ("Offset", "Noise", "BadPixelsDark")},
        "ThresholdsDark": Calibration("ThresholdsDark", _DIMS, {"threshold": "gain"}, _OF_DARKS),
        "SlopesPC": Calibration("SlopesPC", (*_DIMS[:3], "parameter"), parameters=_OF_CAPACITOR),
        "FitsPC": Calibration("FitsPC", (*_DIMS[:3], "quantity"), parameters=_OF_CAPACITOR),
        **{k: Calibration(k, _DIMS, {"shift": "gain", "threshold": "gain"}, _OF_CAPACITOR) for k in _BY_STAGE},
        "SlopesCS": Calibration("SlopesCS", ("parameter", "cell", *_DIMS[:2]), parameters=_OF_CURRENT),
        "FitsCS": Calibration("FitsCS", (*_DIMS[:3], "quantity"), parameters=_OF_CURRENT),
        "BadPixelsCS": Calibration("BadPixelsCS", _DIMS, parameters=_OF_CURRENT),
        "SlopesFF": Calibration("SlopesFF", _DIMS[:3], parameters=_OF_FLAT_FIELDS),
        "BadPixelsFF": Calibration("BadPixelsFF", _DIMS, parameters=_OF_FLAT_FIELDS),
        **{k: Calibration(k, ("group", "bin", "slow_scan", "fast_scan"), parameters=_OF_DARKS)
           for k in ("FFHistogram", "FFHistogramIsolated")},
        "FFSums": Calibration("FFSums", ("moment", "cell", "slow_scan", "fast_scan"), parameters=_OF_DARKS),
        "RelativeGain": Calibration("RelativeGain", _DIMS, parameters=_OF_CAPACITOR, unit=""),
        "FieldsGain": Calibration("FieldsGain", (*_DIMS[:3], "field"), parameters=_OF_CAPACITOR),
    },
    geometry=_geometry_1m,
    geometry_note="EXtra-geom, default quadrant positions",
    injections=injections(_COMP),
    simulated=read_simulated("agipd", "AGIPD1M", _HARDWARE),
    simulate_control=simulate_control,
)

AGIPD500K = replace(
    AGIPD1M,
    name="AGIPD500K",
    component="AGIPD500K",
    title="AGIPD 500K",
    max_modules=8,
    of_module=None,
    raw=channels("AGIPD500K", "AGIPD"),
    geometry=partial(known_geometry, "AGIPD_500K2GGeometry", "from_origin"),
    geometry_note="EXtra-geom, from origin",
    simulated=read_simulated("agipd", "AGIPD500K", replace(_HARDWARE, control_aggregator="AGIPD500K2G00")),
)

declare(Family("AGIPD", "AGIPD", (AGIPD1M, AGIPD500K), with_defaults("agipd", Dark(), PulseCapacitor(),
    CurrentSource(), FF_HISTS, PhotonPeaks(), Combine(), CORRECT), __doc__, presets("agipd")))
