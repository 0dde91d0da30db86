"""FastCCD: words, gain stages and conditions."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.characterisation.family import named
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type, identify
from calib_core.simulate.settings import default_settings

from .fake_run import FakeRun

FASTCCD = detector_type("FASTCCD")
DETECTOR = "SCS_CDIDET_FCCD2M"
CAMERA, COLD = f"{DETECTOR}/DET/FCCD", f"{DETECTOR}/CTRL/LSLAN"
CONTROL = {
    CAMERA: {"biasclock.bias": np.float32(-79.5), "exposure.exposure_time": 2, "exposure.gain": 0},
    COLD: {"inputA.crdg": -30.25},
}
NO_SAMPLE = SampleStatistics(None, None)


def condition(values) -> Condition:
    return Condition(FASTCCD.condition, FASTCCD.find_condition(FakeRun(values), DETECTOR))


def stage(gain, bits=None):
    values = {} if gain is None else {CAMERA: {"exposure.gain": gain}}
    return FASTCCD.find_stage(FakeRun(values), DETECTOR, SampleStatistics(None, bits)).stage


def test_its_source_without_a_number_is_recognised():
    [found] = identify([f"{DETECTOR}/DAQ/FCCD:daqOutput"])
    assert (found.identifier, found.type) == (DETECTOR, FASTCCD)
    [module] = found.modules
    assert (module.number, module.aggregator, module.source) == (0, "DA05", f"{DETECTOR}/DAQ/FCCD:daqOutput")
    assert identify([f"{DETECTOR}/DAQ/OTHER:daqOutput", "SCS_CDIDET_CAM/DAQ/FCCD:daqOutput"]) == ()


def test_conditions_are_those_that_the_database_asks_for():
    assert condition(CONTROL).queries()[0] == {
        "Sensor Bias Voltage": 79.5, "Memory cells": 1.0, "Pixels X": 1934.0, "Pixels Y": 960.0,
        "Integration Time": 2.0, "Sensor Temperature": 242.9, "Gain Setting": 0.0,
    }


def test_what_the_run_does_not_tell_is_a_default_to_be_looked_at():
    found = condition({}).values
    expected = {"bias_voltage": 79, "integration_time": 1, "sensor_temperature": 233, "gain_setting": 0}
    assert {name: found[name].value for name in expected} == expected
    assert not any(found[name].sure for name in expected)


def test_temperatures_agree_within_five_kelvin():
    def at(celsius):
        return condition({**CONTROL, COLD: {"inputA.crdg": celsius}})
    assert at(-30.0).matches(at(-34.0)) is None
    assert "Sensor Temperature" in (at(-30.0).matches(at(-36.0)) or "")


@pytest.mark.parametrize(("gain", "bits", "expected"), [
    (8, 3, 0), (2, 0, 1), (1, 0, 2),  # a forced gain is known, whatever the bits
    (0, 0, 0), (0, 1, 1), (0, 3, 2), (None, 3, 2),  # else the bits tell
    (0, 2, None), (None, None, None), (5, None, None), ("auto", 1, 1),
])
def test_the_gain_stage_by_slow_control_else_by_the_bits(gain, bits, expected):
    assert stage(gain, bits) == expected


def test_simulated_control_values_are_found_again():
    settings = default_settings("FASTCCD").with_changes({"bias_voltage": 81.0})
    for index, gain in enumerate((8, 2, 1)):
        made = FASTCCD.simulate_control(DETECTOR, index, dict(settings))
        assert FASTCCD.find_stage(FakeRun(made), DETECTOR, NO_SAMPLE).stage == index
        found = condition(made)
        assert (found["gain_setting"], found["bias_voltage"], found["sensor_temperature"]) == (gain, 81, 233)


def test_words_hold_the_gain_bits_above_the_sample():
    rng = np.random.default_rng(1)
    block = rng.integers(0, 1 << 14, (2, 1, *FASTCCD.shape), np.uint16)
    gain = rng.choice(np.array([0, 1, 2, 3], np.uint8), (2, *FASTCCD.shape))
    words = FASTCCD.encode(block, 0, gain)["data.image.pixels"]
    assert words.dtype == np.uint16
    np.testing.assert_array_equal(words % (1 << 14), block[:, 0])
    np.testing.assert_array_equal(words // (1 << 14), gain)


@pytest.mark.parametrize(("index", "code"), [(0, 0), (1, 1), (2, 3)])
def test_words_without_given_bits_have_those_of_the_stage(index, code):
    words = FASTCCD.encode(np.full((1, 1, *FASTCCD.shape), 4000, np.uint16), index, None)["data.image.pixels"]
    assert np.unique(words).tolist() == [4000 + code * (1 << 14)]


def test_frames_have_their_gain_bits():
    block, gain = np.ones((1, 1, *FASTCCD.shape), np.uint16), np.full((1, *FASTCCD.shape), 3, np.uint8)
    frames = FASTCCD.decode({"data.image.pixels": block, "gain_bits": gain, "cell": np.zeros(1, np.int64),
                             "data.trainId": np.ones(1, np.uint64)})
    assert frames.gain is gain
    assert frames.adc.shape == (1, 1934, 960)


def test_the_gap_lies_between_two_halves_of_960_rows():
    flags = np.zeros(FASTCCD.shape, np.uint32)
    for region in FASTCCD.regions:
        region.mark(flags)
    sensitive = (flags == 0).all(axis=1)
    assert sensitive[:960].all()
    assert sensitive[-960:].all()
    assert (flags[960:-960] == BadPixels.OVERSCAN).all()


def test_darks_have_three_passes_with_rows_of_each_hemisphere():
    dark = named("FASTCCD").method("DARK")
    assert isinstance(dark, RefinedDark)
    assert (dark.iterations, dark.value("common_mode_axis"), dark.value("cosmics")) == (2, "row", False)
    assert (FASTCCD.bank_shape or FASTCCD.asic_shape) == (967, 960)
    assert [one.name for one in dark.inputs(FASTCCD)] == ["high", "med", "low"]
