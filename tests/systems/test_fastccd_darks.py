"""Darks of the FastCCD find what the simulator put into its three gain stages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.common_mode import CommonMode
from calib_core.errors import BadInput
from calib_core.jobs.survey import survey
from calib_core.simulate.truth import BadKind

from ..known import corrected
from .ccd import EXPECTED_FLAG, Stage, finished, stages_of
from .conftest import Dataset

TRAINS, COMMON_MODE = 20, 5.0
NOISE = {"high": 7.0, "med": 5.0, "low": 4.5}
RAW = "INSTRUMENT/SCS_CDIDET_FCCD2M/DAQ/FCCD:daqOutput/data/image/pixels"
HEMISPHERE = 967

Stages = dict[str, Stage]


@pytest.fixture(scope="module")
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    """One run per gain, with common mode of the rows of each hemisphere."""
    return make_dataset("FASTCCD", modules="0", trains=TRAINS, common_mode=COMMON_MODE)


@pytest.fixture(scope="module")
def stages(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    job = finished(data, tmp_path_factory.mktemp("fastccd"))
    yield stages_of(data, job)
    job.close()


@pytest.fixture(params=["high", "med", "low"])
def stage(request: pytest.FixtureRequest, stages: Stages) -> Stage:
    return stages[request.param]


def changed(data: Dataset, role: str, folder: Path, change: Callable[[h5py.Dataset], None]) -> Dataset:
    """Only the run of one stage, with its words changed."""
    run = folder / data.simulated.runs[role].name
    shutil.copytree(data.simulated.runs[role], run)
    [path] = run.glob("*DA05*")
    with h5py.File(path, "r+") as file:
        change(file[RAW])
    return replace(data, simulated=replace(data.simulated, runs={role: run}))


def test_constants_are_those_of_the_database(stages: Stages) -> None:
    constants = stages["high"].constants
    assert {kind: stored.calibration for kind, stored in constants.items()} == {
        "Offset": "OffsetCCD", "Noise": "NoiseCCD", "BadPixelsDark": "BadPixelsDarkCCD"}
    for stored in constants.values():
        assert (stored.shape, stored.dims) == ((1934, 960, 3), ("slow_scan", "fast_scan", "gain"))
        assert stored.attributes["detector_type"] == "FastCCD-Type"
        values = {name: one["value"] for name, one in stored.attributes["conditions"].items()}
        assert values == {
            "Sensor Bias Voltage": 79, "Memory cells": 1, "Pixels X": 1934, "Pixels Y": 960, "Integration Time": 1,
            "Sensor Temperature": pytest.approx(233.0), "Gain Setting": 8}


def test_pulls_of_the_offset_are_standard_normal(stage: Stage) -> None:
    pulls = stage.offset_pulls()
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.05


def test_pulls_of_the_noise_are_those_without_common_mode(stage: Stage) -> None:
    pulls = stage.variance_pulls()
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.05


def test_the_noise_before_common_mode_is_that_of_both(stage: Stage) -> None:
    before = stage.map("noise_raw")[stage.good]
    expected = np.hypot(NOISE[stage.role], COMMON_MODE)
    assert np.sqrt(np.mean(before**2)) == pytest.approx(expected, rel=0.05)


def test_the_common_mode_is_recovered_within_its_error(stages: Stages) -> None:
    """The median of n normal samples has 1.253 times the error of their mean."""
    stage = stages["high"]
    images, reference, trains = stage.images(6)
    used = images.use.sum(axis=2)
    shifts = corrected(CommonMode(axis="row", sigma=10), images, reference, stage.data.truth.settings.detector)
    assert shifts is not None
    true = np.stack([stage.shift(train) - stage.mean_shift for train in trains])[:, :, 0]
    pulls = ((shifts.reshape(true.shape) - true) / (1.2533 * 7.0 / np.sqrt(np.maximum(used, 1))))[used > 800]
    assert len(pulls) == 6 * 1920
    assert abs(pulls.mean()) < 0.05
    assert pulls.std() == pytest.approx(1, abs=0.06)


def test_the_gap_is_flagged(stage: Stage) -> None:
    overscan = stage.flags & BadPixels.OVERSCAN != 0
    assert overscan[960:974].all()
    assert not overscan[:960].any()
    assert not overscan[974:].any()


@pytest.mark.parametrize("kind", [BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET, BadKind.WRONG_GAIN])
def test_injected_bad_pixels_have_their_flag(stage: Stage, kind: BadKind) -> None:
    assert stage.recall(kind) >= 0.99, EXPECTED_FLAG[kind]


def test_false_alarms_are_rare(stage: Stage) -> None:
    assert stage.false_alarms < 0.001


def test_runs_in_any_order_are_told_apart_by_their_gain(data: Dataset) -> None:
    runs = data.simulated.runs
    found = survey([runs["low"], runs["high"], runs["med"]])
    assert {one.key: one.run.path for one in found.taken} == runs
    assert found.moved


def test_two_runs_of_one_gain_are_refused(data: Dataset, tmp_path: Path) -> None:
    again = tmp_path / "r0099"
    shutil.copytree(data.simulated.runs["med"], again)
    with pytest.raises(BadInput, match="same gain stage"):
        survey([data.simulated.runs["med"], again])


def test_one_run_makes_its_stage_alone(data: Dataset, stages: Stages, tmp_path: Path) -> None:
    job = finished(data, tmp_path, roles=("low",))
    found = stages_of(data, job)
    for kind in ("Offset", "Noise"):
        np.testing.assert_array_equal(
            found["low"].constants[kind].values()[2], stages["low"].constants[kind].values()[2])
    assert all((found[role].flags & BadPixels.NO_DARK_DATA).all() for role in ("high", "med"))
    assert any("No run for gain x8" in message.text for message in job.board.messages)
    job.close()


def test_pixels_with_invalid_gain_bits_are_flagged_and_do_not_count(
    data: Dataset, stages: Stages, tmp_path: Path
) -> None:
    def spoil(words: h5py.Dataset) -> None:
        words[:5, 100:110, 200:300] = words[:5, 100:110, 200:300] | np.uint16(2 << 14)  # no stage has these bits

    invalid = changed(data, "high", tmp_path, spoil)
    job = finished(invalid, tmp_path / "out")
    found, before = stages_of(invalid, job)["high"], stages["high"]
    assert (found.flags[100:110, 200:300] & BadPixels.WRONG_GAIN_VALUE).all()
    usable = (before.flags == 0)[100:110, 200:300]
    fewer = before.map("samples").astype(int) - found.map("samples")
    assert np.median(fewer[100:110, 200:300][usable]) == 5
    assert not fewer[:100].any()
    job.close()


def test_a_hemisphere_without_data_does_not_touch_the_other(data: Dataset, stages: Stages, tmp_path: Path) -> None:
    def empty(words: h5py.Dataset) -> None:
        words[:, HEMISPHERE:] = 0

    half = changed(data, "high", tmp_path, empty)
    job = finished(half, tmp_path / "out")
    found, before = stages_of(half, job)["high"], stages["high"]
    assert (found.flags[HEMISPHERE:] & BadPixels.NO_DARK_DATA).all()
    np.testing.assert_array_equal(found.flags[:HEMISPHERE], before.flags[:HEMISPHERE])
    for kind in ("Offset", "Noise"):
        np.testing.assert_array_equal(found.constants[kind].values()[0, 0, :HEMISPHERE],
                                      before.constants[kind].values()[0, 0, :HEMISPHERE])
    job.close()
