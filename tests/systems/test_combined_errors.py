"""Errors of combined gains, against the photons that were thrown and NumPy on the files that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.constant import FF_FIT, GAIN_FIELDS, PC_FIT
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.ff import FlatField
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants

from ..small_modules import small_modules
from .command import Result

Array = Any
MODULE, CELLS, GROUP = 3, 4, 2
SHAPE = (128, 128)
SETTINGS = {
    "modules": str(MODULE), "memory_cells": CELLS, "trains": 140, "frames_per_train": 1, "trains_per_sequence": 60}
#: Cloud of a photon's charge, 8 µm in pixels of 200 µm: errors of gains are those where it is known.
CLOUD = "0.04"
SCANS = ["--margin-hg", "4", "--margin-mg", "5", "--hook-c", "2", "40"]


def stored(folder: Path, kind: str, order: tuple[str, ...]) -> Array:
    """A constant by h5py and its own names of axes, in some order of these, and pixels last."""
    [one] = [one for one in list_constants(folder) if one.attributes["kind"] == kind]
    with h5py.File(one.path, locking=False) as file:
        data = next(iter(next(iter(file.values())).values()))["0/data"]
        dims = data.attrs["dims"].tolist()
        return data[()].transpose([dims.index(dim) for dim in (*order, "slow_scan", "fast_scan")])


@dataclass
class Given:
    """A run with light whose truth is constants, and folders of what was made of a scan and of the light."""

    settings: Settings
    light: Simulated
    scan: Path
    flat: Path
    combined: Path

    def combine(self, out: Path, flat: Path) -> list[str]:
        return ["AGIPD", "COMBINE", "--constants-dark", str(folder_of(self.light)), "--constants-pc", str(self.scan),
                "--constants-ff", str(flat), "--out-folder", str(out)]


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of four ASICs."""
    with small_modules("AGIPD", *SHAPE):
        yield


@pytest.fixture(scope="module")
def given(few_asics: None, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Flat light by groups of two memory cells, the second of which has other gains than the first."""
    root = tmp_path_factory.mktemp("errors")
    settings = default_settings("AGIPD500K").with_changes(SETTINGS)
    scans = simulate(settings, root / "scans", scene=PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2))
    runs = [str(path) for _, path in sorted(scans.runs.items())]
    assert main(["AGIPD", "PC", "--runs", *runs, "--out-folder", str(root / "scan"), "-q", *SCANS]) == 0
    light = simulate(settings.with_changes({"trains": 400, "frames_per_train": CELLS, "first_run": 20}),
                     root / "light", scene=FlatField(light=0.3))
    write_truth(light)
    made = Given(settings, light, root / "scan", root / "flat", root / "out")
    assert main(["AGIPD", "FF_HISTS", "--runs", str(light.runs["ff"]), "--constants", str(folder_of(light)),
                 "--out-folder", str(root / "histograms"), "-q", "--cell-group", str(GROUP), "--min-entries", "300",
                 "--photon-energy", "8.041"]) == 0
    assert main(["AGIPD", "FF", "--constants-histograms", str(root / "histograms"), "--out-folder", str(made.flat),
                 "-q", "--element", "Cu", "--min-entries", "300", "--cloud", CLOUD]) == 0
    assert main([*made.combine(made.combined, made.flat), "-q"]) == 0
    return made


def fields(folder: Path) -> dict[str, Array]:
    return dict(zip(GAIN_FIELDS, stored(folder, "FieldsGain", ("field", "cell")), strict=True))


def test_each_memory_cell_has_the_errors_of_its_group(given: Given) -> None:
    made, gains = fields(given.combined), stored(given.combined, "GainADUperkeV", ("gain", "cell")).astype(float)
    fits = dict(zip(FF_FIT, stored(given.flat, "FitsFF", ("parameter", "group")).astype(float), strict=True))
    of_ratio = dict(zip(PC_FIT, stored(given.scan, "FitsPC", ("quantity", "cell")), strict=True))["ratio error"]
    own, own_ratio = made["origin of gain"] == 0, made["origin of ratio HG/MG"] == 0
    assert own.mean() > 0.99
    assert own_ratio[0].mean() > 0.99
    assert not np.array_equal(fits["gain error"][0], fits["gain error"][1])
    for cell in range(CELLS):
        error, good = fits["gain error"][cell // GROUP], own[cell]
        np.testing.assert_allclose(made["gain HG error"][cell][good], error[good], rtol=1e-5)
        assert np.isnan(made["gain HG error"][cell][~good]).all()
        good = good & own_ratio[cell]
        expected = gains[1, cell] * np.sqrt((error / gains[0, cell]) ** 2 + (
            of_ratio[cell] / made["ratio HG/MG"][cell]) ** 2)
        np.testing.assert_allclose(made["gain MG error"][cell][good], expected[good], rtol=1e-5)
        assert np.isnan(made["gain MG error"][cell][~good]).all()


def test_gains_are_off_by_their_errors(given: Given) -> None:
    truth, made = ModuleTruth(given.settings, MODULE), fields(given.combined)
    gains = stored(given.combined, "GainADUperkeV", ("gain", "cell"))
    for stage, name in ((0, "gain HG error"), (1, "gain MG error")):
        # gains of the memory cells of a group are one number
        thrown = np.mean([truth.gain(stage, cell) for cell in range(GROUP)], axis=0)
        pull = (gains[stage, 0] - thrown) / made[name][0]
        good = np.isfinite(pull) & (truth.bad == 0)
        assert good.mean() > 0.99
        assert abs(np.median(pull[good])) < 0.1
        assert np.diff(np.percentile(pull[good], [16, 84]))[0] / 2 == pytest.approx(1, abs=0.1)


def test_without_fits_there_are_no_errors_which_is_told(given: Given, tmp_path: Path, capsys: Any) -> None:
    result = Result(given.combine(tmp_path / "out", folder_of(given.light)), tmp_path / "out", capsys)
    assert result.status == 0
    assert any(f"Gains of 1 of 1 modules ({MODULE}) have no error: there are no flat-field fits" in one
               for one in result.warnings)
    made = fields(tmp_path / "out")
    assert np.isnan(made["gain HG error"]).all()
    assert np.isnan(made["gain MG error"]).all()
    assert np.isfinite(made["ratio HG/MG error"][0]).mean() > 0.99  # the scan has this memory cell alone
