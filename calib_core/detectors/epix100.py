"""ePix100: one module of four ASICs with four banks each, one gain stage, no memory cells.

Data have two calibration rows at the top and two at the bottom; where they were cut off the module has 704 rows.
Sources: EXtra-geom (layout, banks), public facility notes, SLAC's psana (numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import Array, Calibration, DetectorType, Frames, GainStage, RawLayout, Region
from calib_core.detector.control_values import control_source, number, scaled
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detector.simulated import Electronics, read_simulated

_SHAPE = (708, 768)
CONDITION = (
    ConditionParameter("bias_voltage", "Sensor Bias Voltage", "V", 5.0, help="Bias of the sensor"),
    ConditionParameter("memory_cells", "Memory cells", help="Always 1"),
    ConditionParameter("pixels_x", "Pixels X", help="Pixels along slow scan"),
    ConditionParameter("pixels_y", "Pixels Y", help="Pixels along fast scan"),
    ConditionParameter("integration_time", "Integration time", "µs", 0.5, help="Exposure time"),
    ConditionParameter("sensor_temperature", "Sensor temperature", "K", 5.0, help="Temperature of the sensor"),
    ConditionParameter("in_vacuum", "In vacuum", help="0 in air, 1 in vacuum"),
)
#: Kelvin of 0 °C, and hundredths of degrees in which the camera tells its temperature.
_ZERO_CELSIUS, _CENTI = 273.15, 0.01
#: Key of the temperature beside the pixels.
TEMPERATURE = "data.backTemp"
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "cell")


def _decode(arrays: Mapping[str, Array]) -> Frames:
    return Frames(block=arrays["data.image.pixels"], cell=arrays["cell"], train=arrays["data.trainId"])


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    return {
        "data.image.pixels": block[:, 0].view(np.int16),
        TEMPERATURE: np.full(len(block), 1485, np.uint16),
    }


def find_condition(shape: tuple[int, int], run: ControlReader, detector: str) -> dict[str, Found]:
    """What the control device and the data tell of a camera of this read-out family."""
    control = control_source(run, detector)
    return {
        "bias_voltage": scaled(number(run, control, "bias", "highVoltage"), 200, "no bias voltage in the run"),
        "memory_cells": Found(1.0, "detector type"),
        "pixels_x": Found(float(shape[0]), "shape of the data"),
        "pixels_y": Found(float(shape[1]), "detector type"),
        "integration_time": scaled(number(run, control, "expTime"), 10, "no exposure time in the run"),
        "sensor_temperature": _temperature(run, control),
        "in_vacuum": Found.by_default(0.0, "the run does not tell"),
    }


def _temperature(run: ControlReader, control: str) -> Found:
    beside = run.mean_beside(TEMPERATURE)
    found = number(run, control, "slowdata.backTemp") if beside is None else Found(beside, f"{TEMPERATURE}, mean")
    return scaled(found, 288, "no temperature in the run", _CENTI, _ZERO_CELSIUS)


def find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    """A run of these cameras is of one gain stage."""
    return StageEvidence(0, "it has but one")


def _geometry(n_modules: int) -> Any:
    from extra_geom import Epix100Geometry

    return Epix100Geometry.monolithic_geometry()


def simulate_control(detector: str, stage: int, settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a dark run of these cameras."""
    return {f"{detector}/DET/CONTROL": {
        "bias": np.float32(settings["bias_voltage"]),
        "expTime": np.float32(settings["integration_time"]),
    }}


def calibration_rows(shape: tuple[int, int]) -> Region:
    """Two rows at the top and two at the bottom that are read out but see no sensor."""
    rows, columns = shape
    boxes = ((0, 2, 0, columns), (rows - 2, rows, 0, columns))
    return Region("calibration rows", BadPixels.NON_SENSITIVE, boxes)


def active_only(kind: DetectorType, finding: Callable[..., dict[str, Found]]) -> DetectorType:
    """Variant of a camera type for data whose calibration rows were cut off."""
    rows, columns = kind.shape[0] - 4, kind.shape[1]
    high, wide = kind.bank_shape or kind.asic_shape
    return replace(
        kind, name=f"{kind.name}_ACTIVE", title=f"{kind.title} without calibration rows", shape=(rows, columns),
        regions=(), asic_shape=(rows // 2, columns // 2), bank_shape=(high - 2, wide),
        find_condition=partial(finding, (rows, columns)),
        remark=f"The data have no calibration rows: {rows} rows instead of {kind.shape[0]}.",
    )


_WHOLE = DetectorType(
    name="EPIX100",
    database_type="ePix100-Type",
    title="ePix100",
    shape=_SHAPE,
    planes=1,
    max_modules=1,
    max_cells=1,
    saturation=16383,
    asic_shape=(354, 384),
    bank_shape=(354, 96),
    regions=(calibration_rows(_SHAPE),),
    stages=(GainStage("G", "dark", "dark"),),
    raw=RawLayout(
        source=r"(?P<detector>\w+_(?:EPIX|EPX100|EPIX100)-\d+)/DET/(?P<module>RECEIVER):daqOutput",
        source_format="{detector}/DET/{module}:daqOutput",
        module_words=("RECEIVER",),
        aggregator="EPIX{module:02d}",
        group="data",
        pixels="data.image.pixels",
        cell=None,
        train="data.trainId",
        first_module=1,
    ),
    decode=_decode,
    encode=_encode,
    condition=CONDITION,
    find_condition=partial(find_condition, _SHAPE),
    find_stage=find_stage,
    calibrations={k: Calibration(f"{k}EPix100", _DIMS) for k in ("Offset", "Noise", "BadPixelsDark")},
    geometry=_geometry,
    geometry_note="EXtra-geom, one sensor without a gap",
    simulated=read_simulated("epix100", "EPIX100", Electronics((354, 96), "DA01", common_mode_axis=("bank", "row"))),
    simulate_control=simulate_control,
)
EPIX100 = replace(_WHOLE, variants=(active_only(_WHOLE, find_condition),))

declare(Family("EPIX100", "ePix100", (EPIX100,), with_defaults("epix100", RefinedDark()), __doc__))
