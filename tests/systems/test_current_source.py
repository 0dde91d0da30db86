"""Scans of the current source through the command line: what the simulator put in comes out, with its errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import CS_FIT, CS_PARAMETERS
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth

from .command import Result, constants_in, refused

Array = Any
MODULE, CURRENTS = 3, (60.0, 120.0)
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": 200, "trains_per_sequence": 90})
#: A scan that is short, of larger steps after the first: the first current hardly reaches low gain, the second does.
SCENE = CurrentSource(currents="60,120", single_steps=80, spacing=25, transition=2, order="1,0,3,2")
#: Frames in which pixels are in low gain.
LIT = SETTINGS.with_changes({"trains": 6, "first_run": 20})
BRIGHT = Photons(photon_energy=9.2, photons=6000.0, pattern="flat")
TIMES = ["--single-steps", "80", "--spacing", "25"]


@dataclass
class Found:
    """What a job made of the only memory cell, maps (slow_scan, fast_scan) by name."""

    lines: dict[str, Array]
    fits: dict[str, Array]
    flags: Array


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


def in_order(scans: Simulated) -> list[Path]:
    """Runs by current, then by the pattern that they charge, which is not the order of recording."""
    return [path for _, path in sorted(scans.runs.items())]


def words(runs: list[Path], out: Path, *more: str) -> list[str]:
    return ["AGIPD", "CS", "--runs", *map(str, runs), "--out-folder", str(out), "-q", *TIMES, *more]


def found(constants: dict[int, dict[str, Array]]) -> Found:
    """Constants of the module with the axes in our order; of slopes files have the entries first."""
    made = constants[MODULE]
    assert made["SlopesCS"].shape == (8, 4, 128, 512)
    slopes = made["SlopesCS"][:, 0].swapaxes(1, 2)
    return Found(dict(zip(CS_PARAMETERS, slopes, strict=True)),
                 dict(zip(CS_FIT, np.moveaxis(made["FitsCS"][:, :, 0], -1, 0).swapaxes(1, 2), strict=True)),
                 made["BadPixelsCS"][:, 0])


@pytest.fixture(scope="module")
def done(scans: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the constants of all runs."""
    out = tmp_path_factory.mktemp("cs") / "out"
    assert main(words(in_order(scans), out, "--threads", "2", "--currents", "60,120")) == 0
    return out


@pytest.fixture(scope="module")
def whole(done: Path) -> Found:
    """Constants of all runs."""
    return found(constants_in(done))


def pulls(found: Found, truth: ModuleTruth, good: Array, current: float) -> dict[str, Array]:
    """Deviations from the truth in units of the errors that the job found, of pixels whose lines are of a current."""
    own, here = SCENE.truth_of(truth, current, 0), good & (found.fits["current"] == current)
    pairs = {f"{what} {name}": values[stage] for stage, name in enumerate(("HG", "MG", "LG"))
             for what, values in (("slope", own.slope), ("intercept", own.intercept))}
    return {name: (found.lines[name] - expected)[here] / found.fits[f"{name} error"][here]
            for name, expected in {**pairs, "ratio": own.ratio}.items()}


def test_the_truth_comes_out_within_its_errors(whole: Found) -> None:
    truth = ModuleTruth(SETTINGS, MODULE)
    sound = truth.bad == 0
    good = sound & (whole.flags == 0).all(axis=0)
    assert good[sound].mean() > 0.99
    np.testing.assert_array_equal(whole.lines["status"][good], 0)
    for name, pull in pulls(whole, truth, good, 120.0).items():
        assert abs(pull.mean()) < 0.1, name
        assert pull.std() == pytest.approx(1, abs=0.1), name
    taken = whole.fits["current"]
    ratio = whole.lines["ratio"][good & (taken == 120)]
    assert abs(ratio.mean() - 4.48) < 3 * ratio.std() / np.sqrt(ratio.size)
    for stage, name in enumerate(("HG", "MG", "LG")):
        off = (whole.lines[f"slope {name}"] / SCENE.truth_of(truth, 120.0, 0).slope[stage])[good & (taken == 120)] - 1
        assert abs(off.mean()) < 3 * off.std() / np.sqrt(off.size), name
    switch = SCENE.truth_of(truth, 120.0, 0).switch
    assert np.median((whole.fits["switch MG"] - switch[0])[good & (taken == 120)]) == pytest.approx(0, abs=1)
    middle = (truth.gain_signal(1, 0) + truth.gain_signal(2, 0))[good] / 2
    assert np.median(whole.fits["threshold LG"][good] - middle) == pytest.approx(0, abs=1)
    assert np.median(whole.fits["noise LG"][good]) == pytest.approx(np.median(truth.noise(2)[good]), rel=0.03)


def test_of_each_pixel_the_first_current_that_fits_is_taken(whole: Found) -> None:
    """Under the first current low gain is reached near the end of the scan, by some pixels in time."""
    truth = ModuleTruth(SETTINGS, MODULE)
    sound = truth.bad == 0
    good = sound & (whole.flags == 0).all(axis=0)
    taken, switch = whole.fits["current"], SCENE.truth_of(truth, 60.0, 0).switch[1]
    end = 3 + 80 + 25 * (SETTINGS.trains - 81)
    room = (end - switch) / 25  # samples of low gain under the first current; ten are needed without both ends
    assert ((room > 16) & good).sum() > 100
    assert (taken[(room > 16) & good] == 60).mean() > 0.98
    assert (taken[(room < 8) & good] == 120).all()
    early = pulls(whole, truth, good, 60.0)
    for name in ("slope HG", "slope MG", "intercept MG", "slope LG"):
        assert abs(early[name].mean()) < 4 / np.sqrt(early[name].size) + 0.02, name


def test_dead_pixels_and_those_that_nobody_charges_are_flagged(
    whole: Found, scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    truth = ModuleTruth(SETTINGS, MODULE)
    evaluated = np.uint32(BadPixels.CI2_EVAL_ERROR)
    assert (whole.flags[:, truth.dead] & evaluated).all()
    assert np.isnan(whole.lines["slope LG"][truth.dead]).all()
    runs = [path for path in in_order(scans) if path not in (scans.runs["cs0_2"], scans.runs["cs1_2"])]
    result = Result(words(runs, tmp_path / "fewer", "--currents", "60,120"), tmp_path / "fewer", capsys)
    fewer = found(result.constants)
    never = np.zeros((512, 128), bool)
    never[1::4, :64] = never[2::4, 64:] = True  # 3 - 2 and 2
    both = np.uint32(BadPixels.CI2_EVAL_ERROR | BadPixels.NO_DARK_DATA)
    assert ((fewer.flags[:, never] & both) == both).all()
    assert not (fewer.flags[:, ~never] & np.uint32(BadPixels.NO_DARK_DATA)).any()
    for name, values in fewer.lines.items():
        assert np.isnan(values[never]).all(), name
        np.testing.assert_array_equal(values[~never], whole.lines[name][~never], err_msg=name)
    assert sum("pattern 2" in one and "25 %" in one for one in result.warnings) == 2


def test_order_threads_parts_and_memory_change_no_bit(
    whole: Found, scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Runs as they were recorded are put right, which is said."""
    runs, out = sorted(scans.runs.values()), tmp_path / "out"
    assert runs != in_order(scans)
    given = ["--currents", "60,60,60,60,120,120,120,120"]
    result = Result(words(runs, out, *given, "--threads", "1", "--parts", "3", "--memory-mb", "768"), out, capsys)
    assert result.status == 0, result.errors
    assert sum("re-ordered by the half rows that they charge" in one for one in result.warnings) == 2
    other = found(result.constants)
    for mine, theirs in ((whole.lines, other.lines), (whole.fits, other.fits)):
        for name, values in mine.items():
            np.testing.assert_array_equal(theirs[name], values, err_msg=name)
    np.testing.assert_array_equal(other.flags, whole.flags)


def test_a_current_that_is_too_small_is_told_with_its_reason(scans: Simulated, tmp_path: Path, capsys: Any) -> None:
    """One scan needs no name; where it ends before low gain all pixels are flagged, and the reason is told."""
    runs, out = in_order(scans)[:4], tmp_path / "out"
    result = Result(words(runs, out, "--max-trains", "150"), out, capsys)
    assert result.status == 0
    assert any("fit in no current" in one and "the gain signal has no three levels" in one
               for one in result.warnings)
    small = found(result.constants)
    assert (small.flags & np.uint32(BadPixels.CI2_EVAL_ERROR)).all()
    assert (small.lines["status"][ModuleTruth(SETTINGS, MODULE).bad == 0] == 8).mean() > 0.99


def test_scans_whose_currents_nobody_tells_are_numbered_and_said(
    whole: Found, scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    out = tmp_path / "out"
    result = Result(words(in_order(scans), out), out, capsys)
    assert any("Nobody tells the currents of the 2 scans" in one for one in result.warnings)
    numbered = found(result.constants)
    np.testing.assert_array_equal(numbered.lines["slope LG"], whole.lines["slope LG"])
    np.testing.assert_array_equal(numbered.fits["current"] * 60, whole.fits["current"])


def test_what_is_no_such_scan_is_refused(scans: Simulated, tmp_path: Path, capsys: Any) -> None:
    out, runs = tmp_path / "out", in_order(scans)
    refused(words(runs[:5], out, "--currents", "60,120,150"), out, capsys,
            "5 runs are 2 scans of the current source by the half rows", "3 currents were given")
    refused(words(runs, out, "--currents", "60,x"), out, capsys, "'x' is no number")
    made = SETTINGS.with_changes({"trains": 20})
    capacitor = simulate(made, tmp_path / "pc", scene=PulseCapacitor(step_charge=30.0, order="0"))
    refused(words(list(capacitor.runs.values()), out), out, capsys, "charges no half rows", "current source")
    fixed = simulate(made.with_changes({"fixed_gain": True}), tmp_path / "fixed")
    refused(words(list(fixed.runs.values())[:1], out), out, capsys, "is of a fixed gain")
    refused(["AGIPD", "PC", "--runs", str(runs[0]), "--out-folder", str(out)], out, capsys, "charges no columns")


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames of the same detector whose samples are of low gain."""
    made = simulate(LIT, tmp_path_factory.mktemp("light"), scene=BRIGHT)
    write_truth(made)
    return made


def corrected(light: Simulated, out: Path, capsys: Any, *more: str) -> tuple[Result, list[Array]]:
    """What was said, and values, mask, stage, train and memory cell of each frame."""
    result = Result(["AGIPD", "CORRECT", "--run", str(light.runs["photons"]), "--constants", str(folder_of(light)),
                     "--no-xray-gain", "--out-folder", str(out), *more], out, capsys)
    assert result.status == 0, result.errors
    source = RunDirectory(out)[f"HED_DET_AGIPD500K2G/CORR/{MODULE}CH0:output"]
    return result, [source[f"image.{key}"].ndarray().squeeze()
                    for key in ("data", "mask", "gain", "trainId", "cellId")]


def test_a_correction_takes_these_ratios_for_low_gain(
    done: Path, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Low gain comes out on the scale of high gain although the number for all pixels is a tenth too small."""
    _, frames = corrected(light, tmp_path, capsys, "--constants-slopescs", str(done),
                          "--rel-gain-medium-low-ratio", "4.0")
    truth, ratios = ModuleTruth(LIT, MODULE), []
    for one, bad, of, number, at in zip(*frames, strict=True):
        charge, _ = BRIGHT.truth_of(LIT, MODULE, int(number), int(at))
        low = (bad == 0) & (of == 2)
        ratios.append((one / (truth.gain(0, int(at)) * charge))[low])
        flagged = (of == 2) & (bad & np.uint32(BadPixels.CI2_EVAL_ERROR) > 0)
        assert flagged[truth.bad == 0].mean() < 0.01
    found = np.concatenate(ratios)
    assert found.size > 10000
    assert np.mean(found) == pytest.approx(1, abs=0.01)


def test_samples_of_low_gain_have_the_flags_of_the_scan(
    done: Path, whole: Found, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Without them that is said, and all else is the same."""
    before, (_, plain, stage, _, _) = corrected(light, tmp_path / "a", capsys)
    after, (_, mask, *_) = corrected(light, tmp_path / "b", capsys, "--constants-badpixelscs", str(done))
    assert any("BadPixelsCS" in one and one.startswith("Mask is done without") for one in before.warnings)
    assert not any("BadPixelsCS" in one for one in after.warnings if one.startswith("Mask is done without"))
    assert 0.0005 < (whole.flags[2] != 0).mean() < 0.05
    assert (stage == 2).mean() > 0.5
    np.testing.assert_array_equal(mask, plain | np.where(stage == 2, whole.flags[2], 0))
