"""Darks find what the simulator put in, within the errors that statistics predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.job import Job
from calib_core.jobs.truth_constants import write_truth
from calib_core.remarks import read_remarks
from calib_core.simulate.truth import BadKind
from calib_core.store.constants import read_constant
from calib_core.subjects.constants import ConstantsSubject, find_sets

from ..small_modules import small_modules
from .conftest import Dataset, Outcome, characterise


def good(data: Dataset) -> Any:
    """Pixels into which the simulator put nothing bad, (stage, cell, slow_scan, fast_scan)."""
    return np.broadcast_to(data.truth.bad(data.module) == 0, data.truth.offset(data.module).shape)


def pulls(values: Any, truth: Any, error: Any, where: Any) -> Any:
    return ((values - truth) / error)[where]


def test_pulls_of_the_offset_are_standard_normal_in_every_stage_and_cell(clean: Dataset, darks: Outcome) -> None:
    offset, noise, count = darks.values("Offset"), darks.values("Noise"), darks.counts("Offset")
    truth, where = clean.truth.offset(clean.module), good(clean)
    for index in np.ndindex(offset.shape[:2]):
        error = noise[index] / np.sqrt(np.maximum(count[index], 1))
        found = pulls(offset[index], truth[index], error, where[index])
        assert abs(found.mean()) < 0.05, index
        assert abs(found.std() - 1) < 0.05, index


def test_pulls_of_the_noise_are_standard_normal_in_every_stage_and_cell(clean: Dataset, darks: Outcome) -> None:
    noise, count = darks.values("Noise"), darks.counts("Noise")
    truth, where = clean.truth.noise(clean.module), good(clean)
    truth = np.broadcast_to(truth, noise.shape)
    for index in np.ndindex(noise.shape[:2]):
        error = truth[index] / np.sqrt(2 * np.maximum(count[index] - 1.0, 1.0))
        found = pulls(noise[index], truth[index], error, where[index])
        assert abs(found.mean()) < 0.05, index
        assert abs(found.std() - 1) < 0.05, index


def test_thresholds_lie_within_five_adu(clean: Dataset, darks: Outcome) -> None:
    if clean.truth.settings.detector.signal_plane is None:
        assert "ThresholdsDark" not in {kind for _, kind in darks.constants}
        return
    thresholds, truth = darks.values("ThresholdsDark"), clean.truth.thresholds(clean.module)
    signal_noise = np.broadcast_to(clean.truth.gain_signal_noise(clean.module), good(clean).shape)
    error = np.hypot(signal_noise[:-1], signal_noise[1:]) / 2 / np.sqrt(clean.truth.settings.trains)
    where = good(clean)[:-1]
    off = thresholds[: len(truth)] - truth
    assert np.sqrt(np.mean(off[where] ** 2)) < 5
    assert abs((off / error)[where].mean()) < 0.05
    assert abs((off / error)[where].std() - 1) < 0.05


@pytest.mark.parametrize("kind", [BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET])
def test_injected_bad_pixels_are_found(clean: Dataset, darks: Outcome, kind: BadKind) -> None:
    flags = darks.values("BadPixelsDark")
    injected = np.broadcast_to(clean.truth.bad(clean.module) & kind != 0, flags.shape)
    assert injected.any()
    assert (flags[injected] != 0).mean() >= 0.99


def test_pixels_with_wrong_gain_bits_are_found(clean: Dataset, darks: Outcome) -> None:
    if not clean.truth.settings.detector.has_gain_bits:
        return
    flags = darks.values("BadPixelsDark")
    injected = np.broadcast_to(clean.truth.bad(clean.module) & BadKind.WRONG_GAIN != 0, flags.shape)
    assert injected.any()
    assert ((flags[injected] & BadPixels.WRONG_GAIN_VALUE) != 0).mean() >= 0.99


def test_false_alarms_are_rare(clean: Dataset, darks: Outcome) -> None:
    flags = darks.values("BadPixelsDark")
    assert (flags[good(clean)] != 0).mean() < 0.001


def test_each_kind_of_bad_pixel_has_its_flag(clean: Dataset, darks: Outcome) -> None:
    flags = darks.values("BadPixelsDark")
    expected = {
        BadKind.DEAD: BadPixels.NO_DARK_DATA,
        BadKind.NOISY: BadPixels.NOISE_OUT_OF_THRESHOLD,
        BadKind.HIGH_OFFSET: BadPixels.OFFSET_OUT_OF_THRESHOLD,
    }
    bad = clean.truth.bad(clean.module)
    for kind, flag in expected.items():
        only = np.broadcast_to(bad == kind, flags.shape)
        assert ((flags[only] & flag) != 0).mean() >= 0.99, kind


@pytest.mark.parametrize("kind", ["AGIPD1M", "JUNGFRAU"])
def test_one_percent_of_outliers_hardly_moves_the_constants(
    kind: str, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset(kind, memory_cells=1, trains=150, outlier_share=0.01, outlier_mean=400.0)
    found = characterise(data.simulated, tmp_path)
    where = good(data)
    offset = (found.values("Offset") - data.truth.offset(data.module))[where]
    noise = (found.values("Noise") / data.truth.noise(data.module))[where]
    assert abs(offset.mean()) < 0.2
    assert abs(noise.mean() - 1) < 0.03


@small_modules("JUNGFRAU", 256, 256)
def test_all_sixteen_memory_cells_of_a_burst_are_told_apart(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    """In one gain stage: the others take the same way, and those of one memory cell are compared above."""
    data = make_dataset("JUNGFRAU", memory_cells=16, trains=24)
    found = characterise(replace(data.simulated, runs={"high": data.simulated.runs["high"]}), tmp_path)
    offset, truth, where = found.values("Offset"), data.truth.offset(data.module), good(data)
    noise, sigma = found.values("Noise"), np.broadcast_to(data.truth.noise(data.module), truth.shape)
    count = np.maximum(found.counts("Noise"), 2)
    for index in np.ndindex(1, *offset.shape[1:2]):
        of_offset = pulls(offset[index], truth[index], sigma[index] / np.sqrt(count[index]), where[index])
        # the variance, since that of few samples is unbiased and their deviation is not
        error = np.maximum(sigma[index], 1e-3) ** 2 * np.sqrt(2 / (count[index] - 1))
        of_variance = pulls(noise[index] ** 2, sigma[index] ** 2, error, where[index])
        for found_pulls in (of_offset, of_variance):
            assert abs(found_pulls.mean()) < 0.05, index
            assert abs(found_pulls.std() - 1) < 0.05, index


def test_vetoed_cells_are_flagged_and_never_zero(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    data = make_dataset("AGIPD1M", memory_cells=8, trains=12, vetoed_cells=0.3)
    found = characterise(data.simulated, tmp_path)
    vetoed = ~data.truth.recorded
    assert vetoed.any()
    assert not vetoed.all()
    assert np.isnan(found.values("Offset")[:, vetoed]).all()
    assert (found.values("BadPixelsDark")[:, vetoed] & BadPixels.NO_DARK_DATA).all()
    assert np.isfinite(found.values("Offset")[:, ~vetoed][good(data)[:, ~vetoed]]).all()


def test_a_missing_gain_run_leaves_its_stage_without_data(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("AGIPD1M", memory_cells=1, trains=12)
    runs = dict(data.simulated.runs)
    del runs["low"]
    found = characterise(replace(data.simulated, runs=runs), tmp_path)
    assert np.isnan(found.values("Offset")[2]).all()
    assert (found.values("BadPixelsDark")[2] & BadPixels.NO_DARK_DATA).all()
    assert np.isfinite(found.values("Offset")[:2][good(data)[:2]]).all()
    assert any("No run for low gain" in m.text for m in found.board.messages)


def test_swapped_runs_are_sorted_said_and_recorded(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    data = make_dataset("AGIPD1M", memory_cells=1, trains=12, swap_runs=True)
    in_order_of_number = sorted(data.simulated.runs.values())
    assert in_order_of_number != list(data.simulated.runs.values())
    given = dict(zip(("high", "med", "low"), in_order_of_number, strict=True))
    found = characterise(replace(data.simulated, runs=given), tmp_path)
    signal = np.nanmedian(found.values("ThresholdsDark")[2:], axis=(1, 2, 3))
    truth = data.truth.gain_signal(data.module).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(signal, truth, atol=20)
    assert any("re-ordered" in m.text for m in found.board.messages)
    [constant] = [c for (_, k), c in found.constants.items() if k == "Offset"]
    assert any("re-ordered" in note for note in constant.attributes["provenance"]["notes"])


def test_fixed_gain_has_no_thresholds_and_flags_nobody_for_them(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("AGIPD1M", memory_cells=1, trains=60, fixed_gain=True)
    found = characterise(data.simulated, tmp_path)
    assert {kind for _, kind in found.constants} == {"Offset", "Noise", "BadPixelsDark"}
    flags = found.values("BadPixelsDark")
    assert not (flags & BadPixels.GAIN_THRESHOLDING_ERROR).any()
    assert (flags[good(data)] != 0).mean() < 0.001


def test_the_inspected_pixel_has_the_numbers_of_the_constants(clean: Dataset, darks: Outcome) -> None:
    job = Job(darks.spec.model_copy(update={"out_folder": darks.spec.out_folder / "again"}))
    job.start()
    assert job.wait(120)
    cells = job.plan.context.cells
    for row, col, stage in [(10, 20, 0), (200, 100, 1), (300, 7, 2)]:
        found = job.pixels.explain(clean.module, row, col, {"cell": len(cells) - 1, "gain": stage})
        numbers = {one.name: one.value for one in found.numbers}
        where = (stage, len(cells) - 1, row, col)
        np.testing.assert_allclose(numbers["mean"], darks.values("Offset")[where], rtol=1e-6)
        np.testing.assert_allclose(numbers["σ"], darks.values("Noise")[where], rtol=1e-5)
    job.close()


@pytest.mark.parametrize(("drift", "told"), [(0.0, False), (40.0, True)])
def test_a_drift_beyond_the_noise_is_told(
    drift: float, told: bool, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("AGIPD1M", memory_cells=2, trains=30, drift=drift)
    found = characterise(data.simulated, tmp_path)
    sentences = [m.text for m in found.board.messages if "drifts by" in m.text]
    assert len(sentences) == (3 if told else 0)
    [known] = {json.dumps(c.attributes["provenance"]["remarks"]) for c in found.constants.values()}
    assert read_remarks(json.loads(known)) == found.board.remarks
    told_as_data = [one for one in found.board.remarks if one.kind == "drift"]
    assert [one.sentence for one in told_as_data] == sentences
    assert all(one.value == pytest.approx(drift, rel=0.05) and one.limit < drift for one in told_as_data)
    [there] = find_sets([found.spec.out_folder])
    opened = ConstantsSubject(there)
    assert opened.remarks == found.board.remarks
    assert set(sentences) <= set(opened.notes)
    opened.close()
    for sentence in sentences:
        assert float(sentence.split("drifts by ")[1].split(" ADU")[0]) == pytest.approx(drift, rel=0.05)


def test_darks_agree_with_the_truth_as_constants(clean: Dataset, darks: Outcome) -> None:
    written = [read_constant(one.path) for one in write_truth(clean.simulated)]
    truth = {one.attributes["kind"]: one for one in written}
    measured = {kind: one for (_, kind), one in darks.constants.items()}
    assert set(measured) == {kind for kind in truth if kind != "RelativeGain" and not kind.startswith("Slopes")}
    for kind, one in measured.items():
        assert (one.pdu, one.dims, one.shape) == (truth[kind].pdu, truth[kind].dims, truth[kind].shape)
        for name in ("conditions", "axes", "karabo_da", "begin_validity", "calibration"):
            assert one.attributes[name] == truth[kind].attributes[name], name
    where, n = good(clean), np.maximum(measured["Offset"].count(), 2)
    sigma = truth["Noise"].values()
    off = pulls(measured["Offset"].values(), truth["Offset"].values(), sigma / np.sqrt(n), where)
    wide = pulls(measured["Noise"].values(), sigma, sigma / np.sqrt(2 * (n - 1)), where)
    for found in (off, wide):
        assert abs(found.mean()) < 0.05
        assert abs(found.std() - 1) < 0.05
    flagged, bad = measured["BadPixelsDark"].values() > 0, truth["BadPixelsDark"].values() > 0
    assert flagged[bad].mean() >= 0.99
    assert flagged[~bad].mean() < 0.001
