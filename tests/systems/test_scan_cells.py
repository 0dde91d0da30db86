"""Scans of several memory cells: all or some of them, in blocks of any size, and what becomes of those between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.characterisation import scan_series
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan as planning
from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.scenes.photons import Photons

from ..small_modules import small_modules
from .command import Result, constants_in
from .conftest import run_job

Array = Any
MODULE, CELLS, EVERY, CHOSEN = 3, 8, 4, [0, 4]
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": CELLS, "frames_per_train": CELLS, "trains": 80,
    "trains_per_sequence": 50})
#: Of the pixels those of two patterns are charged; the others take no time.
SCENE = PulseCapacitor(step_charge=30.0, hook_height=0.0, transition=2, order="1,2")
#: Where constants have their memory cells.
CELL_AXIS = {"SlopesPC": 2, "FitsPC": 2, "BadPixelsPC": 1}
PARAMETERS = {"margin_hg": 4, "margin_mg": 5, "fit_hook": False}


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of two ASICs."""
    with small_modules("AGIPD", 64, 128):
        yield


@pytest.fixture(scope="module")
def scans(few_asics: None, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


def spec_of(scans: Simulated, out: Path, threads: int = 2, **parameters: Any) -> JobSpec:
    return JobSpec(family="AGIPD", method="PC", out_folder=out, threads=threads, parameters={
        **PARAMETERS, **parameters}, inputs={"scan": tuple(map(str, scans.runs.values()))})


def bytes_read() -> int:
    """What this process has asked of files so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"])


def made(spec: JobSpec) -> tuple[dict[str, Array], int]:
    """Constants of a job, and how many bytes it read."""
    before = bytes_read()
    run_job(spec)
    read = bytes_read() - before
    return constants_in(spec.out_folder)[MODULE], read


@pytest.fixture(scope="module")
def whole(scans: Simulated, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Array], int]:
    """Constants of all memory cells."""
    return made(spec_of(scans, tmp_path_factory.mktemp("whole") / "out"))


@pytest.fixture(scope="module")
def some(scans: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with constants of every fourth memory cell."""
    out = tmp_path_factory.mktemp("some") / "out"
    run_job(spec_of(scans, out, every_cell=EVERY))
    return out


def test_every_fourth_memory_cell_alone_is_read_and_fitted_which_is_said(
    whole: tuple[dict[str, Array], int], scans: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    every, of_every = whole
    spec = spec_of(scans, tmp_path / "out", every_cell=EVERY)
    few, of_few = made(spec)
    assert of_few < 0.6 * of_every  # a third, and what is looked at before
    assert np.isfinite(every["SlopesPC"][..., 0]).any(axis=(0, 1)).all()
    for kind, values in few.items():
        np.testing.assert_array_equal(values, np.take(every[kind], CHOSEN, CELL_AXIS[kind]), err_msg=kind)
    words = ["AGIPD", "PC", "--runs", *map(str, scans.runs.values()), "--out-folder", str(tmp_path / "again"),
             "--every-cell", str(EVERY), "--no-fit-hook", "--margin-hg", "4", "--margin-mg", "5"]
    told = Result(words, tmp_path / "again", capsys)
    sentence = ("Of 8 memory cells 2 are read and have results, as was asked for (0, 4); the other 6 are in no "
                "constant.")
    assert sentence in told.warnings


@pytest.mark.parametrize(("threads", "block", "pixels"), [(1, 1, 512), (2, 8, 100), (8, 2, 5000)])
def test_blocks_pixels_at_once_and_threads_change_no_bit(
    threads: int, block: int, pixels: int, whole: tuple[dict[str, Array], int], scans: Simulated, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory cells of a unit, series that are fitted together, and units at work at the same time."""
    monkeypatch.setattr(planning, "cells_per_block", lambda *_: block)
    monkeypatch.setattr(planning, "_LEAST_BLOCKS", 1)
    monkeypatch.setattr(scan_series, "_PIXELS", pixels)
    spec = spec_of(scans, tmp_path / "out", threads)
    planned = make_plan(spec)
    planned.close()
    assert [len(one.block) for one in planned.units] == [block] * (CELLS // block)
    found, _ = made(spec)
    assert found.keys() == whole[0].keys()
    for kind, values in found.items():
        np.testing.assert_array_equal(values, whole[0][kind], err_msg=kind)


@pytest.fixture(scope="module")
def light(few_asics: None, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames of all memory cells, most of whose samples are of medium gain, and the truth of darks."""
    made = simulate(SETTINGS.with_changes({"trains": 4, "first_run": 20}), tmp_path_factory.mktemp("light"),
                    scene=Photons(photon_energy=9.2, photons=600.0, pattern="flat"))
    write_truth(made)
    return made


def test_nearest_memory_cells_stand_in_where_scans_are_combined(
    some: Path, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    """Those of the same row of 32, the lower of two; pixels of theirs are flagged, and how many cells is said."""
    words = ["AGIPD", "COMBINE", "--constants-dark", str(folder_of(light)), "--constants-pc", str(some),
             "--out-folder"]
    union = Result([*words, str(tmp_path / "union"), "--cells", "union"], tmp_path / "union", capsys)
    assert any("has the memory cells 0,4, but" in one and "for the 6 of 8 that not all have, the nearest one of the "
               "same row stands in" in one for one in union.warnings)
    found = union.constants[MODULE]
    stands_in = [min(CHOSEN, key=lambda one, cell=cell: (abs(one - cell), one)) for cell in range(CELLS)]
    assert stands_in == [0, 0, 0, 4, 4, 4, 4, 4]
    np.testing.assert_array_equal(found["RelativeGain"], found["RelativeGain"][:, stands_in])
    assert not np.array_equal(found["RelativeGain"][1, 0], found["RelativeGain"][1, 4])
    flagged = (found["BadPixelsGain"][0] & np.uint32(BadPixels.INTERPOLATED) > 0).mean(axis=(1, 2))
    assert flagged.tolist() == [0, 1, 1, 1, 0, 1, 1, 1]


def test_a_correction_has_no_values_of_medium_gain_between_them(
    some: Path, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    out = tmp_path / "out"
    result = Result(["AGIPD", "CORRECT", "--run", str(light.runs["photons"]), "--constants", str(folder_of(light)),
                     "--constants-slopespc", str(some), "--constants-badpixelspc", str(some), "--no-xray-gain",
                     "--out-folder", str(out)], out, capsys)
    assert result.status == 0, result.errors
    for kind in ("SlopesPC", "BadPixelsPC"):
        assert any(one.startswith(f"{kind} of module {MODULE}") and "has no memory cells 1-3,5-7 of the run" in one
                   for one in result.warnings)
    source = RunDirectory(out)[f"HED_DET_AGIPD500K2G/CORR/{MODULE}CH0:output"]
    values, mask, stage, cell = (source[f"image.{key}"].ndarray().squeeze() for key in (
        "data", "mask", "gain", "cellId"))
    for one in range(CELLS):
        medium = stage[cell == one] == 1
        assert medium.mean() > 0.9
        there, flagged = np.isfinite(values[cell == one][medium]), mask[cell == one][medium] & np.uint32(
            BadPixels.NO_DARK_DATA) > 0
        assert (there.all(), flagged.all()) == ((True, False) if one in CHOSEN else (False, True))
