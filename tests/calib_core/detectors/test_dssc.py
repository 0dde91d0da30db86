"""DSSC: words, sources and conditions."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from calib_core.characterisation.family import named
from calib_core.constants.condition import Condition
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type, identify

from .fake_run import FakeRun

DSSC = detector_type("DSSC1M")
DETECTOR = "SCS_DET_DSSC1M-1"
QUADRANT = "SCS_CDIDET_DSSC/FPGA/PPT_Q{}"
REGISTERS = {
    "gain.csaFbCap": np.uint32(8), "gain.fcfEnCap": np.uint32(15), "gain.csaResistor": np.uint32(1),
    "gain.irampFineTrm": "Various", "sequencer.cycleLength": np.uint32(44),
    "epcRegisterFilePath": "/home/config/FENICE_TG2.5_Q1.epc",
}


class Run(FakeRun):
    """A run with frames of some memory cells and pulses."""

    def __init__(self, values, cells=(), pulses=()) -> None:
        super().__init__(values)
        self._cells, self._pulses = np.array(cells, np.int64), np.array(pulses, np.uint64)

    def cells(self):
        return self._cells

    def pulses(self):
        return self._pulses


def found(run):
    return DSSC.find_condition(run, DETECTOR)


@pytest.mark.parametrize("detector", [DETECTOR, "SQS_DET_DSSC1M-1"])
def test_its_sources_are_recognised(detector):
    [one] = identify([f"{detector}/DET/{module}CH0:xtdf" for module in (0, 15)])
    assert (one.identifier, one.type) == (detector, DSSC)
    assert [(m.number, m.aggregator) for m in one.modules] == [(0, "DSSC00"), (15, "DSSC15")]


def test_encoded_frames_decode_to_themselves():
    block = np.random.default_rng(0).integers(0, 512, (3, 1, 128, 512), np.uint16)
    arrays = {**DSSC.encode(block, 0, None), "image.cellId": np.arange(3), "image.trainId": np.ones(3, np.uint64)}
    assert arrays["image.data"].shape == (3, 1, 128, 512)
    frames = DSSC.decode(arrays)
    np.testing.assert_array_equal(frames.adc, block[:, 0])
    assert frames.gain is None
    assert frames.gain_signal is None


def test_the_gain_is_told_by_the_registers_of_a_quadrant():
    values = found(Run({QUADRANT.format(3): REGISTERS}))
    assert values["acquisition_rate"].value == 2.25  # half the grid of 4.5 MHz
    assert values["encoded_gain"].value == 0x1_0001_0F08  # trimmed, resistor, capacitor of the filter, of the CSA
    assert values["target_gain"].value == 2.5
    assert all(values[name].sure for name in ("acquisition_rate", "encoded_gain", "target_gain"))
    assert QUADRANT.format(3) in values["encoded_gain"].origin


def test_untrimmed_gain_lacks_the_highest_bit():
    values = found(Run({QUADRANT.format(1): {**REGISTERS, "gain.irampFineTrm": "3"}}))
    assert values["encoded_gain"].value == 0x0001_0F08


def test_quadrants_that_differ_are_doubtful():
    other = {**REGISTERS, "gain.csaFbCap": np.uint32(2)}
    values = found(Run({QUADRANT.format(1): REGISTERS, QUADRANT.format(2): other}))
    assert not values["encoded_gain"].sure
    assert values["encoded_gain"].origin.endswith(
        f"{QUADRANT.format(2)} gain.csaFbCap, gain.fcfEnCap, gain.csaResistor, gain.irampFineTrm differs")
    assert values["acquisition_rate"].sure


def test_optional_conditions_are_left_out_where_nothing_tells_them():
    values = found(Run({}, cells=[0, 1, 5]))
    condition = Condition(DSSC.condition, values).queries()[0]
    assert condition == {"Sensor Bias Voltage": 100, "Memory cells": 6, "Pixels X": 512, "Pixels Y": 128}


def test_checksum_of_the_pulse_ids():
    pulses = [0, 4, 8, 12]
    digest = hashlib.blake2b(np.array(pulses, "<u8").tobytes(), digest_size=8)
    expected = np.frombuffer(digest.digest(), "<f8")[0]
    assert found(Run({}, pulses=pulses))["pulse_id_checksum"].value == expected
    assert found(Run({}, pulses=[0, 4, 8, 16]))["pulse_id_checksum"].value != expected


def test_checksums_that_are_no_number_are_left_out():
    # of the first 40,000 patterns, those whose checksum has the exponent of infinity and NaN
    patterns = (np.array([0, n], np.uint64) for n in range(40000))
    no_number = [p for p in patterns if not np.isfinite(
        np.frombuffer(hashlib.blake2b(p.tobytes(), digest_size=8).digest(), "<f8")[0])]
    assert no_number
    assert all("pulse_id_checksum" not in found(Run({}, pulses=p)) for p in no_number)


def test_it_has_one_gain():
    assert DSSC.find_stage(Run({}), DETECTOR, SampleStatistics(None, None)).stage == 0
    assert [one.name for one in named("DSSC").method("dark").inputs(DSSC)] == ["dark"]
