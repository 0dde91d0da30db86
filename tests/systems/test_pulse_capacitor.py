"""Scans of the pulse capacitor through the command line: what the simulator put in comes out, with its errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import PC_FIT, PC_PARAMETERS
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth

from .command import Result, constants_in, refused

Array = Any
MODULE, STEPS = 3, 140
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": STEPS, "trains_per_sequence": 60})
#: A scan that is short, of more charge in each step: pixels switch near step 28.
SCENE = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2, order="1,0,2-7")
SHORT = ["--margin-hg", "4", "--margin-mg", "5", "--hook-c", "2", "40"]


@dataclass
class Found:
    """What a job made of the only memory cell, maps (slow_scan, fast_scan) by name."""

    lines: dict[str, Array]
    fits: dict[str, Array]
    flags: Array


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


def words(runs: list[Path], out: Path, *more: str) -> list[str]:
    return ["AGIPD", "PC", "--runs", *map(str, runs), "--out-folder", str(out), "-q", *SHORT, *more]


def in_order(scans: Simulated) -> list[Path]:
    """Runs in the order of the patterns that they charge, which is not that of their numbers."""
    return [path for _, path in sorted(scans.runs.items())]


def found(constants: dict[int, dict[str, Array]]) -> Found:
    """Constants of the module with the axes in our order."""
    made = {kind: np.moveaxis(values[:, :, 0], -1, 0).swapaxes(1, 2) if kind != "BadPixelsPC" else values[:, 0]
            for kind, values in constants[MODULE].items()}
    return Found(dict(zip(PC_PARAMETERS, made["SlopesPC"], strict=True)),
                 dict(zip(PC_FIT, made["FitsPC"], strict=True)), made["BadPixelsPC"])


@pytest.fixture(scope="module")
def done(scans: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the constants of all runs."""
    out = tmp_path_factory.mktemp("pc") / "out"
    assert main(words(in_order(scans), out, "--threads", "2")) == 0
    return out


@pytest.fixture(scope="module")
def whole(done: Path) -> Found:
    """Constants of all runs."""
    return found(constants_in(done))


def test_the_truth_comes_out_within_its_errors(whole: Found) -> None:
    truth = ModuleTruth(SETTINGS, MODULE)
    own = SCENE.truth_of(truth, 0)
    sound = truth.bad == 0
    good = sound & (whole.flags[:2] == 0).all(axis=0)
    assert good[sound].mean() > 0.99
    pairs = {"slope HG": own.slope_high, "intercept HG": own.intercept_high, "slope MG": own.slope_medium,
             "intercept MG": own.intercept_medium, "ratio": own.ratio}
    for name, expected in pairs.items():
        error, value = whole.fits[f"{name} error"][good], whole.lines[name][good]
        pull = (value - expected[good]) / error
        assert abs(pull.mean()) < 0.1, name
        assert pull.std() == pytest.approx(1, abs=0.1), name
    slope = whole.lines["slope HG"][good] / own.slope_high[good] - 1
    assert abs(np.median(slope)) < 3 * 1.2533 * slope.std() / np.sqrt(slope.size)
    switch = (whole.fits["first switch"] + whole.fits["last switch"])[good] / 2
    assert np.median(switch - own.switch[good]) == pytest.approx(0, abs=0.2)
    for stage in ("HG", "MG"):
        assert np.median(whole.fits[f"chi2 {stage}"][good]) == pytest.approx(1, abs=0.05)
    middle = (truth.gain_signal(0, 0) + truth.gain_signal(1, 0))[good] / 2
    assert np.median(whole.lines["threshold"][good] - middle) == pytest.approx(0, abs=1)


def test_dead_pixels_and_those_that_nobody_charges_are_flagged(
    whole: Found, scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    truth = ModuleTruth(SETTINGS, MODULE)
    evaluated = np.uint32(BadPixels.CI_EVAL_ERROR)
    assert (whole.flags[:2, truth.dead] & evaluated).all()
    runs = [path for path in in_order(scans) if path != scans.runs["pc2"]]
    result = Result(words(runs, tmp_path / "fewer"), tmp_path / "fewer", capsys)
    fewer = found(result.constants)
    columns = [8 * i + 5 for i in range(8)] + [66 + 8 * i for i in range(8)]
    never = np.uint32(BadPixels.CI_EVAL_ERROR | BadPixels.NO_DARK_DATA)
    assert ((fewer.flags[:2, :, columns] & never) == never).all()
    assert np.isnan(fewer.lines["slope HG"][:, columns]).all()
    others = sorted(set(range(128)) - set(columns))
    for name, values in fewer.lines.items():
        np.testing.assert_array_equal(values[:, others], whole.lines[name][:, others], err_msg=name)
    assert any("pattern 2" in one and "12.5 %" in one for one in result.warnings)


def test_order_threads_parts_and_memory_change_no_bit(
    whole: Found, scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Runs in another order are put right, which is said."""
    runs = sorted(scans.runs.values())
    assert runs != in_order(scans)
    out = tmp_path / "out"
    result = Result(words(runs, out, "--threads", "1", "--parts", "3", "--memory-mb", "512"), out, capsys)
    assert any("Runs re-ordered by the columns that they charge" in one for one in result.warnings)
    other = found(result.constants)
    for mine, theirs in ((whole.lines, other.lines), (whole.fits, other.fits)):
        for name, values in mine.items():
            np.testing.assert_array_equal(theirs[name], values, err_msg=name)
    np.testing.assert_array_equal(other.flags, whole.flags)


def test_a_scan_that_is_too_short_is_told(scans: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Soon behind the switch hooks are not seen; where the scan ends before it, there is no medium gain."""
    one = [scans.runs["pc0"]]
    short = Result(words(one, tmp_path / "a", "--max-trains", "70", "--min-mg-points", "20"), tmp_path / "a", capsys)
    assert any("of the fitted pixels and memory cells cannot be told from noise" in told for told in short.warnings)
    none = Result([*words(one, tmp_path / "b", "--max-trains", "20", "--min-trains", "10", "--min-mg-points", "6")],
                  tmp_path / "b", capsys)
    assert none.status == 0
    assert any("have no lines of both gain stages and are flagged (" in told and "the pixel does not switch" in told
               for told in none.warnings)
    flags = none.constants[MODULE]["BadPixelsPC"][:2, 0]
    assert (flags & np.uint32(BadPixels.CI_EVAL_ERROR)).all()


def test_dark_runs_are_no_scan(tmp_path: Path, capsys: Any) -> None:
    dark = simulate(SETTINGS.with_changes({"trains": 20}), tmp_path / "dark")
    [first, *_] = dark.runs.values()
    refused(["AGIPD", "PC", "--run", str(first), "--out-folder", str(tmp_path / "out")], tmp_path / "out", capsys,
            "charges no columns", "pulse capacitor")


def test_a_correction_takes_these_slopes(done: Path, tmp_path: Path, capsys: Any) -> None:
    """Medium gain comes out on the scale of high gain, with darks of the truth and slopes of the scan."""
    settings = SETTINGS.with_changes({"trains": 12, "first_run": 20, "seed": SETTINGS.seed})
    scene = Photons(photon_energy=9.2, photons=600.0, pattern="flat")
    light = simulate(settings, tmp_path / "light", scene=scene)
    write_truth(light)
    out = tmp_path / "out"
    result = Result(["AGIPD", "CORRECT", "--run", str(light.runs["photons"]), "--constants", str(folder_of(light)),
                     "--constants-slopespc", str(done), "--no-xray-gain", "--out-folder", str(out)], out, capsys)
    assert result.status == 0, result.errors
    source = RunDirectory(out)[f"HED_DET_AGIPD500K2G/CORR/{MODULE}CH0:output"]
    values, mask, stage, train, cell = (
        source[f"image.{key}"].ndarray().squeeze() for key in ("data", "mask", "gain", "trainId", "cellId"))
    gain = ModuleTruth(settings, MODULE).gain(0, 0)
    ratios = []
    for one, bad, of, number, at in zip(values, mask, stage, train, cell, strict=True):
        charge, _ = scene.truth_of(settings, MODULE, int(number), int(at))
        medium = (bad == 0) & (of == 1)
        ratios.append((one / (gain * charge))[medium])
    found = np.concatenate(ratios)
    assert found.size > 10000
    assert np.mean(found) == pytest.approx(1, abs=0.01)
