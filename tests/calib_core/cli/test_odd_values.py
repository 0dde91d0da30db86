"""Numbers in files that are none end in no traceback, in no nan, and in no guess that looks sure."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.simulate import default_settings, simulate

Capture = pytest.CaptureFixture[str]
ODD = {"text": np.array([b"twelve"]), "nan": np.array([np.nan]), "inf": np.array([np.inf]),
       "below zero": np.array([-3]), "nothing": np.zeros(0, np.uint32), "much": np.array([2**63], np.uint64)}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = default_settings("LPDMINI").with_changes({"trains": 12, "memory_cells": 1})
    return simulate(settings, tmp_path_factory.mktemp("root")).runs["high"]


def changed(raw: Path, tmp_path: Path, names: Any, value: Any) -> Path:
    """A copy of the run, in a folder that tells no numbers, with other values in some datasets of its files."""
    run = Path(shutil.copytree(raw, tmp_path / "run"))
    for path in run.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            for name in names(file):
                old = file[name]
                del file[name]
                file[name] = value(old)
    return run


def controls(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, node: found.append(name) if name.endswith("/value") else None)
    return found


def told(run: Path, capsys: Capture) -> str:
    """What the command line tells of a run, which it takes."""
    assert main(["info", str(run)]) == 0
    assert main(["info", str(run), "--json"]) == 0
    assert main(["LPD", "DARK", "--run-high", str(run), "--out-folder", str(run.parent / "out"), "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.out + printed.err


@pytest.mark.parametrize("kind", ODD)
def test_a_number_of_the_run_that_is_none(kind: str, raw: Path, tmp_path: Path, capsys: Capture) -> None:
    names = ("METADATA/runNumber", "METADATA/proposalNumber")
    text = told(changed(raw, tmp_path, lambda _: names, lambda _: ODD[kind]), capsys)
    assert "Run run " in text


@pytest.mark.parametrize("value", [
    lambda old: np.full(old.shape, np.nan), lambda old: np.full(old.shape, b"on\x1b[2J", "S9"),
    lambda old: np.full(old.shape, np.inf), lambda old: np.zeros(0), lambda old: np.full((*old.shape, 3), np.nan),
], ids=["nan", "text", "inf", "nothing", "vectors"])
def test_a_control_value_that_is_no_number(value: Any, raw: Path, tmp_path: Path, capsys: Capture) -> None:
    text = told(changed(raw, tmp_path, controls, value), capsys)
    assert "Sensor Bias Voltage    250.0 V ?" in text
    assert "\x1b" not in text
    assert " nan " not in text
