"""FastCCD: one frame of two hemispheres a train, three gain stages in the two top bits of each word.

Sources: European-XFEL/EXtra-foam (source, shape, pixel size), the facility's dark notebook, background for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter
from calib_core.correction.common_mode import CommonModeOfFirstStage
from calib_core.correction.gain_stage import StageOfBits
from calib_core.detector import Array, DetectorType, GainStage, RawLayout, Region
from calib_core.detector.clues import Coded, Device, Scaled, Told, Usual, magnitude, stage_told
from calib_core.detector.condition_parts import (
    JUST_ONE_CELL,
    ONE_MEMORY_CELL,
    PIXELS_SLOW_FAST,
    SENSOR_TEMPERATURE,
    SOURCE_ENERGY,
    UNSIGNED_BIAS_VOLTAGE,
    pixels,
)
from calib_core.detector.defaults import defaults
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence, stage_by_bits
from calib_core.detector.expected_events import read_expected
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._events import calibrations, correct, corrected

_SHAPE = (1934, 960)
_HEMISPHERE = (967, 960)
_PIXEL = 30e-6
_GAIN_SHIFT = 14
_ZERO_CELSIUS = 273.15
_STAGES = (
    GainStage("x8", "high", "gain x8", code=0),
    GainStage("x2", "med", "gain x2", code=1),
    GainStage("x1", "low", "gain x1", code=3),
)
#: Gain settings that keep all pixels in one stage, and their stage; 0 switches automatically.
_FORCED = {8.0: 0, 2.0: 1, 1.0: 2}
_CONDITION = (
    UNSIGNED_BIAS_VOLTAGE, ONE_MEMORY_CELL, *PIXELS_SLOW_FAST,
    ConditionParameter("integration_time", "Integration Time", "ms", lowest=0, highest=1e5, help="Exposure time"),
    replace(SENSOR_TEMPERATURE, database_name="Sensor Temperature"),
    ConditionParameter("gain_setting", "Gain Setting", per_stage=True, automatic=0.0, choices=(0, 1, 2, 8),
                       help="0 switches automatically; 8, 2 and 1 keep to one gain"),
    SOURCE_ENERGY,
)
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "gain")
_RAW = RawLayout(
    source=r"(?P<detector>\w+_FCCD\w*)/DAQ/(?P<module>FCCD):daqOutput",
    source_format="{detector}/DAQ/{module}:daqOutput",
    module_words=("FCCD",),
    aggregator="DA05",
    group="data",
    pixels="data.image.pixels",
    cell=None,
    train="data.trainId",
    adc_mask=0x3FFF,
    gain_shift=_GAIN_SHIFT,
)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    bits = np.uint16(_STAGES[stage].code) if gain is None else gain.astype(np.uint16)
    return {"data.image.pixels": block[:, 0] | bits << np.uint16(_GAIN_SHIFT)}


_CAMERA = Device(r"{detector}/DET/FCCD")
#: The controller tells degrees Celsius.
_CONTROLLER = Device(r"{detector}/CTRL/LSLAN")
_CLUES = {
    "bias_voltage": (Told(_CAMERA, ("biasclock.bias",), magnitude), Usual(79.0, "no bias voltage in the run")),
    "memory_cells": JUST_ONE_CELL,
    **pixels(*_SHAPE),
    "integration_time": (
        Told(_CAMERA, ("exposure.exposure_time",), Scaled()), Usual(1.0, "no exposure time in the run")),
    "sensor_temperature": (
        Told(_CONTROLLER, ("inputA.crdg",), Scaled(shift=_ZERO_CELSIUS)), Usual(233.0, "no temperature in the run")),
    "gain_setting": (Told(_CAMERA, ("exposure.gain",), Scaled()), Usual(0.0, "no gain in the run")),
}
_STAGE = Told(_CAMERA, ("exposure.gain",), Coded({gain: float(stage) for gain, stage in _FORCED.items()}))


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return stage_told(run, detector, _STAGE) or stage_by_bits(_STAGES, sample)


def _geometry(n_modules: int) -> Any:
    """Both hemispheres one above the other; no published geometry tells the distance between them."""
    from extra_geom import GenericGeometry

    slow, fast = _HEMISPHERE
    corner = np.array([_PIXEL * fast / 2, _PIXEL * slow, 0.0])
    return GenericGeometry.from_simple_description(
        _PIXEL, slow, fast, [corner], ss_vec=np.array([0, -1, 0]), fs_vec=np.array([-1, 0, 0]), n_tiles_per_module=2)


def _regions(gap_rows: int) -> tuple[Region, ...]:
    """What lies between the imaging halves."""
    top = (_SHAPE[0] - gap_rows) // 2
    return (Region("gap", BadPixels.OVERSCAN, ((top, top + gap_rows, 0, _SHAPE[1]),)),)


def _simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control sources of a dark run, each in its own gain, or of one in which the gain follows the signal."""
    forced = {stage: gain for gain, stage in _FORCED.items()}
    return {
        f"{detector}/DET/FCCD": {
            "biasclock.bias": np.float32(settings["bias_voltage"]),
            "exposure.exposure_time": np.float32(settings["integration_time"]),
            "exposure.gain": np.int32(0 if stage is None else forced[stage]),
        },
        f"{detector}/CTRL/LSLAN": {"inputA.crdg": np.float32(-40.15)},
    }


FASTCCD = DetectorType(
    name="FASTCCD",
    database_type="FastCCD-Type",
    title="FastCCD",
    shape=_SHAPE,
    planes=1,
    max_modules=1,
    max_cells=1,
    saturation=0x3FFF,
    asic_shape=_HEMISPHERE,
    regions=_regions(**defaults("fastccd", "regions")),
    stages=_STAGES,
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=_CLUES,
    find_stage=_find_stage,
    calibrations=calibrations("CCD", _DIMS, _CONDITION),
    corrected=corrected("data.image", stage="gain", source=(("/DAQ/", "/CORR/"),)),
    events=read_expected("fastccd"),
    geometry=_geometry,
    geometry_note="hemispheres one above the other, as they are stored",
    simulated=read_simulated("fastccd", "FASTCCD", Electronics(
        (967, 10), "DA01", common_mode_axis=("row",), pixel_size=30)),
    simulate_control=_simulate_control,
)

_CORRECT = correct(StageOfBits(), common_mode=CommonModeOfFirstStage())

declare(Family("FASTCCD", "FastCCD", (FASTCCD,), with_defaults("fastccd", RefinedDark(), _CORRECT), __doc__))
