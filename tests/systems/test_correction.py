"""Corrected runs: values, stages and masks against NumPy, and read by software that is not ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from extra.calibration import CalibrationData
from extra_data import RunDirectory
from extra_data.components import JUNGFRAU

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.store.constants import list_constants
from calib_core.subjects.on_disk import find_on_disk

from .command import Capture, Result
from .conftest import characterise

Array = Any
DETECTOR, MODULES, TRAINS, CELLS = "FXE_XAD_JF1M", (1, 2), 24, 1
SHAPE = (512, 1024)
WRONG = 2
#: Memory cell that is in use where there is but one.
FIRST = 15
#: Pixels that are compared.
SOME = np.s_[..., ::5, ::7]


@dataclass
class Case:
    """A run with samples of all stages and of none, and constants of its condition."""

    run: Path
    constants: Path

    def raw(self, module: int, key: str) -> Array:
        source = f"{DETECTOR}/DET/JNGFR{module:02d}:daqOutput"
        return RunDirectory(self.run)[source, key].ndarray()

    def constant(self, module: int, name: str) -> Array:
        """(gain, cell, slow_scan, fast_scan), the cells in their order."""
        [found] = [one for one in list_constants(self.constants)
                   if (one.pdu, one.calibration) == (f"{DETECTOR}_JNGFR{module:02d}", name)]
        return found.values() if found.dims else found.data().transpose(3, 2, 1, 0)

    def expected(self, module: int, gains: bool, known: Array = False) -> tuple[Array, Array, Array]:
        """Values, mask and stages by NumPy: (trains, entries, slow_scan, fast_scan); some are of stage 2."""
        adc, bits = self.raw(module, "data.adc")[SOME].astype("f4"), self.raw(module, "data.gain")[SOME]
        cell = self.raw(module, "data.memoryCell")
        stage = np.select([known, bits == 0, bits == 1, bits == 3], [2, 0, 1, 2], 0).astype("u1")

        def of_samples(name: str) -> Array:
            values = self.constant(module, name)[SOME][:, cell - FIRST]  # gain, trains, entries, …
            return np.choose(stage, values)

        values = adc - of_samples("Offset10Hz").astype("f4")
        if gains:
            values /= of_samples("RelativeGain10Hz").astype("f4")
        mask = of_samples("BadPixelsDark10Hz").astype("u4")
        mask |= np.where((bits == WRONG) & ~np.asarray(known), int(BadPixels.WRONG_GAIN_VALUE), 0).astype("u4")
        mask |= np.where((adc == 0) | (adc >= 16383), int(BadPixels.VALUE_OUT_OF_RANGE), 0).astype("u4")
        mask |= np.where(np.isfinite(values), 0, int(BadPixels.VALUE_IS_NAN)).astype("u4")
        return values, mask, stage


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> tuple[Simulated, Path]:
    folder = tmp_path_factory.mktemp("correction")
    made = simulate(default_settings("JUNGFRAU").with_changes({
        "identifier": DETECTOR, "instrument": "FXE", "modules": "1-2", "memory_cells": CELLS, "trains": TRAINS,
        "trains_per_sequence": 16, "dead_share": 0.002}), folder / "data")
    characterise(made, folder / "dark")
    return made, folder / "dark"


@pytest.fixture(scope="module")
def case(dark: tuple[Simulated, Path], tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Gain bits of a dark run are drawn anew; the values of the samples do not matter."""
    made, constants = dark
    run = made.runs["high"]
    rng = np.random.default_rng(4)
    for path in sorted(run.glob("RAW-*-JNGFR0*.h5")):
        with h5py.File(path, "r+") as file:
            [name] = [one for one in file["INSTRUMENT"][DETECTOR]["DET"]]
            data = file["INSTRUMENT"][DETECTOR]["DET"][name]["data"]
            shape, parts = data["gain"].shape, [0.6, 0.2, 0.19, 0.01]
            data["gain"][...] = rng.choice([0, 1, 3, WRONG], shape, p=parts).astype("u1")
    for module in MODULES:
        put_gain(constants, module, rng)
    return Case(run, constants)


def put_gain(constants: Path, module: int, rng: np.random.Generator) -> None:
    """A gain map beside the darks, as the facility has it: without names of axes, by h5py alone."""
    [offset] = [one for one in list_constants(constants)
                if (one.pdu, one.calibration) == (f"{DETECTOR}_JNGFR{module:02d}", "Offset10Hz")]
    values = np.array([41.4, -1.44, -0.1]) * (1 + 0.03 * rng.standard_normal((*SHAPE[::-1], CELLS, 3)))
    path = offset.path.with_name(f"cal.17000000{module:02d}.0.h5")
    with h5py.File(path, "w") as file:
        file[f"{offset.pdu}/RelativeGain10Hz/0/data"] = values


def correct(case: Case, out: Path, capsys: Capture, *more: str) -> Result:
    return Result(["JUNGFRAU", "CORRECT", "--run", str(case.run), "--constants", str(case.constants), "--out-folder",
                   str(out), *more], out, capsys)


@pytest.fixture(scope="module")
def corrected(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corrected")
    done = subprocess.run([
        sys.executable, "-m", "calib_core", "JUNGFRAU", "CORRECT", "--run", str(case.run), "--constants",
        str(case.constants), "--out-folder", str(out)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 corrected files, 1 record" in done.stdout + done.stderr
    return out


def test_values_stages_and_masks_are_those_of_numpy(case: Case, corrected: Path) -> None:
    component = JUNGFRAU(RunDirectory(corrected), DETECTOR)
    adc, mask, gain = (np.asarray(component.get_array(f"data.{key}"))[SOME] for key in ("adc", "mask", "gain"))
    left_out = component.masked_data("data.adc").ndarray()[SOME]
    for place, module in enumerate(MODULES):
        values, flags, stage = case.expected(module, gains=True)
        assert np.isfinite(values).mean() > 0.99
        np.testing.assert_array_equal(adc[place], values)
        np.testing.assert_array_equal(mask[place], flags)
        np.testing.assert_array_equal(gain[place], stage)
        np.testing.assert_array_equal(left_out[place].reshape(values.shape), np.where(flags, np.nan, values))


def test_regions_of_a_known_stage_are_corrected_with_it_whatever_their_bits(
    case: Case, tmp_path: Path, capsys: Capture,
) -> None:
    """By the names that the original has; a region of a module that is not in the run is told."""
    module = MODULES[0]
    done = correct(case, tmp_path, capsys, "--wrong-gain-pixels", str(module), "40", "100", "10", "31", "8", "0", "9",
                   "0", "9", "--replace-wrong-gain-value", "2", "--modules", str(module))
    assert done.status == 0, done.errors
    assert f"{DETECTOR} has no module 8 in this run; it has 1-2." in done.warnings
    known = np.zeros(SHAPE, bool)
    known[10:31, 40:100] = True
    expected = case.expected(module, gains=True, known=known[SOME])
    component = JUNGFRAU(RunDirectory(tmp_path), DETECTOR, modules=[module])
    for key, values in zip(("adc", "mask", "gain"), expected, strict=True):
        np.testing.assert_array_equal(np.asarray(component.get_array(f"data.{key}"))[0][SOME], values, err_msg=key)


def test_lines_of_regions_lie_beside_the_samples_of_their_module(case: Case, tmp_path: Path, capsys: Capture) -> None:
    """By the names that the original has; good pixels count, those below the threshold as 0."""
    first, second = MODULES
    done = correct(case, tmp_path, capsys, "--roi-definitions", *map(str, (first, 8, 40, 0, 200, -1)),
                   *map(str, (second, 0, 512, 600, 616, -2)), "--roi-threshold", "0.2")
    assert done.status == 0, done.errors
    run, lines = RunDirectory(tmp_path), 0
    regions = (first, np.s_[8:40, :200], -1, "roi1"), (second, np.s_[:, 600:616], -2, "roi2")
    for module, place, axis, name in regions:
        source = f"{DETECTOR}/CORR/JNGFR{module:02d}:daqOutput"
        assert {key for key in run.keys_for_source(source) if "roi" in key} == {f"data.{name}.data"}
        adc, mask = (run[source, f"data.{key}"].ndarray()[..., *place].astype(float) for key in ("adc", "mask"))
        samples = np.ma.MaskedArray(np.where(adc < 0.2, 0, adc), mask != 0)
        expected, found = samples.mean(axis=axis).filled(np.nan), run[source, f"data.{name}.data"].ndarray()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        assert found.dtype == np.float32
        assert (expected > 0).mean() > 0.5
        lines += len(found)
    assert lines == 2 * TRAINS


def test_samples_of_strixels_come_to_places_that_a_file_tells(case: Case, tmp_path: Path, capsys: Capture) -> None:
    """Columns from right to left, but the first two are halves of one large pixel."""
    [module, _] = MODULES
    order = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)[:, ::-1].copy()
    order[:, 1] = order[:, 0]
    with h5py.File(tmp_path / "order.h5", "w") as file:
        file[f"{DETECTOR}_JNGFR{module:02d}/PixelOrder/0/data"] = order.astype("i4")
    done = correct(case, tmp_path / "out", capsys, "--modules", str(module), "--strixels",
                   "--constants-pixelorder", str(tmp_path / "order.h5"), "--strixel-double-norm", "4")
    assert done.status == 0, done.errors
    assert (f"The order of pixels of module {module} has no pixel at 0 of 524288 places; {SHAPE[0]} pixels have none "
            f"and {SHAPE[0]} have several, whose samples are divided by 4.") in done.warnings
    assert not any("PixelOrder" in one and "condition" in one for one in done.warnings)  # it has none
    plain = correct(case, tmp_path / "plain", capsys, "--modules", str(module), "--strixel-sensor", "")
    assert plain.status == 0, plain.errors
    moved, kept = (JUNGFRAU(RunDirectory(one), DETECTOR, modules=[module])
                   for one in (tmp_path / "out", tmp_path / "plain"))
    for key in ("adc", "mask", "gain"):
        found, expected = (np.asarray(one.get_array(f"data.{key}")) for one in (moved, kept))
        expected = expected[..., ::-1].copy()
        expected[..., 1] = expected[..., 0]
        if key == "adc":
            expected[..., :2] /= 4
        np.testing.assert_array_equal(found, expected, err_msg=key)


def test_orders_of_strixels_that_nobody_has_are_refused(case: Case, tmp_path: Path, capsys: Capture) -> None:
    done = correct(case, tmp_path, capsys, "--strixel-sensor", "A0123")
    assert done.status == 2
    assert "no public source has the order of its pixels; --strixels takes it from a file" in done.errors[0]


def test_parameters_of_steps_that_are_off_are_told(case: Case, tmp_path: Path, capsys: Capture) -> None:
    done = correct(case, tmp_path, capsys, "--rois-regions", f"{MODULES[0]},0,9,0,9,-1", "--rois-threshold", "3")
    assert done.status == 0, done.errors
    told = "--rois-regions, --rois-threshold have no effect: Means of regions is off; --rois does it."
    assert told in done.warnings


@pytest.mark.parametrize("given", ["--constants-relativegain", "--constant"])
def test_constants_of_steps_that_are_off_are_told(
    case: Case, tmp_path: Path, capsys: Capture, given: str
) -> None:
    [path, *_] = sorted(case.constants.rglob(f"cal.17000000{MODULES[0]:02d}.0.h5"))
    named = str(path) if given.startswith("--constants") else f"{MODULES[0]}:relativegain10hz={path}"
    words = (given, named, "--modules", str(MODULES[0]))
    told = (f"{given if given.startswith('--constants') else 'RelativeGain'} has no effect: Relative gain is off; "
            "--relative-gain does it.")
    off = correct(case, tmp_path / "off", capsys, *words, "--no-relative-gain")
    assert off.status == 0, off.errors
    assert told in off.warnings
    done = correct(case, tmp_path / "on", capsys, *words)
    assert done.status == 0, done.errors
    assert not any("has no effect" in one for one in done.warnings)


def test_numbers_of_frames_are_those_of_the_raw_run(case: Case, corrected: Path) -> None:
    run = RunDirectory(corrected)
    for module in MODULES:
        source = run[f"{DETECTOR}/CORR/JNGFR{module:02d}:daqOutput"]
        for key, dtype in (("memoryCell", "u1"), ("frameNumber", "u8"), ("timestamp", "f8")):
            assert source[f"data.{key}"].dtype == np.dtype(dtype)
            np.testing.assert_array_equal(source[f"data.{key}"].ndarray(), case.raw(module, f"data.{key}"))


def test_other_software_finds_nothing_wrong(corrected: Path) -> None:
    validate = Path(sys.executable).with_name("extra-data-validate")
    done = subprocess.run([validate, str(corrected)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def content(folder: Path) -> dict[str, dict[str, Array]]:
    """Data sets of all corrected files by their names."""
    found: dict[str, dict[str, Array]] = {}
    for path in sorted(folder.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            arrays: dict[str, Array] = {}
            file.visititems(lambda name, node, arrays=arrays: arrays.update(
                {name: node[()]} if isinstance(node, h5py.Dataset) and not name.startswith("METADATA") else {}))
        found[path.name] = arrays
    return found


def test_threads_and_memory_change_no_bit(case: Case, corrected: Path, tmp_path: Path, capsys: Capture) -> None:
    done = correct(case, tmp_path, capsys, "--threads", "1", "--memory-mb", "700", "--modules", "2")
    assert done.status == 0, done.errors
    whole, again = content(corrected), content(tmp_path)
    assert sorted(again) == [name for name in sorted(whole) if "JNGFR02" in name]
    for name, arrays in again.items():
        assert arrays.keys() == whole[name].keys()
        for key, values in arrays.items():
            np.testing.assert_array_equal(values, whole[name][key], err_msg=f"{name} {key}")


def copied(folder: Path, to: Path) -> Path:
    """Corrected files without what others have written beside them."""
    return Path(shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.json")))


def test_what_is_whole_stays_and_what_is_another_jobs_is_not_touched(
    case: Case, corrected: Path, tmp_path: Path, capsys: Capture
) -> None:
    corrected = copied(corrected, tmp_path / "out")
    files = {path: path.stat().st_mtime_ns for path in corrected.glob("CORR-*.h5")}
    lost = min(files)
    before = content(corrected)[lost.name]
    lost.unlink()
    done = correct(case, corrected, capsys)
    assert done.status == 0, done.errors
    assert {path for path in files if path.stat().st_mtime_ns == files[path]} == set(files) - {lost}
    for key, values in content(corrected)[lost.name].items():
        np.testing.assert_array_equal(values, before[key])
    other = correct(case, corrected, capsys, "--no-relative-gain")
    assert other.status == 1
    assert any("exists" in text and "CORR-R0001-JNGFR0" in text and "--again" in text for text in other.errors)
    assert {path for path in files if path.stat().st_mtime_ns == files[path]} == set(files) - {lost}
    over = correct(case, corrected, capsys, "--no-relative-gain", "--again", "--modules", "2")
    assert over.status == 0, over.errors
    for path in files:
        with h5py.File(path) as file:
            [source] = file[f"INSTRUMENT/{DETECTOR}/CORR"].values()
            assert source["data/adc"].attrs["unit"] == ("ADU" if "JNGFR02" in path.name else "keV")


def test_a_module_that_the_run_lacks_is_told_and_the_other_corrected(
    case: Case, corrected: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = Path(shutil.copytree(case.run, tmp_path / "r0001", ignore=shutil.ignore_patterns("*-JNGFR02-*")))
    done = correct(Case(run, case.constants), tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    whole, made = content(corrected), content(tmp_path / "out")
    assert sorted(made) == [name for name in sorted(whole) if "JNGFR01" in name]
    for name, arrays in made.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(values, whole[name][key], err_msg=f"{name} {key}")
    asked = correct(Case(run, case.constants), tmp_path / "asked", capsys, "--modules", "1,2")
    assert any("module 2" in text for text in (*asked.warnings, *asked.errors)), (asked.warnings, asked.errors)


def test_a_gain_of_one_module_alone_is_refused(case: Case, tmp_path: Path, capsys: Capture) -> None:
    alone = tmp_path / "constants"
    shutil.copytree(case.constants, alone)
    [path] = [one.path for one in list_constants(alone)
              if one.calibration == "RelativeGain10Hz" and one.pdu.endswith("JNGFR02")]
    path.unlink()
    done = correct(Case(case.run, alone), tmp_path / "out", capsys, "--modules", "1,2")
    assert done.status in (1, 2)
    assert any("JNGFR02" in text or "module 2" in text for text in done.errors)
    assert not list((tmp_path / "out").glob("CORR-*"))
    without = correct(Case(case.run, alone), tmp_path / "out", capsys, "--no-relative-gain", "--modules", "2")
    assert without.status == 0, without.errors
    with h5py.File(min((tmp_path / "out").glob("CORR-*"))) as file:
        assert file[f"INSTRUMENT/{DETECTOR}/CORR/JNGFR02:daqOutput/data/adc"].attrs["unit"] == "ADU"


def test_constants_of_another_condition_are_refused_unless_they_are_wanted(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    done = correct(case, tmp_path, capsys, "--bias-voltage", "180", "--modules", "1")
    assert done.status in (1, 2)
    assert any("Sensor Bias Voltage differs: 90" in text and "--other-conditions" in text for text in done.errors)
    assert not list(tmp_path.glob("CORR-*"))
    taken = correct(case, tmp_path, capsys, "--bias-voltage", "180", "--modules", "1", "--other-conditions")
    assert taken.status == 0, taken.errors


def test_a_gain_mode_that_constants_leave_out_is_the_dynamic_one_and_gain_bits_may_contradict_it(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    """The database does not store gain mode 0, so files of dynamic gain do not tell it."""
    fixed = Case(copied(case.run, tmp_path / "run"), case.constants)
    for path in fixed.run.glob("RAW-*-JNGFRCTRL*.h5"):
        with h5py.File(path, "r+") as file:
            for part in ("CONTROL", "RUN"):
                file[f"{part}/{DETECTOR}/DET/CONTROL/gainMode/value"][...] = b"fixg1"
    done = correct(fixed, tmp_path / "refused", capsys, "--modules", "1")
    assert done.status in (1, 2)
    assert any("Gain mode differs: 0" in text and "and 2" in text for text in done.errors), done.errors
    taken = correct(fixed, tmp_path / "taken", capsys, "--modules", "1", "--other-conditions")
    assert taken.status == 0, taken.errors
    [said] = [text for text in taken.warnings if "is of a fixed gain" in text]
    assert "gain bits are 0, not 1" in said


def later(case: Case, root: Path, hours: float) -> Path:
    """Offsets of the second module that are valid only after the run began, by h5py alone, beside all others."""
    shutil.copytree(case.constants, root)
    [offset] = [one for one in list_constants(root)
                if (one.pdu, one.calibration) == (f"{DETECTOR}_JNGFR02", "Offset10Hz")]
    assert offset.begin is not None
    path = offset.path.with_name("cal.1900000000.0.h5")
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{offset.pdu}/Offset10Hz/0")
        group["data"] = offset.data() + 1
        group["data"].attrs.create("dims", list(offset.dims), dtype=h5py.string_dtype())
        group.attrs["cells"] = offset.attributes["cells"]
        group.attrs["conditions"] = json.dumps(offset.attributes["conditions"])
        group.attrs["begin_validity"] = (offset.begin + timedelta(hours=hours)).isoformat()
    with h5py.File(offset.path, "r+") as file:  # the run's own are two days older
        of_run = file[f"{offset.pdu}/Offset10Hz/0"].attrs
        of_run["begin_validity"] = (offset.begin - timedelta(days=2)).isoformat()
        del of_run["sealed"]
    return path


def test_the_closest_is_taken_on_request_and_marked_where_it_is_later(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    """Of each module the newest before the run, or the closest; told by log, files, record and subject."""
    path = later(case, tmp_path / "c", 5)
    given = Case(case.run, tmp_path / "c")
    usual = correct(given, tmp_path / "usual", capsys, "--no-relative-gain")
    assert usual.status == 0, usual.errors
    assert not [text for text in usual.warnings if "after the run began" in text]
    done = correct(given, tmp_path / "out", capsys, "--no-relative-gain", "--constants-strategy", "closest")
    assert done.status == 0, done.errors
    [said] = [text for text in done.warnings if "after the run began" in text]
    assert said.startswith(f"Offset of module 2 ({path}) is valid from ")
    assert said.endswith("; it is closer than any before.")
    for module, shift in ((1, 0), (2, -1)):
        by_prior, by_closest = (
            RunDirectory(tmp_path / folder)[f"{DETECTOR}/CORR/JNGFR{module:02d}:daqOutput", "data.adc"].ndarray()
            for folder in ("usual", "out"))
        np.testing.assert_allclose(by_closest, by_prior + shift, atol=1e-2)
    for file_path in (tmp_path / "out").glob("CORR-*JNGFR02*.h5"):
        with h5py.File(file_path) as file:
            [source] = file[f"INSTRUMENT/{DETECTOR}/CORR"].values()
            noted = json.loads(source.attrs["constants"])["Offset"]
        assert noted["chosen"] == "by condition, the closest in time"
        assert noted["age"] == "later than the run by 5 h"
    [record] = (tmp_path / "out").glob("calibration_metadata_*.yml")
    configured = yaml.safe_load(record.read_text())["calibration-configurations"]
    assert configured["constants-strategy"] == "closest"
    assert configured["constants-later-than-the-run"] == {"JNGFR02": ["Offset"]}
    [found] = find_on_disk([tmp_path / "out"])
    lines = found.about["constants"].splitlines()
    assert [line for line in lines if "later than the run" in line] == [
        line for line in lines if line.startswith("Offset10Hz of ") and line.endswith(f": {path} (JNGFR02)")]


def test_extra_finds_constants_of_several_folders_by_hand_and_beside_neutral_ones(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    """Darks of one folder, gains of another, an offset by hand, flags of one module neutral."""
    darks, gains, own = tmp_path / "darks", tmp_path / "gains", tmp_path / "own.h5"
    for root in (darks, gains):
        shutil.copytree(case.constants, root)
        for one in list_constants(root):
            if (one.calibration == "RelativeGain10Hz") is (root == darks):
                one.path.unlink()
    [offset] = [one for one in list_constants(darks)
                if (one.pdu, one.calibration) == (f"{DETECTOR}_JNGFR01", "Offset10Hz")]
    shutil.copy(offset.path, own)
    done = correct(Case(case.run, darks), tmp_path / "out", capsys, "--constants-relativegain", str(gains),
                   "--constant", f"1:Offset={own}", "--constant", "2:BadPixelsDark=neutral")
    assert done.status == 0, done.errors
    [record] = (tmp_path / "out").glob("calibration_metadata_*.yml")
    found = CalibrationData.from_correction(record, use_calcat=False)
    where = {(name, aggregator): Path(one.path) for name, of_modules in found.items()
             for aggregator, one in of_modules.constants.items()}
    assert set(where) == {("Offset10Hz", "JNGFR01"), ("Offset10Hz", "JNGFR02"), ("RelativeGain10Hz", "JNGFR01"),
                          ("RelativeGain10Hz", "JNGFR02"), ("BadPixelsDark10Hz", "JNGFR01")}
    assert where["Offset10Hz", "JNGFR01"] == own
    assert darks in where["Offset10Hz", "JNGFR02"].parents
    assert {gains in path.parents for (name, _), path in where.items() if name.startswith("Rel")} == {True}
    assert found["Offset10Hz"].pdu_names == [f"{DETECTOR}_JNGFR{module:02d}" for module in MODULES]
    both = found["Offset10Hz"].ndarray(caldb_root="/")
    for place, module in enumerate(MODULES):
        np.testing.assert_array_equal(np.moveaxis(both[place], range(4), (3, 2, 1, 0)),
                                      case.constant(module, "Offset10Hz"))


def test_a_corrected_run_is_no_input(corrected: Path, case: Case, tmp_path: Path, capsys: Capture) -> None:
    done = correct(Case(copied(corrected, tmp_path / "run"), case.constants), tmp_path / "out", capsys)
    assert done.status in (1, 2)
    assert any("orrected" in text for text in done.errors), done.errors


def test_a_job_that_is_killed_and_started_again_leaves_what_an_undisturbed_one_does(
    case: Case, corrected: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ["JUNGFRAU", "CORRECT", "--run", str(case.run), "--constants", str(case.constants), "--out-folder",
             str(tmp_path)]
    alone = [sys.executable, "-m", "calib_core", *words, "--threads", "1"]  # one file after the other
    with subprocess.Popen(alone, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(tmp_path.glob("CORR-*")):
            time.sleep(0.005)
        process.kill()
    for path in tmp_path.glob(".calibwb-tmp-*"):  # what was being written: an hour later it is nobody's
        os.utime(path, (0, 0))
    there = {path.name for path in tmp_path.glob("CORR-*")}
    assert there, "it was to be killed on its way"
    before = content(tmp_path)
    done = correct(case, tmp_path, capsys)
    assert done.status == 0, done.errors
    assert not list(tmp_path.glob(".calibwb-tmp-*"))
    whole, again = content(corrected), content(tmp_path)
    assert again.keys() == whole.keys()
    for name, arrays in whole.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(again[name][key], values, err_msg=f"{name} {key}")
            if name in before:
                np.testing.assert_array_equal(before[name][key], values, err_msg=f"{name} {key}, before")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_dry_run_and_the_log_tell_the_age_of_constants(case: Case, tmp_path: Path, capsys: Capture) -> None:
    """Offsets are of the same run, gain maps of the facility tell no time."""
    words = ["JUNGFRAU", "CORRECT", "--run", str(case.run), "--constants", str(case.constants), "--out-folder",
             str(tmp_path / "out")]
    capsys.readouterr()
    assert main([*words, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Offset of modules 1-2: at the begin of the run (")], lines
    gain = "RelativeGain of modules 1-2: of no time that it tells ("
    assert [line for line in lines if line.startswith(gain)], lines
    assert main([*words, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["constants_taken"]
    assert told == [line for line in lines if line in told]
    log = tmp_path / "log.txt"
    assert main([*words, "--log-file", str(log), "-q", "--modules", "1"]) == 0
    capsys.readouterr()
    assert "INFO" in next(line for line in log.read_text().splitlines() if "Offset of module 1: at the begin" in line)
