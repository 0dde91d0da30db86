"""Memory cells of single files that are not those of the others are told by file, module and number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.io.run import Run


def change_cells(path: Path, change: Callable[[Any], None]) -> None:
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file["INSTRUMENT"].visititems(lambda name, one: found.append(one) if name.endswith(
            ("/cellId", "/memoryCell")) else None)
        for dataset in found:
            values = dataset[()]
            change(values)
            dataset[...] = values


def told(path: Path) -> list[str]:
    with Run.open(path) as run:
        return [problem.sentence() for problem in run.inventory(run.detectors[0]).problems
                if "memory cell" in problem.detail]


@pytest.fixture
def whole(agipd_run: Callable[..., Any]) -> Any:
    """Three files of three trains of a module, cells 0 to 3 in each train."""
    run = agipd_run(modules=1, sequences=3)
    for sequence in range(3):
        change_cells(run.file(0, sequence), lambda cells: cells.__setitem__(
            ..., np.resize(np.arange(4), cells.shape[0]).reshape(cells.shape)))
    assert told(run.path) == []
    return run


def test_another_order_of_one_file_is_told(whole: Any) -> None:
    change_cells(whole.file(0, 1), lambda cells: cells.__setitem__(..., cells[::-1].copy()))
    [sentence] = told(whole.path)
    assert whole.file(0, 1).name in sentence
    assert "the order of memory cells differs from that of other files of the module" in sentence


def test_other_cells_of_one_file_are_told(whole: Any) -> None:
    change_cells(whole.file(0, 2), lambda cells: np.add(cells, 1, out=cells))
    [sentence] = told(whole.path)
    assert whole.file(0, 2).name in sentence
    assert "holds memory cells 1-4; other files of the module hold 0-3" in sentence


def test_a_stray_frame_is_told_with_its_train(whole: Any) -> None:
    for sequence in range(3):  # one cell in all frames makes another one rare
        change_cells(whole.file(0, sequence), lambda cells: cells.__setitem__(..., 0))
    change_cells(whole.file(0, 1), lambda cells: cells.__setitem__(5, 9))
    [sentence] = [one for one in told(whole.path) if "other trains" in one]
    assert whole.file(0, 1).name in sentence
    assert "1 of 36 frames are of memory cell 9, which other trains do not have (first train 10004)" in sentence


def test_cells_that_are_vetoed_now_and_then_are_not_told(whole: Any) -> None:
    """In each train another cell is missing, and the order stays."""
    trains = ([0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 3, 4], [0, 1, 2, 4, 0, 1, 3, 4, 0, 2, 3, 4],
              [0, 2, 3, 4, 0, 1, 2, 3, 0, 1, 3, 4])
    for sequence, cells in enumerate(trains):
        change_cells(whole.file(0, sequence), lambda stored, cells=cells: stored.__setitem__(
            ..., np.array(cells).reshape(stored.shape)))
    assert told(whole.path) == []


def test_one_file_alone_has_nothing_to_differ_from(jungfrau_run: Callable[..., Any]) -> None:
    assert told(jungfrau_run(trains=3).path) == []
