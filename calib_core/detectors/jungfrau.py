"""JUNGFRAU: 1 to 8 modules, 1 or 16 memory cells, three gain stages by gain bits 0, 1, 3.

Sources: European-XFEL/Karabo-slsDetectors (bit layout), European-XFEL/EXtra (conditions), public facility notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.correction.full import MarkEnds
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.known_stage import KnownStage
from calib_core.correction.large_pixels import LargePixels
from calib_core.correction.mask import Mask
from calib_core.correction.offset import Offset
from calib_core.correction.region_means import RegionMeans
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.strixels import StrixelOrder
from calib_core.detector import Array, Calibration, DetectorType, GainStage, RawLayout
from calib_core.detector.clues import Coded, Device, Scaled, Seen, Told, Usual, stage_told
from calib_core.detector.condition_parts import BIAS_VOLTAGE, PIXELS_FAST_SLOW, SENSOR_TEMPERATURE, pixels
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence, stage_by_bits
from calib_core.detector.simulated import Electronics, read_simulated

_STAGES = (
    GainStage("G0", "high", "gain 0 (dynamic)", code=0),
    GainStage("G1", "med", "gain 1 (forced)", code=1),
    GainStage("G2", "low", "gain 2 (forced)", code=3),
)
_CONDITION = (
    BIAS_VOLTAGE,
    ConditionParameter("memory_cells", "Memory Cells", choices=(1, 16), help="Memory cells in use, 1 or 16"),
    *PIXELS_FAST_SLOW,
    ConditionParameter("integration_time", "Integration Time", "µs", 0.025, lowest=0.01, highest=1e6,
                       help="Exposure time"),
    SENSOR_TEMPERATURE,
    ConditionParameter("gain_setting", "Gain Setting", choices=(0, 1), help="0 low, 1 high CDS gain"),
    ConditionParameter("gain_mode", "Gain mode", left_out_at=0.0, per_stage=True, choices=(0, 1, 2, 3),
                       help="0 dynamic, 1 to 3 fixed"),
    ConditionParameter("exposure_timeout", "Exposure timeout", "ns", left_out_at=25.0, lowest=0, highest=1e9,
                       help="Timeout, darks only"),
)
#: Parameters of the condition that constants from illuminated runs have.
_OF_GAIN = tuple(one.name for one in _CONDITION if one.name != "exposure_timeout")
_STAGE_OF_MODE = {
    "dynamic": 0, "fixg0": 0, "forceswitchg1": 1, "fixg1": 1, "forceswitchg2": 2, "fixg2": 2,
    "dynamicgain": 0, "dynamichg0": 0, "fixgain1": 1, "fixgain2": 2,
}
#: Gain mode of each word; forced switching is of darks of the dynamic mode.
_GAIN_MODE = dict.fromkeys(_STAGE_OF_MODE, 0.0) | {
    "fixg0": 1.0, "fixg1": 2.0, "fixg2": 3.0, "fixgain1": 2.0, "fixgain2": 3.0}
#: Gain setting of each word; of old words only those of dynamic gain tell it.
_GAIN_SETTING = {"gain0": 0.0, "highgain0": 1.0, "dynamicgain": 0.0, "dynamichg0": 1.0}
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
_RAW = RawLayout(
    source=(
        r"(?P<detector>\w+_(?:JNGFR|JF[14]M|JUNGF|JF|JFHZ|JF500K\d*))"
        r"/DET/(?:MODULE_|RECEIVER-|JNGFR)(?P<module>\d+):daqOutput"
    ),
    source_format="{detector}/DET/JNGFR{module:02d}:daqOutput",
    aggregator="JNGFR{module:02d}",
    group="data",
    pixels="data.adc",
    gain_bits="data.gain",
    cell="data.memoryCell",
    train="data.trainId",
    frames_per_entry=True,
    first_module=1,
    no_frame_cell=255,
    copied=("data.frameNumber", "data.timestamp"),
)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    return {"data.adc": block[:, 0], "data.gain": gain if gain is not None else block[:, 0] * 0}


_CONTROL = Device(r"{detector}/DET/CONTROL")


def _burst(run: ControlReader) -> Found | None:
    cells = run.cells()
    return Found(16.0 if cells.size > 1 else 1.0, "data.memoryCell", sure=False) if cells.size else None


_CLUES = {
    "bias_voltage": (Told(_CONTROL, ("highVoltage", "vHighVoltage"), Scaled()), Usual(90.0, "no bias voltage")),
    "memory_cells": (
        Told(_CONTROL, ("storageCells",), Scaled(shift=1), added=" + 1"), Seen(_burst),
        Usual(1.0, "no frames in the run")),
    **pixels(1024, 512),
    "integration_time": (Told(_CONTROL, ("exposureTime",), Scaled(1e6)), Usual(10.0, "no exposure time")),
    "sensor_temperature": (Usual(291.0, "not in the run"),),
    "gain_setting": (
        Told(_CONTROL, ("settings",), Coded(_GAIN_SETTING)), Usual(0.0, "no settings in the run that tell it")),
    "gain_mode": (Told(_CONTROL, ("gainMode", "settings"), Coded(_GAIN_MODE)), Usual(0.0, "dynamic")),
    "exposure_timeout": (Told(_CONTROL, ("exposureTimeout",)), Usual(25.0, "not in the run")),
}
_STAGE = Told(_CONTROL, ("gainMode", "settings"), Coded(_STAGE_OF_MODE))


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return stage_told(run, detector, _STAGE) or stage_by_bits(_STAGES, sample)


def _numbered(kind: DetectorType, number: int) -> DetectorType:
    """A module that knows which one it is, since regions of it may be named."""
    return replace(kind, number=number)


def _operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    """In fixed gain all samples are to have the same gain bits."""
    mode = int(float(found["gain_mode"].value)) if "gain_mode" in found else 0
    return replace(kind, fixed_stage=mode - 1) if mode else kind


def _geometry(n_modules: int) -> Any:
    from extra_geom import JUNGFRAUGeometry

    return JUNGFRAUGeometry.example(n_modules=n_modules)


_MODES = ("dynamic", "forceswitchg1", "forceswitchg2")
_MODES_FIXED = ("dynamic", "fixg1", "fixg2")


def _simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a run; vectors have the device's fixed length."""
    voltage = np.zeros(1000, np.uint32)
    voltage[0] = settings["bias_voltage"]
    burst = settings["memory_cells"] > 1
    return {f"{detector}/DET/CONTROL": {
        "gainMode": (_MODES_FIXED if settings["fixed_gain"] else _MODES)[stage or 0],
        "settings": "highgain0" if settings["gain_setting"] else "gain0",
        "highVoltage": voltage,
        "storageCells": np.int16(15 if burst else 0),
        "storageCellStart": np.int16(15),
        "exposureTime": np.float32(settings["integration_time"] * 1e-6),
        "exposureTimeout": np.uint32(25),
        "exposurePeriod": np.float32(0.1),
        "bitDepth": np.int32(16),
    }}


JUNGFRAU = DetectorType(
    name="JUNGFRAU",
    component="JUNGFRAU",
    database_type="jungfrau-Type",
    title="JUNGFRAU",
    shape=(512, 1024),
    planes=1,
    max_modules=8,
    always_whole=False,
    max_cells=16,
    saturation=16383,
    asic_shape=(256, 256),
    border_pixels=(2.0, 2.0),
    stages=_STAGES,
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=_CLUES,
    find_stage=_find_stage,
    operated=_operated,
    of_module=_numbered,
    calibrations={
        **{k: Calibration(f"{k}10Hz", _DIMS) for k in ("Offset", "Noise", "BadPixelsDark")},
        **{k: Calibration(f"{k}10Hz", _DIMS, parameters=_OF_GAIN) for k in ("RelativeGain", "BadPixelsFF")},
        # no database has it
        "PixelOrder": Calibration("PixelOrder", ("slow_scan", "fast_scan"), parameters=(), of_all=True),
    },
    geometry=_geometry,
    geometry_note="EXtra-geom, example arrangement",
    simulated=read_simulated("jungfrau", "JUNGFRAU", Electronics(
        (256, 64), "JNGFRCTRL00", cell_orders={1: (15,), 16: (15, *range(15))}, pixel_size=75)),
    simulate_control=_simulate_control,
)

_CORRECT = Correct(steps=(StageOfBits(), KnownStage(on=False), MarkEnds(), Offset(), GainPerEnergy(),
                          LargePixels(on=False), Mask(), StrixelOrder(on=False), RegionMeans(on=False)))

declare(Family("JUNGFRAU", "JUNGFRAU", (JUNGFRAU,), (*with_defaults("jungfrau", Dark()), _CORRECT), __doc__))
