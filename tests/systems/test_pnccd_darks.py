"""Darks of the pnCCD find what the simulator put in: offset, noise without common mode, cosmic rays, hole, edges."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.cosmics import RejectCosmics
from calib_core.jobs.survey import survey
from calib_core.simulate.cosmics import cosmics_of
from calib_core.simulate.truth import BadKind

from ..known import corrected
from .ccd import EXPECTED_FLAG, Stage, finished, stages_of
from .command import refused, words
from .conftest import Dataset

TRAINS, EMPTY, COMMON_MODE = 46, 6, 15.0
RAW = "INSTRUMENT/SQS_NQS_PNCCD1MP/CAL/PNCCD_FMT-0:output/data/image"
EDGES = np.ones((1024, 1024), bool)
EDGES[1:-1, 1:-1] = False
HOLE = np.zeros((1024, 1024), bool)
HOLE[482:542, 482:542] = True


@pytest.fixture(scope="module")
def dark(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Forty frames with common mode of columns and cosmic rays, then six empty ones."""
    data = make_dataset("PNCCD", modules="0", trains=TRAINS, empty_last=EMPTY, cosmic_rate=1.5,
                        common_mode=COMMON_MODE)
    job = finished(data, tmp_path_factory.mktemp("pnccd"))
    yield stages_of(data, job)["dark"]
    job.close()


@pytest.fixture(scope="module")
def quiet(make_dataset: Callable[..., Dataset]) -> Dataset:
    """A few frames without cosmic rays."""
    return make_dataset("PNCCD", modules="0", trains=14, common_mode=COMMON_MODE)


def near(tracks: Any, reach: int) -> Any:
    """Pixels (1024, 1024) within some pixels of tracks."""
    found = np.zeros((1024, 1024), bool)
    for track in tracks:
        for row, column in zip(track.rows, track.columns, strict=True):
            found[max(0, row - reach):row + reach + 1, max(0, column - reach):column + reach + 1] = True
    return found


def tracks_in(dark: Stage, train: int) -> Any:
    return cosmics_of(dark.data.truth.settings, dark.data.module, 0, int(train), 0)


def test_constants_are_those_of_the_database(dark: Stage) -> None:
    assert {kind: stored.calibration for kind, stored in dark.constants.items()} == {
        "Offset": "OffsetCCD", "Noise": "NoiseCCD", "BadPixelsDark": "BadPixelsDarkCCD"}
    for stored in dark.constants.values():
        assert (stored.shape, stored.dims) == ((1024, 1024, 1), ("slow_scan", "fast_scan", "cell"))
        assert stored.attributes["detector_type"] == "pnCCD-Type"
        values = {name: one["value"] for name, one in stored.attributes["conditions"].items()}
        assert values == {
            "Sensor Bias Voltage": 270, "Memory cells": 1, "Pixels X": 1024, "Pixels Y": 1024, "Integration Time": 70,
            "Sensor Temperature": pytest.approx(243.3), "Gain Setting": 1}


def test_pulls_of_the_offset_are_standard_normal(dark: Stage) -> None:
    pulls = dark.offset_pulls()
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.05


def test_pulls_of_the_noise_are_those_without_common_mode(dark: Stage) -> None:
    pulls = dark.variance_pulls()
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.05


def test_the_noise_before_common_mode_is_that_of_both(dark: Stage) -> None:
    before = dark.map("noise_raw")[dark.good]
    assert np.sqrt(np.mean(before**2)) == pytest.approx(np.hypot(12.0, COMMON_MODE), rel=0.03)


def test_the_axis_of_the_common_mode_is_found_and_said(dark: Stage) -> None:
    told = [message.text for message in dark.job.board.messages if "Common mode by" in message.text]
    assert any("Common mode by column" in text for text in told), told


def test_the_common_mode_is_recovered_within_its_error(dark: Stage) -> None:
    """The median of n normal samples has 1.253 times the error of their mean."""
    images, reference, trains = dark.images(8)
    used, detector = images.use.copy(), dark.data.truth.settings.detector
    shifts = corrected(CommonMode(axis="column", sigma=10, limit=350), images, reference, detector)
    assert shifts is not None
    true = np.stack([dark.shift(train) - dark.mean_shift for train in trains])[:, ::128]
    samples = used.reshape(len(trains), 8, 128, 1024).sum(axis=2)
    error = 1.2533 * 12.0 / np.sqrt(np.maximum(samples, 1))
    pulls = ((shifts.reshape(true.shape) - true) / error)[samples > 100]
    assert abs(pulls.mean()) < 0.05
    assert pulls.std() == pytest.approx(1, abs=0.06)


def test_cosmic_rays_are_found_and_none_is_invented(dark: Stage) -> None:
    images, reference, trains = dark.images(40)
    detector = dark.data.truth.settings.detector
    corrected(CommonMode(axis="column", sigma=10, limit=350), images, reference, detector)
    used = images.use.copy()
    corrected(RejectCosmics(sigma=5.0), images, reference, detector)
    found = []
    for index, train in enumerate(trains):
        tracks = tracks_in(dark, train)
        taken = used[index] & ~images.use[index]
        assert not (taken & ~near(tracks, 2)).any()
        for track in tracks:
            there = used[index][track.rows, track.columns]
            found.append(taken[track.rows, track.columns][there].mean() > 0.9 if there.any() else True)
    assert len(found) > 30
    assert np.mean(found) >= 0.95


def test_samples_of_cosmic_rays_are_left_out_of_the_constants(dark: Stage) -> None:
    tracks = [track for train in dark.trains for track in tracks_in(dark, train)]
    left_out, usable = dark.map("cosmic_rays"), dark.flags == 0
    on_track = near(tracks, 0) & usable
    assert (left_out[on_track] > 0).mean() >= 0.95
    assert not left_out[~near(tracks, 2)].any()
    assert (dark.map("samples")[on_track] < TRAINS - EMPTY).mean() >= 0.95
    assert (dark.flags[near(tracks, 0) & dark.good] != 0).mean() < 0.005


def test_edges_and_hole_are_flagged(dark: Stage) -> None:
    assert ((dark.flags & BadPixels.OVERSCAN != 0) == EDGES).all()
    assert ((dark.flags & BadPixels.NON_SENSITIVE != 0) == HOLE).all()


def test_the_hole_comes_with_the_second_pass(dark: Stage) -> None:
    passes = [dark.job.plane("bad_pixels_passes", 0, {"pass": plane}) for plane in range(3)]
    assert [bool((one[HOLE] & BadPixels.NON_SENSITIVE).any()) for one in passes] == [False, True, True]
    assert all((one[EDGES] & BadPixels.OVERSCAN).all() for one in passes)


@pytest.mark.parametrize("kind", [BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET])
def test_injected_bad_pixels_have_their_flag(dark: Stage, kind: BadKind) -> None:
    assert dark.recall(kind) >= 0.99, EXPECTED_FLAG[kind]


def test_false_alarms_are_rare(dark: Stage) -> None:
    assert dark.false_alarms < 0.001


def test_empty_frames_are_told_and_do_not_count(dark: Stage) -> None:
    assert len(dark.trains) == TRAINS - EMPTY
    assert dark.map("samples").max() == TRAINS - EMPTY
    assert any(f"{EMPTY} all zero" in message.text for message in dark.job.board.messages)


def test_without_cosmic_rays_none_is_found(quiet: Dataset, tmp_path: Path) -> None:
    job = finished(quiet, tmp_path)
    assert not stages_of(quiet, job)["dark"].map("cosmic_rays").any()
    job.close()


def test_a_half_without_data_does_not_touch_the_other(quiet: Dataset, tmp_path: Path) -> None:
    run = tmp_path / quiet.simulated.runs["dark"].name
    shutil.copytree(quiet.simulated.runs["dark"], run)
    [path] = run.glob("*PNCCD01*")
    with h5py.File(path, "r+") as file:
        file[RAW][:, 512:] = 0
    half = replace(quiet, simulated=replace(quiet.simulated, runs={"dark": run}))
    job = finished(half, tmp_path / "out")
    found = stages_of(half, job)["dark"]
    assert (found.flags[512:] & BadPixels.NO_DARK_DATA).all()
    assert np.isnan(found.constants["Offset"].values()[0, 0, 512:]).all()
    upper = found.good[:512]
    assert (found.flags[:512][upper] != 0).mean() < 0.001
    pulls = ((found.constants["Offset"].values()[0, 0] - quiet.truth.offset(0)[0, 0] - found.mean_shift)
             / (found.sigma / np.sqrt(14)))[:512][upper]
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.05
    job.close()


def test_a_run_of_empty_frames_only_is_all_flagged_and_told(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("PNCCD", modules="0", trains=10, empty_last=10)
    job = finished(data, tmp_path)
    found = stages_of(data, job)["dark"]
    assert (found.flags & BadPixels.NO_DARK_DATA).all()
    assert np.isnan(found.constants["Offset"].values()).all()
    assert any("10 all zero" in message.text and message.level == "WARN" for message in job.board.messages)
    job.close()


def test_runs_of_another_shape_are_refused(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset("PNCCD", modules="0", trains=10)
    [path] = data.simulated.runs["dark"].glob("*PNCCD01*")
    with h5py.File(path, "r+") as file:
        narrow = file[RAW][:, :, :1000]
        del file[RAW]
        file[RAW] = narrow
    refused(words(data.simulated.runs, tmp_path / "out", "PNCCD"), tmp_path / "out", capsys, "1000", "1024")


def test_a_survey_shows_the_gain(quiet: Dataset) -> None:
    found = survey(list(quiet.simulated.runs.values()))
    assert (found.detector.identifier, found.condition["gain_setting"]) == ("SQS_NQS_PNCCD1MP", 1)
