"""Sequences of one module are corrected at the same time, with constants that are read once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.correct_sums import Summary
from calib_core.errors import CalibrationError
from calib_core.jobs.board import State
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from tests.corrected_files import datasets

FILES = 4


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "1", "memory_cells": 4, "trains": 24, "trains_per_sequence": 6, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=Photons(photons=20.0))
    write_truth(made)
    return made


def spec_of(light: Simulated, out: Path, threads: int, **parameters: Any) -> JobSpec:
    [run] = light.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT").spec(
        out, parameters=parameters, inputs={"run": (str(run),), "constants": (str(folder_of(light)),)})
    return found.model_copy(update={"threads": threads})


def done(spec: JobSpec) -> Job:
    job = Job(spec)
    job.start()
    job.wait()
    return job


def test_two_workers_are_at_files_of_a_module_at_the_same_time_and_read_constants_once(
    light: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the other at its first frames: alone, neither would go on."""
    meeting, begun, read = threading.Barrier(2, timeout=60), threading.local(), []
    update, reads = Summary.update, FileConstant.read

    def meets(self: Summary, name: str, chunk: Any) -> None:
        if not getattr(begun, "it", False):
            begun.it = True
            meeting.wait()
        update(self, name, chunk)

    def counting(self: FileConstant, cells: Any = ()) -> Any:
        read.append(self.why)
        return reads(self, cells)

    monkeypatch.setattr(Summary, "update", meets)
    monkeypatch.setattr(FileConstant, "read", counting)
    job = done(spec_of(light, tmp_path / "two", 2))
    assert job.board.state is State.DONE, job.board.error
    job.close()
    assert not meeting.broken
    assert len(read) == len(set(read)) > 3
    assert len(list((tmp_path / "two").glob("CORR-*-S0000?.h5"))) == FILES


@pytest.mark.parametrize("steps", [{}, {"mask_zero_std": True, "cm": True}])
def test_files_and_maps_are_those_of_one_worker(light: Simulated, tmp_path: Path, steps: dict[str, Any]) -> None:
    jobs = {threads: done(spec_of(light, tmp_path / str(threads), threads, **steps)) for threads in (1, 2, 8)}
    for threads, job in jobs.items():
        assert job.board.state is State.DONE, job.board.error
        for path in sorted((tmp_path / "1").glob("CORR-*.h5")):
            whole, found = datasets(path), datasets(tmp_path / str(threads) / path.name)
            assert whole.keys() == found.keys()
            for name, values in whole.items():
                np.testing.assert_array_equal(found[name], values, err_msg=name)
        for name in ("mean", "deviation", "bad_pixels", "samples"):
            for cell in range(4):
                one, other = (of.plane(name, 1, {"cell": cell}) for of in (jobs[1], job))
                np.testing.assert_array_equal(other, one, err_msg=name)
    for job in jobs.values():
        job.close()


def test_a_file_that_fails_leaves_those_that_are_whole_and_nothing_half_written(
    light: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Summary.update

    def fails(self: Summary, name: str, chunk: Any) -> None:
        if self._part.sequences == (2,):
            raise CalibrationError("the third file fails")
        update(self, name, chunk)

    monkeypatch.setattr(Summary, "update", fails)
    job = done(spec_of(light, tmp_path, 2))
    assert job.board.state is State.FAILED
    assert "the third file fails" in job.board.error
    job.close()
    found = sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".h5")
    assert {"CORR-R0004-AGIPD01-S00000.h5", "CORR-R0004-AGIPD01-S00001.h5"} <= set(found)
    assert "CORR-R0004-AGIPD01-S00002.h5" not in found
    assert [path for path in tmp_path.iterdir() if "tmp" in path.name] == []
    monkeypatch.setattr(Summary, "update", update)
    again = done(spec_of(light, tmp_path, 2))
    assert again.board.state is State.DONE, again.board.error
    again.close()
    assert len(list(tmp_path.glob("CORR-*.h5"))) == FILES
