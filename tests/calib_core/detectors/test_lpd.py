"""LPD 1M and Mini: words, sources, gain stages and conditions."""

from __future__ import annotations

import numpy as np
import pytest
from extra_geom import LPD_MiniGeometry

from calib_core.constants.condition import Condition, Found
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type, identify
from calib_core.geometry import assembled
from calib_core.io.words import split_words

from .fake_run import FakeRun

LPD1M, MINI = detector_type("LPD1M"), detector_type("LPDMINI")
DETECTOR = "FXE_DET_LPD1M-1"
FEM = f"{DETECTOR}/COMP/FEM_MDL_COMP"
NO_SAMPLE = SampleStatistics(None, None)


class Run(FakeRun):
    """A run with frames of some memory cells."""

    def __init__(self, values, order=()) -> None:
        super().__init__(values)
        self._order = np.array(order, np.int64)

    def cell_order(self):
        return self._order


def found(values, order=()):
    return LPD1M.find_condition(Run(values, order), DETECTOR)


def stage(values, bits=None):
    return LPD1M.find_stage(Run(values), DETECTOR, SampleStatistics(None, bits)).stage


def test_their_sources_are_recognised():
    detectors = identify([f"{DETECTOR}/DET/7CH0:xtdf", "FXE_DET_LPD_MINI/DET/0CH0:xtdf"])
    assert [(d.identifier, d.type, d.modules[0].aggregator) for d in detectors] == [
        (DETECTOR, LPD1M, "LPD07"), ("FXE_DET_LPD_MINI", MINI, "LPDMINI00")]


@pytest.mark.parametrize("gain", [0, 1, 2])
def test_encoded_words_split_into_what_they_were_made_of(gain):
    samples = np.random.default_rng(gain).integers(0, 4096, (2, 1, 256, 256), np.uint16)
    words = LPD1M.encode(samples, gain, None)["image.data"]
    np.testing.assert_array_equal(words, samples + 4096 * gain)
    bits = np.empty((2, 256, 256), np.uint8)
    split_words(LPD1M.raw, words, bits)
    frames = LPD1M.decode({"image.data": words, "gain_bits": bits, "image.cellId": np.arange(2),
                           "image.trainId": np.ones(2, np.uint64)})
    np.testing.assert_array_equal(frames.adc, samples[:, 0])
    assert (frames.gain == gain).all()


def test_each_pixel_keeps_its_own_gain_bits():
    gain = np.random.default_rng(1).integers(0, 4, (1, 256, 256)).astype(np.uint8)
    words = LPD1M.encode(np.full((1, 1, 256, 256), 700, np.uint16), 0, gain)["image.data"]
    np.testing.assert_array_equal(words[:, 0] >> 12, gain)
    assert words.dtype == np.uint16


def test_defaults_are_those_of_the_database():
    assert Condition(LPD1M.condition, found({})).queries()[0] == {
        "Sensor Bias Voltage": 250, "Memory cells": 512, "Feedback capacitor": 5, "Pixels X": 256, "Pixels Y": 256}


@pytest.mark.parametrize(("order", "text"), [
    ([8, 24, 40, 9, 25], "8,24,40,9,25,"), ([0, 1, 2, 3], ""), ([3, 200, 511], ""), ([1, 0], ""), ([], ""),
])
def test_the_order_of_the_cells_counts_only_where_it_jumps_back(order, text):
    values = found({}, order)
    assert values["memory_cell_order"].value == text
    assert ("Memory cell order" in Condition(LPD1M.condition, values).queries()[0]) is bool(text)


@pytest.mark.parametrize(("values", "expected", "sure", "held"), [
    ({FEM: {"femAsicGainOverride": np.int32(1)}}, 1, True, 3),
    ({FEM: {"femAsicGainOverride": np.int32(0)}}, 0, True, 1),
    ({FEM: {"femAsicGain": np.int32(0)}}, 0, True, 1),
    ({}, 0, False, 1),
])
def test_parallel_gain_is_told_by_the_front_end(values, expected, sure, held):
    values = found(values)
    assert (values["parallel_gain"].value, values["parallel_gain"].sure) == (expected, sure)
    assert LPD1M.stages_in_run(values) == held
    assert ("Parallel gain" in Condition(LPD1M.condition, values).queries()[0]) is bool(expected)


@pytest.mark.parametrize(("bits", "codes"), [(0, (3, 100)), (1, (2, 10)), (2, (1,))])
def test_the_gain_bits_tell_the_stage_and_all_known_codings_confirm_it(bits, codes):
    """×100 / ×10 / ×1 are 3 / 2 / 1 in one version of the control software and 100 / 10 / 1 in another."""
    for code in codes:
        said = LPD1M.find_stage(Run({FEM: {"femAsicGain": np.int32(code)}}), DETECTOR, SampleStatistics(None, bits))
        assert (said.stage, said.conflict) == (bits, "")
        assert FEM in said.origin
        assert stage({FEM: {"femAsicGain": np.int32(code)}}) == bits


@pytest.mark.parametrize(("code", "bits"), [(2, 2), (1, 1), (10, 0), (3, 1)])
def test_slow_control_that_contradicts_the_bits_is_told(code, bits):
    said = LPD1M.find_stage(Run({FEM: {"femAsicGain": np.int32(code)}}), DETECTOR, SampleStatistics(None, bits))
    assert said.stage == bits
    assert f"{FEM} femAsicGain says" in said.conflict


def test_a_stage_that_the_chip_chooses_is_told_by_the_bits_alone():
    chosen = {FEM: {"femAsicGain": np.int32(0)}}
    assert [stage(chosen, bits) for bits in (0, 1, 2, 3, None)] == [0, 1, 2, None, None]
    assert [stage({}, bits) for bits in (0, 1, 2, 3, None)] == [0, 1, 2, None, None]
    assert stage({FEM: {"femAsicGain": np.int32(0), "femAsicGainOverride": np.int32(1)}}, bits=0) is None


def test_the_simulator_writes_codes_of_the_control_software():
    written = [LPD1M.simulate_control(DETECTOR, stage, {})[FEM]["femAsicGain"] for stage in range(3)]
    assert written == [3, 2, 1]


def test_eight_minis_are_one_module_and_drawn_as_eight():
    data = np.arange(MINI.pixels, dtype=np.float32).reshape(1, *MINI.shape)
    expected, _ = LPD_MiniGeometry.example(n_modules=8).position_modules(data.reshape(8, 32, 256))
    index = assembled(MINI, [0]).index
    drawn = np.where(index >= 0, data.ravel()[index], np.nan)
    np.testing.assert_array_equal(drawn[::-1, ::-1], expected)


def test_memory_cells_are_all_whatever_is_in_use():
    """The database is asked for 512 cells, as EXtra does, also for runs of few cells."""
    assert LPD1M.find_condition(Run({}, range(44)), DETECTOR)["memory_cells"] == Found(512.0, "detector type")
