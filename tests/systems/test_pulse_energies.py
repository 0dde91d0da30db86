"""Frames are chosen by the energies of their pulses, against what EXtra-data reads of monitor and detector."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants
from calib_core.store.histograms import read_histograms

from .command import Result

Array = Any
DEVICE, SOURCE = "SPB_XTD_XGM/DOOCS/MAIN", "SPB_DET_AGIPD1M-1/DET/3CH0:xtdf"
MEAN, TRAINS, CELLS = 1000.0, 8, 8
#: Pulse ids of the facility's grid between two frames at 1.1 MHz.
STEP = 4


def made(folder: Path, **scene: Any) -> Simulated:
    """One module, of whose memory cells a quarter is vetoed, in two files."""
    settings = default_settings("AGIPD1M").with_changes({
        "modules": "3", "memory_cells": CELLS, "trains": TRAINS, "trains_per_sequence": 5, "vetoed_cells": 0.25,
        "acquisition_rate": 1.1})
    found = simulate(settings, folder, scene=Photons(photons=5.0, **scene))
    write_truth(found)
    return found


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return made(tmp_path_factory.mktemp("energies"), xgm_energy=MEAN)


def raw_frames(folder: Path) -> tuple[Array, Array, Array]:
    """Train, memory cell and energy of each frame, in the order of the files; NaN where there was no pulse."""
    run = RunDirectory(folder)
    told = run[f"{DEVICE}:output", "data.intensityTD"]
    energies = dict(zip(told.train_id_coordinates().tolist(), told.ndarray(), strict=True))
    cells, pulses = (run[SOURCE, f"image.{name}"] for name in ("cellId", "pulseId"))
    trains, ids = cells.train_id_coordinates(), pulses.ndarray().ravel().astype(int)
    found = np.array([energies[train][(pulse - ids.min()) // STEP] for train, pulse in
                      zip(trains.tolist(), ids.tolist(), strict=True)])
    return trains, cells.ndarray().ravel(), np.where(found == 1, np.nan, found)


def corrected_frames(folder: Path) -> set[tuple[int, int]]:
    """Train and memory cell of each corrected frame."""
    cells = RunDirectory(folder)[SOURCE.replace("/DET/3", "/CORR/3").replace("xtdf", "output"), "image.cellId"]
    return set(zip(cells.train_id_coordinates().tolist(), cells.ndarray().ravel().tolist(), strict=True))


def corrected_samples(folder: Path, key: str = "image.data") -> dict[tuple[int, int], Array]:
    """Values of each corrected frame, by train and memory cell."""
    source = RunDirectory(folder)[SOURCE.replace("/DET/3", "/CORR/3").replace("xtdf", "output")]
    cells, values = source["image.cellId"], source[key].ndarray()
    frames = zip(cells.train_id_coordinates().tolist(), cells.ndarray().ravel().tolist(), strict=True)
    return dict(zip(frames, np.squeeze(values), strict=True))


def corrected(light: Simulated, out: Path, capsys: Any, *words: str, run: Path | None = None) -> Result:
    done = Result(["AGIPD", "CORRECT", "--run", str(run or light.runs["photons"]), "--constants",
                   str(folder_of(light)), "--out-folder", str(out), *words], out, capsys)
    assert done.status == 0, done.errors
    return done


def pairs(trains: Array, cells: Array, mask: Array) -> set[tuple[int, int]]:
    return set(zip(trains[mask].tolist(), cells[mask].tolist(), strict=True))


def test_the_monitor_has_pulses_of_the_mean_and_jitter_that_were_asked_for(light: Simulated) -> None:
    values = RunDirectory(light.runs["photons"])[f"{DEVICE}:output", "data.intensityTD"].ndarray()
    assert values.shape == (TRAINS, 1000)
    assert values.dtype == np.float32
    pulses = values[:, :CELLS]
    assert (values[:, CELLS:] == 1).all()
    error = 0.1 * MEAN / np.sqrt(pulses.size)
    assert abs(pulses.mean() - MEAN) < 5 * error
    assert pulses.std() == pytest.approx(0.1 * MEAN, rel=5 / np.sqrt(2 * pulses.size))
    validate = Path(sys.executable).with_name("extra-data-validate")
    done = subprocess.run([validate, str(light.runs["photons"])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_frames_below_the_threshold_are_left_out(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains, cells, energies = raw_frames(light.runs["photons"])
    assert len(trains) == TRAINS * CELLS * 3 // 4
    corrected(light, tmp_path, capsys, "--xgm-device", DEVICE, "--energy-threshold", str(MEAN))
    wanted = pairs(trains, cells, energies >= MEAN)
    assert 0.25 < len(wanted) / len(trains) < 0.75
    assert corrected_frames(tmp_path) == wanted


def test_frames_between_two_energies_are_taken(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains, cells, energies = raw_frames(light.runs["photons"])
    between = ("--energy-threshold", "950", "--highest-energy", "1050")
    corrected(light, tmp_path, capsys, "--xgm-device", DEVICE, *between)
    wanted = pairs(trains, cells, (energies >= 950) & (energies <= 1050))
    assert 0 < len(wanted) < len(pairs(trains, cells, energies >= 950))
    assert corrected_frames(tmp_path) == wanted


def test_flat_light_is_counted_in_frames_of_such_energies(tmp_path: Path, capsys: Any) -> None:
    """As many samples of each pixel and group of memory cells as the monitor's energies allow frames."""
    settings = default_settings("AGIPD1M").with_changes({
        "modules": "3", "memory_cells": CELLS, "trains": 40, "acquisition_rate": 1.1})
    light = simulate(settings, tmp_path / "data", scene=Photons(
        photons=0.3, photon_energy=9.2, pattern="flat", xgm_energy=MEAN))
    write_truth(light)
    _, cells, energies = raw_frames(light.runs["photons"])
    out = tmp_path / "out"
    done = Result(["AGIPD", "FF_HISTS", "--runs", str(light.runs["photons"]), "--constants", str(folder_of(light)),
                   "--out-folder", str(out), "--cell-group", "4", "--photon-energy", "9.2", "--min-entries", "10",
                   "--xgm-device", DEVICE, "--energy-threshold", "950", "--highest-energy", "1050"], out, capsys)
    assert done.status == 0, done.errors
    [found] = [read_histograms(one.path) for one in list_constants(out) if one.calibration == "FFHistogram"]
    taken = (energies >= 950) & (energies <= 1050)
    assert 0.2 < taken.mean() < 0.6
    expected = [int(np.isin(cells[taken], own).sum()) for own in found.cells]
    assert found.frames.tolist() == expected
    samples = [found.counts(group).sum(axis=0) + found.outside(group).sum(axis=0) for group in range(len(expected))]
    good = ModuleTruth(settings, 3).bad == 0  # others may be of another gain stage
    for number, group in zip(expected, samples, strict=True):
        assert (group[good] == number).mean() > 0.999
    [said] = found.stored.attributes["raw_data"]
    left = {reason: number for reason, number in said["excluded"].items() if "µJ" in reason}
    assert left == {"below 950 µJ": int((energies < 950).sum()), "above 1050 µJ": int((energies > 1050).sum())}


def test_the_original_names_are_understood(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains, cells, energies = raw_frames(light.runs["photons"])
    corrected(light, tmp_path, capsys, "--use_xgm_device", DEVICE, "--energy_threshold", "1050")
    assert corrected_frames(tmp_path) == pairs(trains, cells, energies >= 1050)


def test_one_selection_for_the_whole_run_keeps_memory_cells(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains, cells, energies = raw_frames(light.runs["photons"])
    least = float(np.sort(energies)[-3])
    corrected(light, tmp_path, capsys, "--xgm-device", DEVICE, "--energy-threshold", repr(least),
              "--super-selection", "final")
    kept = np.unique(cells[energies >= least])
    assert 0 < len(kept) < len(np.unique(cells)), "so that this can fail"
    assert corrected_frames(tmp_path) == pairs(trains, cells, np.isin(cells, kept))


def test_the_common_mode_alone_looks_at_one_selection_for_the_whole_run(
    light: Simulated, tmp_path: Path, capsys: Any
) -> None:
    """Frames are corrected as if all of the selection were, and are those of their own train."""
    trains, cells, energies = raw_frames(light.runs["photons"])
    least = float(np.sort(energies)[len(energies) // 2])
    seen = np.isin(cells, np.unique(cells[energies >= least]))
    assert (energies >= least).sum() < seen.sum(), "so that this can fail"
    asked = ("--xgm-device", DEVICE, "--energy-threshold", repr(least), "--cm", "--cm-row", "4", "--cm-n-itr", "1",
             "--cm-dark-range", "-100", "100", "--cm-dark-fraction", "0.01")
    data = {}
    for way in ("off", "cm", "final"):
        done = corrected(light, tmp_path / way, capsys, *asked, "--use_super_selection", way)
        told = f" The common mode of memory cells looks at {seen.sum():,}."
        assert any(text.endswith(told) for text in done.said) == (way == "cm")
        data[way] = corrected_samples(tmp_path / way)
    wanted = pairs(trains, cells, energies >= least)
    assert data["off"].keys() == data["cm"].keys() == wanted
    assert data["final"].keys() == pairs(trains, cells, seen)
    assert all(data["cm"][frame].tobytes() == data["final"][frame].tobytes() for frame in wanted)
    assert any(data["cm"][frame].tobytes() != data["off"][frame].tobytes() for frame in wanted)
    parameters = {"xgm_device": DEVICE, "energy_threshold": least, "super_selection": "cm", "cm": True, "cm_row": 4,
                  "cm_n_itr": 1, "cm_dark_range": (-100.0, 100.0), "cm_dark_fraction": 0.01}
    found = survey([light.runs["photons"]], family="AGIPD", method="CORRECT").spec(
        tmp_path / "shown", parameters={**parameters, "cm": False},
        inputs={"run": (str(light.runs["photons"]),), "constants": (str(folder_of(light)),)})
    preview = Preview.of(make_plan(found)).with_parameters(parameters)  # its switch, of the same frames
    for train, cell in sorted(wanted)[::7]:
        frame = preview.frame(3, train, cell)
        assert frame is not None
        assert preview.passed(3, frame).last.values[0].tobytes() == data["cm"][train, cell].tobytes()


def test_pixels_that_never_change_are_those_of_the_frames_that_are_corrected(
    light: Simulated, tmp_path: Path, capsys: Any
) -> None:
    """Against the raw samples of the frames above the threshold alone, though the common mode sees others."""
    trains, cells, energies = raw_frames(light.runs["photons"])
    least = float(np.sort(energies)[len(energies) // 2])
    corrected(light, tmp_path, capsys, "--xgm-device", DEVICE, "--energy-threshold", repr(least), "--mask-zero-std",
              "--cm", "--cm-n-itr", "1", "--super-selection", "cm")
    raw, mask = RunDirectory(light.runs["photons"])[SOURCE, "image.data"].ndarray()[:, 0], corrected_samples(
        tmp_path, "image.mask")
    of_first, used = trains < np.unique(trains)[5], energies >= least
    flagged = 0
    for first, cell in itertools.product((True, False), np.unique(cells).tolist()):
        mine = np.flatnonzero(used & (of_first == first) & (cells == cell))
        same = np.ptp(raw[mine], axis=0) == 0 if len(mine) > 1 else np.zeros(raw.shape[1:], bool)
        flagged += int(same.sum())
        for frame in mine:
            found = mask[int(trains[frame]), cell] & int(BadPixels.DATA_STD_IS_ZERO) > 0
            np.testing.assert_array_equal(found, same)
    assert flagged > 0


def test_one_selection_for_the_whole_run_that_has_no_effect_is_told(
    light: Simulated, tmp_path: Path, capsys: Any
) -> None:
    by_energy = ("--xgm-device", DEVICE, "--energy-threshold", "900")
    for number, (words, told) in enumerate((
            (("--super-selection", "cm", *by_energy), "--super-selection cm has no effect: no common mode of memory "
             "cells is taken off; --cm with --cm-cells does it."),
            (("--super-selection", "final"), "--super-selection final has no effect: no frame is left out for its "
             "light."))):
        said = corrected(light, tmp_path / str(number), capsys, *words).said
        assert sum("has no effect" in text for text in said) == 1
        assert any(told in text for text in said)


@pytest.mark.parametrize("way", ["offline", "auto"])
def test_frames_without_a_pulse_are_left_out(way: str, tmp_path: Path, capsys: Any) -> None:
    light = made(tmp_path / "data", xgm_energy=MEAN, xgm_pulses=3)
    trains, cells, energies = raw_frames(light.runs["photons"])
    corrected(light, tmp_path / "out", capsys, "--xgm-device", DEVICE, "--lit-frames", way)
    wanted = pairs(trains, cells, np.isfinite(energies))
    assert 0 < len(wanted) < 0.6 * len(trains)
    assert corrected_frames(tmp_path / "out") == wanted


def test_a_run_without_the_monitor_keeps_all_and_says_so(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains, cells, _ = raw_frames(light.runs["photons"])
    done = corrected(light, tmp_path, capsys, "--xgm-device", "SA1_XTD2_XGM/DOOCS/MAIN", "--energy-threshold", "900",
                     "--lit-frames", "offline")
    [said] = [text for text in done.warnings if "has no energies of SA1_XTD2_XGM/DOOCS/MAIN" in text]
    assert "no frame is left out for the energy of its pulse" in said
    assert corrected_frames(tmp_path) == pairs(trains, cells, np.ones(len(trains), bool))


def test_trains_of_which_the_monitor_tells_nothing_are_left_out(
    light: Simulated, tmp_path: Path, capsys: Any
) -> None:
    run = Path(shutil.copytree(light.runs["photons"], tmp_path / "r0001"))
    [path] = run.glob("RAW-*-DA09-S00000.h5")
    with h5py.File(path, "r+") as file:
        file[f"INDEX/{DEVICE}:output/data/count"][2] = 0
        lost = int(file["INDEX/trainId"][2])
    corrected(light, tmp_path / "out", capsys, "--xgm-device", DEVICE, "--energy-threshold", "1", run=run)
    trains, cells, _ = raw_frames(light.runs["photons"])
    assert corrected_frames(tmp_path / "out") == pairs(trains, cells, trains != lost)


@pytest.mark.parametrize("parallel", [False, True])
def test_frames_beyond_the_last_pulse_are_left_out_by_the_name_of_a_notebook(
    parallel: bool, tmp_path: Path, capsys: Any
) -> None:
    """Of all gain stages, where a train holds them; the empty name leaves all."""
    settings = default_settings("LPD1M").with_changes({
        "modules": "3", "memory_cells": CELLS, "trains": TRAINS, "parallel_gain": parallel})
    light = simulate(settings, tmp_path / "data", scene=Photons(photons=5.0, xgm_energy=MEAN, xgm_pulses=3))
    write_truth(light)
    [run] = light.runs.values()
    device = f"{settings.instrument}_XTD_XGM/DOOCS/MAIN"
    told = RunDirectory(run)[f"{device}:output", "data.intensityTD"]
    pulses = dict(zip(told.train_id_coordinates().tolist(), (told.ndarray() != 1).sum(axis=1).tolist(), strict=True))
    assert set(pulses.values()) == {3}
    for name, left in ((device, pulses), ("", dict.fromkeys(pulses, CELLS - parallel))):
        out = tmp_path / f"out{bool(name)}"
        done = Result(["LPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder",
                       str(out), "--xgm-source", name], out, capsys)
        assert done.status == 0, done.errors
        cells = RunDirectory(out)["FXE_DET_LPD1M-1/CORR/3CH0:output", "image.cellId"]
        found = zip(cells.train_id_coordinates().tolist(), cells.ndarray().ravel().tolist(), strict=True)
        assert set(found) == {(train, cell) for train, number in left.items() for cell in range(number)}
        last, unlit = TRAINS * parallel, TRAINS * (CELLS - 3 - parallel)
        causes = (f"{last} last of their gain stage, " if last else "") + f"{unlit} without light"
        told = f"Of module 3 {3 * TRAINS} frames of p900000 r0001 are used; left out are {causes}."
        assert (told in done.said) == bool(name)


@pytest.mark.parametrize("words", [
    ("--energy-threshold", "10"), ("--highest-energy", "10"), ("--lit-frames", "offline")])
def test_energies_of_no_monitor_are_refused(
    words: tuple[str, str], light: Simulated, tmp_path: Path, capsys: Any
) -> None:
    done = Result(["AGIPD", "CORRECT", "--run", str(light.runs["photons"]), "--constants", str(folder_of(light)),
                   "--out-folder", str(tmp_path), *words], tmp_path, capsys)
    assert done.status in (1, 2)
    assert "is not allowed without a monitor that tells energies; name it with xgm_device" in done.errors[0]
