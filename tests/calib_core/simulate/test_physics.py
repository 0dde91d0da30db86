"""Written frames against the truth file, by NumPy."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector.defaults import defaults
from calib_core.simulate import BadKind, Simulated, default_settings, read_truth
from calib_core.simulate.truth import ModuleTruth

ROLES = ("high", "med", "low")
SOURCE = "HED_DET_AGIPD500K2G/DET/0CH0:xtdf"


def samples(simulated: Simulated, role: str, cell: int) -> np.ndarray:
    """Frames (n, planes, slow_scan, fast_scan) of a memory cell of module 0, float64."""
    source = RunDirectory(simulated.runs[role])[SOURCE]
    chosen = source["image.cellId"].ndarray()[:, 0] == cell
    return source["image.data"].ndarray()[chosen].astype(np.float64)


@pytest.mark.parametrize("stage", range(3))
def test_mean_and_noise_agree_with_the_truth(statistics: Simulated, stage: int) -> None:
    truth = read_truth(statistics.truth_file)
    good = truth.bad(0) == 0
    for index, cell in enumerate(truth.cells):
        taken = samples(statistics, ROLES[stage], int(cell))
        n = len(taken)
        for plane, mean, noise in (
            (0, truth.offset(0), truth.noise(0)), (1, truth.gain_signal(0), truth.gain_signal_noise(0)),
        ):
            chosen, sigma = taken[:, plane][:, good], noise[stage, index][good]
            pull = (chosen.mean(axis=0) - mean[stage, index][good]) / sigma * np.sqrt(n)
            assert abs(pull.mean()) < 5 / np.sqrt(good.sum())
            assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * good.sum()))
            variance = chosen.var(axis=0, ddof=1) / sigma**2
            assert abs(variance.mean() - 1) < 5 * np.sqrt(2 / (n - 1) / good.sum())


def test_bad_pixels_show_what_they_are(statistics: Simulated) -> None:
    truth = read_truth(statistics.truth_file)
    bad = truth.bad(0)
    taken = samples(statistics, "high", 0)[:, 0]
    counts = {kind: np.count_nonzero(bad == kind) for kind in (BadKind.DEAD, BadKind.NOISY, BadKind.HIGH_OFFSET)}
    for kind, share in zip(counts, (0.0005, 0.001, 0.001), strict=True):
        assert abs(counts[kind] - share * bad.size) < 5 * np.sqrt(share * bad.size)
    assert taken[:, bad == BadKind.DEAD].max() == 0
    good = bad == 0
    noise = taken.std(axis=0, ddof=1)
    assert np.median(noise[bad == BadKind.NOISY]) == pytest.approx(4 * np.median(noise[good]), rel=0.1)
    raised = bad == BadKind.HIGH_OFFSET
    for rows, columns in ((slice(a, a + 64), slice(b, b + 64)) for a in range(0, 512, 64) for b in (0, 64)):
        asic, high, fine = taken.mean(axis=0)[rows, columns], raised[rows, columns], good[rows, columns]
        centre = np.median(asic[fine])
        robust = 1.4826 * np.median(np.abs(asic[fine] - centre))
        assert ((asic[high] - centre) > 11 * robust).all()


@pytest.mark.parametrize(("name", "section"), [("AGIPD1M", "agipd"), ("JUNGFRAU", "jungfrau")])
def test_good_pixels_lie_within_the_hard_limits(name: str, section: str) -> None:
    limits = defaults(section, "dark")
    settings = default_settings(name)
    for module in settings.module_numbers[:2]:
        truth = ModuleTruth(settings, module)
        good = truth.bad == 0
        for stage in range(3):
            cell = int(settings.cell_order[-1])
            for values, key in ((truth.offset(stage, cell), "thresholds_offset_hard"),
                                (truth.noise(stage), "thresholds_noise_hard")):
                low, high = limits[key][stage]
                assert low < values[good].min() < values[good].max() < high
            assert truth.offset(stage, cell).max() + 5 * truth.noise(stage).max() < settings.detector.saturation


def test_spread_within_an_asic_is_gaussian_and_smaller_than_between_asics() -> None:
    settings = default_settings("AGIPD1M").with_changes({"dead_share": 0.0, "noisy_share": 0.0,
                                                         "high_offset_share": 0.0})
    tiles = np.concatenate([
        ModuleTruth(settings, m).offset(0, 0).reshape(8, 64, 2, 64).transpose(0, 2, 1, 3).reshape(16, -1)
        for m in range(4)
    ])
    within = tiles - tiles.mean(axis=1, keepdims=True)
    assert tiles.mean(axis=1).std() > 1.5 * within.std()
    standardised = within / within.std(axis=1, keepdims=True)
    assert abs(np.mean(standardised**4) - 3) < 0.1
    assert abs(np.mean(standardised**3)) < 0.05


def test_gain_signals_of_neighbouring_stages_are_separated_by_more_than_five_sigma() -> None:
    settings = default_settings("AGIPD1M")
    truth = ModuleTruth(settings, 3)
    good = truth.bad == 0
    for stage in (0, 1):
        step = truth.gain_signal(stage + 1, 1) - truth.gain_signal(stage, 1)
        width = np.hypot(truth.gain_signal_noise(stage + 1), truth.gain_signal_noise(stage))
        assert (step[good] / width[good]).min() > 10


def test_thresholds_are_the_middles_of_the_gain_signals(statistics: Simulated) -> None:
    truth = read_truth(statistics.truth_file)
    signal = truth.gain_signal(0).astype(np.float64)
    np.testing.assert_allclose(truth.thresholds(0)[1], (signal[1] + signal[2]) / 2, rtol=1e-6)


def test_cells_of_a_row_share_an_offset_step() -> None:
    settings = default_settings("AGIPD1M").with_changes({"memory_cells": 352})
    truth = ModuleTruth(settings, 0)
    rows = np.array([[truth.offset(0, row * 32 + cell)[::8, ::8].mean() for cell in range(0, 32, 4)]
                     for row in range(11)])
    assert rows.mean(axis=1).std() > 1.2 * rows.std(axis=1).mean()


def test_wrong_gain_pixels_show_other_bits_in_some_frames(single: Simulated) -> None:
    truth = read_truth(single.truth_file)
    for role, code in zip(ROLES, (0, 1, 3), strict=True):
        with h5py.File(next(single.runs[role].glob("*JNGFR01-S00000.h5"))) as file:
            bits = file["INSTRUMENT/SPB_IRDA_JF4M/DET/JNGFR01:daqOutput/data/gain"][:, 0]
        wrong = truth.bad(1) == BadKind.WRONG_GAIN
        assert wrong.mean() == pytest.approx(0.01, abs=0.001)
        assert (bits[:, ~wrong] == code).all()
        share = (bits[:, wrong] != code).mean()
        assert share == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / bits[:, wrong].size))
        assert set(np.unique(bits)) <= {0, 1, 3}


def test_dead_block_is_one_converter_of_one_module(single: Simulated) -> None:
    truth = read_truth(single.truth_file)
    block = np.argwhere(truth.bad(2) == BadKind.DEAD_BLOCK)
    assert len(block) == 256 * 64
    assert (np.ptp(block, axis=0) == (255, 63)).all()
    assert (block.min(axis=0) % (256, 64) == 0).all()
    assert not (truth.bad(1) == BadKind.DEAD_BLOCK).any()
    with h5py.File(next(single.runs["low"].glob("*JNGFR02-S00000.h5"))) as file:
        adc = file["INSTRUMENT/SPB_IRDA_JF4M/DET/JNGFR02:daqOutput/data/adc"][0, 0]
    assert adc[tuple(block.T)].max() == 0


def test_drift_and_common_mode_move_whole_frames(make) -> None:
    drifting = make("AGIPD500K", modules="0", memory_cells=1, trains=11, drift=100.0)
    truth = read_truth(drifting.truth_file)
    good = truth.bad(0) == 0
    shift = (samples(drifting, "high", 0)[:, 0] - truth.offset(0)[0, 0])[:, good].mean(axis=1)
    np.testing.assert_allclose(shift, np.linspace(-50, 50, 11), atol=5 * 12 / np.sqrt(good.sum()))
    jumping = make("AGIPD500K", modules="0", memory_cells=1, trains=40, common_mode=20.0)
    shift = (samples(jumping, "high", 0)[:, 0] - truth.offset(0)[0, 0])[:, good].mean(axis=1)
    assert shift.std(ddof=1) == pytest.approx(20, abs=5 * 20 / np.sqrt(2 * 39))


def test_outliers_reach_the_files(make) -> None:
    written = make("AGIPD500K", modules="0", memory_cells=1, trains=4, outlier_share=0.01)
    truth = read_truth(written.truth_file)
    taken = samples(written, "high", 0)[:, 0][:, truth.bad(0) == 0]
    above = (taken - truth.offset(0)[0, 0][truth.bad(0) == 0]) > 6 * truth.noise(0)[0, 0][truth.bad(0) == 0]
    assert above.mean() == pytest.approx(0.01 * np.exp(-6 * 11 / 400), rel=0.1)
