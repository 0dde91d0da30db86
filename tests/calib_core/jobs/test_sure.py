"""What is not sure is told, by the look at a run, in the log and in the closing lines; --strict refuses it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

Capture = pytest.CaptureFixture[str]
SMALL = {"AGIPD1M": {"modules": "0", "memory_cells": 1}, "EPIX100": {}, "GOTTHARD2": {"frames_per_train": 4},
         "JUNGFRAU": {"modules": "1"}}
#: Key of slow control of each type that tells a bias, and one that tells something else.
BIAS = {"AGIPD1M": "channels.U5.voltage", "EPIX100": "bias", "GOTTHARD2": "highVoltage", "JUNGFRAU": "highVoltage"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Dark runs of twelve trains of some families."""
    return {name: dict(simulate(default_settings(name).with_changes({"trains": 12, **changes}),
                                tmp_path_factory.mktemp(name)).runs) for name, changes in SMALL.items()}


@pytest.fixture
def changed(raw: dict[str, dict[str, Path]], tmp_path: Path) -> Callable[..., Path]:
    """The first run of a family whose control file was changed by a function of its datasets of one key."""
    def make(name: str, key: str, change: Callable[[h5py.Dataset], Any], section: str = "CONTROL") -> Path:
        run = next(iter(raw[name].values()))
        folder = tmp_path / name / "p900001" / "raw" / run.name
        shutil.copytree(run, folder)
        touched = 0
        for path in folder.glob("*.h5"):
            with h5py.File(path, "r+") as file:
                wanted: list[h5py.Dataset] = []
                ending = f"{key.replace('.', '/')}/value"
                if section in file:
                    file[section].visititems(
                        lambda n, found, w=wanted, e=ending: w.append(found) if n.endswith(f"/{e}") else None)
                for found in wanted:
                    change(found)
                touched += len(wanted)
        assert touched
        return folder
    return make


def half_off(dataset: h5py.Dataset) -> None:
    values = dataset[()]
    values[6:] = 0
    dataset[...] = values


def no_numbers(dataset: h5py.Dataset) -> None:
    dataset[...] = np.nan


@pytest.mark.parametrize("name", SMALL)
def test_a_bias_that_trips_in_mid_run_is_asked_for(
    name: str, raw: dict[str, dict[str, Path]], changed: Callable[..., Path]
) -> None:
    right = survey([next(iter(raw[name].values()))]).condition.values["bias_voltage"]
    assert right.sure
    found = survey([changed(name, BIAS[name], half_off)]).condition.values["bias_voltage"]
    assert (found.value, found.sure) == (right.value, False)
    assert "changes over the trains that are used" in found.origin


@pytest.mark.parametrize("name", ["AGIPD1M", "EPIX100"])
def test_no_sentence_has_a_nan(name: str, changed: Callable[..., Path], capsys: Capture) -> None:
    folder = changed(name, "bunchStructure.repetitionRate" if name == "AGIPD1M" else "expTime", no_numbers)
    assert main(["info", "--json", str(folder)]) == 0
    told = capsys.readouterr().out

    def refused(word: str) -> None:
        raise AssertionError(f"JSON holds {word}")

    [detector] = json.loads(told, parse_constant=refused)[0]["detectors"]
    one = detector["condition"]["acquisition_rate" if name == "AGIPD1M" else "integration_time"]
    assert not one["sure"]
    assert "nan" not in one["origin"].lower()


def test_the_trains_before_those_that_are_used_do_not_matter(changed: Callable[..., Path], tmp_path: Path) -> None:
    """A bias that was ramped up in the first trains is sure where these are skipped."""
    def ramp(dataset: h5py.Dataset) -> None:
        values = dataset[()]
        values[:2] = 0
        dataset[...] = values

    folder = changed("GOTTHARD2", "highVoltage", ramp)
    words = ["GOTTHARD2", "DARK", "--run-high", str(folder), "--min-trains", "2", "--out-folder", str(tmp_path / "o")]
    assert main([*words, "--strict"]) == 1
    assert main([*words, "--strict", "--skip-first-trains", "2"]) == 0


def test_doubts_end_in_the_closing_lines_and_strict_refuses(
    changed: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    folder = changed("JUNGFRAU", "exposureTime", half_off)
    words = ["JUNGFRAU", "DARK", "--run-high", str(folder), "--out-folder", str(tmp_path / "out")]
    assert main(words) == 0
    closing = capsys.readouterr().out
    assert "warnings:" in closing
    assert "Integration Time: 10 µs is taken, but it is not sure (" in closing
    assert main([*words, "--strict"]) == 1
    assert "Integration Time: 10 µs is taken" in capsys.readouterr().err
    sure = ["--integration-time", "10", "--sensor-temperature", "291"]
    assert main([*words, "--strict", *sure]) == 0
    assert "it is not sure" not in capsys.readouterr().out


def test_a_doubt_in_another_run_than_the_first_is_told(
    raw: dict[str, dict[str, Path]], changed: Callable[..., Path]
) -> None:
    doubtful = changed("GOTTHARD2", "highVoltage", half_off)
    good = list(raw["GOTTHARD2"].values())[1]
    found = survey([good, doubtful], keep_order=True).condition.values["bias_voltage"]
    assert (found.value, found.sure) == (200.0, False)
    assert "changes over the trains" in found.origin


@pytest.mark.parametrize("name", SMALL)
def test_a_run_without_control_files_is_not_sure_of_its_bias(
    name: str, raw: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    run = next(iter(raw[name].values()))
    folder = tmp_path / run.name
    shutil.copytree(run, folder)
    for path in folder.glob("*.h5"):
        with h5py.File(path) as file:
            alone = "CONTROL" in file and "INSTRUMENT" not in file
        if alone:
            path.unlink()
    assert not survey([folder]).condition.values["bias_voltage"].sure
