"""How far corrected files are, while they are written and after it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from calib_core.errors import OutputFailed
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.corrected import CorrectedFile

NAMES = [f"CORR-R0004-JNGFR{module:02d}-S{sequence:05d}.h5" for module in (1, 2) for sequence in range(3)]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("JUNGFRAU").with_changes(
        {"modules": "1,2", "memory_cells": 1, "trains": 10, "trains_per_sequence": 4, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=Photons(photons=100.0))
    write_truth(made)
    return made


@pytest.fixture
def corrects(light: Simulated, tmp_path: Path) -> Any:
    [run] = light.runs.values()
    found = survey([run], family="JUNGFRAU", method="CORRECT")

    def make(**more: Any) -> Job:
        inputs = {"run": (str(run),), "constants": (str(folder_of(light)),)}
        job = Job(found.spec(tmp_path / "out", inputs=inputs, threads=1, **more))
        job.start()
        job.wait()
        job.close()
        return job

    return make


def test_files_wait_grow_and_are_written_and_stay_the_next_time(corrects: Any, monkeypatch: Any) -> None:
    seen: list[tuple[tuple[str, float, str], ...]] = []
    moved = Job.moved

    def look(self: Job, progress: Any) -> None:
        moved(self, progress)
        seen.append(tuple((one.name, one.done, one.state) for one in self.board.files))

    monkeypatch.setattr(Job, "moved", look)
    first = corrects()
    assert first.board.state is State.DONE, first.board.error
    assert [one.name for one in first.board.files] == NAMES
    assert {(one.done, one.state) for one in first.board.files} == {(1.0, "written")}
    early = dict((name, (done, state)) for name, done, state in seen[0])
    assert early[NAMES[-1]] == (0.0, "waiting")
    for earlier, later in itertools.pairwise(seen):
        assert all(b[1] >= a[1] for a, b in zip(earlier, later, strict=True))
    again = corrects()
    assert {(one.done, one.state) for one in again.board.files} == {(1.0, "there already")}


def test_a_file_that_cannot_be_is_not_written_nor_are_those_of_its_module_behind_it(
        corrects: Any, tmp_path: Path, monkeypatch: Any) -> None:
    commit = CorrectedFile.commit

    def fail(self: CorrectedFile) -> Path:
        if "JNGFR01-S00001" in self.path.name:
            self.abandon()
            raise OutputFailed(f"{self.path} could not be written: No space left on device.")
        return commit(self)

    monkeypatch.setattr(CorrectedFile, "commit", fail)
    job = corrects()
    assert job.board.state is State.FAILED
    states = {one.name: one.state for one in job.board.files}
    assert [states[name] for name in NAMES] == ["written", *["not written"] * 2, *["written"] * 3]
    assert sorted(path.name for path in (tmp_path / "out").glob("CORR-*")) == [
        name for name in NAMES if states[name] == "written"]
