"""A job that has ended holds no file of its runs, and yet shows their samples when asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.errors import CalibrationError
from calib_core.explanation import Asked
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

#: A detector whose frames are read straight from the file and one with corrected samples.
KINDS = {"DSSC1M": {"modules": "0-1", "memory_cells": 2}, "EPIX100": {}}
CALLS: dict[str, Callable[[Job, int], object]] = {
    "explain": lambda job, module: job.pixels.explain(module, 2, 3, first(job)),
    "corrected": lambda job, module: job.pixels.explain(module, 2, 3, first(job), Asked(corrected=True)),
    "frames": lambda job, module: job.pixels.frames(module, 2, first(job)),
}
#: Opens files for writing and puts their times back: they were not written to.
WRITER = """
import h5py, os, sys
for path in sys.argv[1:]:
    times = os.stat(path)
    h5py.File(path, "r+", locking=True).close()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
"""


def held(folder: Path) -> list[str]:
    """Files below a folder that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    return [path for path in found if path.startswith(str(folder.resolve()))]


@pytest.fixture(scope="module", params=[*KINDS, "compressed"])
def raw(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is only read, or taken away for a while."""
    kind = "DSSC1M" if request.param == "compressed" else request.param
    settings = default_settings(kind).with_changes({"trains": 24, "trains_per_sequence": 12, **KINDS[kind]})
    [run] = simulate(settings, tmp_path_factory.mktemp("data")).runs.values()
    for path in run.glob("*DSSC*.h5") if request.param == "compressed" else ():
        compress(path)
    return run


def compress(path: Path) -> None:
    """Have the frames read by HDF5, which takes them out of their chunks."""
    names: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visit(lambda name: names.append(name) if name.endswith("image/data") else None)
        for name in names:
            values = file[name][()]
            del file[name]
            file.create_dataset(name, data=values, chunks=(1, *values.shape[1:]), compression=1)


@pytest.fixture(scope="module")
def job(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job that has ended and is still shown."""
    made = Job(survey([raw]).spec(tmp_path_factory.mktemp("out"), parameters={"min_trains": 1}))
    made.start()
    assert made.wait(120)
    assert made.board.error == ""
    yield made
    made.close()


@pytest.fixture
def vanished(job: Job, raw: Path) -> Iterator[None]:
    """The run of the job is gone."""
    aside = raw.rename(raw.with_name("aside"))
    yield
    aside.rename(raw)


def first(job: Job) -> dict[str, int]:
    assert job.plan is not None
    return dict.fromkeys(job.plan.context.axes, 0)


def module_of(job: Job) -> int:
    assert job.plan is not None
    return next(module for module in job.plan.modules if module is not None)


def test_nothing_is_held_after_the_end(job: Job, raw: Path) -> None:
    assert held(raw) == []


@pytest.mark.parametrize("what", CALLS)
def test_samples_are_shown_and_files_closed_again(job: Job, raw: Path, what: str) -> None:
    for one in (CALLS[what](job, module_of(job)) for _ in range(2)):
        assert len(one.values if what == "frames" else one.plots)  # type: ignore[attr-defined]
    assert held(raw) == []
    subprocess.run([sys.executable, "-c", WRITER, *raw.glob("*.h5")], check=True)


def test_the_samples_are_those_of_the_file(job: Job, raw: Path) -> None:
    module = module_of(job)
    assert job.plan is not None
    cell = job.plan.cell_at(first(job))
    expected = []
    for path in sorted(raw.glob(f"*{'DSSC00' if 'DSSC' in job.spec.family else 'EPIX'}*.h5")):
        with h5py.File(path) as file:
            expected.append(stored(file, cell))
    np.testing.assert_array_equal(job.pixels.frames(module, 2, first(job)).values, np.concatenate(expected))


def stored(file: h5py.File, cell: int) -> np.ndarray:
    """Row 2 of the frames of a memory cell, by h5py alone."""
    names: list[str] = []
    file.visit(lambda name: names.append(name) if name.endswith(("image/data", "image/pixels")) else None)
    [name] = [one for one in names if isinstance(file[one], h5py.Dataset) and one.startswith("INSTRUMENT")]
    values = file[name][()]
    where = name.rpartition("/")[0] + "/cellId"
    chosen = file[where][()].ravel() == cell if where in file else np.ones(len(values), bool)
    return np.asarray(values[chosen][..., 2, :].reshape(int(chosen.sum()), -1))


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.usefixtures("vanished")
def test_a_run_that_has_vanished_is_told_in_a_sentence(job: Job, what: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        CALLS[what](job, module_of(job))
    assert str(caught.value).endswith(".h5 cannot be read: No such file or directory.")
    assert "RAW-R0001-" in str(caught.value)


@pytest.mark.usefixtures("vanished")
def test_maps_and_reasons_need_no_run(job: Job, raw: Path) -> None:
    module = module_of(job)
    assert job.plan is not None
    offset = next(one.name for one in job.plan.results if one.pixels)
    assert job.plane(offset, module, first(job)) is not None
    job.pixels.reasons(module, 2, 3, first(job))
    assert held(raw.parent) == []
