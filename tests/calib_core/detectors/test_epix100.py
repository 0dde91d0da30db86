"""ePix100: sources, words, conditions, calibration rows, and the type for data without them."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.characterisation.family import named
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.detector import Readings
from calib_core.detector.registry import detector_type, identify

from .fake_run import FakeRun

EPIX100 = detector_type("EPIX100")
DETECTOR = "MID_EXP_EPIX-1"
CONTROL = f"{DETECTOR}/DET/CONTROL"


class WithTemperature(FakeRun):
    """A run whose frames have a temperature of 14.85 °C, in hundredths, beside them."""

    def beside(self, key: str) -> Readings | None:
        return Readings(np.full(10, 1485, np.uint16), 10, 10) if key == "data.backTemp" else None


def condition(run) -> Condition:
    return Condition(EPIX100.condition, EPIX100.find_condition(run, DETECTOR))


@pytest.mark.parametrize("detector", [DETECTOR, "HED_IA1_EPX100-1", "SPB_TST_EPIX100-12"])
def test_its_source_without_a_number_is_recognised(detector):
    [found] = identify([f"{detector}/DET/RECEIVER:daqOutput"])
    assert (found.identifier, found.type) == (detector, EPIX100)
    [module] = found.modules
    assert (module.number, module.aggregator, module.pdu) == (1, "EPIX01", f"{detector}_EPIX01")


@pytest.mark.parametrize("source", [
    "HED_IA1_EPIX10K-1/DET/RECEIVER:daqOutput", "MID_EXP_EPIX-1/DET/CONTROL", "MID_EXP_CAM-1/DET/RECEIVER:daqOutput",
])
def test_other_sources_are_not_its(source):
    assert EPIX100.raw.match(source) is None


def test_frames_come_back_from_the_words_that_they_were_stored_as():
    block = np.arange(3 * 708 * 768, dtype=np.uint16).reshape(3, 1, 708, 768) % np.uint16(16384)
    arrays = EPIX100.encode(block, 0, None)
    assert arrays["data.image.pixels"].dtype == np.int16
    frames = EPIX100.decode({
        "data.image.pixels": arrays["data.image.pixels"].view(np.uint16)[:, None], "cell": np.zeros(3, np.int64),
        "data.trainId": np.arange(3, dtype=np.uint64)})
    np.testing.assert_array_equal(frames.block, block)
    assert frames.gain is None


def test_condition_of_a_run():
    run = WithTemperature({CONTROL: {"bias": np.float32(200.4), "expTime": np.float32(10)}})
    assert condition(run).queries()[0] == {
        "Sensor Bias Voltage": pytest.approx(200.4), "Memory cells": 1, "Pixels X": 708, "Pixels Y": 768,
        "Integration time": 10, "Sensor temperature": 288, "In vacuum": 0}
    assert condition(run).values["sensor_temperature"].origin == "data.backTemp, mean"


def test_the_older_device_tells_the_temperature_in_its_control_data():
    run = FakeRun({CONTROL: {"slowdata.backTemp": 1985, "highVoltage": 190}})
    assert condition(run)["sensor_temperature"] == 293
    assert condition(run)["bias_voltage"] == 190


def test_what_a_run_does_not_tell_is_a_default_to_look_at():
    found = condition(FakeRun({})).values
    assert {name: value.value for name, value in found.items() if not value.sure} == {
        "bias_voltage": 200, "integration_time": 10, "sensor_temperature": 288, "in_vacuum": 0}


def test_banks_and_asics_tile_both_types():
    for kind in (EPIX100, *EPIX100.variants):
        assert kind.shape == (2 * kind.asic_shape[0], 2 * kind.asic_shape[1])
        assert kind.bank_shape == (kind.asic_shape[0], 96)


def test_two_rows_at_the_top_and_two_at_the_bottom_see_no_sensor():
    flags = np.zeros(EPIX100.shape, np.uint32)
    for region in EPIX100.regions:
        region.mark(flags)
    expected = np.zeros(EPIX100.shape, np.uint32)
    expected[[0, 1, 706, 707]] = BadPixels.NON_SENSITIVE
    np.testing.assert_array_equal(flags, expected)


def test_the_type_without_calibration_rows():
    [active] = EPIX100.variants
    assert (active.shape, active.regions) == ((704, 768), ())
    assert named("EPIX100").has(active)
    assert "704 rows instead of 708" in active.remark
    assert active.find_condition(FakeRun({}), DETECTOR)["pixels_x"].value == 704


def test_common_mode_is_taken_in_blocks_rows_and_columns():
    method = named("EPIX100").method("dark")
    assert isinstance(method, RefinedDark)
    assert (method.iterations, method.value("common_mode_axis")) == (2, "block row column")
