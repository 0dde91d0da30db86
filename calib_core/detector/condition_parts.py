"""Parts of operating conditions that several families share: parameters, and values that are always the same."""

from __future__ import annotations

from calib_core.constants.condition import ConditionParameter
from calib_core.detector.clues import Clue, Fixed

#: Bias of the sensor, and where the supply tells it with a sign that the database leaves out.
BIAS_VOLTAGE = ConditionParameter(
    "bias_voltage", "Sensor Bias Voltage", "V", 5.0, lowest=1, highest=500, help="Bias of the sensor")
UNSIGNED_BIAS_VOLTAGE = ConditionParameter(
    "bias_voltage", "Sensor Bias Voltage", "V", 1.0, lowest=1, highest=500,
    help="Bias of the sensor, without its sign")
ONE_MEMORY_CELL = ConditionParameter("memory_cells", "Memory cells", choices=(1.0,), help="Always 1")
ACQUISITION_RATE = ConditionParameter(
    "acquisition_rate", "Acquisition rate", "MHz", 0.1, lowest=0.01, highest=5, help="Repetition rate of the cells")
SENSOR_TEMPERATURE = ConditionParameter(
    "sensor_temperature", "Sensor temperature", "K", 5.0, lowest=100, highest=400, help="Temperature of the sensor")
#: Of constants from runs with light alone.
SOURCE_ENERGY = ConditionParameter(
    "source_energy", "Source energy", "keV", lowest=0.1, highest=100,
    help="Photon energy of the run with light that gains are of; no run tells it")
#: The database's x and y of families whose x is along slow scan, and of those whose x is along fast scan.
PIXELS_SLOW_FAST = (
    ConditionParameter("pixels_x", "Pixels X", of_hardware=True, help="Pixels along slow scan"),
    ConditionParameter("pixels_y", "Pixels Y", of_hardware=True, help="Pixels along fast scan"),
)
PIXELS_FAST_SLOW = (
    ConditionParameter("pixels_x", "Pixels X", of_hardware=True, help="Pixels along fast scan"),
    ConditionParameter("pixels_y", "Pixels Y", of_hardware=True, help="Pixels along slow scan"),
)
#: Memory cells of a type that has no more than one.
JUST_ONE_CELL: tuple[Clue, ...] = (Fixed(1.0),)


def memory_cells(most: int) -> ConditionParameter:
    """Memory cells in use, of a detector that has at most some number of them."""
    return ConditionParameter(
        "memory_cells", "Memory cells", lowest=1, highest=most, help="Memory cells in use")


def pixels(x: int, y: int) -> dict[str, tuple[Clue, ...]]:
    """Pixels of a module along the database's x and y, as the type has them."""
    return {"pixels_x": (Fixed(float(x)),), "pixels_y": (Fixed(float(y)),)}
