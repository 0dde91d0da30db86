"""Options of the correction that AGIPD has beside gains, through the command line, against what the scene put in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from extra_data import RunDirectory
from extra_data.components import AGIPD1M

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.common_mode import common_mode_of
from calib_core.simulate.scenes.photons import SOURCE, Photons

from .command import Result
from .test_agipd_correction import MODULE, SETTINGS, content

Array = Any
COMMON = {"common_mode": 15.0}
SHIFTED = Photons(photon_energy=9.2, photons=0.5, pattern="flat", baseline_shift=-120.0)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames whose baseline lies below that of the darks, without sharing of charge."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 6, "first_run": 20})
    made = simulate(settings, tmp_path_factory.mktemp("shifted"), scene=SHIFTED)
    write_truth(made)
    return made


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames with a common mode and nearly no light."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, **COMMON, "trains": 6, "first_run": 30})
    made = simulate(settings, tmp_path_factory.mktemp("shaken"), scene=Photons(photons=0.01, pattern="flat"))
    write_truth(made)
    return made


def correct(light: Simulated, out: Path, capsys: Any, *more: str) -> Result:
    [run] = light.runs.values()
    done = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder",
                   str(out), *more], out, capsys)
    assert done.status == 0, done.errors
    return done


def keys(out: Path, *names: str) -> list[Array]:
    source = RunDirectory(out)[f"SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output"]
    return [source[f"image.{name}"].ndarray().squeeze() for name in names]


def shifts(light: Simulated, out: Path) -> Array:
    """Of the frames of a corrected run, ADU, as the scene put them in."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 6, "first_run": 20})
    return np.array([SHIFTED.shift_of(settings, MODULE, int(train), int(cell))
                     for train, cell in zip(*keys(out, "trainId", "cellId"), strict=True)])


def test_the_baseline_is_found_taken_off_and_written(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    asked = ("--no-rel-gain", "--no-xray-gain")
    correct(shifted, tmp_path / "a", capsys, *asked)
    done = correct(shifted, tmp_path / "b", capsys, "--blc-noise", *asked)
    assert not [text for text in done.warnings if "noise peak" in text]
    [found], truth = keys(tmp_path / "b", "blShift"), shifts(shifted, tmp_path / "b")
    assert np.ptp(truth) > 50
    assert np.abs(found - truth).max() < 0.6
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.25
    (before, mask), (after, stage) = keys(tmp_path / "a", "data", "mask"), keys(tmp_path / "b", "data", "gain")
    good = (mask == 0) & (stage == 0)
    np.testing.assert_array_equal(after[good], (before - found[:, None, None])[good])
    [path] = (tmp_path / "b").glob("CORR-*.h5")
    with h5py.File(path) as file:
        assert file[f"INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output/image/blShift"].attrs["unit"] == "ADU"
    assert not [name for name in content(tmp_path / "a") if "blShift" in name]


def test_frames_without_a_noise_peak_are_counted_and_told(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Only shifts of up to 60 ADU are believed."""
    done = correct(shifted, tmp_path, capsys, "--blc-noise", "--blc-noise-threshold", "60")
    [found], truth = keys(tmp_path, "blShift"), shifts(shifted, tmp_path)
    np.testing.assert_array_equal(np.isnan(found), truth < -60)
    number = int(np.isnan(found).sum())
    assert 0 < number < len(found)
    told = f"in {number} of {len(found)} frames ({number / len(found):.1%}) no noise peak was found"
    assert f"Module {MODULE}: {told}; baseline by noise peak found nothing to take off there." in done.warnings


def test_threads_chunks_and_blocks_of_memory_cells_change_no_bit(
    shifted: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ("--blc-noise",)
    correct(shifted, tmp_path / "a", capsys, *asked)
    correct(shifted, tmp_path / "b", capsys, *asked, "--threads", "1", "--memory-mb", "600")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 3)
    correct(shifted, tmp_path / "c", capsys, *asked)
    first = content(tmp_path / "a")
    assert any(key.endswith("image/blShift") for key in first)
    for other in (content(tmp_path / "b"), content(tmp_path / "c")):
        assert first.keys() == other.keys()
        for key, values in first.items():
            np.testing.assert_array_equal(values, other[key], err_msg=key)


def test_the_common_mode_of_each_asic_is_found_taken_off_and_written(
    shaken: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Of frames here: an ASIC has an error of 11 ADU / 64. What is too large is told."""
    done = correct(shaken, tmp_path, capsys, "--common-mode")
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, **COMMON, "trains": 6, "first_run": 30})
    [found, trains, cells] = keys(tmp_path, "commonMode", "trainId", "cellId")
    truth = np.array([common_mode_of(settings, MODULE, SOURCE, int(train), int(cell))[::64, ::64]
                      for train, cell in zip(trains, cells, strict=True)])
    assert found.shape == truth.shape == (len(trains), 8, 2)
    assert truth.std() > 10
    there, near = np.isfinite(found), np.abs(truth) <= 30
    assert there[near].all()
    assert np.abs((found - truth)[near]).max() < 0.2 + 4.5 * 11 / 64
    assert not there[np.abs(truth) > 48].any()
    if number := int((~there).sum()):
        assert f"Module {MODULE}: in {number} of {found.size} ASICs of frames" in " ".join(done.warnings)


def test_photons_are_whole_numbers_of_what_came_in(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    """A noise of 11 ADU is a sixth of a photon: one of 700 samples is rounded wrongly."""
    asked = ("--blc-noise", "--round-photons", "--round-photons-energy", "9.2", "--zero-nans")
    correct(shifted, tmp_path, capsys, *asked)
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 6, "first_run": 20})
    values, mask, trains, cells = keys(tmp_path, "data", "mask", "trainId", "cellId")
    assert np.isfinite(values).all()
    for one, flags, train, cell in zip(values, mask, trains.tolist(), cells.tolist(), strict=True):
        photons = SHIFTED.truth_of(settings, MODULE, train, cell)[0] / 9.2
        np.testing.assert_array_equal(one, np.round(one))
        assert (one == np.round(photons))[flags == 0].mean() > 0.995
    [path] = tmp_path.glob("CORR-*.h5")
    with h5py.File(path) as file:
        source = file[f"INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output/image"]
        assert source["data"].attrs["unit"] == "photons"


def test_photons_without_an_energy_are_refused(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    [run] = shifted.runs.values()
    words = ["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(shifted)), "--out-folder",
             str(tmp_path)]
    told = "Rounding to photons needs the energy of a photon; give --round-photons-energy in keV."
    assert told in Result([*words, "--round-photons"], tmp_path, capsys).errors[0]
    more = ["--round-photons", "--round-photons-energy", "9.2", "--no-xray-gain"]
    told = "Rounding to photons takes keV, but Relative gain gives ADU."
    assert told in Result([*words, *more], tmp_path, capsys).errors[0]


def test_the_correction_of_the_facility_runs_and_says_what_it_leaves_out(
    shifted: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    done = correct(shifted, tmp_path / "a", capsys, "--preset", "production")
    for title in ("Medium gain forced", "High gain forced"):
        assert [text for text in done.warnings if text.startswith(f"{title} is left out: offsets of")]
    assert not [text for text in done.warnings if "no effect" in text]  # what a preset has is nobody's slip
    correct(shifted, tmp_path / "b", capsys, "--low-medium-gap", "--blc-set-min", "--cm", "--no-rel-gain",
            "--no-xray-gain")
    first, second = content(tmp_path / "a"), content(tmp_path / "b")
    assert {name.rsplit("/")[-1] for name in first} >= {"mediumShift", "commonMode"}
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def test_pulses_and_trains_that_are_not_wanted_are_not_in_the_files(
    shifted: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    correct(shifted, tmp_path / "all", capsys)
    names = ("data", "mask", "trainId", "cellId", "pulseId")
    whole = keys(tmp_path / "all", *names)
    trains = np.unique(whole[2])
    asked = f"{trains[1]}-{trains[3]},{trains[5]},7-9"
    done = correct(shifted, tmp_path / "some", capsys, "--train-ids", asked, "--max-pulses", "1", "4", "2")
    assert "Of the trains that were asked for, 7-9 have no frames that are used: 3 of 7." in done.warnings
    wanted = np.isin(whole[2], trains[[1, 2, 3, 5]]) & np.isin(whole[3], (1, 3))
    for mine, theirs in zip(keys(tmp_path / "some", *names), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs[wanted])
    source = RunDirectory(tmp_path / "some")[f"SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output"]
    counts = source.data_counts(labelled=False, index_group="image")
    assert dict(zip(source.train_ids, counts.tolist(), strict=True)) == {
        int(train): 2 if train in trains[[1, 2, 3, 5]] else 0 for train in trains}


def test_files_that_are_not_wanted_are_not_made(two_files: Simulated, tmp_path: Path, capsys: Any) -> None:
    for out, words in (("all", ()), ("some", ("--sequences", "1"))):
        correct(two_files, tmp_path / out, capsys, *words)
    whole, [made] = sorted((tmp_path / "all").glob("CORR-*.h5")), (tmp_path / "some").glob("CORR-*.h5")
    assert [len(whole), made.name] == [2, whole[1].name]
    with h5py.File(whole[1]) as theirs, h5py.File(made) as mine:
        group = f"INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output/image"
        for name in ("data", "mask", "gain", "trainId", "cellId"):
            np.testing.assert_array_equal(mine[group][name][()], theirs[group][name][()])


def test_what_is_there_only_in_part_is_told_and_recorded(two_files: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Of files, frames of a train, and modules; where all is there nothing is said."""
    [path], mine = two_files.runs.values(), f"Of module {MODULE}"
    asked = ("--sequences", "0,5-6,6", "--max-pulses", "0", "500", "2", "--modules", f"{MODULE},{MODULE + 2}")
    done, record = correct(two_files, tmp_path / "part", capsys, *asked), "calibration_metadata_SPB_DET_AGIPD1M-1.yml"
    told = [f"SPB_DET_AGIPD1M-1 has no module {MODULE + 2} in this run; it has {MODULE}.",
            f"{mine} no frames of sequence 5-6 of {path.parts[-3]} {path.name} are used: 2 of the 3 sequences that "
            "were asked for.",
            f"{mine} at most {CELLS // 2} of the 250 frames of each train that were asked for are used of "
            f"{path.parts[-3]} {path.name}."]
    assert [text for text in done.warnings if text in told] == told
    part = yaml.safe_load((tmp_path / "part" / record).read_text())["calibration-configurations"]
    assert (part["asked-for-and-not-there"], part["sequences"], part["modules"]) == (
        told, [0, 5, 6], [MODULE, MODULE + 2])
    whole = correct(two_files, tmp_path / "whole", capsys, "--sequences", "0-1", "--max-pulses", "0", str(CELLS), "1")
    assert not [text for text in whole.warnings if "asked for" in text]
    all_of_it = yaml.safe_load((tmp_path / "whole" / record).read_text())["calibration-configurations"]
    assert "asked-for-and-not-there" not in all_of_it
    assert (all_of_it["sequences"], all_of_it["modules"]) == ([0, 1], [-1])


@pytest.mark.parametrize(("words", "told"), [
    (("--sequences", "7"), "of files that are not wanted"),
    (("--pulses", "9:3"), "'9:3' are no numbers from a first to before a last"),
    (("--train-ids", "x"), "'x' is not a number or a range of numbers"),
    (("--train-ids", "5"), "0 trains with usable frames"),
])
def test_a_selection_of_nothing_is_refused(
    words: tuple[str, ...], told: str, shifted: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    [run] = shifted.runs.values()
    done = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(shifted)), "--out-folder",
                   str(tmp_path), *words], tmp_path, capsys)
    assert done.status != 0
    assert told in done.errors[0]
    assert not list(tmp_path.iterdir())


#: Memory cells of which a row and a part of another are corrected together, and in what blocks they may be read.
CELLS, ROW, BLOCK = 12, 8, 5


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames with a common mode and little light, in two files of 4 and 3 trains."""
    changes = {**SETTINGS, **COMMON, "memory_cells": CELLS, "trains": 7, "trains_per_sequence": 4, "first_run": 40}
    made = simulate(default_settings("AGIPD1M").with_changes(changes), tmp_path_factory.mktemp("two"),
                    scene=Photons(photons=0.05, pattern="flat"))
    write_truth(made)
    return made


def test_memory_cells_have_in_common_what_is_so_in_their_file(
    two_files: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file is corrected as if there were no other; threads, chunks and blocks of memory cells change no bit."""
    asked = ("--cm", "--cm-n-itr", "2", "--cm-row", str(ROW), "--blc-set-min")
    correct(two_files, tmp_path / "both", capsys, *asked)
    both = content(tmp_path / "both")
    correct(two_files, tmp_path / "thin", capsys, *asked, "--threads", "1", "--memory-mb", "900")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: BLOCK)
    correct(two_files, tmp_path / "blocks", capsys, *asked)
    for other in (content(tmp_path / "thin"), content(tmp_path / "blocks")):
        assert both.keys() == other.keys()
        for name, values in both.items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
    trains = np.unique(keys(tmp_path / "both", "trainId")[0])
    for number, mine in enumerate((trains[:4], trains[4:])):
        out = tmp_path / f"alone{number}"
        correct(two_files, out, capsys, *asked, "--train-ids", f"{mine[0]}-{mine[-1]}")
        alone = {name: values for name, values in content(out).items() if "/image/" in name and "INSTRUMENT" in name}
        assert len(alone) >= 6
        for name, values in alone.items():
            np.testing.assert_array_equal(values, both[name], err_msg=name)


def test_without_memory_cells_frames_are_corrected_one_by_one(
    two_files: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    correct(two_files, tmp_path / "all", capsys, "--cm", "--no-cm-cells")
    first = int(keys(tmp_path / "all", "trainId")[0][0])
    correct(two_files, tmp_path / "one", capsys, "--cm", "--no-cm-cells", "--train-ids", str(first))
    [values, trains], [one] = keys(tmp_path / "all", "data", "trainId"), keys(tmp_path / "one", "data")
    np.testing.assert_array_equal(one, values[trains == first])
    correct(two_files, tmp_path / "cells", capsys, "--cm", "--train-ids", str(first))
    assert not np.array_equal(keys(tmp_path / "cells", "data")[0], one, equal_nan=True)


def test_pixels_that_never_change_are_flagged_in_their_file(
    two_files: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Against the raw samples: good pixels among them by chance, of 3 and 4 trains."""
    correct(two_files, tmp_path, capsys, "--mask-zero-std")
    [run] = two_files.runs.values()
    raw = RunDirectory(run)[f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf"]
    samples, cells = raw["image.data"].ndarray()[:, 0], raw["image.cellId"].ndarray().ravel()
    mask, trains = keys(tmp_path, "mask", "trainId")
    found = (mask & int(BadPixels.DATA_STD_IS_ZERO)) > 0
    second = trains >= np.unique(trains)[4]
    for number, cell in np.ndindex(2, CELLS):
        mine = (second == bool(number)) & (cells == cell)
        same = np.ptp(samples[mine], axis=0) == 0
        assert same.any()
        np.testing.assert_array_equal(found[mine], np.broadcast_to(same, found[mine].shape))


def test_extra_data_reads_what_was_found_of_frames(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    correct(shifted, tmp_path, capsys, "--blc-noise", "--cm", "--no-cm-cells")
    detector = AGIPD1M(RunDirectory(tmp_path), min_modules=1, raw=False)
    shift, common = keys(tmp_path, "blShift", "commonMode")
    np.testing.assert_array_equal(detector["image.blShift"].ndarray()[0], shift)
    np.testing.assert_array_equal(detector["image.commonMode"].ndarray()[0], common)
    [path] = tmp_path.glob("CORR-*.h5")
    with h5py.File(path) as file:
        source = file[f"INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output/image"]
        assert source["commonMode"].chunks is None, "64 bytes of a frame are no chunk"
    trains = detector.get_array("image.data", unstack_pulses=False)
    assert trains.shape[1:] == (len(shift), 512, 128)


def with_lit_frames(light: Simulated, folder: Path) -> tuple[Path, Array]:
    """The run with what a device told of each train and memory cell, in the files of the module."""
    [run] = light.runs.values()
    shutil.copytree(run, folder)
    pattern = np.random.default_rng(3).integers(0, 2, (6, 352)).astype(np.uint8)
    [path] = folder.glob(f"*AGIPD{MODULE:02d}*.h5")
    source = "SPB_IRU_AGIPD1M1/REDU/LITFRM:daqFilter/data"
    with h5py.File(path, "r+") as file:
        number = len(file["INDEX/trainId"])
        file[f"REDUCTION/{source}/dataFramePattern"] = pattern[:number]
        file[f"INDEX/{source}/first"] = np.arange(number, dtype=np.uint64)
        file[f"INDEX/{source}/count"] = np.ones(number, np.uint64)
        file["METADATA/auxiliarySources/REDUCTION"] = [f"REDUCTION/{source}".encode()]
    return folder, pattern


def test_frames_without_light_are_not_in_the_files(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    correct(shifted, tmp_path / "all", capsys)
    run, pattern = with_lit_frames(shifted, tmp_path / "r0020")
    asked = ["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(shifted))]
    done = Result([*asked, "--out-folder", str(tmp_path / "lit"), "--use-litframe-finder", "device"],
                  tmp_path / "lit", capsys)
    assert done.status == 0, done.errors
    whole = keys(tmp_path / "all", "data", "mask", "trainId", "cellId")
    wanted = pattern[np.searchsorted(np.unique(whole[2]), whole[2]), whole[3]] > 0
    assert 0 < wanted.sum() < wanted.size
    for mine, theirs in zip(keys(tmp_path / "lit", "data", "mask", "trainId", "cellId"), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs[wanted])
    refused = Result([*asked, "--out-folder", str(tmp_path / "b"), "--lit-frames", "device", "--lit-frames-device",
                      "SPB/REDU/OTHER"], tmp_path / "b", capsys)
    assert refused.status != 0
    assert "has no device SPB/REDU/OTHER that tells which frames had light" in refused.errors[0]


def test_lit_frames_of_a_type_without_such_a_device_are_refused(tmp_path: Path, capsys: Any) -> None:
    light = simulate(default_settings("JUNGFRAU").with_changes({"modules": "2", "trains": 2, "first_run": 10}),
                     tmp_path / "raw", scene=Photons(photons=1.0))
    write_truth(light)
    [run] = light.runs.values()
    done = Result(["JUNGFRAU", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "out"), "--lit-frames", "device"], tmp_path / "out", capsys)
    assert done.status != 0
    assert "lit_frames = 'device' is not allowed; no device tells which frames of JUNGFRAU" in done.errors[0]


@pytest.mark.parametrize("asked", [
    ("--blc-stripes",), ("--corr-asic-diag",), ("--blc-hmatch",), ("--melt-snow",), ("--large-pixels",),
    ("--cm", "--cm-light"), ("--trusted", "--cm", "--no-cm-cells", "--mask-no-value", "noise out of threshold"),
])
def test_options_go_with_threads_and_blocks_of_memory_cells(
    asked: tuple[str, ...], shifted: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they find of frames is in the files, with its unit; nothing depends on how the work is cut."""
    correct(shifted, tmp_path / "a", capsys, *asked)
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 3)
    correct(shifted, tmp_path / "b", capsys, *asked, "--threads", "1")
    first, second = content(tmp_path / "a"), content(tmp_path / "b")
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)
    found = {"--blc-stripes": "stripeShift", "--corr-asic-diag": "asicSlopes", "--blc-hmatch": "mediumStep"}
    assert {name.rsplit("/")[-1] for name in first} >= {found[one] for one in asked if one in found}


def test_baselines_behind_stripes_are_light_where_there_are_none(
    shifted: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """The simulator has no stripes: half a photon a pixel moves the median, and shifts come out too high."""
    correct(shifted, tmp_path, capsys, "--blc-stripes", "--no-rel-gain", "--no-xray-gain")
    [found], truth = keys(tmp_path, "stripeShift"), shifts(shifted, tmp_path)
    known = np.isfinite(found)
    assert known.any()
    assert (found - truth)[known].mean() > 1
