"""What the ePix cameras share: layout, conditions, calibration rows, and the variant without these rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import DetectorType, RawLayout, Region
from calib_core.detector.condition_parts import (
    BIAS_VOLTAGE,
    ONE_MEMORY_CELL,
    PIXELS_SLOW_FAST,
    SENSOR_TEMPERATURE,
    one_memory_cell,
)
from calib_core.detector.control_values import control_source, number, scaled
from calib_core.detector.evidence import ControlReader, only_stage

CONDITION = (
    BIAS_VOLTAGE, ONE_MEMORY_CELL, *PIXELS_SLOW_FAST,
    ConditionParameter("integration_time", "Integration time", "µs", 0.5, help="Exposure time"),
    SENSOR_TEMPERATURE,
    ConditionParameter("in_vacuum", "In vacuum", help="0 in air, 1 in vacuum"),
)
#: Kelvin of 0 °C, and hundredths of degrees in which the camera tells its temperature.
_ZERO_CELSIUS, _CENTI = 273.15, 0.01
#: Key of the temperature beside the pixels.
TEMPERATURE = "data.backTemp"

#: A run of these cameras is of one gain stage.
find_stage = partial(only_stage, "cameras of this type have one gain stage")


def layout(names: str, adc_mask: int = 0xFFFF, gain_shift: int | None = None) -> RawLayout:
    """Raw data of cameras whose source has one of some ``names``, alternatives of a regular expression."""
    return RawLayout(
        source=rf"(?P<detector>\w+_(?:{names})-\d+)/DET/(?P<module>RECEIVER):daqOutput",
        source_format="{detector}/DET/{module}:daqOutput",
        module_words=("RECEIVER",),
        aggregator="EPIX{module:02d}",
        group="data",
        pixels="data.image.pixels",
        cell=None,
        train="data.trainId",
        first_module=1,
        adc_mask=adc_mask,
        gain_shift=gain_shift,
    )


def find_condition(shape: tuple[int, int], run: ControlReader, detector: str) -> dict[str, Found]:
    """What the control device and the data tell of a camera of this read-out family."""
    control = control_source(run, detector)
    return {
        "bias_voltage": scaled(number(run, control, "bias", "highVoltage"), 200, "no bias voltage in the run"),
        **one_memory_cell(),
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
