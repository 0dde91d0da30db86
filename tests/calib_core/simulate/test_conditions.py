"""Operating conditions of simulated runs, as EXtra and our descriptors find them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector import SampleStatistics
from calib_core.simulate import Simulated, default_settings


class Control:
    """Control values of a run by EXtra-data, as descriptors ask for them."""

    def __init__(self, simulated: Simulated, role: str) -> None:
        self.run = RunDirectory(simulated.runs[role])

    def sources(self, pattern: str) -> list[str]:
        import re

        return sorted(s for s in self.run.control_sources if re.fullmatch(pattern, s))

    def run_value(self, source: str, key: str) -> Any:
        if source not in self.run.control_sources or key not in self.run[source]:
            return None
        return self.run[source].run_value(key)

    def largest(self, source: str, key: str) -> float | None:
        return None if self.run_value(source, key) is None else float(self.run[source, key].ndarray().max())

    def cells(self) -> np.ndarray:
        return np.array([], np.int64)

    def pulses(self) -> np.ndarray:
        return np.array([], np.int64)


@pytest.fixture(scope="module")
def conditions() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("extra.calibration")


def test_extra_finds_the_conditions_of_agipd_1m(agipd: Simulated, conditions: Any) -> None:
    found = conditions.AGIPDConditions.from_data(
        RunDirectory(agipd.runs["med"]), None, fpga_comp="SPB_IRU_AGIPD1M1/MDL/FPGA_COMP",
        mpod="SPB_IRU_AGIPD1M/PSC/HV", fpga_control=[], xtdf=["SPB_DET_AGIPD1M-1/DET/0CH0:xtdf"])
    assert (found.sensor_bias_voltage, found.memory_cells, found.acquisition_rate) == (300, 4, 1.1)
    assert (found.gain_setting, found.gain_mode, found.integration_time) == (0, 0, 12)


def test_extra_finds_the_conditions_of_agipd_500k(agipd_500k: Simulated, conditions: Any) -> None:
    found = conditions.AGIPDConditions.from_data(
        RunDirectory(agipd_500k.runs["low"]), None, fpga_comp="HED_EXP_AGIPD500K2G/MDL/FPGA_COMP",
        mpod="HED_EXP_AGIPD500K2/PSC/HV", fpga_control=[f"HED_EXP_AGIPD500K2G/FPGA/M_{i}" for i in range(8)],
        xtdf=["HED_DET_AGIPD500K2G/DET/2CH0:xtdf"])
    assert (found.sensor_bias_voltage, found.gain_setting, found.gain_mode) == (250, 1, 3)


def test_extra_finds_the_conditions_of_jungfrau(burst: Simulated, conditions: Any) -> None:
    found = conditions.JUNGFRAUConditions.from_data(
        RunDirectory(burst.runs["high"]), None, control="SPB_IRDA_JF4M/DET/CONTROL")
    assert (found.sensor_bias_voltage, found.memory_cells, found.gain_setting, found.gain_mode) == (90, 16, 1, 0)
    assert found.integration_time == pytest.approx(10, rel=1e-6)
    assert found.exposure_timeout == 25


@pytest.mark.parametrize(
    ("fixture", "name", "expected"),
    [
        ("agipd", "AGIPD1M", {"bias_voltage": 300, "memory_cells": 4, "acquisition_rate": 1.1, "gain_setting": 0,
                              "gain_mode": 0, "integration_time": 12}),
        ("agipd_500k", "AGIPD500K", {"bias_voltage": 250, "gain_setting": 1, "gain_mode": 1}),
        ("burst", "JUNGFRAU", {"bias_voltage": 90, "memory_cells": 16, "integration_time": 10, "gain_setting": 1,
                               "gain_mode": 0, "exposure_timeout": 25}),
        ("single", "JUNGFRAU", {"memory_cells": 1, "gain_setting": 0}),
    ],
)
def test_our_descriptors_find_them(
    fixture: str, name: str, expected: dict[str, float], request: pytest.FixtureRequest
) -> None:
    settings = default_settings(name)
    control = Control(request.getfixturevalue(fixture), "high")
    found = settings.detector.find_condition(control, settings.identifier)
    assert {key: found[key].value for key in expected} == expected
    assert all(found[key].sure for key in expected)


def test_gain_stage_is_told_by_the_control_values(agipd_500k: Simulated, burst: Simulated) -> None:
    nothing = SampleStatistics(None, None)
    for simulated, name in ((agipd_500k, "AGIPD500K"), (burst, "JUNGFRAU")):
        settings = default_settings(name)
        found = [settings.detector.find_stage(Control(simulated, role), settings.identifier, nothing).stage
                 for role in simulated.runs]
        assert found == [0, 1, 2]
