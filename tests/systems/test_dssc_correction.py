"""Corrected DSSC runs against the charge that was put in, with its truth as constants and with our own dark."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import DSSC1M

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated
from calib_core.simulate.scenes.photons import Photons

from .command import Result
from .conftest import characterise
from .corrected_light import Found, Light, assert_same, assert_valid, check, without

Array = Any
MODULE, TRAINS = 3, 12
#: 100 photons of 1 keV are 150 codes, so that none is full.
LIGHT = Light("DSSC1M", "DSSC", f"SCS_DET_DSSC1M-1/CORR/{MODULE}CH0:output", ("image.data", "image.mask", ""), MODULE,
              Photons(photon_energy=1.0, photons=100.0), {"memory_cells": 4, "trains": TRAINS})


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return LIGHT.simulated(tmp_path_factory.mktemp("light"))


def pulls(found: Found) -> dict[int, Array]:
    """Values stay in ADU: nothing divides them by a gain."""
    noise = found.truth.noise(0)[None]
    return found.pulls(lambda cell: found.truth.gain(0, cell), lambda cell: noise)


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    check(pulls(LIGHT.corrected(light, tmp_path, capsys)))


def test_whole_codes_bias_no_mean(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """In bands of the mean signal, where a photon is one to two codes, the mean is right within 5 σ/√n."""
    found = LIGHT.corrected(light, tmp_path, capsys)
    gain, noise, mean = found.truth.gain(0, 0), found.truth.noise(0), LIGHT.scene.mean(found.settings.detector)
    frames = [(values - charge * gain, mask) for values, mask, _, charge, _, _ in found.frames()]
    residual, good = np.array([one for one, _ in frames]), np.array([mask == 0 for _, mask in frames])
    for low, high in ((0, 0.1), (0.1, 1), (1, 10), (10, 200)):
        band = good & (mean >= low) & (mean < high)
        error = np.sqrt((np.broadcast_to(noise**2, band.shape)[band]).sum()) / band.sum()
        assert abs(residual[band].mean()) < 5 * error, (low, high)


def test_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    LIGHT.corrected(light, tmp_path, capsys).check_masks()


def test_offsets_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 100
    characterise(LIGHT.darks(tmp_path / "data", trains=trains), tmp_path / "dark")
    found = LIGHT.corrected(light, tmp_path / "out", capsys, constants=tmp_path / "dark")
    check(pulls(found), np.sqrt(1 + 1 / trains))


def test_extra_data_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    (values, mask, _), _, cells = found.arrays()
    assert (values.dtype, mask.dtype) == (np.float32, np.uint32)
    keys = RunDirectory(tmp_path)[LIGHT.source].keys()
    assert keys == {f"image.{key}" for key in ("data", "mask", "cellId", "pulseId", "trainId")}
    detector = DSSC1M(RunDirectory(tmp_path), min_modules=1, raw=False)
    array = detector.get_array("image.data", unstack_pulses=False)
    np.testing.assert_array_equal(array.values[0], values)
    [run] = light.runs.values()
    raw = RunDirectory(run)[f"SCS_DET_DSSC1M-1/DET/{MODULE}CH0:xtdf"]
    for key in ("trainId", "pulseId", "cellId"):
        ours = RunDirectory(tmp_path)[LIGHT.source][f"image.{key}"].ndarray()
        np.testing.assert_array_equal(ours, raw[f"image.{key}"].ndarray().ravel())
    np.testing.assert_array_equal(detector.masked_data().ndarray()[0], np.where(mask != 0, np.nan, values))
    assert cells == [0, 1, 2, 3] * TRAINS


def test_threads_memory_and_blocks_of_cells_change_no_bit(
    light: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    LIGHT.corrected(light, tmp_path / "a", capsys)
    LIGHT.corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 3)
    LIGHT.corrected(light, tmp_path / "c", capsys)
    assert_same(tmp_path / "a", tmp_path / "b")
    assert_same(tmp_path / "a", tmp_path / "c")


def test_without_offsets_it_is_refused_and_without_flags_it_is_told(
    light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    some = Path(shutil.copytree(folder_of(light), tmp_path / "some"))
    found = LIGHT.corrected(light, tmp_path / "out", capsys, constants=without(some, "BadPixelsDark"))
    assert "Mask is done without BadPixelsDark." in found.said
    done = Result(LIGHT.words(light, tmp_path / "none", constants=without(some, "Offset")), tmp_path, capsys)
    assert done.status != 0
    assert [text for text in done.errors if "has no Offset" in text]
    assert not list((tmp_path / "none").glob("CORR-*"))


@pytest.mark.parametrize(("words", "top"), [((), 511), (("--full-code", "255"), 255)])
def test_full_codes_are_marked(words: tuple[str, ...], top: int, tmp_path: Path, capsys: Any) -> None:
    few = {"memory_cells": 1, "trains": 2}
    bright = replace(LIGHT, scene=Photons(photon_energy=1.0, photons=2000.0), settings=few)
    light = bright.simulated(tmp_path / "data")
    found = bright.corrected(light, tmp_path / "out", capsys, *words)
    [run] = light.runs.values()
    codes = RunDirectory(run)[f"SCS_DET_DSSC1M-1/DET/{MODULE}CH0:xtdf"]["image.data"].ndarray()[:, 0]
    (_, mask, _), _, _ = found.arrays()
    assert 0.01 < (codes >= top).mean() < 0.99
    np.testing.assert_array_equal(mask & int(BadPixels.VALUE_OUT_OF_RANGE) != 0, codes >= top)
