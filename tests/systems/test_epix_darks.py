"""Darks of ePix100 and ePix10K: offset and noise without common mode, calibration rows, gain bits, real frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.common_mode import CommonMode
from calib_core.detector.registry import detector_type
from calib_core.explanation import Asked
from calib_core.jobs.survey import survey
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.simulate.truth import BadKind
from calib_core.store.exdf import ExdfFile, FileHeader, Trains

from ..known import corrected, images_of, known
from .ccd import Stage, finished, stages_of
from .command import Result, refused, words
from .conftest import Dataset, characterise, run_job

TRAINS, EMPTY = 60, 5
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
#: Source and pixels of the simulated ePix100.
SOURCE = "MID_EXP_EPIX-1/DET/RECEIVER:daqOutput"
PIXELS = f"INSTRUMENT/{SOURCE}/data/image/pixels"
#: Settings under which every kind of bad pixel is common enough for its share to be known.
DETECTORS: dict[str, dict[str, Any]] = {
    "EPIX100": {"trains": TRAINS, "empty_first": EMPTY, "common_mode": 4.0},
    "EPIX10K": {"trains": 2 * TRAINS, "dead_share": 0.002, "noisy_share": 0.004, "high_offset_share": 0.004},
}


@pytest.fixture(scope="module", params=sorted(DETECTORS))
def dark(request: pytest.FixtureRequest, make_dataset: Callable[..., Dataset],
         tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    data = make_dataset(request.param, modules="1", **DETECTORS[request.param])
    job = finished(data, tmp_path_factory.mktemp("epix"))
    yield stages_of(data, job)["dark"]
    job.close()


def change_pixels(run: Path, change: Callable[[Any], Any]) -> None:
    """Replace the pixels of a run's only file."""
    [path] = run.glob("RAW-*-EPIX01-*.h5")
    with h5py.File(path, "r+") as file:
        changed = change(file[PIXELS][()])
        del file[PIXELS]
        file[PIXELS] = changed


def test_constants_are_those_of_the_database(dark: Stage) -> None:
    kind = dark.data.truth.settings.detector
    assert {k: c.calibration for k, c in dark.constants.items()} == {
        k: f"{k}{kind.title.replace('ePix', 'EPix')}" for k in ("Offset", "Noise", "BadPixelsDark")}
    for stored in dark.constants.values():
        assert (stored.shape, stored.dims) == ((*kind.shape, 1), ("slow_scan", "fast_scan", "cell"))
        assert stored.attributes["detector_type"] == f"{kind.title}-Type"
        found = {name: one["value"] for name, one in stored.attributes["conditions"].items()}
        more = {"Gain Setting": 0} if kind.name == "EPIX10K" else {}
        assert found == {
            "Sensor Bias Voltage": 200, "Memory cells": 1, "Pixels X": kind.shape[0], "Pixels Y": kind.shape[1],
            "Integration time": 10, "Sensor temperature": 288, "In vacuum": 0, **more}


def test_pulls_of_offset_and_noise_are_standard_normal(dark: Stage) -> None:
    for pulls in (dark.offset_pulls(), dark.variance_pulls()):
        assert abs(pulls.mean()) < 0.05
        assert abs(pulls.std() - 1) < 0.05


def test_the_noise_is_without_common_mode(dark: Stage) -> None:
    """The frames' own deviation holds the true shifts too."""
    shifts = np.stack([dark.shift(train)[dark.good] for train in dark.trains])
    expected = np.sqrt(dark.sigma[dark.good] ** 2 + shifts.var(axis=0, ddof=1))
    raw = dark.map("noise_raw")[dark.good]
    assert abs((raw / expected).mean() - 1) < 0.01
    assert abs((dark.map("noise")[dark.good] / dark.sigma[dark.good]).mean() - 1) < 0.01


def test_samples_of_a_pixel_are_offered_without_common_mode(dark: Stage) -> None:
    """Their σ is that of the noise map, and of the raw samples less the true shifts."""
    samples, trains = dark.frames(len(dark.trains)), dark.trains
    row, col = np.argwhere(dark.good)[1234]
    at = {"gain": dark.gain, "cell": 0}
    raw, corrected_ones = (dark.job.pixels.explain(dark.data.module, row, col, at, Asked(corrected=one))
                           for one in (False, True))
    shared = bool(dark.data.truth.settings.common_mode)
    assert raw.steps == corrected_ones.steps == ("offset, common mode" if shared else "offset")
    sigma = {one.name: one.value for one in corrected_ones.numbers}
    assert sigma["σ"] == pytest.approx(dark.map("noise")[row, col], rel=0.03)
    assert abs(sigma["mean"]) < 0.5 * dark.sigma[row, col]
    shifts = np.array([dark.shift(train)[row, col] for train in trains])
    without = samples[:, row, col] - shifts
    assert sigma["samples"] == len(without)
    assert sigma["σ"] == pytest.approx(without.std(ddof=1), rel=0.1)
    if shared:
        assert {one.name: one.value for one in raw.numbers}["σ"] > 1.3 * sigma["σ"]
    assert corrected_ones.notes == (f"Samples after {raw.steps}.",)


@pytest.mark.parametrize("kind", [BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET])
def test_injected_bad_pixels_have_their_flags(dark: Stage, kind: BadKind) -> None:
    assert dark.recall(kind) >= 0.99


def test_false_alarms_are_rare(dark: Stage) -> None:
    assert dark.false_alarms < 0.001


def test_calibration_rows_are_flagged_and_only_they(dark: Stage) -> None:
    rows = np.flatnonzero((dark.flags & BadPixels.NON_SENSITIVE).all(axis=1))
    assert rows.tolist() == [0, 1, dark.flags.shape[0] - 2, dark.flags.shape[0] - 1]
    assert not (dark.flags[2:-2] & BadPixels.NON_SENSITIVE).any()
    outside = BadPixels.OFFSET_OUT_OF_THRESHOLD | BadPixels.NOISE_OUT_OF_THRESHOLD
    assert not (dark.flags[rows][dark.bad[rows] == 0] & outside).any()


def test_empty_first_frames_do_not_count(dark: Stage) -> None:
    settings = dark.data.truth.settings
    assert len(dark.trains) == settings.trains - settings.empty_first
    assert dark.map("samples")[dark.good].max() == settings.trains - settings.empty_first
    told = [m.text for m in dark.job.board.messages if f"{EMPTY} all zero" in m.text]
    assert bool(told) == bool(settings.empty_first)


def test_common_mode_of_the_truth_is_found_within_its_error(dark: Stage) -> None:
    """A row's shift is that of its bank and its own; its mean over the run is in the offset."""
    settings = dark.data.truth.settings
    if not settings.common_mode:
        return
    images, reference, trains = dark.images(6)
    shifts = corrected(CommonMode(axis="row"), images, reference, settings.detector)
    assert shifts is not None
    _, wide = settings.detector.bank_shape
    truth = np.stack([dark.shift(train) - dark.mean_shift for train in trains])[:, :, ::wide]
    found = shifts.transpose(0, 1, 3, 2).reshape(truth.shape)
    error = np.median(dark.sigma[dark.good]) * np.sqrt(np.pi / 2 / wide)
    pulls = ((found - truth) / error)[:, 2:-2]
    assert abs(pulls.mean()) < 0.05
    assert abs(pulls.std() - 1) < 0.1


def test_data_without_calibration_rows_are_a_type_of_their_own(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("EPIX100", modules="1", trains=12)
    change_pixels(data.simulated.runs["dark"], lambda pixels: pixels[:, 2:-2])
    found = characterise(data.simulated, tmp_path)
    assert found.values("Offset").shape == (1, 1, 704, 768)
    assert not (found.values("BadPixelsDark") & BadPixels.NON_SENSITIVE).any()
    [offset] = [c for (_, kind), c in found.constants.items() if kind == "Offset"]
    assert offset.attributes["conditions"]["Pixels X"]["value"] == 704
    told = [m.text for m in found.board.messages if "calibration rows" in m.text]
    assert told == ["The data have no calibration rows: 704 rows instead of 708."]
    good = data.truth.bad(1)[2:-2] == 0
    off = found.values("Offset")[0, 0] - data.truth.offset(1)[0, 0, 2:-2]
    # twelve frames: noise of 3 ADU and two shifts of 4 ADU each
    assert abs(off[good].mean()) < 4
    assert off[good].std() < 2.5


def test_another_number_of_rows_is_refused_in_one_sentence(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset("EPIX100", modules="1", trains=12)
    change_pixels(data.simulated.runs["dark"], lambda pixels: pixels[:, :700])
    argv = words(data.simulated.runs, tmp_path / "out", "EPIX100")
    refused(argv, tmp_path / "out", capsys, "expected (n, 708, 768) uint16", "(12, 700, 768) int16")


def test_a_run_of_empty_frames_gives_no_constants(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset("EPIX100", modules="1", trains=10, empty_first=10)
    result = Result(words(data.simulated.runs, tmp_path / "out", "EPIX100"), tmp_path / "out", capsys)
    flags = result.constants.get(1, {}).get("BadPixelsDark")
    assert flags is None or (flags & BadPixels.NO_DARK_DATA).all()
    assert any("10 all zero" in text for text in (*result.warnings, *result.errors))


def with_negative(pixels: Any) -> Any:
    pixels[:3, 100, 200] = -5
    return pixels


def test_negative_samples_are_no_measurement(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    """Words are signed: -5 is not 65531."""
    data = make_dataset("EPIX100", modules="1", trains=14)
    change_pixels(data.simulated.runs["dark"], with_negative)
    found = characterise(data.simulated, tmp_path, parameters={"iterations": 0})
    assert found.counts("Offset")[0, 0, 100, 200] == 14 - 3
    assert abs(found.values("Offset")[0, 0, 100, 200] - data.truth.offset(1)[0, 0, 100, 200]) < 30


@pytest.mark.parametrize("setting", [0, 3])
def test_gain_bits_count_only_where_the_gain_switches(setting: int, tmp_path: Path) -> None:
    """In fixed gain bit 14 says nothing; where the gain switches by itself a sample with it is of another gain."""
    settings = default_settings("EPIX10K").with_changes({"trains": 30, "gain_setting": setting})
    made = simulate(settings, tmp_path / "data")
    [path] = made.runs["dark"].glob("RAW-*-EPIX01-*.h5")
    with h5py.File(path, "r+") as file:
        pixels = file["INSTRUMENT/HED_IA1_EPIX10K-1/DET/RECEIVER:daqOutput/data/image/pixels"]
        pixels[:10] = pixels[:10] | np.uint16(1 << 14)
    found = characterise(made, tmp_path / "out", parameters={"iterations": 0})
    wrong = found.values("BadPixelsDark") & BadPixels.WRONG_GAIN_VALUE != 0
    counts = found.counts("Offset")
    assert wrong[0].all() if setting else not wrong.any()
    assert len(counts) == (2 if setting else 1)
    if setting:  # no frame without light is of the stage that pixels switch to
        assert not counts[1].any()
        assert np.isnan(found.values("Offset")[1]).all()
        assert (found.values("BadPixelsDark")[1] & BadPixels.NO_DARK_DATA).all()
    told = [m.text for m in found.board.messages if "without dark data" in m.text]
    assert told == (["No run for low gain: its constants are marked as without dark data."]
                    if setting else [])
    assert counts.max() == (20 if setting else 30)
    told = [m.text for m in found.board.messages if "gain bits" in m.text]
    assert [one.split(": ")[-1] for one in told] == (
        ["33% of its samples have other gain bits than 0; they are left out."] if setting else [])


@pytest.fixture(scope="module")
def real_frames(real_data: Path) -> Any:
    """Two frames of four panels, (2, 4, 352, 384) words."""
    with h5py.File(real_data / "epix10ka_lcls2" / "epix10ka_quad.h5") as file:
        return file["raw"][()]


@pytest.mark.real
def test_the_shift_between_real_frames_is_found(real_frames: Any) -> None:
    """Difference of two frames: 16 ADU more in each whole panel, noise of 3.15 ADU after that is taken off."""
    kind = detector_type("EPIX10K")
    panel = replace(kind.variants[0], bank_shape=(352, 384))
    adc = (real_frames & 0x3FFF).astype(np.float32)
    images = images_of(np.ascontiguousarray(adc[1] - adc[0]))
    flat = known(np.zeros(panel.shape, np.float32), np.full(panel.shape, 3.15 * np.sqrt(2), np.float32),
                     np.zeros(panel.shape, bool))
    shifts = corrected(CommonMode(axis="block", limit=100.0), images, flat, panel)
    assert shifts is not None
    assert shifts.ravel().tolist() == [16, 16, 16, 16]
    left = np.abs(images.values.reshape(4, -1))
    noise = 1.4826 * np.median(left, axis=1) / np.sqrt(2)
    np.testing.assert_allclose(noise, 3.15, atol=0.005)


@pytest.mark.real
def test_darks_of_real_frames(real_frames: Any, tmp_path: Path) -> None:
    """Offset and noise are NumPy's; bit 14, which all words have, says nothing in fixed gain."""
    words_ = np.repeat(real_frames[:, 0], 5, axis=0)
    folder = tmp_path / "r0001"
    folder.mkdir()
    source, ids = "HED_IA1_EPIX10K-1/DET/RECEIVER:daqOutput", np.uint64(1000) + np.arange(10, dtype=np.uint64)
    times = np.uint64(BEGIN.timestamp() * 1e9) + np.arange(10, dtype=np.uint64) * np.uint64(10**8)
    header = FileHeader.of_new(900001, 1, 0, BEGIN, 10)
    with ExdfFile(folder / "RAW-R0001-EPIX01-S00000.h5", Trains(ids, times, np.ones(10, bool)), header) as file:
        file.instrument(source, "data", np.ones(10))
        file.column(source, "data.trainId", ids)
        file.column(source, "data.image.pixels", words_)
    outcome = run_job(survey([folder]).spec(
        tmp_path / "out", parameters={"iterations": 0, "estimator": "plain", "min_trains": 1}))
    adc = (words_ & 0x3FFF).astype(np.float64)
    np.testing.assert_allclose(outcome.values("Offset")[0, 0], adc.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(outcome.values("Noise")[0, 0], adc.std(axis=0, ddof=1), rtol=1e-4, atol=1e-4)
