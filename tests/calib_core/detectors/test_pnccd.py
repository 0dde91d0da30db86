"""pnCCD: sources, conditions, frames and regions are those of the facility's public files and programs."""

from __future__ import annotations

import numpy as np
import pytest
from extra_geom import PNCCDGeometry

from calib_core.characterisation.family import named
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.constants.constant import CTE, NOISE
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type, identify
from calib_core.simulate.settings import default_settings

from .fake_run import FakeRun

PNCCD = detector_type("PNCCD")
DETECTOR = "SQS_NQS_PNCCD1MP"
CONTROL = {
    f"{DETECTOR}/MDL/DAQ_GAIN": {"pNCCDGain": np.int32(16)},
    f"{DETECTOR}/MDL/DAQ_MPOD": {"u0voltage": np.float32(-269.5)},
    f"{DETECTOR}/CTRL/TCTRL": {"inputA.krdg": np.float32(240.25), "inputB.krdg": np.float32(241.0)},
}


def condition(values) -> Condition:
    return Condition(PNCCD.condition, PNCCD.find_condition(FakeRun(values), DETECTOR))


def test_its_source_is_recognised():
    [found] = identify([f"{DETECTOR}/CAL/PNCCD_FMT-0:output", f"{DETECTOR}/MDL/DAQ_GAIN"])
    assert (found.identifier, found.type) == (DETECTOR, PNCCD)
    [module] = found.modules
    assert (module.number, module.aggregator, module.pdu) == (0, "PNCCD01", f"{DETECTOR}_PNCCD01")


@pytest.mark.parametrize("source", [
    f"{DETECTOR}/CAL/PNCCD_FMT-0:daqOutput", f"{DETECTOR}/CORR/PNCCD_FMT-0:output",
    "SQS_AQS_VMIS/CAL/PNCCD_FMT-0:output",
])
def test_other_sources_are_not(source):
    assert identify([source]) == ()


def test_conditions_are_those_that_the_database_asks_for():
    assert condition(CONTROL).queries()[0] == {
        "Sensor Bias Voltage": 269.5, "Memory cells": 1.0, "Pixels X": 1024.0, "Pixels Y": 1024.0,
        "Integration Time": 70.0, "Sensor Temperature": 240.25, "Gain Setting": 16.0,
    }


def test_what_the_run_does_not_tell_is_a_default_to_be_looked_at():
    found = condition({}).values
    assert {name: found[name].value for name in ("bias_voltage", "sensor_temperature", "gain_setting")} == {
        "bias_voltage": 270, "sensor_temperature": 243.347, "gain_setting": 64}
    assert not any(found[name].sure for name in ("bias_voltage", "sensor_temperature", "gain_setting"))
    assert not found["integration_time"].sure


@pytest.mark.parametrize(("source", "key", "value", "name"), [
    ("MDL/DAQ_GAIN", "pNCCDGain", 64, "Gain Setting"), ("MDL/DAQ_MPOD", "u0voltage", -272.0, "Sensor Bias Voltage"),
    ("CTRL/TCTRL", "inputA.krdg", 246.0, "Sensor Temperature"),
])
def test_another_operating_point_does_not_match(source, key, value, name):
    changed = {**CONTROL, f"{DETECTOR}/{source}": {key: value}}
    assert name in (condition(CONTROL).matches(condition(changed)) or "")


def test_the_sign_of_the_voltage_does_not_matter():
    positive = {**CONTROL, f"{DETECTOR}/MDL/DAQ_MPOD": {"u0voltage": np.float32(269.5)}}
    assert condition(CONTROL).matches(condition(positive)) is None


def test_simulated_control_values_are_found_again():
    settings = default_settings("PNCCD").with_changes({"gain_setting": 340, "bias_voltage": 265.0})
    made = PNCCD.simulate_control(DETECTOR, 0, dict(settings))
    found = condition(made)
    assert (found["gain_setting"], found["bias_voltage"], found["sensor_temperature"]) == (340, 265, 243.3)
    assert all(found.values[name].sure for name in ("gain_setting", "bias_voltage", "sensor_temperature"))


def test_any_run_is_of_its_one_gain_stage():
    assert PNCCD.find_stage(FakeRun({}), DETECTOR, SampleStatistics(None, None)).stage == 0


def test_frames_come_back_as_they_were_stored():
    block = np.random.default_rng(1).integers(0, 1 << 16, (2, 1, *PNCCD.shape), np.uint16)
    stored = PNCCD.encode(block, 0, None)
    assert stored.keys() == {"data.image"}
    assert stored["data.image"].shape == (2, 1024, 1024)
    cell, train = np.zeros(2, np.int64), np.array([7, 8], np.uint64)
    frames = PNCCD.decode({"data.image": stored["data.image"][:, None], "cell": cell, "data.trainId": train})
    np.testing.assert_array_equal(frames.block, block)
    assert frames.gain is None
    assert frames.train.tolist() == [7, 8]


def test_the_hole_is_in_the_middle_and_wider_than_the_cut_out():
    edges, hole = PNCCD.regions
    flags = np.zeros(PNCCD.shape, np.uint32)
    hole.mark(flags)
    rows, columns = np.nonzero(flags)
    assert rows.min() + rows.max() == columns.min() + columns.max() == 1023
    assert len(rows) == 60 * 60
    cut_out = [round(size / PNCCDGeometry.pixel_size)
               for size in (2 * PNCCDGeometry.cutout_height, PNCCDGeometry.cutout_width)]
    assert np.ptp(rows) + 1 >= cut_out[0]
    assert np.ptp(columns) + 1 >= cut_out[1]
    assert set(np.unique(flags)) == {0, BadPixels.NON_SENSITIVE}
    assert (edges.from_pass, hole.from_pass) == (1, 2)


def test_the_edges_are_one_pixel_around_the_frame():
    flags = np.zeros(PNCCD.shape, np.uint32)
    PNCCD.regions[0].mark(flags)
    assert not flags[1:-1, 1:-1].any()
    assert np.count_nonzero(flags == BadPixels.OVERSCAN) == 4 * 1023


def test_darks_have_three_passes_with_the_better_axis_and_without_cosmic_rays():
    dark = named("PNCCD").method("DARK")
    assert isinstance(dark, RefinedDark)
    assert (dark.iterations, dark.value("common_mode_axis"), dark.value("cosmics")) == (2, "auto", True)


def test_a_family_tells_which_of_its_jobs_make_a_constant() -> None:
    assert named("PNCCD").makers_of(NOISE) == ("DARK",)
    assert named("PNCCD").makers_of(CTE) == ()
