"""What a job says of one pixel: nothing before there is something, of the right place, and errors in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.errors import CalibrationError
from calib_core.explanation import Bars
from calib_core.jobs.job import Job
from calib_core.jobs.reasons import reasons_of
from calib_core.jobs.results import Results
from calib_core.jobs.survey import survey
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.settings import default_settings

from .tiny import plan_of, results_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("JUNGFRAU").with_changes(
        {"modules": "2", "trains": 10, "wrong_gain_share": 0.01, "dead_share": 0.01})
    return simulate(settings, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def job(runs: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Job(survey(list(runs.runs.values())).spec(tmp_path_factory.mktemp("out")))
    made.start()
    assert made.wait(120)
    yield made
    made.close()


def test_there_are_none_before_there_is_a_plan(job: Job) -> None:
    assert Job(job.spec).pixels.reasons(2, 0, 0, {}) == ()


def test_there_are_none_of_what_is_not_made_yet(job: Job, tmp_path: Path) -> None:
    """Half of the results of a place are not enough: flags without samples would be wrong."""
    plan, at = job.plan, {"gain": 1, "cell": 0}
    results = Results(tmp_path, plan.results, plan.context.axes, plan.detector_type.shape)
    names = plan.method.judged(plan.kind)
    for name in names:
        assert reasons_of(plan, 2, results, 3, 4, at) == ()
        results.write(at, {name: job.plane(name, 2, at)})
    assert reasons_of(plan, 2, results, 3, 4, at) == job.pixels.reasons(2, 3, 4, at)
    assert reasons_of(plan, 2, results, 3, 4, {"gain": 0, "cell": 0}) == ()
    results.close()


def test_what_no_unit_makes_has_no_data(job: Job, tmp_path: Path) -> None:
    plan = job.plan
    results = Results(tmp_path, plan.results, plan.context.axes, plan.detector_type.shape)
    [one] = reasons_of(plan, 7, results, 3, 4, {"gain": 0, "cell": 0})
    assert (one.flag, one.set) == (BadPixels.NO_DARK_DATA, True)
    results.close()


@pytest.mark.parametrize("gain", [0, 1, 2])
def test_they_are_of_the_place_that_is_asked_for(job: Job, gain: int) -> None:
    flags = job.plane("bad_pixels", 2, {"gain": gain, "cell": 0})
    row, col = np.argwhere(flags & BadPixels.WRONG_GAIN_VALUE)[0].tolist()
    found = {one.what: one for one in job.pixels.reasons(2, row, col, {"gain": gain})}
    assert found["Wrong gain bits"].set
    assert found["Wrong gain bits"].value == job.plane("wrong_gain", 2, {"gain": gain})[row, col]
    assert found["Offset"].value == job.plane("offset", 2, {"gain": gain})[row, col]
    assert found["Samples"].value == job.plane("samples", 2, {"gain": gain})[row, col]


def test_places_beyond_an_axis_are_its_last_entry(job: Job) -> None:
    np.testing.assert_equal(job.pixels.reasons(2, 9, 9, {"gain": 99, "cell": 5})[3].value,
                            float(job.plane("offset", 2, {"gain": 2, "cell": 0})[9, 9]))


@pytest.mark.parametrize(("pixel", "words"), [((-1, 0), "pixel"), ((0, 1024), "pixel"), ((512, 0), "pixel")])
def test_pixels_that_are_not_there_are_refused(job: Job, pixel: tuple[int, int], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        job.pixels.reasons(2, *pixel, {})


def test_modules_that_take_no_part_are_named(job: Job) -> None:
    with pytest.raises(CalibrationError, match="Module 5 takes no part"):
        job.pixels.reasons(5, 0, 0, {})


def test_methods_without_rules_give_none(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    results = results_of(plan, tmp_path)
    assert reasons_of(plan, 3, results, 0, 0, {}) == ()
    results.close()


def test_raw_samples_are_those_of_the_file_with_the_right_gain_bits(job: Job, runs: Simulated) -> None:
    """Of a pixel with wrong bits: what is left out is said with its number."""
    flags = job.plane("bad_pixels", 2, {"gain": 1, "cell": 0})
    row, col = np.argwhere(flags == BadPixels.WRONG_GAIN_VALUE)[0].tolist()
    codes, bits = raw(runs.runs["med"], row, col)
    right = codes[bits == 1]
    assert 0 < len(right) < len(codes)
    found = job.pixels.explain(2, row, col, {"gain": 1, "cell": 0})
    bars = next(item for item in found.plots[0].items if isinstance(item, Bars))
    np.testing.assert_array_equal(bars.counts, np.histogram(right, bars.edges)[0])
    assert bars.counts.sum() == len(right)
    assert found.notes == (f"{len(codes) - len(right)} samples with other gain bits are left out.",)
    assert {one.name: one.value for one in found.numbers}["mean"] == pytest.approx(
        job.plane("offset", 2, {"gain": 1, "cell": 0})[row, col])


def raw(run: Path, row: int, col: int) -> tuple[Any, Any]:
    """Codes and gain bits of a pixel in all frames of a run, by h5py alone."""
    codes, bits = [], []
    for path in sorted(run.glob("*-JNGFR02-*.h5")):
        with h5py.File(path) as file:
            data = next(group for name, group in file["INSTRUMENT"]["SPB_IRDA_JF4M"]["DET"].items())
            data = data["data"]
            codes.append(data["adc"][:, :, row, col].ravel())
            bits.append(data["gain"][:, :, row, col].ravel())
    return np.concatenate(codes), np.concatenate(bits)


def test_a_run_that_was_not_given_has_no_samples(job: Job) -> None:
    with pytest.raises(CalibrationError, match="Module 5 has no run"):
        job.pixels.explain(5, 0, 0, {"gain": 0, "cell": 0})
