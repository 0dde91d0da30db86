"""What is told of a job on the command line: as a table, as JSON, quietly, with all, into a file, and before it."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.main import main
from calib_core.jobs.estimate import foreseen
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Dark runs of two modules with three memory cells, in two sequences."""
    settings = default_settings("LPD1M").with_changes(
        {"modules": "0-1", "trains": 12, "trains_per_sequence": 6, "memory_cells": 3, "proposal": 900818})
    return simulate(settings, tmp_path_factory.mktemp("root")).runs


def words(runs: dict[str, Path], out: Path) -> list[str]:
    return ["LPD", "DARK", *(word for role, path in runs.items() for word in (f"--run-{role}", str(path))),
            "--out-folder", str(out)]


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.h5"))


def test_json_is_all_that_is_on_standard_output(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    assert main([*words(runs, tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert (told["state"], told["detector"], told["family"]) == ("done", "FXE_DET_LPD1M-1", "LPD")
    assert [one["module"] for one in told["modules"]] == [0, 1]
    assert {Path(one["path"]) for one in told["outputs"]} == files(tmp_path)
    assert "constants written" in printed.err


def test_json_of_a_job_that_fails(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    assert main([*words(runs, tmp_path), "--json", "--modules", "7"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "failed"
    assert "no module 7" in told["error"]
    assert (told["modules"], told["outputs"]) == ([], [])


def test_quiet_tells_what_is_wrong_and_nothing_else(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    assert main([*words(runs, tmp_path), "-q"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert {line.split()[0] for line in printed.err.splitlines()} <= {"WARN"}


def test_verbose_tells_times_the_plan_and_each_file(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    assert main([*words(runs, tmp_path), "--verbose"]) == 0
    told = capsys.readouterr().err
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} INFO  Module 1: \d+ constants written\.$", told, re.M)
    assert all(f"\n{path} (" in told for path in files(tmp_path))
    assert re.search(r"^reads +216 frames", told, re.M)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_log_file_grows_and_only_its_owner_writes(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture, umask: int
) -> None:
    log, before = tmp_path / "job.log", os.umask(umask)
    try:
        assert main([*words(runs, tmp_path / "out"), "--log-file", str(log), "-q"]) == 0
        size = log.stat().st_size
        assert main([*words(runs, tmp_path / "out"), "--log-file", str(log), "-q", "--modules", "7"]) == 1
    finally:
        os.umask(before)
    capsys.readouterr()
    lines = log.read_text("utf-8").splitlines()
    assert log.stat().st_size > size
    assert stat.S_IMODE(log.stat().st_mode) == 0o644 & ~umask
    stamp = r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 (INFO|WARN|ERROR) "
    assert all(re.match(rf"{stamp}|\s{{30}}", line) for line in lines)
    assert any("no module 7" in line and " ERROR " in line for line in lines)
    assert any(line.lstrip().startswith("0       HG") for line in lines)


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_a_log_file_that_cannot_be_written_is_refused_before_the_job(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture, kind: str
) -> None:
    log = tmp_path / "log"
    if kind == "folder":
        log.mkdir()
    elif kind == "pipe":
        os.mkfifo(log)
    else:
        log = tmp_path / "no" / "log"
    assert main([*words(runs, tmp_path / "out"), "--log-file", str(log)]) == 2
    assert re.fullmatch(rf"calibwb: Log file {log} .+\.\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    assert main([*words(runs, out), "--dry-run", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert not out.exists()
    assert (told["modules"], told["memory_cells"]) == ([0, 1], [0, 1, 2])
    assert told["bytes_read"] == told["frames"] * 256 * 256 * 2
    assert told["frames"] == 3 * 2 * 12 * 3  # runs, modules, trains, memory cells
    found = survey(list(runs.values()))
    seen = {one.key: one.run for one in found.taken if one.run is not None}
    assert f" in {told['frames']} frames, " in foreseen(found, found.method, (), seen, 1)  # before it is planned
    assert main([*words(runs, out), "-q"]) == 0
    capsys.readouterr()
    written = files(out)
    assert len(written) == told["files"]
    assert sum(path.stat().st_size for path in written) == pytest.approx(told["constants"], rel=0.2)


def test_a_dry_run_says_that_the_memory_is_too_small(runs: dict[str, Path], tmp_path: Path, capsys: Capture,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    from calib_core.jobs import plan

    monkeypatch.setattr(plan, "room_of", lambda *_: 1000)
    assert main([*words(runs, tmp_path / "out"), "--dry-run"]) == 2
    printed = capsys.readouterr()
    assert "LPD DARK of FXE_DET_LPD1M-1: modules 0-1, 3 memory cells" in printed.out
    assert re.search(r"memory_mb = \d+ is too small: .+ needs a budget of \d+ MiB\.", printed.err)


def test_progress_in_a_log_is_few_plain_lines(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    assert main(words(runs, tmp_path / "out")) == 0
    assert main(["simulate", "JUNGFRAU", "--trains", "2", "--modules", "1-4", "--out", str(tmp_path / "data")]) == 0
    told = capsys.readouterr().err
    assert "\r" not in told
    assert "\x1b" not in told
    assert 2 <= sum(line.startswith("[") for line in told.splitlines()) <= 11
    assert 2 <= sum(line.startswith("writing") for line in told.splitlines()) <= 11
