"""Runs in parallel gain, corrected: of each pixel the sample of one stage, which is what was put in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import LPD1M

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import BadKind, Simulated
from calib_core.store.constants import list_constants

from .command import Result
from .conftest import characterise
from .corrected_light import Found, assert_same, assert_valid, check, without
from .test_lpd_correction import CELLS, GAIN, LIGHT, MAPS, MODULE, TRAINS

Array = Any
PARALLEL = replace(LIGHT, settings={**LIGHT.settings, "parallel_gain": True})
RAW = f"FXE_DET_LPD1M-1/DET/{MODULE}CH0:xtdf"
TOP, MARGINS = 4095, (5.0, 100.0)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return PARALLEL.simulated(tmp_path_factory.mktemp("light"))


def stored(light: Simulated) -> tuple[Array, Array]:
    """Codes and gain bits as they are in the file: (trains, stages, memory cells, slow_scan, fast_scan)."""
    [run] = light.runs.values()
    words = RunDirectory(run)[RAW]["image.data"].ndarray().reshape(-1, 3, CELLS, 256, 256)
    return words & 0xFFF, words >> 12


def expected_stage(light: Simulated) -> Array:
    """Stage of each pixel by NumPy: the first whose code is far enough from full ones, by the noise of constants."""
    codes, _ = stored(light)
    [noise] = [one.values() for one in list_constants(folder_of(light)) if one.calibration == "Noise"]
    high, medium = (codes[:, s] < TOP - margin * noise[s].astype("f4") for s, margin in enumerate(MARGINS))
    return np.where(high, 0, np.where(medium, 1, 2))[:, :CELLS - 1].reshape(-1, 256, 256)


def residuals(found: Found, scale: float = GAIN) -> tuple[Array, Array, Array, Array]:
    """Residuals over their expected deviation, charge, stages and which samples are good."""
    truth, all_of = found.truth, []
    for values, mask, gain, charge, _, cell in found.frames():
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.array([truth.noise(stage) * scale / truth.gain(stage, cell) for stage in range(3)])
        expected = np.take_along_axis(noise, gain[None].astype(int), 0)[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            all_of.append(((values - charge * scale) / expected, charge, gain, mask == 0))
    return tuple(np.array(one) for one in zip(*all_of, strict=True))  # type: ignore[return-value]


def test_stages_are_those_of_the_rule_and_residuals_as_large_as_the_noise_says(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    found = PARALLEL.corrected(light, tmp_path, capsys)
    assert [text for text in found.said if "holds all 3 gain stages in each train" in text
            and "the last frame of each stage left out" in text]
    pulls, _, gain, good = residuals(found)
    assert len(gain) == TRAINS * (CELLS - 1)
    assert good.mean() > 0.9
    wanted = expected_stage(light)
    right = np.broadcast_to((found.truth.bad & BadKind.WRONG_GAIN) == 0, good.shape)
    np.testing.assert_array_equal(gain[right], wanted[right])
    check({stage: pulls[good & (gain == stage)] for stage in range(3)})


def test_values_are_those_of_numpy(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found, stage = PARALLEL.corrected(light, tmp_path, capsys), expected_stage(light)
    of = {one.calibration: one.values().astype("f4") for one in list_constants(folder_of(light))}
    codes, _ = stored(light)
    codes = codes[:, :, :CELLS - 1].transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256)
    cell = np.tile(np.arange(CELLS - 1), TRAINS)
    expected = np.choose(stage, codes).astype("f4")
    for name in ("Offset", *MAPS):
        values = np.choose(stage, of[name][:, cell])
        expected = expected - values if name == "Offset" else expected * values
    (values, mask, _), _, _ = found.arrays()
    np.testing.assert_array_equal(values[mask == 0], expected[mask == 0])


def test_no_full_sample_is_taken_and_the_mean_has_no_step_where_stages_change(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """In bands of charge about the changes of stages, the mean is right within 1 %."""
    found = PARALLEL.corrected(light, tmp_path, capsys)
    (values, _, gain), _, _ = found.arrays()
    codes, _ = stored(light)
    taken = np.choose(gain, codes[:, :, :CELLS - 1].transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256))
    assert not ((taken >= TOP) & (gain < 2)).any()
    _, charge, _, good = residuals(found)
    seen = 0
    for middle in (1378.0, 12_700.0):
        for low in np.geomspace(middle / 1.5, middle * 1.5, 12):
            band = good & (charge >= low) & (charge < low * 1.07)
            if band.sum() > 500:
                seen += 1
                assert abs(values[band].mean(dtype=float) / GAIN / charge[band].mean(dtype=float) - 1) < 0.01, low
    assert seen >= 20


def test_handover_takes_what_the_signal_of_the_next_stage_says_and_tells_its_bias(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    found = PARALLEL.corrected(light, tmp_path, capsys, "--stage-rule", "handover")
    of = {one.calibration: one.values().astype("f4") for one in list_constants(folder_of(light))}
    codes, _ = stored(light)
    codes = codes[:, :, :CELLS - 1].transpose(1, 0, 2, 3, 4).astype("f4")
    offset, noise = of["Offset"][:, :CELLS - 1], of["Noise"][:, :CELLS - 1]
    medium = (codes[2] - offset[2] < 100 * noise[2]) & (codes[1] < TOP)
    high = medium & (codes[1] - offset[1] < 5 * noise[1]) & (codes[0] < TOP)
    wanted = np.where(high, 0, np.where(medium, 1, 2)).reshape(-1, 256, 256)
    (values, _, gain), _, _ = found.arrays()
    np.testing.assert_array_equal(gain, wanted)
    _, charge, _, good = residuals(found)
    band = good & (charge > 75) & (charge < 83)
    assert 0.03 < values[band].mean(dtype=float) / GAIN / charge[band].mean(dtype=float) - 1 < 0.12


def test_offsets_of_our_own_dark_in_parallel_gain_serve_too(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    trains = 60
    made = PARALLEL.darks(tmp_path / "data", trains=trains)
    characterise(made, tmp_path / "dark")
    gains = without(Path(shutil.copytree(folder_of(light), tmp_path / "gains")), "Offset", "Noise", "BadPixelsDark")
    words = [word for name in MAPS for word in (f"--constants-{name.lower()}", str(gains))]
    found = PARALLEL.corrected(light, tmp_path / "out", capsys, *words, constants=tmp_path / "dark")
    pulls, _, gain, good = residuals(found)
    check({stage: pulls[good & (gain == stage)] for stage in range(3)}, np.sqrt(1 + 1 / trains))


def test_masks_are_those_of_the_truth_and_wrong_bits_flagged(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = PARALLEL.corrected(light, tmp_path, capsys)
    (_, mask, gain), _, _ = found.arrays()
    bad = np.broadcast_to(found.truth.bad, mask.shape)
    np.testing.assert_array_equal(mask != 0, bad != 0)
    _, bits = stored(light)
    bits = bits[:, :, :CELLS - 1].transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256)
    odd = np.choose(gain, bits) != gain
    assert odd.any()
    assert (mask[odd] & int(BadPixels.WRONG_GAIN_VALUE)).all()


def test_extra_data_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """It has the frames of the first third, with their ids, without the last one."""
    found = PARALLEL.corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    (values, mask, _), _, _ = found.arrays()
    detector = LPD1M(RunDirectory(tmp_path), min_modules=1, raw=False)
    array = detector.get_array("image.data", unstack_pulses=False)
    np.testing.assert_array_equal(array.values[0], values)
    np.testing.assert_array_equal(detector.masked_data().ndarray()[0], np.where(mask != 0, np.nan, values))
    [run] = light.runs.values()
    raw, source = RunDirectory(run)[RAW], RunDirectory(tmp_path)[LIGHT.source]
    for key in ("trainId", "pulseId", "cellId"):
        first = raw[f"image.{key}"].ndarray().reshape(TRAINS, 3, CELLS)[:, 0, :CELLS - 1]
        np.testing.assert_array_equal(source[f"image.{key}"].ndarray(), first.ravel())


def test_threads_memory_and_blocks_of_cells_change_no_bit(
    light: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    PARALLEL.corrected(light, tmp_path / "a", capsys)
    PARALLEL.corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 2)
    PARALLEL.corrected(light, tmp_path / "c", capsys)
    assert_same(tmp_path / "a", tmp_path / "b")
    assert_same(tmp_path / "a", tmp_path / "c")


def test_all_frames_stay_where_none_is_to_be_dropped(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    some = PARALLEL.corrected(light, tmp_path / "a", capsys).arrays()[0]
    found = PARALLEL.corrected(light, tmp_path / "b", capsys, "--stage-drop-last", "0")
    whole, trains, _ = found.arrays()
    assert len(trains) == TRAINS * CELLS
    kept = np.arange(len(trains)) % CELLS < CELLS - 1
    for mine, other in zip(some, whole, strict=True):
        np.testing.assert_array_equal(mine, other[kept])


def test_frames_that_are_empty_in_one_stage_are_none(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    [run] = light.runs.values()
    changed = Path(shutil.copytree(run, tmp_path / "raw" / run.name))
    [path] = changed.glob(f"RAW-*-LPD{MODULE:02d}-*.h5")
    with h5py.File(path, "r+") as file:
        words = file[f"INSTRUMENT/{RAW}/image/data"]
        words[CELLS + 1] = 0  # first train, medium gain, second memory cell
        words[3 * CELLS + 2 * CELLS] = 0  # second train, low gain, first memory cell
    done = Result(["LPD", "CORRECT", "--run", str(changed), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "out")], tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    found = PARALLEL.corrected(light, tmp_path / "whole", capsys)
    source = RunDirectory(tmp_path / "out")[LIGHT.source]
    values, mask = source["image.data"].ndarray(), source["image.mask"].ndarray()
    lost = np.zeros(len(values), bool)
    lost[[1, CELLS - 1]] = True
    assert np.isnan(values[lost]).all()
    assert (mask[lost] & int(BadPixels.NO_DARK_DATA)).all()
    np.testing.assert_array_equal(values[~lost], found.arrays()[0][0][~lost])


def test_without_noise_it_is_refused(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "some")), "Noise")
    done = Result(PARALLEL.words(light, tmp_path / "out", constants=some), tmp_path / "out", capsys)
    assert done.status != 0
    assert [text for text in done.errors if "but there is no Noise" in text], done.errors
    assert not list((tmp_path / "out").glob("CORR-*"))


def test_constants_of_another_way_of_gain_are_refused(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Darks of one stage each say parallel gain 0, or leave it out."""
    other = LIGHT.simulated(tmp_path / "one")
    done = Result(PARALLEL.words(light, tmp_path / "out", constants=folder_of(other)), tmp_path / "out", capsys)
    assert done.status != 0
    assert [text for text in done.errors if "Parallel gain differs" in text], done.errors


def test_several_files_of_a_run_are_corrected_as_one_is(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Files of two trains each have together what the one file has."""
    cut = PARALLEL.simulated(tmp_path / "data", trains_per_sequence=2)
    whole = PARALLEL.corrected(light, tmp_path / "a", capsys).arrays()
    parts = PARALLEL.corrected(cut, tmp_path / "b", capsys).arrays()
    assert len(list((tmp_path / "b").glob("CORR-*.h5"))) == TRAINS // 2
    for mine, other in zip(whole[0], parts[0], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert whole[1:] == parts[1:]


def test_without_maps_stages_are_the_same_and_it_is_told(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Signals of the stages are on scales of their own then."""
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "some")), *MAPS)
    found = PARALLEL.corrected(light, tmp_path / "a", capsys, constants=some)
    assert [text for text in found.said if "Signals of MG and LG are not on the scale of HG" in text]
    whole = PARALLEL.corrected(light, tmp_path / "b", capsys)
    np.testing.assert_array_equal(found.arrays()[0][2], whole.arrays()[0][2])


def test_the_inspector_says_of_which_stage_samples_are(light: Simulated, tmp_path: Path) -> None:
    [run] = light.runs.values()
    found = survey([run], "LPD", method="CORRECT").spec(tmp_path)
    job = Job(found.model_copy(update={"inputs": {**found.inputs, "constants": (str(folder_of(light)),)}}))
    job.start()
    assert job.wait(120)
    codes, _ = stored(light)
    told = job.pixels.explain(MODULE, 10, 20, {"cell": 1, "gain": 0})
    numbers = {one.name: one.value for one in told.numbers}
    assert numbers["samples"] == TRAINS
    assert numbers["mean"] == pytest.approx(codes[:, 0, 1, 10, 20].mean())
    assert told.notes == ("The samples are those of high gain; each frame has one of every stage.",)
    job.close()


def test_trains_whose_frames_are_no_thirds_are_left_out_and_told(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """The last frame of the third train is not there, so nobody knows which frame is of which stage."""
    [run] = light.runs.values()
    changed, lost = Path(shutil.copytree(run, tmp_path / "raw" / run.name)), 3 * 3 * CELLS - 1
    [path] = changed.glob(f"RAW-*-LPD{MODULE:02d}-*.h5")
    with h5py.File(path, "r+") as file:
        group, index = file[f"INSTRUMENT/{RAW}/image"], file[f"INDEX/{RAW}/image"]
        for key in list(group):
            rows = np.delete(group[key][()], lost, axis=0)
            del group[key]
            group[key] = rows
        index["count"][2] -= 1
        index["first"][3:] = index["first"][3:] - 1
    done = Result(["LPD", "CORRECT", "--run", str(changed), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "out")], tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    [train] = RunDirectory(run).train_ids[2:3]
    told = f"1 trains have a number of frames that is not divisible by 3 gain stages (first {train})"
    assert [text for text in done.warnings if told in text], done.warnings
    source, whole = (RunDirectory(one)[LIGHT.source] for one in (
        tmp_path / "out", PARALLEL.corrected(light, tmp_path / "whole", capsys).folder))
    counts = source["image.data"].data_counts()
    assert counts[train] == 0
    assert (counts.drop(train) == CELLS - 1).all()
    mine = np.repeat(whole.train_ids, whole["image.data"].data_counts()) != train
    np.testing.assert_array_equal(source["image.data"].ndarray(), whole["image.data"].ndarray()[mine])
