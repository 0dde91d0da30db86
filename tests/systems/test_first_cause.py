"""Where nothing can be done, the first cause is said: by the look at a run, as JSON, and by the job."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from calib_core.cli.main import main
from calib_core.errors import BadInput
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

from .command import Capture, Result

#: Type, settings, pattern of the detector's only file.
FAMILIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "LPD": ("LPDMINI", {"memory_cells": 1}, "*LPDMINI00-*"),
    "EPIX100": ("EPIX100", {}, "*-EPIX*-S*"),
    "JUNGFRAU": ("JUNGFRAU", {"modules": "1", "memory_cells": 1}, "*JNGFR01-*"),
}


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 6 // 10)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nonexistent/file.h5")


def no_ids(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["INDEX/trainId"][:] = 0


CAUSES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (cut, "the file is damaged"),
    "dangling": (dangling, "the file cannot be reached: No such file or directory"),
    "ids all zero": (no_ids, "the index counts 12 trains with frames that have no train id"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("whole")  # here, since it goes with who makes it

    def run(family: str) -> Path:
        if family not in made:
            kind, changes, _ = FAMILIES[family]
            found = simulate(default_settings(kind).with_changes({"trains": 12, **changes}), root / family)
            made[family] = next(iter(found.runs.values()))
        return made[family]

    return run


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_cause_is_said_everywhere(
    family: str, cause: str, whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    damage, told = CAUSES[cause]
    folder = shutil.copytree(whole(family), tmp_path / "raw" / "r0001")
    [path] = folder.glob(FAMILIES[family][2])
    damage(path)
    assert main(["info", "--json", str(folder)]) == 2
    [found] = json.loads(capsys.readouterr().out)
    assert main(["info", str(folder)]) == 2
    printed = capsys.readouterr()
    flag = "--run-dark" if family == "EPIX100" else "--run-high"
    given = [family, "DARK", flag, str(folder), "--out-folder", str(tmp_path / "out")]
    result = Result(given, tmp_path / "out", capsys)
    assert result.status != 0
    assert result.constants == {}
    for text in (found["unusable"], printed.out, printed.err, " ".join(result.errors)):
        assert path.name in text
        assert told in text


def test_the_window_is_told_the_cause_as_well(whole: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(whole("EPIX100"), tmp_path / "raw" / "r0001")
    [path] = folder.glob(FAMILIES["EPIX100"][2])
    cut(path)
    with pytest.raises(BadInput, match=rf"has no known detector; {path.name}: the file is damaged"):
        survey([folder])


def test_a_run_that_cannot_be_opened_is_in_the_json_too(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "r0001").mkdir()
    (tmp_path / "r0001" / "RAW-R0001-DA01-S00000.h5").write_bytes(b"")
    assert main(["info", "--json", str(tmp_path / "r0001")]) == 2
    [found] = json.loads(capsys.readouterr().out)
    assert "RAW-R0001-DA01-S00000.h5: the file is empty (0 bytes)" in found["unusable"]
    assert found["detectors"] == []
