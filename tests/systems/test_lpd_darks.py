"""Darks of LPD: the truth is found again, from one run per gain stage and from one run of all in parallel gain."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import LPD1M
from extra_data.tests import make_examples

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate.truth import BadKind
from calib_core.store.constants import list_constants

from .command import Result, refused, words
from .conftest import Dataset, Outcome, characterise, run_job
from .test_dark_truth import good, pulls

Capture = pytest.CaptureFixture[str]
Runs = dict[str, Path]
TRAINS, CELLS = 120, 3
SOURCE = "FXE_DET_LPD1M-1/DET/{}CH0:xtdf"
FEM = "FXE_DET_LPD1M-1/COMP/FEM_MDL_COMP"


@pytest.fixture(scope="module")
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Runs of one gain stage each, whose memory cells are recorded in the order 1, 2, 0."""
    return make_dataset("LPD1M", memory_cells=CELLS, first_cell=1, trains=TRAINS, dead_block_module=2)


@pytest.fixture(scope="module")
def lpd(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return characterise(data.simulated, tmp_path_factory.mktemp("constants"))


def file_of(run: Path, module: int) -> Path:
    return next(run.glob(f"RAW-*-LPD{module:02d}-S00000.h5"))


def in_parallel(runs: Runs, run: Path, module: int) -> Path:
    """A run in parallel gain of the frames of three runs; cells and pulses of medium and low gain are junk."""
    run.mkdir()
    for path in runs["high"].iterdir():
        shutil.copy(path, run)
    with h5py.File(next(run.glob("RAW-*-DA01-S00000.h5")), "r+") as file:
        for section in ("RUN", "CONTROL"):
            file[f"{section}/{FEM}/femAsicGainOverride/value"][:] = 1
    with h5py.File(file_of(run, module), "r+") as file:
        source = SOURCE.format(module)
        trains = len(file["INDEX/trainId"])
        for name in ("first", "count"):
            file[f"INDEX/{source}/image/{name}"][:] *= 3
        for key in list(file[f"INSTRUMENT/{source}/image"]):
            together = np.concatenate([_by_train(runs[role], module, key, trains) for role in runs], axis=1)
            if key in ("cellId", "pulseId"):
                together[:, together.shape[1] // 3:] = 65535
            if key == "trainId":
                together[:] = together[:, :1]
            del file[f"INSTRUMENT/{source}/image/{key}"]
            file[f"INSTRUMENT/{source}/image/{key}"] = together.reshape(-1, *together.shape[2:])
    return run


def _by_train(run: Path, module: int, key: str, trains: int) -> Any:
    with h5py.File(file_of(run, module)) as file:
        values = file[f"INSTRUMENT/{SOURCE.format(module)}/image/{key}"][:]
    return values.reshape(trains, -1, *values.shape[1:])


@pytest.fixture(scope="module")
def parallel_run(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_parallel(data.simulated.runs, tmp_path_factory.mktemp("raw") / "r0007", data.module)


@pytest.fixture(scope="module")
def parallel(data: Dataset, parallel_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    simulated = replace(data.simulated, runs={"high": parallel_run})
    return characterise(simulated, tmp_path_factory.mktemp("constants"))


@pytest.fixture(params=["lpd", "parallel"])
def either(request: pytest.FixtureRequest) -> Outcome:
    found: Outcome = request.getfixturevalue(request.param)
    return found


def test_offset_and_noise_of_each_stage_and_cell_are_the_truth(data: Dataset, either: Outcome) -> None:
    offset, noise, where = either.values("Offset"), either.values("Noise"), good(data)
    count = np.maximum(either.counts("Offset"), 2)
    truth, sigma = data.truth.offset(data.module), np.broadcast_to(data.truth.noise(data.module), count.shape)
    assert offset.shape == (3, CELLS, 256, 256)
    for index in np.ndindex(offset.shape[:2]):
        of_offset = pulls(offset[index], truth[index], noise[index] / np.sqrt(count[index]), where[index])
        of_noise = pulls(noise[index], sigma[index], sigma[index] / np.sqrt(2 * (count[index] - 1)), where[index])
        for found in (of_offset, of_noise):
            assert abs(found.mean()) < 0.05, index
            assert abs(found.std() - 1) < 0.05, index


def test_bad_pixels_are_found_and_good_ones_left_alone(data: Dataset, either: Outcome) -> None:
    flags, bad = either.values("BadPixelsDark"), data.truth.bad(data.module)
    kinds = (BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET, BadKind.DEAD_BLOCK, BadKind.WRONG_GAIN)
    for kind in kinds:
        injected = np.broadcast_to(bad & kind != 0, flags.shape)
        assert injected.any()
        assert (flags[injected] != 0).mean() >= 0.99, kind
    wrong = np.broadcast_to(bad == BadKind.WRONG_GAIN, flags.shape)
    assert (flags[wrong] & BadPixels.WRONG_GAIN_VALUE != 0).mean() >= 0.99
    assert (flags[good(data)] != 0).mean() < 0.001


def test_both_ways_give_the_same_bits(lpd: Outcome, parallel: Outcome) -> None:
    for kind in ("Offset", "Noise", "BadPixelsDark"):
        np.testing.assert_array_equal(parallel.values(kind), lpd.values(kind))


def test_extra_data_sees_the_same_parallel_frames(parallel_run: Path, data: Dataset) -> None:
    """The run of this test is what EXtra-data takes as parallel gain."""
    detector = LPD1M(RunDirectory(parallel_run), raw=True, modules=[data.module], parallel_gain=True)
    frames = detector.get_array("image.data")
    assert frames.shape == (1, TRAINS, 3, CELLS, 256, 256)
    assert [np.bincount((stage >> 12).ravel()).argmax() for stage in np.asarray(frames)[0, 0]] == [0, 1, 2]


def test_provenance_says_which_part_of_the_trains_was_taken(parallel: Outcome) -> None:
    assert set(parallel.spec.inputs) == {"high"}
    for constant in parallel.constants.values():
        inputs = constant.attributes["raw_data"]
        assert [one["decided_by"] for one in inputs] == [f"part {n} of 3 of each train" for n in (1, 2, 3)]
        assert {one["run"] for one in inputs} == {inputs[0]["run"]}
        assert {one["frames"] for one in inputs} == {TRAINS * CELLS}
        assert any("holds all gain stages" in note for note in constant.attributes["provenance"]["notes"])


def test_conditions_are_those_of_extra(data: Dataset, lpd: Outcome, parallel: Outcome, parallel_run: Path) -> None:
    conditions = pytest.importorskip("extra.calibration")
    module = [SOURCE.format(data.module)]
    for outcome, run in ((lpd, data.simulated.runs["med"]), (parallel, parallel_run)):
        [constant] = [c for (_, kind), c in outcome.constants.items() if kind == "Offset"]
        ours = {name: entry["value"] for name, entry in constant.attributes["conditions"].items()}
        theirs = conditions.LPDConditions.from_data(RunDirectory(run), None, fem_comp=FEM, xtdf=module)
        assert bool(ours.get("Parallel gain", 0)) == theirs.parallel_gain
        # goes on with the junk of medium and low gain where they are in the same train
        assert ours["Memory cell order"].startswith("1,2,0,")
        assert ours == theirs.make_dict(theirs.calibration_types["Offset"])


def test_the_runs_are_sorted_by_their_front_ends(data: Dataset, tmp_path: Path) -> None:
    runs = data.simulated.runs
    found = survey([runs["low"], runs["high"], runs["med"]])
    assert [(one.key, one.run.path, one.moved) for one in found.arranged] == [
        (role, runs[role], True) for role in ("high", "med", "low")]
    assert [one.origin for one in found.arranged] == [f"most frequent gain bits, and {FEM} femAsicGain"] * 3
    assert all(one.parts == 1 for one in found.arranged)


def test_one_of_three_runs_in_parallel_gain_is_refused(
    data: Dataset, parallel_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    runs = {**data.simulated.runs, "med": parallel_run}
    refused(words(runs, tmp_path, "LPD"), tmp_path, capsys, "Run r0007 holds all gain stages", "give it alone")
    same = dict.fromkeys(("high", "med", "low"), parallel_run)
    assert survey(list(same.values())).spec(tmp_path).inputs == {"high": (str(parallel_run),)}


def test_the_run_may_be_given_at_every_place(
    parallel: Outcome, parallel_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The window gives a run at each place that it takes."""
    same = dict.fromkeys(("high", "med", "low"), (str(parallel_run),))
    found = run_job(parallel.spec.model_copy(update={"inputs": same, "out_folder": tmp_path}))
    np.testing.assert_array_equal(found.values("Offset"), parallel.values("Offset"))


def test_the_look_at_a_run_tells_of_parallel_gain(parallel_run: Path, capsys: Capture) -> None:
    assert main(["info", str(parallel_run)]) == 0
    told = capsys.readouterr().out
    assert f"gain stage: all 3 in each train ({FEM} femAsicGainOverride)" in told
    assert f"modules 2: {TRAINS} trains, {3 * CELLS * TRAINS} frames, memory cells 0-{CELLS - 1}" in told
    assert "Memory cell order      1,2,0,65535," in told


@pytest.mark.parametrize(("conditions", "told"), [
    ({"memory_cell_order": 3.0}, "memory_cell_order = 3.0 is not allowed; it takes text"),
    ({"parallel_gain": "yes"}, "parallel_gain = 'yes' is not allowed; it takes 0 or 1"),
    ({"gain": 1.0}, "There is no condition “gain”; known conditions are bias_voltage, "),
])
def test_conditions_of_the_wrong_kind_are_refused(
    parallel: Outcome, tmp_path: Path, conditions: dict[str, Any], told: str
) -> None:
    found = run_job(parallel.spec.model_copy(update={"conditions": conditions, "out_folder": tmp_path}))
    assert found.board.state is State.FAILED
    assert told in found.board.error


def test_another_order_of_the_cells_may_be_said(
    data: Dataset, parallel_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    few = ["--memory-cells", str(CELLS), "--max-trains", "10", "--memory-cell-order", "2,1,0,"]
    assert Result([*words({"high": parallel_run}, tmp_path, "LPD"), *few], tmp_path, capsys).status == 0
    conditions = [one.attributes["conditions"]["Memory cell order"] for one in list_constants(tmp_path)]
    assert [(one["value"], one["origin"]) for one in conditions] == [("2,1,0,", "operator")] * 3


def test_runs_of_different_order_are_refused(
    data: Dataset, make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    other = make_dataset("LPD1M", memory_cells=CELLS, trains=12)
    runs = {**data.simulated.runs, "low": other.simulated.runs["low"]}
    refused(words(runs, tmp_path, "LPD"), tmp_path, capsys, "Memory cell order differs: 1,2,0, and ")


def test_parallel_gain_may_be_said_by_the_operator(
    data: Dataset, parallel_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    run, out = tmp_path / "r0008", tmp_path / "out"
    run.mkdir()
    shutil.copy(file_of(parallel_run, data.module), run)  # no control sources
    told = words({"high": run}, out, "LPD")
    result = Result([*told, "--parallel-gain", "1", "--memory-cells", str(CELLS), "--max-trains", "20"], out, capsys)
    assert result.status == 0
    offset = result.constants[data.module]["Offset"]
    assert np.isfinite(offset[good(data)]).all()
    np.testing.assert_allclose(offset[good(data)], data.truth.offset(data.module)[good(data)], atol=15)


def test_trains_that_cannot_be_cut_are_left_out_and_told(
    data: Dataset, parallel_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    run, out = tmp_path / "r0009", tmp_path / "out"
    shutil.copytree(parallel_run, run)
    with h5py.File(file_of(run, data.module), "r+") as file:
        file[f"INDEX/{SOURCE.format(data.module)}/image/count"][4] -= 1
    few = ["--memory-cells", str(CELLS), "--max-trains", "20"]
    result = Result([*words({"high": run}, out, "LPD"), *few], out, capsys)
    assert result.status == 0
    assert any("3 equal parts" in warning for warning in result.warnings), result.warnings
    assert np.isfinite(result.constants[data.module]["Offset"][good(data)]).all()


def test_vetoed_cells_of_parallel_gain_are_flagged(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("LPD1M", memory_cells=6, trains=12, vetoed_cells=0.4)
    run = in_parallel(data.simulated.runs, tmp_path / "r0001", data.module)
    found = characterise(replace(data.simulated, runs={"high": run}), tmp_path / "out",
                         conditions={"memory_cells": 6})
    vetoed = ~data.truth.recorded
    assert vetoed.sum() == 2
    assert np.isnan(found.values("Offset")[:, vetoed]).all()
    assert (found.values("BadPixelsDark")[:, vetoed] & BadPixels.NO_DARK_DATA).all()
    assert np.isfinite(found.values("Offset")[:, ~vetoed][good(data)[:, ~vetoed]]).all()


def test_wrong_gain_bits_of_a_whole_run_are_told_and_flagged(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    data, out = make_dataset("LPD1M", memory_cells=1, trains=12), tmp_path / "out"
    with h5py.File(file_of(data.simulated.runs["med"], 2), "r+") as file:
        words_of = file[f"INSTRUMENT/{SOURCE.format(2)}/image/data"]
        words_of[:] = words_of[:] | 0x3000
    result = Result([*words(data.simulated.runs, out, "LPD"), "--memory-cells", "1"], out, capsys)
    assert result.status == 0
    assert any("taken for medium gain, but most of its gain bits are 3, not 1" in w for w in result.warnings)
    flags = result.constants[2]["BadPixelsDark"]
    assert (flags[1] & BadPixels.WRONG_GAIN_VALUE).all()
    assert (flags[1] & BadPixels.NO_DARK_DATA).all()
    assert (flags[0] & BadPixels.WRONG_GAIN_VALUE != 0).mean() < 0.01


def test_minis_are_taken_together_as_many_as_there_are(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    data = make_dataset("LPDMINI", modules="0", memory_cells=1, trains=80)
    for minis in (8, 2):
        runs = {role: _cut(run, tmp_path / f"{minis}" / run.name, 32 * minis)
                for role, run in data.simulated.runs.items()}
        found = characterise(replace(data.simulated, runs=runs), tmp_path / f"out{minis}",
                             conditions={"memory_cells": 1})
        offset, where = found.values("Offset"), good(data)[:, :, :32 * minis]
        assert offset.shape == (3, 1, 32 * minis, 256)
        truth = data.truth.offset(0)[:, :, :32 * minis]
        noise = np.broadcast_to(data.truth.noise(0), data.truth.offset(0).shape)[:, :, :32 * minis]
        of_offset = (offset - truth)[where] / (noise[where] / np.sqrt(80))
        of_variance = (found.values("Noise")[where] ** 2 / noise[where] ** 2 - 1) / np.sqrt(2 / 79)
        for found_pulls in (of_offset, of_variance):
            assert abs(found_pulls.mean()) < 0.05
            assert abs(found_pulls.std() - 1) < 0.05
        [constant] = [c for (_, kind), c in found.constants.items() if kind == "Offset"]
        assert constant.pdu == "FXE_DET_LPD_MINI_LPDMINI00"
        assert any(f"holds {minis} minis" in note for note in constant.attributes["provenance"]["notes"])


def _cut(run: Path, copy: Path, rows: int) -> Path:
    """Copy of a run whose modules have the first rows only."""
    shutil.copytree(run, copy)
    with h5py.File(next(copy.glob("RAW-*-LPDMINI00-S00000.h5")), "r+") as file:
        image = file["INSTRUMENT/FXE_DET_LPD_MINI/DET/0CH0:xtdf/image"]
        values = image["data"][:, :, :rows]
        del image["data"]
        image["data"] = values
    return copy


@pytest.mark.parametrize(("write", "frames", "held"), [
    (make_examples.make_fxe_run, "480 trains, 61440 frames, memory cells 0-127", []),
    (make_examples.make_lpd_parallelgain_run, "100 trains, 30000 frames, memory cells 0-299",
     ["--parallel-gain", "1"]),
])
def test_mock_runs_without_pixels_are_told_and_refused(
    write: Callable[[str], None], frames: str, held: list[str], tmp_path: Path, capsys: Capture
) -> None:
    run, out = tmp_path / "r0450", tmp_path / "out"
    run.mkdir()
    write(str(run))
    assert main(["info", str(run)]) == 0
    told = capsys.readouterr().out
    assert "FXE_DET_LPD1M-1 (LPD 1M), 16 modules" in told
    assert f"modules 0-15: {frames}" in told
    refused([*words({"high": run}, out, "LPD"), *held], out, capsys, "frames never written")


def test_a_simulated_run_in_parallel_gain_has_the_truth_of_all_stages(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("LPD1M", memory_cells=2, trains=40, parallel_gain=True)
    assert list(data.simulated.runs) == ["high"]
    found = characterise(data.simulated, tmp_path, conditions={"memory_cells": 2})
    sigma = np.broadcast_to(data.truth.noise(data.module), good(data).shape)
    count, where = np.maximum(found.counts("Offset"), 1), good(data)
    of_offset = pulls(found.values("Offset"), data.truth.offset(data.module), sigma / np.sqrt(count), where)
    assert abs(of_offset.mean()) < 0.02
    assert abs(of_offset.std() - 1) < 0.02


def test_normality_is_tested_on_demand(make_dataset, tmp_path):
    data = make_dataset("LPD1M", modules="2", memory_cells=1, trains=40)
    spec = survey(list(data.simulated.runs.values())).spec(tmp_path, parameters={"test_for_normality": True})
    job = Job(spec)
    job.start()
    assert job.wait(60)
    tested = job.plane("normality", 2, {})
    good = data.truth.bad(2) == 0
    assert abs((tested[good] < 0.05).mean() - 0.05) < 0.02
    job.close()
