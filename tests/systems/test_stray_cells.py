"""Frames of memory cells that the condition does not have are left out and counted; repeated cells are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

from .command import Capture, Result, refused, words

TRAINS = 20


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Path, Path, str]]:
    """A run of one module: its folder, the module's file, and the dataset of memory cells."""

    def run(kind: str, **changes: Any) -> tuple[Path, Path, str]:
        settings = default_settings(kind).with_changes({"trains": TRAINS, "modules": "2", **changes})
        folder = next(iter(simulate(settings, tmp_path / "data").runs.values()))
        with Run.open(folder) as opened:
            detector = opened.detectors[0]
            module = detector.modules[0]
        [path] = folder.glob(f"*-{module.aggregator}-*.h5")
        return folder, path, f"INSTRUMENT/{module.source}/{str(detector.type.raw.cell).replace('.', '/')}"

    return run


def change(path: Path, name: str, rows: Any, cell: int) -> None:
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        values[rows] = cell
        file[name][...] = values


#: Type, memory cells in use, those of the constants, rows that become a stray cell, the cell, number of frames.
STRAYS: dict[str, tuple[str, int, list[int], Any, int, int]] = {
    "one frame of a burst cell in a run of one cell": ("JUNGFRAU", 1, [15], 5, 3, 1),
    "left-over trains of cell 0 at the end": ("JUNGFRAU", 1, [15], slice(18, 20), 0, 2),
    "one frame beyond the cells in use": ("AGIPD1M", 4, [0, 1, 2, 3], 7, 200, 1),
    "one frame beyond, where only frames tell how many there are": ("DSSC1M", 4, [0, 1, 2, 3], 9, 700, 1),
}


@pytest.mark.parametrize("what", STRAYS)
def test_stray_frames_are_left_out_and_counted(
    what: str, make: Callable[..., tuple[Path, Path, str]], tmp_path: Path, capsys: Capture
) -> None:
    kind, number, cells, rows, stray, count = STRAYS[what]
    folder, path, name = make(kind, memory_cells=number)
    change(path, name, rows, stray)
    family = kind.removesuffix("1M")
    flag = {"DSSC": "dark"}.get(family, "high")
    result = Result(words({flag: folder}, tmp_path / "out", family), tmp_path / "out", capsys)
    assert result.status == 0
    [kinds] = result.constants.values()
    assert {values.shape[1] for kind, values in kinds.items() if kind == "Offset"} == {len(cells)}
    [told] = [line for line in result.warnings if "which the condition does not have" in line]
    total = TRAINS * len(cells)
    assert f"{count} of {total} frames are of memory cell {stray}, which the condition does not have" in told


def test_a_number_of_cells_that_most_frames_contradict_is_refused(
    make: Callable[..., tuple[Path, Path, str]], tmp_path: Path, capsys: Capture
) -> None:
    folder, _, _ = make("AGIPD1M", memory_cells=4)
    given = [*words({"high": folder}, tmp_path / "out"), "--memory-cells", "1"]
    refused(given, tmp_path / "out", capsys, "AGIPD02 has 60 frames in other memory cells",
            "than the 1 of the condition, and 20 in these; give the right number of memory cells (--memory-cells)")


@pytest.mark.parametrize(("kind", "cells"), [("AGIPD1M", 4), ("LPD1M", 4), ("DSSC1M", 4), ("JUNGFRAU", 16)])
def test_two_frames_of_one_cell_in_a_train_are_told(
    kind: str, cells: int, make: Callable[..., tuple[Path, Path, str]]
) -> None:
    folder, path, name = make(kind, memory_cells=cells)
    with h5py.File(path, "r+") as file:
        stored = file[name][()]
        of_train = stored.reshape(TRAINS, cells)
        of_train[6, 2] = of_train[6, 1]
        file[name][...] = stored
        train = int(file["INDEX/trainId"][6])
    with Run.open(folder) as run:
        told = [p.detail for p in run.inventory(run.detectors[0]).problems if p.code == "R08"]
    assert told == ["frames of a memory cell that their train has already: 1 (the first in train "
                    f"{train}, memory cell {int(of_train[6, 1])})"]


def test_cells_that_come_often_in_a_train_are_right_where_the_detector_does_so(
    make: Callable[..., tuple[Path, Path, str]]
) -> None:
    folder, path, name = make("GOTTHARD2", modules="1", frames_per_train=40)
    with h5py.File(path) as file:
        assert np.bincount(file[name][0])[:2].tolist() == [20, 20]
    with Run.open(folder) as run:
        assert run.inventory(run.detectors[0], cells=2).problems == ()
