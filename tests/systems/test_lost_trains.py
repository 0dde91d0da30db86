"""Trains of a run that a module has not are counted, told and refused beyond a limit; whole runs give no warning."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

from .command import Capture, Result, refused, words

TRAINS, PER_FILE = 24, 12
#: Type, settings, module that is damaged.
FAMILIES: dict[str, tuple[dict[str, Any], int]] = {
    "AGIPD1M": ({"modules": "0-1", "memory_cells": 2}, 1),
    "JUNGFRAU": ({"modules": "1-2", "memory_cells": 1}, 2),
    "LPD1M": ({"modules": "0-1", "memory_cells": 2}, 0),
    "EPIX100": ({}, 1),
    "GOTTHARD2_25UM": ({"modules": "1-2", "frames_per_train": 4}, 1),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A simulated run of a family in two sequences; not to be changed."""
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("whole")  # here, since it goes with who makes it

    def run(kind: str) -> Path:
        if kind not in made:
            settings = default_settings(kind).with_changes(
                {**FAMILIES[kind][0], "trains": TRAINS, "trains_per_sequence": PER_FILE})
            found = simulate(settings, root / kind)
            made[kind] = next(iter(found.runs.values()))
        return made[kind]

    return run


def copied(whole: Callable[[str], Path], kind: str, tmp_path: Path) -> tuple[Path, Any, Path]:
    """A copy that may be damaged, its module, and the module's second file."""
    folder = shutil.copytree(whole(kind), tmp_path / "raw" / "r0001")
    with Run.open(folder) as run:
        module = run.detectors[0].module(FAMILIES[kind][1])
    [path] = folder.glob(f"*-{module.aggregator.partition('/')[0]}-S00001.h5")
    return folder, module, path


def group_of(file: h5py.File, source: str) -> str:
    """Index group of the pixels: image or data."""
    return f"INDEX/{source}/{'image' if 'image' in file[f'INDEX/{source}'] else 'data'}"


def no_ids(file: h5py.File, source: str) -> None:
    file["INDEX/trainId"][:] = 0


def few_ids(file: h5py.File, source: str) -> None:
    file["INDEX/trainId"].resize((4,))


def empty_ids(file: h5py.File, source: str) -> None:
    file["INDEX/trainId"].resize((0,))


def no_counts(file: h5py.File, source: str) -> None:
    file[f"{group_of(file, source)}/count"][:] = 0


#: Damage to the second file, trains left of the run, and what is said of the file.
FAULTS: dict[str, tuple[Callable[[h5py.File, str], None], int, str]] = {
    "train ids zero": (no_ids, 12, "the index counts 12 trains with frames that have no train id"),
    "train ids empty": (empty_ids, 12, "the index counts 12 trains with frames that have no train id"),
    "train ids shorter than the counts": (few_ids, 16, "the index counts 8 trains with frames that have no train id"),
    "counts zero": (no_counts, 12, "there are no frames in its 12 trains"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", FAMILIES)
def test_trains_that_vanish_are_counted_and_told(
    kind: str, fault: str, whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    damage, left, told = FAULTS[fault]
    folder, module, path = copied(whole, kind, tmp_path)
    with h5py.File(path, "r+") as file:
        damage(file, module.source)
    assert main(["info", str(folder)]) == 0
    printed = capsys.readouterr().out
    lost = TRAINS - left
    assert f"has frames in {left} of the {TRAINS} trains of the run; {lost} are lost ({lost / TRAINS:.1%})" in printed
    assert f"{path.name}" in printed
    assert told in printed


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_last_sequence_that_no_module_has_is_missed_by_the_control_data(
    kind: str, whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    folder, _, _ = copied(whole, kind, tmp_path)
    with Run.open(folder) as run:
        pixels = {run.path / f.name for f in run.files if not f.access.control_sources and f.sequence == 1}
    assert pixels
    for path in pixels:
        path.unlink()
    assert main(["info", "--json", str(folder)]) == 0
    [found] = json.loads(capsys.readouterr().out)
    for module in found["detectors"][0]["inventory"]["modules"]:
        assert (module["trains"], module["trains_lost"], module["trains_of_run"]) == (12, 12, 24)


def test_a_module_with_a_file_of_no_frame_has_lost_its_trains(
    whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    folder, module, path = copied(whole, "JUNGFRAU", tmp_path)
    with h5py.File(path, "r+") as file:
        file[f"INSTRUMENT/{module.source}/data/memoryCell"][:] = 255
    assert main(["info", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "JNGFR02: has frames in 12 of the 24 trains of the run; 12 are lost (50.0%)" in printed
    assert f"{path.name}, INDEX/{module.source}: there are no frames that can be used in its 12 trains" in printed


def test_frames_that_other_modules_have_more_of_are_told_with_numbers(
    whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    folder, module, path = copied(whole, "AGIPD1M", tmp_path)
    with h5py.File(path, "r+") as file:
        file[f"INDEX/{module.source}/image/count"][:] = 1
    assert main(["info", str(folder)]) == 0
    assert "AGIPD01: has 1-2 frames per train; other modules have 2 (check, R11)" in capsys.readouterr().out


@pytest.fixture
def short(whole: Callable[[str], Path], tmp_path: Path) -> Path:
    """A run of which module 1 has lost its second file."""
    folder, _, path = copied(whole, "AGIPD1M", tmp_path)
    path.unlink()
    return folder


def test_more_than_a_few_lost_trains_refuse_the_module(short: Path, tmp_path: Path, capsys: Capture) -> None:
    result = Result(words({"high": short}, tmp_path / "out"), tmp_path / "out", capsys)
    assert result.status == 0
    assert result.constants.keys() == {0}
    [told] = [line for line in result.warnings if line.startswith("Module 1 left out")]
    assert "has frames in 12 of the 24 trains of the run; 12 are lost (50.0%), and at most 5.0% may be" in told
    assert "--max-lost" in told


def test_a_run_of_which_half_is_lost_is_refused(short: Path, tmp_path: Path, capsys: Capture) -> None:
    for path in short.glob("*AGIPD0?-S00001.h5"):
        path.unlink()
    refused(words({"high": short}, tmp_path / "out"), tmp_path / "out", capsys, "12 are lost (50.0%)", "--max-lost")


def test_lost_trains_that_are_allowed_are_told_and_recorded(short: Path, tmp_path: Path, capsys: Capture) -> None:
    result = Result([*words({"high": short}, tmp_path / "out"), "--max-lost", "50"], tmp_path / "out", capsys)
    assert result.status == 0
    assert [line for line in result.warnings if "AGIPD01: has frames in 12 of the 24 trains of the run" in line]
    recorded = {one.attributes["module"]: one.attributes["provenance"]["raw_data"][0]
                for one in list_constants(tmp_path / "out")}
    counted = {number: (run["trains"], run["trains_of_run"], run["trains_lost"]) for number, run in recorded.items()}
    assert counted == {0: (24, 24, 0), 1: (12, 24, 12)}


def test_lost_trains_beyond_those_that_are_wanted_do_not_matter(short: Path, tmp_path: Path, capsys: Capture) -> None:
    result = Result([*words({"high": short}, tmp_path / "out"), "--max-trains", "12"], tmp_path / "out", capsys)
    assert result.status == 0
    assert result.constants.keys() == {0, 1}


#: Whole runs that are unusual but right.
RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "vetoed cells": ("AGIPD1M", {
        "modules": "0-15", "memory_cells": 8, "vetoed_cells": 0.4, "trains": 5, "trains_per_sequence": 3}),
    "cells in another order": ("LPDMINI", {"memory_cells": 6, "first_cell": 3}),
    "cells in the burst order": ("JUNGFRAU", {
        "modules": "1-2", "memory_cells": 16, "first_cell": 2, "trains": 4, "trains_per_sequence": 3}),
    "empty first trains": ("EPIX100", {"empty_first": 3}),
    "empty first trains of entries": ("GOTTHARD2", {"empty_first": 2, "memory_cells": 1}),
    "one train": ("JUNGFRAU", {"modules": "1", "memory_cells": 1, "trains": 1}),
    "one train of many frames": ("GOTTHARD2", {"trains": 1, "frames_per_train": 40}),
    "version 1.3": ("PNCCD", {"format_version": "1.3"}),
    "many sequences": ("FASTCCD", {"trains_per_sequence": 3}),
    "all gain stages in one run": ("LPDMINI", {"memory_cells": 4, "parallel_gain": True}),
    "trains of different length": ("DSSC1M", {
        "modules": "0-15", "memory_cells": 4, "short_trains": 0.3, "trains": 6, "trains_per_sequence": 4}),
    "suspect trains": ("AGIPD1M", {"modules": "0-15", "memory_cells": 1, "suspect_trains": 0.4}),
}


@pytest.mark.parametrize("what", RIGHT)
def test_unusual_runs_that_are_whole_give_no_warning(what: str, tmp_path: Path, capsys: Capture) -> None:
    kind, changes = RIGHT[what]
    settings = default_settings(kind).with_changes({"trains": 12, "trains_per_sequence": 8, **changes})
    folder = next(iter(simulate(settings, tmp_path).runs.values()))
    with Run.open(folder) as run:
        problems = [p.sentence() for p in run.inventory(run.detectors[0], parts=3 if settings.parallel_gain else 1
                                                        ).problems]
    assert [p for p in problems if "suspect trains, left out unless they are asked for" not in p] == []
    assert bool(problems) == bool(settings.suspect_trains)


def test_the_measure_is_never_the_judged_file(whole: Callable[[str], Path], tmp_path: Path) -> None:
    """Ids of a module that are none of this run do not make other modules lose trains."""
    folder, module, path = copied(whole, "AGIPD1M", tmp_path)
    with h5py.File(path, "r+") as file:
        ids = np.asarray(file["INDEX/trainId"]) + np.uint64(10**6)
        file["INDEX/trainId"][:] = ids
        trains = file[f"INSTRUMENT/{module.source}/image/trainId"]
        trains[:] = np.repeat(ids, 2).reshape(trains.shape)
    with Run.open(folder) as run:
        lost = {m.number: m.trains_lost for m in run.inventory(run.detectors[0]).modules}
    assert lost == {0: 0, 1: 12}
