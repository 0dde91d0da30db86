"""Cancelling at any moment, and failures of one module: nothing half-written, nothing else lost."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.jobs import outputs, threads
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.store.constants import list_constants, read_constant

from .command import KINDS, constants_in
from .conftest import Dataset

#: Files of the process that have no name any more: scratch files must be among them only while a job runs.
_DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture(scope="module")
def spec(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> JobSpec:
    """A job of two modules, two memory cells and two passes over the data."""
    made = make_dataset("AGIPD1M", modules="1-2", memory_cells=2, trains=12).simulated
    found = survey(list(made.runs.values()))
    return found.spec(tmp_path_factory.mktemp("never"), parameters={"gate_samples": 5}, threads=2)


@pytest.fixture
def mine(spec: JobSpec, tmp_path: Path) -> JobSpec:
    """The job with a folder of its own."""
    return spec.model_copy(update={"out_folder": tmp_path / "out"})


def kinds_in(spec: JobSpec) -> dict[int, set[str]]:
    """Kinds of the constants that a job left of each module."""
    return {module: set(kinds) for module, kinds in constants_in(spec.out_folder).items()}


def scratch_files(out: Path) -> list[str]:
    """Open files of this process in a folder, also those without a name."""
    links = []
    for entry in _DESCRIPTORS.iterdir():
        try:
            links.append(os.readlink(entry))
        except OSError:  # closed since they were listed
            continue
    return [link for link in links if link.startswith(str(out))]


def finish(spec: JobSpec, started: Callable[[Job], None] = lambda job: None) -> Job:
    """Run a job to its end; ``started`` is called with it before it starts."""
    made = Job(spec)
    started(made)
    made.start()
    assert made.wait(60)
    made.close()
    assert scratch_files(spec.out_folder) == []
    return made


def cancelling_at(monkeypatch: pytest.MonkeyPatch, call: int, where: str) -> Callable[[Job], None]:
    """Cancel the job when it looks for the ``call``-th time whether it was cancelled, in some part of its work."""
    calls = iter(range(10**6))

    def arm(made: Job) -> None:
        really, looks = made.check, []

        def check() -> None:
            if where == "anywhere" or running.get(where):
                if next(calls) == call:
                    made.cancel()
                if made._cancel.is_set():
                    looks.append(1)
                    # Each of two threads looks once more at most before it stops, the job's own thread at its end.
                    assert len(looks) <= 4
            really()

        monkeypatch.setattr(made, "check", check)

    running: dict[str, bool] = {}

    def marked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any) -> Any:
            running[name] = True
            return function(*given)
        return wrapped

    monkeypatch.setattr(threads, "combine", marked("combining", outputs.combine))
    monkeypatch.setattr(threads, "write_module", marked("writing", outputs.write_module))
    return arm


@pytest.mark.parametrize(("where", "call"), [
    ("anywhere", 0), ("anywhere", 1), ("anywhere", 3), ("anywhere", 7), ("anywhere", 12), ("anywhere", 17),
    ("combining", 0), ("combining", 1), ("writing", 0), ("writing", 2), ("writing", 4),
])
def test_cancelled_at_any_moment_nothing_half_written_is_left(
    where: str, call: int, mine: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = finish(mine, cancelling_at(monkeypatch, call, where))
    monkeypatch.undo()
    assert made.board.state is State.CANCELLED
    assert all(task.state in (State.CANCELLED, State.DONE) for task in made.board.tasks)
    text = made.board.messages[-1].text
    assert text.startswith("Cancelled: ")
    assert sorted(one.path for one in made.board.outputs) == [one.path for one in list_constants(mine.out_folder)]
    named = {int(number) for number in re.findall(r"\d+", text.split(" not.")[0].rpartition(", ")[0]
                                                 if " not." in text else text)}
    assert named == set(kinds_in(mine))
    # Constants that were whole before stay; those of a module may be some of its kinds.
    left = kinds_in(mine)
    assert sum(map(len, left.values())) < 2 * len(KINDS)
    assert finish(mine).board.state is State.DONE
    assert kinds_in(mine) == {1: KINDS, 2: KINDS}


def test_cancelled_before_it_starts(mine: JobSpec) -> None:
    made = finish(mine, Job.cancel)
    assert made.board.state is State.CANCELLED
    assert kinds_in(mine) == {}


def test_a_cancelled_job_names_the_constants_that_it_wrote(mine: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled once the first module is finished: its constants are there and on the board."""
    one = mine.model_copy(update={"threads": 1})

    def arm(made: Job) -> None:
        def written(*given: Any) -> Any:
            outputs.write_module(*given)
            made.cancel()
        monkeypatch.setattr(threads, "write_module", written)

    made = finish(one, arm)
    assert made.board.state is State.CANCELLED
    assert list(kinds_in(mine).values()) == [KINDS]
    assert sorted(one.path for one in made.board.outputs) == [c.path for c in list_constants(mine.out_folder)]


@pytest.mark.breaks
@pytest.mark.parametrize("part", ["update", "finish"])
def test_a_module_that_fails_leaves_the_others(part: str, mine: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    if part == "update":
        really = threads.run_unit

        def failing(method: Any, context: Any, unit: Any, *rest: Any) -> Any:
            if unit.module == 1 and unit.inputs == ("med",):
                raise ZeroDivisionError("a kernel is broken")
            return really(method, context, unit, *rest)

        monkeypatch.setattr(threads, "run_unit", failing)
    else:
        def broken(plan: Any, module: Any, *rest: Any) -> Any:
            if module.number == 1:
                raise ZeroDivisionError("a kernel is broken")
            outputs.write_module(plan, module, *rest)

        monkeypatch.setattr(threads, "write_module", broken)
    board = finish(mine).board
    assert board.state is State.FAILED
    assert board.error == "Module 1 failed: unexpected error: a kernel is broken."
    assert [m.text for m in board.messages if m.text == board.error] == [board.error]
    assert any("ZeroDivisionError" in m.text for m in board.messages), "the log has what developers need"
    assert kinds_in(mine) == {2: KINDS}


def test_ctrl_c_cancels_and_says_so(
    mine: JobSpec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = iter([False, KeyboardInterrupt()])
    really = Job.wait

    def wait(self: Job, timeout: float | None = None) -> bool:
        said = next(waits, None)
        if isinstance(said, KeyboardInterrupt):
            raise said
        return really(self, timeout) if said is None else False

    monkeypatch.setattr(Job, "wait", wait)
    assert main(command_line(mine).split()[1:]) == 130
    printed = capsys.readouterr()
    assert "Cancelled: " in printed.err
    assert "cancelled after" in printed.out
    assert sum(map(len, kinds_in(mine).values())) < 2 * len(KINDS)


def test_the_same_job_twice_keeps_the_first_constants(mine: JobSpec) -> None:
    finish(mine)
    first = {c.path: c.values() for c in list_constants(mine.out_folder)}
    assert finish(mine.model_copy(update={"again": True})).board.state is State.DONE
    assert len(list_constants(mine.out_folder)) == 2 * len(first)
    for path, values in first.items():
        np.testing.assert_array_equal(read_constant(path).values(), values)
