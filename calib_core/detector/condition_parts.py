"""Parts of operating conditions that several families share: parameters, and values that are always the same."""

from __future__ import annotations

from calib_core.constants.condition import ConditionParameter, Found

#: Bias of the sensor, and where the supply tells it with a sign that the database leaves out.
BIAS_VOLTAGE = ConditionParameter("bias_voltage", "Sensor Bias Voltage", "V", 5.0, help="Bias of the sensor")
UNSIGNED_BIAS_VOLTAGE = ConditionParameter(
    "bias_voltage", "Sensor Bias Voltage", "V", 1.0, help="Bias of the sensor, without its sign")
MEMORY_CELLS = ConditionParameter("memory_cells", "Memory cells", help="Memory cells in use")
ONE_MEMORY_CELL = ConditionParameter("memory_cells", "Memory cells", help="Always 1")
ACQUISITION_RATE = ConditionParameter(
    "acquisition_rate", "Acquisition rate", "MHz", 0.1, help="Repetition rate of the cells")
SENSOR_TEMPERATURE = ConditionParameter(
    "sensor_temperature", "Sensor temperature", "K", 5.0, help="Temperature of the sensor")
#: The database's x and y of families whose x is along slow scan, and of those whose x is along fast scan.
PIXELS_SLOW_FAST = (
    ConditionParameter("pixels_x", "Pixels X", of_hardware=True, help="Pixels along slow scan"),
    ConditionParameter("pixels_y", "Pixels Y", of_hardware=True, help="Pixels along fast scan"),
)
PIXELS_FAST_SLOW = (
    ConditionParameter("pixels_x", "Pixels X", of_hardware=True, help="Pixels along fast scan"),
    ConditionParameter("pixels_y", "Pixels Y", of_hardware=True, help="Pixels along slow scan"),
)


def pixels(x: int, y: int) -> dict[str, Found]:
    """Pixels of a module along the database's x and y, as the type has them."""
    return {"pixels_x": Found(float(x), "detector type"), "pixels_y": Found(float(y), "detector type")}


def one_memory_cell() -> dict[str, Found]:
    """Memory cells of a type that has no more than one."""
    return {"memory_cells": Found(1.0, "detector type")}
