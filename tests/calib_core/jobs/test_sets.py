"""A set of constants is complete, or marked as what it is; the same job is known again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from calib_core.cli.main import main
from calib_core.errors import Cancelled, OutputFailed
from calib_core.jobs import set_writer, threads
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.store.manifests import list_sets

from .conftest import Start, told

KINDS = 3


def constants(out: Path) -> list[Path]:
    return sorted(out.rglob("cal.*.h5"))


def manifests(out: Path) -> list[Path]:
    return sorted(out.rglob("set.*.json"))


def cancelling_after(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """Cancel jobs once they wrote so many constants."""
    wrote, seen = Job.wrote, []

    def count(job: Job, made: list[Any]) -> None:
        wrote(job, made)
        seen.extend(made)
        if len(seen) == files:
            job.cancel()

    monkeypatch.setattr(Job, "wrote", count)


def failing(monkeypatch: pytest.MonkeyPatch, module: int) -> None:
    """Let constants of a module fail."""
    really = set_writer.write_constant

    def write(constant: Any, *rest: Any) -> Any:
        if constant.provenance["module"] == module:
            raise OutputFailed("the disk is full.")
        return really(constant, *rest)

    monkeypatch.setattr(set_writer, "write_constant", write)


def test_a_complete_set_names_all_files_with_their_checksums(start: Start, tmp_path: Path) -> None:
    job = start()
    [path] = manifests(tmp_path / "out")
    said = json.loads(path.read_text())
    assert (said["state"], path.name.endswith("Z.json")) == ("complete", True)
    named = {str(path.parent / one["path"]): one["sha256"] for one in said["members"]}
    assert named == {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in constants(tmp_path / "out")}
    assert sorted(one.path for one in job.board.outputs) == constants(tmp_path / "out")
    with h5py.File(constants(tmp_path / "out")[0]) as file:
        [group] = [one["0"] for pdu in file.values() for one in pdu.values()]
        assert json.loads(group.attrs["provenance"])["set"] == path.name.removesuffix(".json")


@pytest.mark.parametrize(("files", "words"), [
    (1, "of module 0 only a part, 1-3 not"), (4, "module 0 was written, of module 1 only a part, 2-3 not"),
    (9, "modules 0-2 were written, 3 not")])
def test_what_a_cancel_left_is_marked_and_the_next_job_says_so(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, words: str
) -> None:
    cancelling_after(monkeypatch, files)
    job = start(threads=1)
    [path] = manifests(tmp_path / "out")
    assert path.name.endswith(".incomplete.json")
    said = json.loads(path.read_text())
    on_disk = [str(file.relative_to(path.parent)) for file in constants(tmp_path / "out")]
    assert sorted(one["path"] for one in said["members"] if one["path"]) == sorted(on_disk)
    assert len(on_disk) == files
    assert (said["state"], said["why"]) == ("incomplete", "it was cancelled")
    assert told(job, "WARN")[-2:] == [
        f"The set of constants is marked as not complete: {words} ({path}).", f"Cancelled: {words}."]
    monkeypatch.undo()
    other = start(parameters={"skip_first_trains": 1})
    assert other.board.state is State.DONE
    [found] = [text for text in told(other, "WARN") if "is not complete" in text]
    assert f"is not complete: {words} (it was cancelled; {path})." in found


def test_what_was_cancelled_at_its_last_moment_is_complete(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelling_after(monkeypatch, 4 * KINDS)
    job = start()
    assert job.board.state is State.CANCELLED
    assert told(job, "WARN")[-1] == "Cancelled: modules 0-3 were written."
    [path] = manifests(tmp_path / "out")
    assert path.name.endswith("Z.json")


@pytest.mark.breaks
def test_nothing_written_leaves_no_mark(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> None:
        raise Cancelled("by a test")

    monkeypatch.setattr(threads, "write_module", stopped)
    job = start()
    assert job.board.state is State.FAILED, "nobody cancelled, and nothing was written"
    assert "only 0 of 12 constants are there" in job.board.error
    assert manifests(tmp_path / "out") == constants(tmp_path / "out") == []


def test_what_a_failure_left_is_marked(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 2)
    job = start()
    [path] = manifests(tmp_path / "out")
    assert job.board.state is State.FAILED
    assert json.loads(path.read_text())["why"] == "Module 2 failed: the disk is full."
    assert told(job, "WARN")[-1] == (
        f"The set of constants is marked as not complete: modules 0-1,3 were written, 2 not ({path}).")
    monkeypatch.undo()
    assert start().board.state is State.DONE, "what was not complete may be done again"
    assert [one for one in told(start(parameters={"skip_first_trains": 1}), "WARN") if "not complete" in one] == [], (
        "the same job is complete by now")


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_all_or_nothing_leaves_nothing_of_a_part(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "failed":
        failing(monkeypatch, 3)
    else:
        really, made = threads.write_module, []

        def write(*given: Any) -> None:
            really(*given)
            made.append(given)
            if len(made) == 2:
                job_of[0].cancel()

        job_of: list[Job] = []
        begin = Job.start
        monkeypatch.setattr(Job, "start", lambda job: (job_of.append(job), begin(job))[1])
        monkeypatch.setattr(threads, "write_module", write)
    job = start(all_or_nothing=True)
    assert job.board.state is (State.FAILED if how == "failed" else State.CANCELLED)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    assert job.board.outputs == ()
    assert "No constants stay, since all or nothing is asked for." in told(job, "INFO")


def test_all_or_nothing_writes_all(start: Start, tmp_path: Path) -> None:
    job = start(all_or_nothing=True)
    assert job.board.state is State.DONE
    assert sorted(one.path for one in job.board.outputs) == constants(tmp_path / "out")
    [found] = list_sets(tmp_path / "out")[0]
    assert found.whole
    assert len(found.there) == 4 * KINDS


def test_all_or_nothing_refuses_where_a_module_cannot_take_part(runs: list[Path], tmp_path: Path) -> None:
    shutil.copytree(runs[0], tmp_path / "r0001")
    for path in (tmp_path / "r0001").glob("*-DSSC02-*.h5"):
        path.write_bytes(b"")
    words = ["DSSC", "DARK", "--run", str(tmp_path / "r0001"), "--min-trains", "1", "--out-folder",
             str(tmp_path / "out"), "--modules", "0,2", "--all-or-nothing"]
    assert main(words) != 0
    assert constants(tmp_path / "out") == []


@pytest.mark.parametrize("changes", [{}, {"threads": 1}, {"memory_mb": 900}, {"notes": ("by hand",)}])
def test_the_same_job_is_known_again(start: Start, tmp_path: Path, changes: dict[str, Any]) -> None:
    start()
    before = constants(tmp_path / "out")
    second = start(**changes)
    [path] = manifests(tmp_path / "out")
    assert (second.board.state, second.board.same_as) == (State.FAILED, path)
    assert second.board.error.startswith("The same job, of the same runs, has written 12 constants at ")
    assert str(path) in second.board.error
    assert constants(tmp_path / "out") == before
    assert start(again=True).board.state is State.DONE
    assert len(constants(tmp_path / "out")) == 2 * len(before)


@pytest.mark.parametrize("changes", [
    {"parameters": {"estimator": "plain"}}, {"modules": (0, 2)}, {"conditions": {"bias_voltage": 90.0}},
    {"pdus": {1: "ANOTHER_UNIT"}}])
def test_another_job_is_not_the_same(start: Start, changes: dict[str, Any]) -> None:
    start()
    assert start(**changes).board.state is State.DONE


def test_raw_data_that_changed_are_not_the_same(start: Start, runs: list[Path]) -> None:
    start()
    file = next(runs[0].glob("*DSSC01*.h5"))
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    try:
        assert start().board.state is State.DONE
    finally:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_set_of_which_a_file_is_gone_is_told_and_written_again(start: Start, tmp_path: Path) -> None:
    start()
    constants(tmp_path / "out")[0].unlink()
    again = start()
    assert again.board.state is State.DONE
    [text] = [text for text in told(again, "WARN") if "was complete" in text]
    assert "1 file of 12 is gone or changed" in text


def test_a_damaged_manifest_is_told(start: Start, tmp_path: Path) -> None:
    start()
    [path] = manifests(tmp_path / "out")
    path.write_text('{"state": 3')
    again = start()
    assert again.board.state is State.DONE
    assert [text for text in told(again, "WARN") if str(path) in text and "is no manifest" in text]


#: Kills its own process at the n-th renaming of a file, before or after it.
KILL = """
import os, signal, sys
really, left = os.rename, [int(sys.argv[1])]
def rename(*given):
    left[0] -= 1
    if left[0] == 0 and sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    really(*given)
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = rename
from calib_core.cli.main import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(("nth", "when"), [
    (1, "before"), (2, "before"), (5, "after"), (13, "before"), (13, "after")])
def test_a_kill_at_any_moment_is_seen(
    runs: list[Path], tmp_path: Path, nth: int, when: str, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two modules with three constants each: 6 names noted, 6 constants, and the manifest of all, 13 renamings."""
    words = ["DSSC", "DARK", "--run", str(runs[0]), "--min-trains", "1", "--modules", "1-2", "--threads", "1",
             "--out-folder", str(tmp_path / "out")]
    ended = subprocess.run([sys.executable, "-c", KILL, str(nth), when, *words], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    there = constants(tmp_path / "out")
    assert len(there) == (nth // 2 if when == "after" else (nth - 1) // 2)
    found, trouble = list_sets(tmp_path / "out")
    assert trouble == ()
    whole = (nth, when) == (13, "after")
    if (nth, when) == (1, "before"):
        assert found == ()
        return
    assert [one.whole for one in found] == [whole]
    assert sorted(found[0].folder / one.path for one in found[0].there) == there
    assert not found[0].being_written
    assert main(words) == (1 if whole else 0)
    said = capsys.readouterr().err
    assert ("has written 6 constants" in said) == ("give --again." in said) == whole
    assert ("its program on " in said) == (not whole)


def test_withheld_files_live_as_long_as_their_job(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They look old by and by, and another job sweeps what is old: this one shows that it still wants them."""
    monkeypatch.setattr(set_writer, "_SIGN_OF_LIFE", 0.0)
    really, ages = threads.write_module, []

    def write(*given: Any) -> None:
        really(*given)
        waiting = list((tmp_path / "out").rglob(".calibwb-tmp-*"))
        ages.append(len(waiting))
        for path in waiting:
            os.utime(path, (0, 0))

    monkeypatch.setattr(threads, "write_module", write)
    moved: list[int] = []
    announced: Callable[..., None] = Job.moved

    def move(job: Job, progress: Any) -> None:
        announced(job, progress)
        moved.append(sum(path.stat().st_mtime == 0 for path in (tmp_path / "out").rglob(".calibwb-tmp-*")))

    monkeypatch.setattr(Job, "moved", move)
    assert start(all_or_nothing=True, threads=1).board.state is State.DONE
    assert ages == [3, 6, 9, 12]
    assert moved[-1] == 0
