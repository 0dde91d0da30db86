"""Corrected runs against the charge that was put in: residuals as large as the noise says, stages, and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import BadKind, Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

from .command import Result
from .conftest import characterise

Array = Any
pytestmark = pytest.mark.usefixtures("small_jungfrau")
SETTINGS = {"identifier": "FXE_XAD_JF1M", "instrument": "FXE", "modules": "2", "memory_cells": 1, "seed": 5}
MODULE, TRAINS = 2, 30
SCENE = Photons(photon_energy=9.2, photons=3000.0)


@dataclass
class Corrected:
    """A corrected run of one module, and what its frames were made of."""

    settings: Settings
    folder: Path

    def frames(self) -> Any:
        """Train, values, mask, gain of each frame, the charge in it and its stages."""
        source = RunDirectory(self.folder)[f"FXE_XAD_JF1M/CORR/JNGFR{MODULE:02d}:daqOutput"]
        keys = [source[f"data.{key}"].ndarray()[:, 0] for key in ("adc", "mask", "gain")]
        cells = source["data.memoryCell"].ndarray()[:, 0]
        for train, cell, *arrays in zip(source.train_ids, cells, *keys, strict=True):
            yield (*arrays, *SCENE.truth_of(self.settings, MODULE, int(train), int(cell)))

    def noise(self) -> Array:
        """Expected deviation of a sample, keV, (stages, slow_scan, fast_scan): what the simulator put in."""
        truth = ModuleTruth(self.settings, MODULE)
        stages = range(len(self.settings.detector.stages))
        sigma = np.array([truth.noise(stage) for stage in stages])
        gain = np.array([truth.gain(stage, 15) for stage in stages])
        with np.errstate(divide="ignore", invalid="ignore"):
            return sigma / np.abs(gain)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("JUNGFRAU").with_changes({**SETTINGS, "trains": TRAINS, "first_run": 10})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=SCENE)
    write_truth(made)
    return made


def corrected(light: Simulated, constants: Path, out: Path, capsys: Any, *more: str) -> Corrected:
    [run] = light.runs.values()
    done = Result(["JUNGFRAU", "CORRECT", "--run", str(run), "--constants", str(constants), "--out-folder", str(out),
                   *more], out, capsys)
    assert done.status == 0, done.errors
    return Corrected(read_truth(light.truth_file).settings, out)


def pulls(found: Corrected) -> dict[int, Array]:
    """Residuals over their expected deviation by stage, of samples without flags."""
    noise, by_stage = found.noise(), {stage: [] for stage in range(3)}
    for values, mask, gain, charge, stage in found.frames():
        good = mask == 0
        assert good.mean() > 0.9
        np.testing.assert_array_equal(gain[good], stage[good])
        expected = np.take_along_axis(noise, stage[None].astype(int), 0)[0]
        for one, kept in by_stage.items():
            mine = good & (stage == one)
            kept.append((values[mine].astype(float) - charge[mine]) / expected[mine])
    return {stage: np.concatenate(kept) for stage, kept in by_stage.items()}


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = corrected(light, folder_of(light), tmp_path, capsys)
    for stage, of_stage in pulls(found).items():
        assert len(of_stage) > 10_000, f"stage {stage}"
        assert abs(of_stage.mean()) < 0.05, f"stage {stage}"
        assert abs(of_stage.std() - 1) < 0.05, f"stage {stage}"


def test_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = corrected(light, folder_of(light), tmp_path, capsys)
    bad = ModuleTruth(found.settings, MODULE).bad
    dead = (bad & (BadKind.DEAD | BadKind.DEAD_BLOCK)) > 0
    for _, mask, _, _, _ in found.frames():
        np.testing.assert_array_equal(mask != 0, bad != 0)
        assert (mask[dead] & int(BadPixels.NO_DARK_DATA)).all()


def test_offsets_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 100
    made = simulate(default_settings("JUNGFRAU").with_changes({**SETTINGS, "trains": trains}), tmp_path / "data")
    outcome = characterise(made, tmp_path / "dark")
    [offset] = [one.path for (_, kind), one in outcome.constants.items() if kind == "Offset"]
    [flags] = [one.path for (_, kind), one in outcome.constants.items() if kind == "BadPixelsDark"]
    found = corrected(light, folder_of(light), tmp_path / "out", capsys, "--constants-offset", str(offset),
                      "--constants-badpixelsdark", str(flags))
    for stage, of_stage in pulls(found).items():
        assert len(of_stage) > 10_000, f"stage {stage}"
        assert abs(of_stage.mean()) < 0.05, f"stage {stage}"
        assert abs(of_stage.std() / np.sqrt(1 + 1 / trains) - 1) < 0.05, f"stage {stage}"
