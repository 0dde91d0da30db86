"""Darks against plain NumPy in float64, on frames that EXtra-data reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import extra_data
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from tests.darks_by_numpy import gated, median_of, outside, plain

from .conftest import Dataset, Outcome, characterise

Array = Any
pytestmark = pytest.mark.usefixtures("small_jungfrau")

#: What both converters of 14 bit deliver where there is no measurement: nothing, and all bits set.
NOTHING, FULL = 0, (1 << 14) - 1
#: Fewer than the trains of the runs, so that both passes of the robust estimator are taken.
GATE_SAMPLES = 16


@dataclass(frozen=True)
class Layout:
    """Where a family has its data, and how it counts gain stages and ASICs, written down apart from the program."""

    source: str
    keys: dict[str, str]
    codes: tuple[int, int, int]
    asic: tuple[int, int]
    cells: tuple[int, ...]


LAYOUTS = {
    "AGIPD1M": Layout("SPB_DET_AGIPD1M-1/DET/2CH0:xtdf", {"data": "image.data", "cell": "image.cellId"},
                      (0, 0, 0), (64, 64), (0, 1)),
    "JUNGFRAU": Layout("SPB_IRDA_JF4M/DET/JNGFR02:daqOutput",
                       {"data": "data.adc", "cell": "data.memoryCell", "gain": "data.gain"},
                       (0, 1, 3), (256, 256), (15,)),
}
SETTINGS = {
    "AGIPD1M": {"memory_cells": 2, "trains": 24, "outlier_share": 0.01},
    "JUNGFRAU": {"memory_cells": 1, "trains": 24, "outlier_share": 0.01, "wrong_gain_share": 0.01},
}


class Case:
    """Simulated runs, their frames by EXtra-data, and jobs on them, each run once."""

    def __init__(self, data: Dataset, layout: Layout, folder: Path) -> None:
        self.data, self.layout = data, layout
        self._folder = folder
        self.job = cache(self._job)
        self.frames = cache(self._frames)
        self.expected = cache(self._expected)

    def _job(self, **parameters: Any) -> Outcome:
        out = self._folder / "-".join(f"{k}{v}" for k, v in parameters.items())
        return characterise(self.data.simulated, out, parameters={"gate_samples": GATE_SAMPLES, **parameters})

    def _frames(self, stage: int) -> Array:
        """Samples (planes, cells, trains, pixels) float64, NaN where there is no measurement of this gain stage."""
        run = extra_data.RunDirectory(list(self.data.simulated.runs.values())[stage])
        source = run[self.layout.source]
        raw = {name: source[key].ndarray() for name, key in self.layout.keys.items()}
        cell = raw["cell"].ravel()
        frames = raw["data"].reshape(len(cell), -1, np.prod(raw["data"].shape[-2:])).astype(np.float64)
        frames[(frames == NOTHING) | (frames == FULL)] = np.nan
        if "gain" in raw:
            wrong = raw["gain"].reshape(len(cell), -1) != self.layout.codes[stage]
            frames[:, 0][wrong] = np.nan
        return np.stack([frames[cell == c] for c in self.layout.cells]).transpose(2, 0, 1, 3)

    def _expected(self, stage: int, estimator: str, ddof: int) -> tuple[Array, Array, Array]:
        return ESTIMATORS[estimator](self.frames(stage), ddof)


def legacy(frames: Array, ddof: int) -> tuple[Array, Array, Array]:
    _, std, count = plain(frames, ddof)
    return median_of(frames), std, count


ESTIMATORS: dict[str, Callable[[Array, int], tuple[Array, Array, Array]]] = {
    "plain": plain, "median": legacy, "robust": partial(gated, gate_samples=GATE_SAMPLES),
}


@pytest.fixture(scope="module", params=sorted(LAYOUTS))
def case(
    request: pytest.FixtureRequest, make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory
) -> Case:
    data = make_dataset(request.param, **SETTINGS[request.param])
    return Case(data, LAYOUTS[request.param], tmp_path_factory.mktemp("references"))


CHOICES = [("plain", 0), ("plain", 1), ("median", 1), ("robust", 1)]


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize(("estimator", "ddof"), CHOICES)
def test_mean_deviation_and_samples(case: Case, estimator: str, ddof: int, stage: int) -> None:
    found = case.job(estimator=estimator, ddof=ddof)
    mean, std, count = case.expected(stage, estimator, ddof)
    shape = found.values("Offset").shape[1:]
    np.testing.assert_array_equal(found.counts("Offset")[stage], count[0].reshape(shape))
    offset, noise = found.values("Offset")[stage], found.values("Noise")[stage]
    if estimator == "median":
        np.testing.assert_array_equal(offset, mean[0].reshape(shape))
    else:
        np.testing.assert_allclose(offset, mean[0].reshape(shape), rtol=1e-6)
    np.testing.assert_allclose(noise, std[0].reshape(shape), rtol=1e-6, atol=1e-6)


def test_the_robust_estimator_leaves_out_what_is_far_away_and_hardly_more(case: Case) -> None:
    """The selection that the tests above compare is one: it drops the outliers, 1 % of the samples."""
    usable, chosen = case.expected(1, "plain", 1)[2][0], case.expected(1, "robust", 1)[2][0]
    dropped = 1 - chosen.sum() / usable.sum()
    assert 0.005 < dropped < 0.02


@pytest.mark.parametrize("estimator", ["plain", "median", "robust"])
def test_the_gain_signal_and_thresholds(case: Case, estimator: str) -> None:
    if "gain" in case.layout.keys:
        assert all(kind != "ThresholdsDark" for _, kind in case.job(estimator=estimator, ddof=1).constants)
        return
    thresholds = case.job(estimator=estimator, ddof=1).values("ThresholdsDark")
    signal = np.stack([case.expected(stage, estimator, 1)[0][1] for stage in range(3)])
    expected = np.concatenate([(signal[:-1] + signal[1:]) / 2, signal]).reshape(thresholds.shape)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-6)


def test_samples_with_wrong_gain_bits_do_not_count_and_their_pixels_are_flagged(case: Case) -> None:
    if "gain" not in case.layout.keys:
        return
    found = case.job(estimator="plain", ddof=1)
    for stage, path in enumerate(case.data.simulated.runs.values()):
        source = extra_data.RunDirectory(path)[case.layout.source]
        wrong = (source["data.gain"].ndarray() != case.layout.codes[stage]).any(axis=(0, 1))
        assert wrong.any()
        flagged = found.values("BadPixelsDark")[stage, 0] & BadPixels.WRONG_GAIN_VALUE != 0
        np.testing.assert_array_equal(flagged, wrong)


@pytest.mark.parametrize(("group", "spread"), [("asic", "robust"), ("module", "robust"), ("asic", "plain"),
                                               ("module", "plain")])
def test_pixels_outside_the_soft_and_hard_limits(case: Case, group: str, spread: str) -> None:
    hard = {"thresholds_offset_hard": ((2000.0, 20000.0),), "thresholds_noise_hard": ((1.0, 100.0),)}
    found = case.job(group=group, spread=spread, unstable_alpha=0.0, **hard)
    flags, offset, noise = (found.values(kind) for kind in ("BadPixelsDark", "Offset", "Noise"))
    block = case.layout.asic if group == "asic" else offset.shape[2:]
    for index in np.ndindex(offset.shape[:2]):
        expected = outside(offset[index], block, spread, (2000, 20000))
        np.testing.assert_array_equal(flags[index] & BadPixels.OFFSET_OUT_OF_THRESHOLD != 0, expected)
        samples = case.expected(index[0], "robust", 1)[2][0, index[1]]
        expected = outside(noise[index], block, spread, (1, 100), float(np.median(samples[samples > 0])))
        np.testing.assert_array_equal(flags[index] & BadPixels.NOISE_OUT_OF_THRESHOLD != 0, expected)


def test_groups_and_spreads_make_a_difference(case: Case) -> None:
    """Else the test of the limits would hold for a program that ignored the parameters."""
    hard = {"thresholds_offset_hard": ((2000.0, 20000.0),), "thresholds_noise_hard": ((1.0, 100.0),)}
    flagged = {
        (group, spread): int(np.count_nonzero(
            case.job(group=group, spread=spread, **hard).values("BadPixelsDark")
            & (BadPixels.OFFSET_OUT_OF_THRESHOLD | BadPixels.NOISE_OUT_OF_THRESHOLD)))
        for group in ("asic", "module") for spread in ("robust", "plain")
    }
    assert len(set(flagged.values())) == 4, flagged
