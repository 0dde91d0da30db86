"""What a job leaves is whole, or it is told what is missing; what belongs to others stays."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from calib_core.characterisation.dark_checks import Drift
from calib_core.errors import OutputFailed
from calib_core.jobs import threads
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.progress import in_words
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

from .conftest import Start, told


def test_files_of_other_programs_stay(start: Start, tmp_path: Path) -> None:
    """Old and new, with the names that editors and copying programs give; ours that is old goes, and it is told."""
    out, cal = tmp_path / "out", tmp_path / "out" / "xfel" / "cal" / "dssc"
    cal.mkdir(parents=True)
    foreign = [out / ".tmp-old", cal / ".tmp-1234", out / "notes" / ".tmp-editor", out / ".calibwb-tmp-beside",
               cal / ".cal.1.h5.aZ3x", cal / ".calibwb-tmp-young"]
    mine = cal / ".calibwb-tmp-0123"
    for path in (*foreign, mine):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    for path in (*foreign[:-1], mine):
        os.utime(path, (time.time() - 9000,) * 2)
    job = start(out)
    assert job.board.state is State.DONE
    assert all(path.exists() for path in foreign)
    assert not mine.exists()
    assert [text for text in told(job, "INFO") if "nfinished file" in text] == [
        f"1 unfinished file of an interrupted job below {out / 'xfel' / 'cal'} removed.",
        f"Unfinished files below {out / 'xfel' / 'cal'} stay: 1 of 0.0 MB together, since another job may be writing "
        "them. A job that starts an hour later removes what is left of them."]


@pytest.mark.parametrize("below", ["", "constants", "a/b"])
def test_nothing_is_written_into_a_run_that_is_read(start: Start, runs: list[Path], below: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs[0].rglob("*")}
    job = start(runs[0] / below)
    assert job.board.state is State.FAILED
    assert job.board.error.endswith("which is read; choose another output folder.")
    assert {path: path.stat().st_mtime_ns for path in runs[0].rglob("*")} == before


@pytest.mark.breaks
@pytest.mark.parametrize(("error", "words"), [
    (SystemExit(), "unexpected error: SystemExit"), (MemoryError(), "the memory of the machine is used up"),
    (KeyboardInterrupt(), "unexpected error: KeyboardInterrupt")])
def test_a_thread_that_dies_leaves_no_job_that_is_done(
    start: Start, monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str
) -> None:
    def die(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(threads, "run_unit", die)
    job = start()
    assert (job.board.state, job.board.outputs) == (State.FAILED, ())
    assert words in job.board.error


@pytest.mark.breaks
def test_a_thread_that_dies_outside_of_its_work_is_no_success(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(threads.WorkQueue, "next", die)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    job = start()
    assert job.board.state is State.FAILED
    assert "before the work was done" in job.board.error


def test_a_check_that_fails_is_no_failure_of_the_module_and_leaves_the_others(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ArithmeticError("SVD did not converge")

    monkeypatch.setattr(Drift, "remarks", fail)
    job = start()
    assert job.board.state is State.DONE
    assert len(job.board.outputs) == 3 * 4
    assert sorted(text for text in told(job, "WARN") if "SVD" in text) == [
        f"Module {module} was not checked for drift: SVD did not converge. Its constants are written all the same."
        for module in sorted(job.plan.modules)]
    assert {one.kind for one in job.board.remarks} == {"few frames"}


@pytest.mark.parametrize("kind", ["GOTTHARD2", "LPDMINI"])
def test_of_one_train_no_drift_is_told(tmp_path: Path, kind: str) -> None:
    changes = {"frames_per_train": 40} if kind == "GOTTHARD2" else {"modules": "0", "memory_cells": 30}
    settings = default_settings(kind).with_changes({"trains": 1, **changes})
    made = simulate(settings, tmp_path / "data")
    job = Job(survey(list(made.runs.values())).spec(tmp_path / "out", parameters={"min_trains": 1}))
    job.start()
    assert job.wait(60)
    assert job.board.state is State.DONE, job.board.error
    assert not [text for text in told(job, "WARN") if "drift" in text or "checked" in text]
    job.close()


def test_what_was_written_before_a_cancel_is_listed_and_named(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is cancelled while the constants of its second module are written."""
    wrote, seen = Job.wrote, []

    def count(job: Job, files: list[Any]) -> None:
        wrote(job, files)
        seen.extend(files)
        if len(seen) == 4:
            job.cancel()

    monkeypatch.setattr(Job, "wrote", count)
    job = start(threads=1)
    assert job.board.state is State.CANCELLED
    on_disk = sorted(job.spec.out_folder.rglob("cal.*.h5"))
    assert sorted(one.path for one in job.board.outputs) == on_disk
    assert len(on_disk) == 4
    [text] = [text for text in told(job, "WARN") if text.startswith("Cancelled")]
    assert text == "Cancelled: module 0 was written, of module 1 only a part, 2-3 not."


def test_one_folder_that_goes_is_one_sentence(
    start: Start, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all modules, not one of each; another reason is another sentence."""
    unit, others = threads.run_unit, runs[0].with_name("gone")

    def fail(method: Any, context: Any, one: Any, *more: Any) -> Any:
        if one.module == 2:
            raise OutputFailed("The disk is full.")
        return unit(method, context, one, *more)

    monkeypatch.setattr(threads, "run_unit", fail)
    work = threads.Workers.run
    monkeypatch.setattr(threads.Workers, "run", lambda self: (runs[0].rename(others), work(self)))
    try:
        job = start(threads=1)
    finally:
        others.rename(runs[0])
    sentences = [text for text in told(job, "ERROR") if "cannot be read" in text]
    assert sentences[0].startswith("Module 0 failed: RAW-R0001-DSSC00-S00000.h5 cannot be read")
    assert sentences[1:] == [job.board.error]
    several = sentences[0].replace("Module 0 failed:", "Modules 0-1,3 failed, the first of them:")
    assert job.board.error == f"{several} Module 2 failed: The disk is full."


def test_reasons_that_differ_in_numbers_alone_are_one() -> None:
    assert in_words({}) == []
    assert in_words({None: "The disk is full."}) == ["The disk is full."]
    assert in_words({4: "Module 4 failed: a7.h5 is gone.", 5: "Module 5 failed: It is dark.",
                     6: "Module 6 failed: a8.h5 is gone."}) == [
        "Modules 4,6 failed, the first of them: a7.h5 is gone.", "Module 5 failed: It is dark."]
