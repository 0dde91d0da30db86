"""Rate of whole darks of one module: against bare HDF5 reading, and against EXtra-data with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.characterisation.driver import run_unit
from calib_core.jobs.job import Job
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.store.constants import list_constants

TRAINS, CELLS, MODULE = 160, 5, 2


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Three runs of 210 MB each, in the page cache."""
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": str(MODULE), "trains": TRAINS, "memory_cells": CELLS})
    return simulate(settings, tmp_path_factory.mktemp("runs"))


def spec_of(simulated: Simulated, out: Path, estimator: str) -> JobSpec:
    found = survey(list(simulated.runs.values()))
    return found.spec(out, parameters={"estimator": estimator}, threads=1)


@pytest.fixture(params=["plain", "robust"])
def plan(request: pytest.FixtureRequest, simulated: Simulated, tmp_path: Path) -> Iterator[Plan]:
    made = make_plan(spec_of(simulated, tmp_path, request.param))
    yield made
    made.close()


def characterise(plan: Plan, keep: bool = False) -> dict[tuple[str, int], Any]:
    """All units of a plan, one after the other, without writing; the maps of the cells where they are kept."""
    found = {}
    for unit in plan.units:
        for at, maps in run_unit(plan.method, plan.context, unit, plan.source, lambda accumulator, n: None):
            if keep:
                found[unit.inputs[0], plan.context.cells[at["cell"]]] = maps
    return found


def file_of(simulated: Simulated, role: str) -> tuple[Path, str]:
    [path] = simulated.runs[role].glob(f"RAW-*-AGIPD{MODULE:02d}-S00000.h5")
    return path, f"INSTRUMENT/SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf/image/data"


def bare_reading(simulated: Simulated) -> Callable[[], None]:
    """The same bytes with HDF5, in blocks into one buffer."""
    buffer = np.empty((CELLS, 2, 512, 128), np.uint16)

    def read() -> None:
        for role in simulated.runs:
            path, name = file_of(simulated, role)
            with h5py.File(path, locking=False) as file:
                for row in range(0, TRAINS * CELLS, CELLS):
                    file[name].read_direct(buffer, np.s_[row : row + CELLS])

    return read


def notebook(
    simulated: Simulated, middle: Callable[..., Any], dtype: Any = np.float32
) -> dict[tuple[str, int], tuple[Any, Any]]:
    """Offset and noise of the analogue plane, read by EXtra-data and taken by NumPy."""
    found = {}
    for role, run in simulated.runs.items():
        opened = RunDirectory(run)
        source = f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf"
        data = opened[source, "image.data"].ndarray()
        cells = opened[source, "image.cellId"].ndarray().ravel()
        for cell in range(CELLS):
            analogue = data[cells == cell, 0].astype(dtype)
            found[role, cell] = middle(analogue, axis=0), analogue.std(axis=0, ddof=1)
    return found


def test_characterising_against_bare_reading(plan: Plan, simulated: Simulated, bar: Any) -> None:
    expected = notebook(simulated, np.mean, np.float64)
    for at, maps in characterise(plan, keep=True).items():
        mean, noise = expected[at]
        alive = mean > 0
        same = np.isclose(maps["offset"], mean, rtol=2e-7) & np.isclose(maps["noise"], noise, rtol=1e-6)
        assert same[alive].mean() > (0.9999 if plan.method.estimator == "plain" else 0.99)  # others have cosmics
        assert (maps["bad_pixels"][~alive] != 0).all()
        assert (maps["bad_pixels"][alive] != 0).mean() < 0.02
    goal = 1.0 if plan.method.estimator == "plain" else 0.4
    bar(f"dark_e2e_{plan.method.estimator}_vs_read", lambda: characterise(plan), bare_reading(simulated), goal, 5)


def test_characterising_against_the_notebooks_way(plan: Plan, simulated: Simulated, bar: Any) -> None:
    """The peer does one of the two planes and no bad pixels."""
    middle = np.mean if plan.method.estimator == "plain" else np.median
    goal = {"plain": 5.0, "robust": 15.0}[plan.method.estimator]
    bar(f"dark_e2e_{plan.method.estimator}_vs_notebook", lambda: characterise(plan),
        lambda: notebook(simulated, middle), goal, 5)


def test_writing_against_characterising(simulated: Simulated, tmp_path: Path, bars: Any) -> None:
    """How much of a job is not characterising: constants of one module written, per time of the whole."""
    turn = iter(range(1000))

    def job() -> None:
        out = tmp_path / str(next(turn))
        whole = Job(spec_of(simulated, out, "robust"))
        whole.start()
        whole.wait()
        whole.close()
        assert len(list_constants(out)) == 4

    made = make_plan(spec_of(simulated, tmp_path, "robust"))
    def wall(call: Callable[[], Any]) -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    job()
    share = wall(lambda: characterise(made)) / min(wall(job) for _ in range(3))
    made.close()
    bars.line(f"dark_job_share_of_characterising ratio={share:.2f} (wall, one thread)")
