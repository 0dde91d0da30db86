"""Darks of DSSC: the truth is found again, also of few codes, and runs that are not whole are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data.tests import make_examples

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.simulate.truth import BadKind

from .command import Result, refused, words
from .conftest import Dataset, Outcome, characterise
from .test_dark_truth import good, pulls

Capture = pytest.CaptureFixture[str]
TRAINS, CELLS = 160, 3
DETECTOR = "SCS_DET_DSSC1M-1"


@pytest.fixture(scope="module")
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset("DSSC1M", memory_cells=CELLS, trains=TRAINS, dead_block_module=2)


@pytest.fixture(scope="module")
def dssc(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return characterise(data.simulated, tmp_path_factory.mktemp("constants"))


def check_pulls(values: Any, truth: Any, error: Any, where: Any) -> None:
    for cell in range(CELLS):
        found = pulls(values[0, cell], truth[cell], error[cell], where[0, cell])
        assert abs(found.mean()) < 0.05, cell
        assert abs(found.std() - 1) < 0.05, cell


def test_offset_and_noise_of_each_cell_are_the_truth(data: Dataset, dssc: Outcome) -> None:
    offset, noise, where = dssc.values("Offset"), dssc.values("Noise"), good(data)
    count = np.maximum(dssc.counts("Offset")[0], 2)
    sigma = np.broadcast_to(data.truth.noise(data.module)[0], count.shape)
    check_pulls(offset, data.truth.offset(data.module)[0], noise[0] / np.sqrt(count), where)
    check_pulls(noise, sigma, sigma / np.sqrt(2 * (count - 1)), where)


def test_noise_without_rounding_is_that_of_the_signal(data: Dataset, tmp_path: Path) -> None:
    found = characterise(data.simulated, tmp_path, parameters={"quantisation": True})
    codes = np.broadcast_to(data.truth.noise(data.module), good(data).shape)[good(data)]
    signal = np.sqrt(codes**2 - 1 / 12)
    assert abs((found.values("Noise")[good(data)] / signal).mean() - 1) < 0.005
    assert (codes / signal).mean() - 1 > 0.03  # else the test could not fail


def test_bad_pixels_are_found_and_good_ones_left_alone(data: Dataset, dssc: Outcome) -> None:
    flags, bad = dssc.values("BadPixelsDark"), data.truth.bad(data.module)
    for kind in (BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET, BadKind.DEAD_BLOCK):
        injected = np.broadcast_to(bad & kind != 0, flags.shape)
        assert injected.any()
        assert (flags[injected] != 0).mean() >= 0.99, kind
    assert (flags[good(data)] != 0).mean() < 0.001


def test_constants_have_the_three_axes_of_the_database(dssc: Outcome) -> None:
    assert {kind for _, kind in dssc.constants} == {"Offset", "Noise", "BadPixelsDark"}
    for constant in dssc.constants.values():
        with h5py.File(constant.path) as file:
            stored = file[f"{DETECTOR}_DSSC02/{constant.calibration}/0/data"]
            assert stored.shape == (512, 128, CELLS)
            assert stored.attrs["dims"].tolist() == ["fast_scan", "slow_scan", "cell"]


def test_the_condition_is_found_in_the_registers_of_the_quadrant(dssc: Outcome) -> None:
    [constant] = [c for (_, kind), c in dssc.constants.items() if kind == "Offset"]
    queried = constant.attributes["conditions"]
    assert set(queried) == {"Sensor Bias Voltage", "Memory cells", "Pixels X", "Pixels Y"}
    assert queried["Memory cells"]["value"] == CELLS
    condition = constant.attributes["recorded"]
    assert condition["Acquisition rate"]["value"] == 1.1
    assert condition["Target gain"]["value"] == 2.5
    assert condition["Encoded gain"]["value"] == 8 + (15 << 8) + (1 << 16) + (1 << 32)
    assert condition["Encoded gain"]["origin"].startswith("SCS_CDIDET_DSSC/FPGA/PPT_Q1 ")


@pytest.mark.parametrize("zeros", [False, True])
def test_vetoed_cells_are_flagged_and_zero_only_where_asked_for(
    make_dataset: Callable[..., Dataset], tmp_path: Path, zeros: bool
) -> None:
    data = make_dataset("DSSC1M", memory_cells=8, trains=12, vetoed_cells=0.3)
    vetoed = np.flatnonzero(~data.truth.recorded)
    assert 0 < vetoed[0] < vetoed[-1] < 7  # the highest cell is recorded, so all eight are known to be in use
    found = characterise(data.simulated, tmp_path, parameters={"legacy_zeros": zeros})
    for kind in ("Offset", "Noise"):
        values = found.values(kind)
        empty = values[:, vetoed] == 0 if zeros else np.isnan(values[:, vetoed])
        assert empty.all()
        assert np.isfinite(values[:, data.truth.recorded][good(data)[:, data.truth.recorded]]).all()
    assert (found.values("Offset")[:, data.truth.recorded][good(data)[:, data.truth.recorded]] > 0).all()
    assert (found.values("BadPixelsDark")[:, vetoed] & BadPixels.NO_DARK_DATA).all()


def file_of(run: Path, module: int) -> Path:
    return next(run.glob(f"RAW-*-DSSC{module:02d}-S00000.h5"))


def test_half_of_the_quadrants_are_enough_and_told(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    data = make_dataset("DSSC1M", modules="0,5", memory_cells=1, trains=12)
    run = data.simulated.runs["dark"]
    assert main(["info", str(run)]) == 0
    told = capsys.readouterr().out
    assert "modules 0,5: 12 trains, 12 frames, memory cells 0" in told
    assert "1-4,6-15" in told
    result = Result(words(data.simulated.runs, tmp_path, "DSSC"), tmp_path, capsys)
    assert result.status == 0
    assert sorted(result.constants) == [0, 5]
    assert any("1-4,6-15" in warning for warning in result.warnings)


def test_empty_first_frames_are_left_out_and_counted(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("DSSC1M", memory_cells=2, trains=20)
    run = data.simulated.runs["dark"]
    with h5py.File(file_of(run, 2), "r+") as file:
        file[f"INSTRUMENT/{DETECTOR}/DET/2CH0:xtdf/image/data"][:6] = 0
        kept = file[f"INSTRUMENT/{DETECTOR}/DET/2CH0:xtdf/image/data"][6:, 0].reshape(17, 2, 128, 512)
    found = characterise(data.simulated, tmp_path, parameters={"estimator": "plain"})
    where = good(data)
    np.testing.assert_allclose(found.values("Offset")[where], kept.mean(axis=0)[where[0]], rtol=1e-6)
    assert (found.counts("Offset")[where] == 17).all()
    [constant] = [c for (_, kind), c in found.constants.items() if kind == "Offset"]
    assert constant.attributes["raw_data"][0]["excluded"] == {"all zero": 6}


def test_modules_may_have_different_numbers_of_cells(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    many = make_dataset("DSSC1M", modules="1-2", memory_cells=3, trains=12)
    few = make_dataset("DSSC1M", modules="1-2", memory_cells=2, trains=12)
    run = tmp_path / "r0001"
    shutil.copytree(many.simulated.runs["dark"], run)
    shutil.copy(file_of(few.simulated.runs["dark"], 2), file_of(run, 2))
    found = characterise(replace(many.simulated, runs={"dark": run}), tmp_path / "out")
    flags = [found.constants[f"{DETECTOR}_DSSC{m:02d}", "BadPixelsDark"].values() for m in (1, 2)]
    assert [one.shape[1] for one in flags] == [3, 3]
    lacking = [(one & BadPixels.NO_DARK_DATA != 0).mean(axis=(0, 2, 3)) for one in flags]
    assert (lacking[0] < 0.01).all()
    assert (lacking[1][:2] < 0.01).all()
    assert lacking[1][2] == 1


def test_a_mock_run_without_pixels_is_told_and_refused(tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "r0163"
    run.mkdir()
    make_examples.make_scs_run(str(run))
    assert main(["info", str(run)]) == 0
    told = capsys.readouterr().out
    assert "SCS_DET_DSSC1M-1 (DSSC 1M), 16 modules" in told
    assert "modules 0-15: 128 trains, 8192 frames, memory cells 0-63" in told
    out = tmp_path / "out"
    refused(words({"dark": run}, out, "DSSC"), out, capsys, "8192 frames never written")
