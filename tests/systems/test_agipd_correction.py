"""Corrected AGIPD runs against the charge that was put in, with its truth as constants and with our own dark."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import AGIPD1M

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import BadKind, Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants

from .command import Result
from .conftest import characterise
from .corrected_light import assert_valid

Array = Any
MODULE, TRAINS = 3, 12
SETTINGS = {"modules": str(MODULE), "memory_cells": 4, "seed": 5}
SCENE = Photons(photon_energy=9.2, photons=10000.0)


@dataclass
class Corrected:
    """A corrected run of one module, what its frames were made of, and what was said."""

    settings: Settings
    folder: Path
    said: list[str]

    def frames(self) -> Any:
        """Values, mask and gain of each frame, the charge in it and its stages, and its memory cell."""
        source = RunDirectory(self.folder)[f"SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output"]
        keys = [source[f"image.{key}"].ndarray() for key in ("data", "mask", "gain")]
        ids = [source[f"image.{key}"].ndarray().ravel().tolist() for key in ("trainId", "cellId")]
        for train, cell, *arrays in zip(*ids, *keys, strict=True):
            yield (*arrays, *SCENE.truth_of(self.settings, MODULE, train, cell), cell)

    def noise(self, cell: int) -> Array:
        """Expected deviation of a sample, keV, (stages, slow_scan, fast_scan): what the simulator put in."""
        truth = ModuleTruth(self.settings, MODULE)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([truth.noise(stage) / truth.gain(stage, cell) for stage in range(3)])


def lit(folder: Path, **changes: Any) -> Simulated:
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": TRAINS, "first_run": 10, **changes})
    made = simulate(settings, folder, scene=SCENE)
    write_truth(made)
    return made


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return lit(tmp_path_factory.mktemp("light"))


def corrected(light: Simulated, out: Path, capsys: Any, *more: str, constants: Path | None = None) -> Corrected:
    [run] = light.runs.values()
    done = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(constants or folder_of(light)),
                   "--out-folder", str(out), *more], out, capsys)
    assert done.status == 0, done.errors
    return Corrected(read_truth(light.truth_file).settings, out, done.warnings)


def pulls(found: Corrected) -> dict[int, Array]:
    """Residuals over their expected deviation by stage, of samples without flags."""
    by_stage: dict[int, list[Array]] = {stage: [] for stage in range(3)}
    noise = {cell: found.noise(cell) for cell in range(4)}
    for values, mask, gain, charge, stage, cell in found.frames():
        good = mask == 0
        assert good.mean() > 0.9
        np.testing.assert_array_equal(gain[good], stage[good])
        expected = np.take_along_axis(noise[cell], stage[None].astype(int), 0)[0]
        for one, kept in by_stage.items():
            mine = good & (stage == one)
            kept.append((values[mine].astype(float) - charge[mine]) / expected[mine])
    return {stage: np.concatenate(kept) for stage, kept in by_stage.items()}


def check(of_stage: dict[int, Array], width: float = 1.0) -> None:
    for stage, found in of_stage.items():
        assert len(found) > 10_000, f"stage {stage}"
        assert abs(found.mean()) < 0.05, f"stage {stage}"
        assert abs(found.std() / width - 1) < 0.05, f"stage {stage}"


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    check(pulls(corrected(light, tmp_path, capsys)))


def test_without_the_step_between_lines_medium_gain_is_off_by_what_the_darks_are(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """So that the test above can fail: 20 ADU of 8 ADU noise."""
    found = pulls(corrected(light, tmp_path, capsys, "--no-rel-gain-adjust-baseline"))
    assert found[1].mean() == pytest.approx(-20 / 8, rel=0.1)
    check({stage: found[stage] for stage in (0, 2)})


def test_offsets_and_thresholds_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square, twice in medium gain."""
    trains = 100
    made = simulate(default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": trains}), tmp_path / "data")
    outcome = characterise(made, tmp_path / "dark")
    assert {kind for _, kind in outcome.constants} >= {"Offset", "ThresholdsDark", "BadPixelsDark"}
    gains = tmp_path / "gains"
    for one in list_constants(folder_of(light)):
        if one.calibration.startswith("Slopes"):
            where = gains / one.path.relative_to(folder_of(light))
            where.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one.path, where)
    found = corrected(light, tmp_path / "out", capsys, "--constants-slopespc", str(gains), "--constants-slopesff",
                      str(gains), constants=tmp_path / "dark")
    check(pulls(found), np.sqrt(1 + 1 / trains))


def test_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = corrected(light, tmp_path, capsys)
    bad = ModuleTruth(found.settings, MODULE).bad
    dead = (bad & (BadKind.DEAD | BadKind.DEAD_BLOCK)) > 0
    assert (bad != 0).any()
    for _, mask, *_ in found.frames():
        np.testing.assert_array_equal(mask != 0, bad != 0)
        assert (mask[dead] & int(BadPixels.NO_DARK_DATA)).all()


def test_without_slopes_only_high_gain_has_energies(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "some"
    shutil.copytree(folder_of(light), root)
    for one in list_constants(root):
        if one.calibration == "SlopesPC":
            one.path.unlink()
    found = corrected(light, tmp_path / "out", capsys, constants=root)
    assert ("Relative gain is left out: there is no SlopesPC. Signals of MG and LG are not on the scale of HG."
            in found.said)
    for values, mask, gain, *_ in found.frames():
        assert np.isnan(values[gain > 0]).all()
        assert (mask[gain > 0] & int(BadPixels.CI_EVAL_ERROR)).all()
        assert np.isfinite(values[gain == 0]).all()


def test_gain_is_forced_only_where_pedestals_allow_it(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    asked = "--force-hg-if-below"
    refused = corrected(light, tmp_path / "a", capsys, asked)
    assert [text for text in refused.said if text.startswith("High gain forced is left out: offsets of MG lie -2")]
    check(pulls(refused))
    separate = lit(tmp_path / "separate", level_set="separate")
    found = corrected(separate, tmp_path / "b", capsys, asked)
    assert not [text for text in found.said if "High gain forced" in text]
    check(pulls(found))


def content(folder: Path) -> dict[str, Array]:
    """Data sets of corrected files by file and name."""
    found: dict[str, Array] = {}
    for path in sorted(folder.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            names: list[str] = []
            file.visit(names.append)
            found |= {f"{path.name} {name}": file[name][()] for name in names
                      if isinstance(file[name], h5py.Dataset) and not name.startswith("METADATA")}
    return found


def test_in_fixed_gain_all_samples_are_of_one_stage(tmp_path: Path, capsys: Any) -> None:
    """Against NumPy: what was recorded less the offset of that stage; of thresholds nothing is to be said."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 20, "fixed_gain": True})
    made = simulate(settings, tmp_path)
    characterise(made, tmp_path / "dark")
    out = tmp_path / "out"
    done = Result(["AGIPD", "CORRECT", "--run", str(made.runs["med"]), "--constants", str(tmp_path / "dark"),
                   "--out-folder", str(out), "--only-offset"], out, capsys)
    assert done.status == 0, done.errors
    assert not [text for text in done.warnings if "Thresholds" in text]
    source = RunDirectory(out)[f"SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output"]
    assert set(np.unique(source["image.gain"].ndarray())) == {1}
    raw = RunDirectory(made.runs["med"])[f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf"]
    [offset] = [one for one in list_constants(tmp_path / "dark") if one.calibration == "Offset"]
    of_cell = offset.values()[1].astype("f4")[raw["image.cellId"].ndarray().ravel()]
    values, mask = source["image.data"].ndarray(), source["image.mask"].ndarray()
    good = mask == 0
    assert good.mean() > 0.99
    np.testing.assert_array_equal(values[good], (raw["image.data"].ndarray()[:, 0] - of_cell)[good])


def test_a_full_disk_leaves_no_part_of_a_file(light: Simulated, tmp_path: Path) -> None:
    [run] = light.runs.values()
    words = ["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)),
             "--out-folder", str(tmp_path)]
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({4 << 20}, {4 << 20}))"
    program = f"{limits}; import sys; from calib_core.cli.main import main; sys.exit(main({words}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1
    assert "could not be written: File too large." in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_threads_and_memory_change_no_bit(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    corrected(light, tmp_path / "a", capsys)
    corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    first, second = content(tmp_path / "a"), content(tmp_path / "b")
    assert first.keys() == second.keys()
    assert any(key.endswith("image/pulseId") for key in first)
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key], err_msg=key)


@pytest.mark.parametrize("cells", [1, 3])
def test_blocks_of_memory_cells_change_no_bit(
    cells: int, light: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where constants of all memory cells do not fit into the budget."""
    corrected(light, tmp_path / "a", capsys)
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: cells)
    corrected(light, tmp_path / "b", capsys)
    first, second = content(tmp_path / "a"), content(tmp_path / "b")
    assert first.keys() == second.keys()
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key], err_msg=key)


def test_memory_cells_that_constants_lack_have_no_values_and_are_flagged(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    few = lit(tmp_path / "few", memory_cells=3)
    found = corrected(light, tmp_path / "out", capsys, "--other-conditions", constants=folder_of(few))
    for kind in ("Offset", "ThresholdsDark", "SlopesPC", "SlopesFF", "BadPixelsDark"):
        assert [text for text in found.said if text.startswith(f"{kind} of module {MODULE} ")
                and "has no memory cell 3 of the run" in text], kind
    for values, mask, _, _, _, cell in found.frames():
        if cell == 3:
            assert np.isnan(values).all()
            assert (mask & int(BadPixels.NO_DARK_DATA)).all()
        else:
            assert (mask == 0).mean() > 0.9


def test_pixels_of_which_constants_know_nothing_are_flagged(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "some"
    shutil.copytree(folder_of(light), root)
    for one in list_constants(root):
        if one.calibration in ("Offset", "ThresholdsDark"):
            place = np.s_[7, 100] if one.calibration == "Offset" else np.s_[8, 100]  # (fast_scan, slow_scan)
            with h5py.File(one.path) as file:
                [group] = [file[pdu][one.calibration]["0"] for pdu in file]
                values, attributes = group["data"][()], dict(group.attrs)
                dims = group["data"].attrs["dims"]
            values[place] = np.nan
            with h5py.File(one.path, "w") as file:
                group = file.create_group(f"{one.pdu}/{one.calibration}/0")
                group["data"] = values
                group["data"].attrs["dims"] = dims
                group.attrs.update({name: value for name, value in attributes.items() if name != "sealed"})
    found = corrected(light, tmp_path / "out", capsys, constants=root)
    for values, mask, *_ in found.frames():
        assert np.isnan(values[100, 7])
        assert mask[100, 7] & int(BadPixels.VALUE_IS_NAN)
        assert mask[100, 8] & int(BadPixels.GAIN_THRESHOLDING_ERROR)


def test_a_module_that_is_mostly_flagged_is_told(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "none"
    shutil.copytree(folder_of(light), root)
    [path] = [one.path for one in list_constants(root) if one.calibration == "Offset"]
    path.write_bytes(b"".join(unsealed(path)))
    with h5py.File(path, "r+") as file:
        [group] = [file[pdu]["Offset"]["0"] for pdu in file]
        group["data"][...] = np.nan
    told = corrected(light, tmp_path / "out", capsys, constants=root).said
    [said] = [text for text in told if "have a flag" in text]
    share = "100.0% of the pixels and memory cells have a flag, 100.0% “value is nan”"
    assert said.startswith(f"Module {MODULE}: {share}")


@pytest.mark.parametrize(("unit", "words"), [
    (None, "do not tell their unit"), ("", "do not tell their unit"), ("relative", "are in “relative”")])
def test_flat_field_slopes_of_another_unit_are_refused(
    unit: str | None, words: str, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    root = tmp_path / "some"
    shutil.copytree(folder_of(light), root)
    [path] = [one.path for one in list_constants(root) if one.calibration == "SlopesFF"]
    with h5py.File(path, "r+") as file:
        [group] = [file[pdu]["SlopesFF"]["0"] for pdu in file]
        for where in (group, group["data"]):
            where.attrs.pop("unit", None)
        if unit is not None:
            group.attrs["unit"] = unit
    path.write_bytes(b"".join(unsealed(path)))
    [run] = light.runs.values()
    done = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(root), "--out-folder",
                   str(tmp_path / "out")], tmp_path / "out", capsys)
    assert done.status != 0
    assert [one for one in done.errors if words in one and "--no-xray-gain leaves it out" in one]
    assert not list((tmp_path / "out").rglob("CORR-*"))
    relative = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(root), "--xray-gain-relative",
                       "--out-folder", str(tmp_path / "adu")], tmp_path / "adu", capsys)
    if unit != "relative":  # values say that they are energies
        assert [one for one in relative.errors if "so they are not relative" in one]
        return
    [path] = (tmp_path / "adu").glob("CORR-*.h5")
    with h5py.File(path) as file:
        [data] = file["INSTRUMENT"]["SPB_DET_AGIPD1M-1"]["CORR"].values()
        assert data["image/data"].attrs["unit"] == "ADU"


def unsealed(path: Path) -> list[bytes]:
    """A file of another program: values and attributes as they are, without our seal."""
    with h5py.File(path) as old, h5py.File(path.with_suffix(".new"), "w") as new:
        for pdu in old:
            old.copy(old[pdu], new, pdu)
            [name] = new[pdu]
            new[pdu][name]["0"].attrs.pop("sealed", None)
    data = path.with_suffix(".new").read_bytes()
    path.with_suffix(".new").unlink()
    return [data]


def test_extra_data_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    detector = AGIPD1M(RunDirectory(tmp_path), min_modules=1, raw=False)
    array = detector.get_array("image.data", unstack_pulses=False).values[0]
    frames = [values for values, *_ in found.frames()]
    np.testing.assert_array_equal(array, np.array(frames))
    masked = detector.masked_data().ndarray()[0]
    for values, mask, one in zip(frames, (mask for _, mask, *_ in found.frames()), masked, strict=True):
        np.testing.assert_array_equal(one, np.where(mask != 0, np.nan, values))
