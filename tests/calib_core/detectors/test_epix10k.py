"""ePix10K: gain bit, gain settings, conditions, and the type for data without calibration rows."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.condition import Condition
from calib_core.detector.registry import detector_type, identify
from calib_core.io.words import split_words

from .fake_run import FakeRun

EPIX10K = detector_type("EPIX10K")
DETECTOR = "HED_IA1_EPIX10K-1"
CONTROL = f"{DETECTOR}/DET/CONTROL"


def condition(values) -> Condition:
    return Condition(EPIX10K.condition, EPIX10K.find_condition(FakeRun(values), DETECTOR))


def test_its_source_without_a_number_is_recognised():
    [found] = identify([f"{DETECTOR}/DET/RECEIVER:daqOutput"])
    assert (found.identifier, found.type) == (DETECTOR, EPIX10K)
    assert [module.aggregator for module in found.modules] == ["EPIX01"]


def test_words_hold_fourteen_bits_and_the_gain_bit():
    draw = np.random.default_rng(1)
    block = draw.integers(0, 16384, (2, 1, *EPIX10K.shape)).astype(np.uint16)
    gain = draw.integers(0, 2, (2, *EPIX10K.shape)).astype(np.uint8)
    words = EPIX10K.encode(block, 0, gain)["data.image.pixels"]
    np.testing.assert_array_equal(words & 0x3FFF, block[:, 0])
    np.testing.assert_array_equal(words >> 14, gain)
    again, bits = np.ascontiguousarray(words)[:, None], np.empty_like(gain)
    split_words(EPIX10K.raw, again, bits)
    frames = EPIX10K.decode({"data.image.pixels": again, "gain_bits": bits, "cell": np.zeros(2, np.int64),
                             "data.trainId": np.zeros(2, np.uint64)})
    np.testing.assert_array_equal(frames.block, block)
    np.testing.assert_array_equal(frames.gain, gain)


@pytest.mark.parametrize(("setting", "has_bits"), [
    (None, False), (0, False), (1, False), (2, False), (3, True), (4, True)])
def test_the_gain_bit_tells_something_only_where_the_gain_switches(setting, has_bits):
    found = condition({} if setting is None else {CONTROL: {"gainSetting": setting}})
    assert found["gain_setting"] == (setting or 0)
    assert found.values["gain_setting"].sure is (setting is not None)
    assert EPIX10K.operated_at(found.values).has_gain_bits is has_bits


def test_conditions_have_the_shape_of_the_data_and_the_gain_setting():
    found = condition({CONTROL: {"gainSetting": 1, "bias": 200, "expTime": 12.5}}).queries()[0]
    assert found == {"Sensor Bias Voltage": 200, "Memory cells": 1, "Pixels X": 356, "Pixels Y": 384,
                     "Integration time": 12.5, "Sensor temperature": 288, "In vacuum": 0, "Gain Setting": 1}


def test_the_type_without_calibration_rows_knows_the_gain_setting_too():
    [active] = EPIX10K.variants
    assert (active.shape, active.asic_shape, active.bank_shape) == ((352, 384), (176, 192), (176, 48))
    found = active.find_condition(FakeRun({CONTROL: {"gainSetting": 4}}), DETECTOR)
    assert (found["pixels_x"].value, found["gain_setting"].value) == (352, 4)
    assert active.operated_at(found).has_gain_bits
