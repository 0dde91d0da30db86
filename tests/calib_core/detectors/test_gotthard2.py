"""Gotthard-II: sources of one and two modules, words, gain stages, conditions."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.condition import Condition
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type, identify

from .fake_run import FakeRun

WIDE, NARROW = detector_type("GOTTHARD2"), detector_type("GOTTHARD2_25UM")
DETECTOR = "SPB_50UM_GH2"
CONTROL = f"{DETECTOR}/DET/CONTROL"


def condition(values) -> Condition:
    return Condition(WIDE.condition, WIDE.find_condition(FakeRun(values), DETECTOR))


def stage(mode, bits=None):
    values = {} if mode is None else {CONTROL: {"settings": mode}}
    return WIDE.find_stage(FakeRun(values), DETECTOR, SampleStatistics(None, bits)).stage


@pytest.mark.parametrize("detector", [DETECTOR, "SCS_XOX_GH21", "SQS_EXP_GH2-2"])
def test_strips_of_50_um_are_one_module(detector):
    [found] = identify([f"{detector}/DET/RECEIVER:daqOutput"])
    assert (found.identifier, found.type) == (detector, WIDE)
    assert [(m.number, m.pdu) for m in found.modules] == [(1, f"{detector}_GH201")]


def test_strips_of_25_um_are_two_modules():
    sources = [f"SA1_XTD9_HIREX/DET/GOTTHARD2_{word}:daqOutput" for word in ("SLAVE", "MASTER")]
    [found] = identify(sources)
    assert (found.identifier, found.type) == ("SA1_XTD9_HIREX", NARROW)
    assert [(m.number, m.source) for m in found.modules] == [(1, sources[1]), (2, sources[0])]
    assert [NARROW.raw.source_name("SA1_XTD9_HIREX", m.number) for m in found.modules] == sources[::-1]


def test_other_receivers_are_not_its():
    assert identify(["MID_EXP_DES/DET/GOTTHARD_RECEIVER:daqOutput", "LAB_GH3/DET/RECEIVER:daqOutput"]) == ()


def test_frames_come_back_from_what_they_were_stored_as():
    draw = np.random.default_rng(1)
    block = draw.integers(0, 4096, (5, 1, 1, 1280)).astype(np.uint16)
    gain = draw.choice(np.array([0, 1, 3], np.uint8), (5, 1, 1280))
    arrays = WIDE.encode(block, 0, gain)
    assert {key: array.shape for key, array in arrays.items()} == {"data.adc": (5, 1280), "data.gain": (5, 1280)}
    frames = WIDE.decode({
        "data.adc": arrays["data.adc"][:, None, None], "data.gain": arrays["data.gain"][:, None],
        "data.memoryCell": np.arange(5) % 2, "data.trainId": np.zeros(5, np.uint64)})
    np.testing.assert_array_equal(frames.block, block)
    np.testing.assert_array_equal(frames.gain, gain)


@pytest.mark.parametrize(("mode", "expected"), [("dynamicgain", 0), ("fixgain1", 1), ("fixgain2", 2)])
def test_the_stage_is_the_setting(mode, expected):
    assert stage(mode, bits=0) == expected


@pytest.mark.parametrize(("bits", "expected"), [(0, 0), (1, 1), (3, 2), (2, None), (None, None)])
def test_without_a_known_setting_the_gain_bits_tell_the_stage(bits, expected):
    assert stage(None, bits) == expected
    assert stage("unheard of", bits) == expected


def test_condition_of_a_run():
    found = condition({CONTROL: {
        "highVoltage": np.array([110, 0, 0]), "exposureTime": np.float32(2.2e-7),
        "exposurePeriod": np.float32(8.9e-7), "acquisitionRate": "2.25", "singlePhoton": np.bool_(True)}})
    assert found.queries()[0] == {
        "Sensor Bias Voltage": 110, "Exposure time": 2.2e-7, "Exposure period": 8.9e-7, "Acquisition rate": 2.25,
        "Single photon": 1}
    assert all(value.sure for value in found.values.values())


def test_what_a_run_does_not_tell_is_a_default_to_look_at():
    found = condition({CONTROL: {"acquisitionRate": "unknown"}}).values
    assert not any(value.sure for value in found.values())
    assert found["acquisition_rate"].value == 1.1


def test_its_asics_have_128_strips_and_there_is_no_picture():
    assert (WIDE.shape, WIDE.asic_shape, WIDE.geometry(1)) == ((1, 1280), (1, 128), None)
