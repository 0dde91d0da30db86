"""Rate of whole darks of one module: against bare HDF5 reading, and against EXtra-data with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.characterisation.driver import run_unit
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.job import Job
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.store.constants import list_constants
from tests.darks_by_numpy import gated, outside, plain

TRAINS, CELLS, MODULE = 160, 5, 2
#: Samples that the gate of the robust estimator is taken from; ASICs; codes of 14 bits that are no measurement.
GATE_SAMPLES, ASIC, NOTHING, FULL = 128, (64, 64), 0, (1 << 14) - 1


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


def analogue(simulated: Simulated, dtype: Any) -> Iterator[tuple[tuple[str, int], Any]]:
    """Samples (trains, slow_scan, fast_scan) of the analogue plane of each memory cell, read by EXtra-data."""
    for role, run in simulated.runs.items():
        opened = RunDirectory(run)
        source = f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf"
        data = opened[source, "image.data"].ndarray()
        cells = opened[source, "image.cellId"].ndarray().ravel()
        for cell in range(CELLS):
            yield (role, cell), data[cells == cell, 0].astype(dtype)


def notebook(simulated: Simulated, middle: Callable[..., Any]) -> dict[tuple[str, int], tuple[Any, Any]]:
    """Offset and noise of the analogue plane, read by EXtra-data and taken by NumPy."""
    return {at: (middle(samples, axis=0), samples.std(axis=0, ddof=1))
            for at, samples in analogue(simulated, np.float32)}


@pytest.fixture(scope="module")
def expected(simulated: Simulated) -> Callable[[str], dict[tuple[str, int], tuple[Any, Any, Any]]]:
    """Mean, deviation and number of the samples by an estimator, from exact sums; once for all benches."""
    estimators = {"plain": plain, "robust": partial(gated, gate_samples=GATE_SAMPLES)}

    @cache
    def by(estimator: str) -> dict[tuple[str, int], tuple[Any, Any, Any]]:
        found = {}
        for at, samples in analogue(simulated, np.float64):
            samples[(samples == NOTHING) | (samples == FULL)] = np.nan
            frames = samples.reshape(1, 1, TRAINS, -1)
            found[at] = tuple(one.reshape(samples.shape[1:]) for one in estimators[estimator](frames, 1))
        return found

    return by


def flags_of(maps: Any, count: Any) -> Any:
    """Flags that NumPy finds of one memory cell, without those of samples outside the gate."""
    typical = float(np.median(count[count > 0]))
    found = {
        BadPixels.NO_DARK_DATA: count == 0,
        BadPixels.DATA_STD_IS_ZERO: (maps["noise"] == 0) & (count > 1),
        BadPixels.OFFSET_OUT_OF_THRESHOLD: outside(maps["offset"], ASIC, "robust", (0, 65535)),
        BadPixels.NOISE_OUT_OF_THRESHOLD:
            outside(maps["noise"], ASIC, "robust", (0, 65535), typical) | (maps["noise"] == 0),
    }
    return sum(np.uint32(flag) * where for flag, where in found.items())


def check(plan: Plan, expected: Any) -> Any:
    """Compare with NumPy: offsets are exact means as float32, noise is right to its rounding, flags are the same."""
    found = characterise(plan, keep=True)
    assert found.keys() == expected(plan.method.estimator).keys()
    for at, (mean, std, count) in expected(plan.method.estimator).items():
        maps = found[at]
        np.testing.assert_array_equal(maps["samples"], count)
        np.testing.assert_array_equal(maps["offset"], mean.astype(np.float32))
        np.testing.assert_array_equal(np.isnan(maps["noise"]), np.isnan(std))
        known = ~np.isnan(std)
        np.testing.assert_array_max_ulp(maps["noise"][known], std[known].astype(np.float32), 1)
        flags = flags_of(maps, count)
        assert 0.001 < (flags != 0).mean() < 0.02
        if plan.method.estimator == "robust":  # pixels with too many samples outside of their gate have one flag more
            assert ((maps["bad_pixels"] != flags) & (count > 0.99 * TRAINS)).sum() < 5
            flags |= maps["bad_pixels"] & np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD)
        np.testing.assert_array_equal(maps["bad_pixels"], flags)
    return found


def test_characterising_against_bare_reading(plan: Plan, simulated: Simulated, expected: Any, bar: Any) -> None:
    check(plan, expected)
    goal = 1.0 if plan.method.estimator == "plain" else 0.4
    bar(f"dark_e2e_{plan.method.estimator}_vs_read", lambda: characterise(plan), bare_reading(simulated), goal, 5)


def test_characterising_against_the_notebooks_way(plan: Plan, simulated: Simulated, expected: Any, bar: Any) -> None:
    """The peer does one of the two planes and no bad pixels; it has float32 sums, or medians."""
    middle = np.mean if plan.method.estimator == "plain" else np.median
    goal = {"plain": 5.0, "robust": 15.0}[plan.method.estimator]
    found = check(plan, expected)
    for at, (offset, noise) in notebook(simulated, middle).items():
        clean = found[at]["samples"] == TRAINS
        assert clean.mean() > 0.9
        far = np.abs(offset - found[at]["offset"])[clean]
        if plan.method.estimator == "plain":
            assert (far <= TRAINS * np.spacing(offset[clean])).all()
            np.testing.assert_allclose(found[at]["noise"][clean], noise[clean], rtol=1e-3)
        else:  # the median scatters by 0.76 σ / √n about the mean of the same samples
            assert (far < 5 * 0.76 * noise[clean] / np.sqrt(TRAINS)).mean() > 0.999
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
