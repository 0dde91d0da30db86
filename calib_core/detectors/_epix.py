"""What the ePix cameras share: layout, conditions, calibration rows, and the variant without these rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter
from calib_core.detector import DetectorType, RawLayout, Region
from calib_core.detector.clues import Beside, Clue, Device, Fixed, Scaled, Told, Usual
from calib_core.detector.condition_parts import (
    BIAS_VOLTAGE,
    JUST_ONE_CELL,
    ONE_MEMORY_CELL,
    PIXELS_SLOW_FAST,
    SENSOR_TEMPERATURE,
)
from calib_core.detector.evidence import only_stage

CONDITION = (
    BIAS_VOLTAGE, ONE_MEMORY_CELL, *PIXELS_SLOW_FAST,
    ConditionParameter("integration_time", "Integration time", "µs", 0.5, lowest=0.1, highest=1e6,
                       help="Exposure time"),
    SENSOR_TEMPERATURE,
    ConditionParameter("in_vacuum", "In vacuum", choices=(0, 1), help="0 in air, 1 in vacuum"),
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


CONTROL = Device(r"{detector}/DET/CONTROL")
_CELSIUS = Scaled(_CENTI, _ZERO_CELSIUS)


def clues(shape: tuple[int, int]) -> dict[str, Sequence[Clue]]:
    """Where the control device and the data tell the condition of a camera whose data have some shape."""
    return {
        "bias_voltage": (
            Told(CONTROL, ("bias", "highVoltage"), Scaled()), Usual(200.0, "no bias voltage in the run")),
        "memory_cells": JUST_ONE_CELL,
        "pixels_x": (Fixed(float(shape[0]), "shape of the data"),),
        "pixels_y": (Fixed(float(shape[1])),),
        "integration_time": (Told(CONTROL, ("expTime",), Scaled()), Usual(10.0, "no exposure time in the run")),
        "sensor_temperature": (
            Beside(TEMPERATURE, _CELSIUS), Told(CONTROL, ("slowdata.backTemp",), _CELSIUS),
            Usual(288.0, "no temperature in the run")),
        "in_vacuum": (Usual(0.0, "the run does not tell"),),
    }


def simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a run of these cameras."""
    return {f"{detector}/DET/CONTROL": {
        "bias": np.float32(settings["bias_voltage"]),
        "expTime": np.float32(settings["integration_time"]),
    }}


def calibration_rows(shape: tuple[int, int]) -> Region:
    """Two rows at the top and two at the bottom that are read out but see no sensor."""
    rows, columns = shape
    boxes = ((0, 2, 0, columns), (rows - 2, rows, 0, columns))
    return Region("calibration rows", BadPixels.NON_SENSITIVE, boxes)


def active_only(kind: DetectorType) -> DetectorType:
    """Variant of a camera type for data whose calibration rows were cut off."""
    rows, columns = kind.shape[0] - 4, kind.shape[1]
    high, wide = kind.bank_shape or kind.asic_shape
    return replace(
        kind, name=f"{kind.name}_ACTIVE", title=f"{kind.title} without calibration rows", shape=(rows, columns),
        regions=(), asic_shape=(rows // 2, columns // 2), bank_shape=(high - 2, wide),
        clues={**kind.clues, **{name: clues((rows, columns))[name] for name in ("pixels_x", "pixels_y")}},
        remark=f"The data have no calibration rows: {rows} rows instead of {kind.shape[0]}.",
    )
