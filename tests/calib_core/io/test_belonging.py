"""Files of another run, or of another module, are named and left out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

KINDS: dict[str, dict[str, Any]] = {
    "AGIPD1M": {"modules": "0-1", "memory_cells": 1}, "JUNGFRAU": {"modules": "1-2", "memory_cells": 1},
    "LPD1M": {"modules": "0-1", "memory_cells": 1}, "GOTTHARD2_25UM": {"modules": "1-2", "frames_per_train": 2},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Path]]:
    """Runs 1 to 3 of a family in two sequences; not to be changed."""
    made: dict[str, list[Path]] = {}
    root = tmp_path_factory.mktemp("whole")  # here, since it goes with who makes it

    def runs(kind: str) -> list[Path]:
        if kind not in made:
            settings = default_settings(kind).with_changes({"trains": 6, "trains_per_sequence": 3, **KINDS[kind]})
            made[kind] = list(simulate(settings, root / kind).runs.values())
        return made[kind]

    return runs


def pixels(folder: Path, module: int = 0) -> Path:
    """First file of a module, counted from 0, or of all modules."""
    with Run.open(folder) as run:
        name = run.detectors[0].modules[module].aggregator.partition("/")[0]
    return next(folder.glob(f"*-{name}-S00000.h5"))


def told(folder: Path) -> list[str]:
    with Run.open(folder) as run:
        return [p.sentence() for p in run.inventory(run.detectors[0]).problems if p.code == "R16"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_of_another_run_is_left_out_by_name(
    kind: str, whole: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    first, second = whole(kind)[:2]
    folder = shutil.copytree(first, tmp_path / "r0001")
    target = pixels(folder)
    shutil.copy(pixels(second), target)
    with Run.open(folder) as run:
        numbers = {m.trains for m in run.inventory(run.detectors[0]).modules}
    assert numbers == ({3} if kind == "GOTTHARD2_25UM" else {3, 6})
    assert told(folder) == [f"{target.name}, METADATA: it is of run 2 of proposal 900000, but this run is run 1 of "
                            "proposal 900000 (left out, R16)"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_of_another_proposal_is_left_out_by_name(
    kind: str, whole: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    folder = shutil.copytree(whole(kind)[0], tmp_path / "r0001")
    with h5py.File(pixels(folder), "r+") as file:
        file["METADATA/proposalNumber"][:] = 900777
    [sentence] = told(folder)
    assert "it is of run 1 of proposal 900777" in sentence


@pytest.mark.parametrize("kind", ["AGIPD1M", "JUNGFRAU", "LPD1M"])
def test_data_under_another_modules_name_are_left_out_by_name(
    kind: str, whole: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    folder = shutil.copytree(whole(kind)[0], tmp_path / "r0001")
    source, target = pixels(folder, 0), pixels(folder, 1)
    for sequence in "01":
        place = f"S0000{sequence}"
        shutil.copy(str(source).replace("S00000", place), str(target).replace("S00000", place))
    with Run.open(folder) as run:
        [module] = run.inventory(run.detectors[0]).modules
    assert (module.trains, module.number) == (6, int(source.name.split("-")[2][-2:]))
    named = [sentence.partition(": its name is another module's: it holds data of ")[0] for sentence in told(folder)]
    assert named == [target.name, target.name.replace("S00000", "S00001")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_copied_to_another_folder_is_whole(
    kind: str, whole: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    """All files say another number than the folder's, but they say the same."""
    assert told(shutil.copytree(whole(kind)[0], tmp_path / "r0042")) == []


def test_numbers_that_are_text_say_nothing(whole: Callable[[str], list[Path]], tmp_path: Path) -> None:
    folder = shutil.copytree(whole("AGIPD1M")[0], tmp_path / "dark")
    with h5py.File(pixels(folder), "r+") as file:
        del file["METADATA/runNumber"]
        file.create_dataset("METADATA/runNumber", data=[b"one"])
    assert told(folder) == []
