"""Files that are still being written, that change under a job, or that are more than a process may open."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import pytest

from calib_core.io import foreign
from calib_core.io.handles import MOST_OPEN
from calib_core.io.run import Run
from calib_core.jobs import job as jobs
from calib_core.jobs import patience
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

from .command import Capture, Result, words

#: Type, settings, flag, pattern of the second file of the last module.
FAMILIES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "AGIPD": ("AGIPD1M", {"modules": "0-1", "memory_cells": 1}, "high", "*AGIPD01-S00001.h5"),
    "JUNGFRAU": ("JUNGFRAU", {"modules": "1-2", "memory_cells": 1}, "high", "*JNGFR02-S00001.h5"),
    "EPIX100": ("EPIX100", {}, "dark", "*EPIX01-S00001.h5"),
}
#: What a writer does with the file at argv[1] until it is ended.
LOCKED = "f = h5py.File(path, 'r+', locking=True)"
SWMR = ("f = h5py.File(path, 'r+', libver='latest', locking=True); f.swmr_mode = True")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A simulated run of a family in two sequences of 12 trains; not to be changed."""
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("whole")  # here, since it goes with who makes it

    def run(family: str) -> Path:
        if family not in made:
            kind, changes, _, _ = FAMILIES[family]
            settings = default_settings(kind).with_changes({"trains": 24, "trains_per_sequence": 12, **changes})
            made[family] = next(iter(simulate(settings, root / family).runs.values()))
        return made[family]

    return run


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0, 0))


@contextmanager
def written(path: Path, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that writes a file."""
    code = f"import h5py, sys, time; path = sys.argv[1]; {how}; print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            yield writer
        finally:
            writer.kill()


def copied(whole: Callable[[str], Path], family: str, tmp_path: Path) -> tuple[Path, Path, list[str]]:
    folder = shutil.copytree(whole(family), tmp_path / "raw" / "r0001")
    [path] = folder.glob(FAMILIES[family][3])
    return folder, path, words({FAMILIES[family][2]: folder}, tmp_path / "out", family)


@pytest.mark.parametrize("how", [LOCKED, SWMR], ids=["locked", "SWMR"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_that_is_being_written_is_called_so_and_the_run_refused(
    family: str, how: str, whole: Callable[[str], Path], tmp_path: Path, capsys: Capture
) -> None:
    _, path, given = copied(whole, family, tmp_path)
    if how == SWMR:
        with h5py.File(path) as old, h5py.File(path.with_suffix(".new"), "w", libver="latest") as new:
            for name in old:
                old.copy(name, new)
        path.with_suffix(".new").replace(path)
    with written(path, how):
        refused = Result(given, tmp_path / "out", capsys)
        partial = Result([*given, "--partial"], tmp_path / "out", capsys)
    assert refused.status != 0
    [sentence] = refused.errors
    assert "is still being written" in sentence
    assert path.name in sentence
    assert "--partial" in sentence
    assert refused.constants == {}
    assert partial.status == 0
    assert [line for line in partial.warnings if path.name in line and "still being written" in line]
    assert [line for line in partial.warnings if "12 of the 24 trains of the run; 12 are lost (50.0%)" in line]


def test_few_of_many_files_are_open_at_a_time(tmp_path: Path) -> None:
    """HDF5 holds more than 1 MiB for each of them."""
    made = simulate(default_settings("EPIX100").with_changes({"trains": 60, "trains_per_sequence": 1}), tmp_path)
    [run] = made.runs.values()
    with Run.open(run) as opened:
        assert len(opened.files) > 2 * MOST_OPEN
        held = [link for fd in Path("/proc/self/fd").iterdir() if "RAW-R" in (link := os.path.realpath(fd))]
    assert 0 < len(held) <= MOST_OPEN


def test_a_file_is_looked_at_again_until_its_writer_is_done(
    whole: Callable[[str], Path], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path, given = copied(whole, "AGIPD", tmp_path)
    waited: list[int] = []
    with written(path, LOCKED) as writer:

        def wait(self: jobs.Job, seconds: int, why: str) -> None:
            assert path.name in why
            waited.append(seconds)
            if len(waited) == 2:
                writer.kill()
                writer.wait()

        monkeypatch.setattr(patience, "PAUSES", (1, 2, 4, 8))
        monkeypatch.setattr(jobs.Job, "_wait", wait)
        result = Result(given, tmp_path / "out", capsys)
    assert waited == [1, 2]
    assert result.status == 0
    assert {one.attributes["provenance"]["raw_data"][0]["trains"] for one in list_constants(tmp_path / "out")} == {24}


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".other"))
    path.with_suffix(".other").replace(path)


def grown(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def overwritten(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(-9, os.SEEK_END)
        byte = file.read(1)
        file.seek(-9, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "replaced": (replaced, "was replaced by another file after it was looked at"),
    "grown": (grown, "bytes when it was looked at and has"),
    "overwritten": (overwritten, "was written to after it was looked at"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_that_changes_between_survey_and_reading_fails_its_module(
    family: str, what: str, whole: Callable[[str], Path], tmp_path: Path, capsys: Capture,
    monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path, given = copied(whole, family, tmp_path)
    change, told = CHANGES[what]
    plan = jobs.make_plan

    def planned(*words: Any) -> Any:
        made = plan(*words)
        change(path)
        return made

    monkeypatch.setattr(jobs, "make_plan", planned)
    result = Result([*given, "--threads", "1"], tmp_path / "out", capsys)
    assert result.status == 1
    [sentence] = result.errors
    assert path.name in sentence
    assert told in sentence
    assert len(result.constants) == len(FAMILIES[family][1].get("modules", "")[:1])


def test_a_file_that_changes_during_the_survey_is_looked_at_again(
    whole: Callable[[str], Path], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path, given = copied(whole, "JUNGFRAU", tmp_path)
    look, changes = foreign.try_run_file, [grown]

    def tried(one: Path) -> None:
        look(one)
        if one == path and changes:
            changes.pop()(path)

    monkeypatch.setattr("calib_core.io.files.try_run_file", tried)
    result = Result(given, tmp_path / "out", capsys)
    assert result.status == 0
    assert not changes


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 80 files; not to be changed."""
    settings = default_settings("DSSC1M").with_changes(
        {"modules": "1-3", "memory_cells": 1, "trains": 20, "trains_per_sequence": 1})
    run = next(iter(simulate(settings, tmp_path_factory.mktemp("many")).runs.values()))
    assert len(list(run.glob("*.h5"))) == 80
    return run


def limited(given: list[str], handles: int) -> subprocess.CompletedProcess[str]:
    """The command line in a process that may open so many files."""
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))

    return subprocess.run([sys.executable, "-m", "calib_core", *given], capture_output=True, text=True,
                          preexec_fn=limit, check=False)


def test_a_run_of_more_files_than_handles_is_used_wholly(many_files: Path, tmp_path: Path) -> None:
    done = limited(words({"dark": many_files}, tmp_path / "out", "DSSC"), 64)
    assert done.returncode == 0, done.stderr
    assert {one.attributes["provenance"]["raw_data"][0]["trains"] for one in list_constants(tmp_path / "out")} == {20}


@pytest.mark.parametrize("handles", [10, 14, 24])
def test_very_few_handles_are_told_with_numbers_or_are_enough(handles: int, many_files: Path, tmp_path: Path) -> None:
    done = limited(words({"dark": many_files}, tmp_path / "out", "DSSC"), handles)
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        found = list_constants(tmp_path / "out")
        assert {one.attributes["provenance"]["raw_data"][0]["trains"] for one in found} == {20}
    else:
        assert f"this process may have {handles} open at a time" in done.stderr
        assert "ulimit -n" in done.stderr
