"""Flat-field histograms through the command line, against NumPy on the raw files and the truth of the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants
from calib_core.store.histograms import Histograms, read_histograms

Array = Any
MODULE, CELLS = 3, 6
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": CELLS, "trains": 60, "trains_per_sequence": 25})
SCENE = Photons(pattern="flat", photons=0.3, charge_cloud=8)
#: Groups of four memory cells, of which the last has two.
KNOBS = ["--cell-group", "4", "--min-entries", "150"]


@dataclass
class Light:
    """A run with flat light, and the truth as constants."""

    made: Simulated

    @property
    def run(self) -> Path:
        return self.made.runs["photons"]

    def words(self, out: Path, *more: str) -> list[str]:
        return ["AGIPD", "FF_HISTS", "--runs", str(self.run), "--constants", str(folder_of(self.made)),
                "--out-folder", str(out), "-q", *KNOBS, *more]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Light:
    made = simulate(SETTINGS, tmp_path_factory.mktemp("flat"), scene=SCENE)
    write_truth(made)
    return Light(made)


def histograms(out: Path, isolated: bool = False) -> Histograms:
    """The only histograms below a folder."""
    kind = "FFHistogramIsolated" if isolated else "FFHistogram"
    [found] = [one for one in list_constants(out) if one.calibration == kind]
    return read_histograms(found.path)


@pytest.fixture(scope="module")
def done(light: Light, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("histograms") / "out"
    assert main(light.words(out)) == 0
    return out


def corrected(light: Light) -> tuple[Array, Array, Array, Array]:
    """All samples of the run after offset, whether they are of high gain, frames' memory cells, and the noise."""
    constants = {one.calibration: one.values() if one.calibration != "ThresholdsDark" else
                 np.moveaxis(one.data(), [3, 2, 1, 0], [0, 1, 2, 3]) for one in list_constants(folder_of(light.made))
                 if one.calibration in ("Offset", "Noise", "ThresholdsDark")}
    run = RunDirectory(light.run)
    [source] = [name for name in run.instrument_sources if name.endswith(":xtdf")]
    samples = run[source, "image.data"].ndarray()
    cells = run[source, "image.cellId"].ndarray().reshape(-1).astype(int)
    values = samples[:, 0].astype(np.float32) - constants["Offset"][0, cells].astype(np.float32)
    high = samples[:, 1] <= constants["ThresholdsDark"][0, cells].astype(np.float32)
    return values, high & (samples[:, 1] < 16383), cells, constants["Noise"][0, cells].astype(np.float32)


def counted(values: Array, use: Array, edges: Array) -> Array:
    """Counts below, in and above the bins, (bins + 2, slow_scan, fast_scan)."""
    place = np.digitize(values.astype(float), edges)
    found = np.zeros((len(edges) + 1, *values.shape[1:]), np.int64)
    frame, row, col = np.nonzero(use & np.isfinite(values))
    np.add.at(found, (place[frame, row, col], row, col), 1)
    return found


def test_counts_are_those_of_the_corrected_values_count_for_count(light: Light, done: Path) -> None:
    values, high, cells, noise = corrected(light)
    found, alone = histograms(done), histograms(done, isolated=True)
    assert found.cells == ((0, 1, 2, 3), (4, 5))
    assert found.frames.tolist() == [240, 120]
    assert found.edges.tolist() == list(range(-50, 301))
    assert found.photon_energy == 9.2
    signal = np.pad(~(high & (values < 3 * noise)), ((0, 0), (1, 1), (1, 1)))
    slow, fast = found.shape
    beside = [signal[:, i:i + slow, j:j + fast] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    for group, own in enumerate(found.cells):
        of = np.isin(cells, own)
        expected = counted(values[of], high[of], found.edges)
        np.testing.assert_array_equal(found.counts(group), expected[1:-1])
        np.testing.assert_array_equal(found.outside(group), expected[[0, -1]])
        free = high[of] & ~np.any([one[of] for one in beside], axis=0)
        expected = counted(values[of], free, found.edges)
        np.testing.assert_array_equal(alone.counts(group), expected[1:-1])
        assert 0 < expected.sum() < 0.5 * high[of].sum()
    np.testing.assert_array_equal(found.counts(1, slice(13, 21)), found.all_counts()[1, :, 13:21])


def test_sums_are_those_of_the_corrected_values(light: Light, done: Path) -> None:
    values, high, cells, _ = corrected(light)
    [sums] = [one for one in list_constants(done) if one.calibration == "FFSums"]
    found = sums.values(("moment", "cell", "slow_scan", "fast_scan"))
    parts = np.where(high, np.rint(values * 16), 0).astype(np.int64)
    for cell in range(CELLS):
        of = cells == cell
        np.testing.assert_array_equal(found[0, cell], high[of].sum(axis=0))
        np.testing.assert_array_equal(found[1, cell], parts[of].sum(axis=0) / 16)
        np.testing.assert_array_equal(found[2, cell], (parts[of] ** 2).sum(axis=0) / 256)
    means = sums.attributes["beside"]["mean_of_module"]
    inside = high & (values >= -50)
    for cell, mean in enumerate(means):
        of = inside & (cells == cell)[:, None, None]
        assert mean == pytest.approx(parts[of].sum() / 16 / of.sum(), rel=1e-12)


def test_threads_parts_and_memory_change_no_bit(light: Light, done: Path, tmp_path: Path) -> None:
    for number, more in enumerate((["--parts", "3"], ["--threads", "1", "--memory-mb", "900"])):
        out = tmp_path / str(number)
        assert main(light.words(out, *more)) == 0
        for isolated in (False, True):
            first, other = histograms(done, isolated), histograms(out, isolated)
            np.testing.assert_array_equal(first.stored.data(), other.stored.data())
            assert first.stored.attributes["beside"] == other.stored.attributes["beside"]
