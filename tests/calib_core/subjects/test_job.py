"""A job as something to be looked at: what it tells before there is a plan, while it runs, and at its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.characterisation.dark_closure import NUMBERS
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.subjects.constants import ConstantsSubject, find_sets
from calib_core.subjects.job import JobSubject, runs_text
from calib_core.subjects.pair import pair

DETECTOR = "SPB_IRDA_JF4M"
STAGES = ("high", "med", "low")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Runs 1 to 3 of proposal 900000, in the gain stages high to low."""
    settings = default_settings("JUNGFRAU").with_changes({"modules": "2,5", "trains": 12})
    return simulate(settings, tmp_path_factory.mktemp("raw"))


def spec_of(runs: Simulated, out: Path, **changes: Any) -> JobSpec:
    return survey(list(runs.runs.values())).spec(out, **changes)


@pytest.fixture(scope="module")
def done(runs: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSubject]:
    subject = JobSubject(Job(spec_of(runs, tmp_path_factory.mktemp("out"), notes=("A note for the files.",))))
    subject.job.start()
    assert subject.job.wait(120)
    assert subject.job.board.state is State.DONE, subject.job.board.error
    yield subject
    subject.close()


def at_five(job: Job) -> Job:
    job.created = datetime(2026, 3, 4, 5, 6).timestamp()
    return job


def test_the_title_has_detector_method_runs_and_begin(runs: Simulated, done: JobSubject, tmp_path: Path) -> None:
    asked = spec_of(runs, tmp_path)
    assert JobSubject(at_five(Job(asked))).title == f"{DETECTOR} · DARK p900000 r1, r2, r3 · 04 Mar 05:06"
    unknown = asked.model_copy(update={"detector": "", "inputs": {"high": asked.inputs["low"]}})
    assert JobSubject(at_five(Job(unknown))).title == "JUNGFRAU · DARK p900000 r3 · 04 Mar 05:06"
    begun = datetime.fromtimestamp(done.job.created)
    assert done.title == f"{DETECTOR} · DARK p900000 r1, r2, r3 · {begun:%d %b %H:%M}"
    assert done.identifier == DETECTOR


@pytest.mark.parametrize(("paths", "text"), [
    (["/d/p900450/raw/r0012", "/d/p900450/raw/r0013"], "p900450 r12, r13"),
    (["/d/p900450/raw/r0012", "/d/p002450/raw/r0003", "/d/p900450/raw/r0001"], "p900450 r12, r1 · p002450 r3"),
    ([f"/d/p900450/raw/r{number:04d}" for number in (12, 14, 13, 15, 17)], "p900450 r12-15,17"),
    (["/d/dark_high", "/d/p900450/raw/r0012"], "p900450 r12 · dark_high"), ([], ""),
])
def test_runs_of_a_proposal_are_named_together(paths: list[str], text: str) -> None:
    assert runs_text([Path(path) for path in paths]) == text


def test_before_there_is_a_plan_there_is_nothing_to_look_at(runs: Simulated, tmp_path: Path) -> None:
    one = JobSubject(Job(spec_of(runs, tmp_path)))
    assert (one.axes, one.results, one.modules, one.kind, one.files, one.notes) == ({}, (), (), None, (), ())
    assert (one.state, one.ended, one.picture) == ("queued", False, None)
    assert one.along("offset", "gain", 2, 0, 0, {}).shape == (0,)
    assert one.plane("offset", 2, {}) is None
    assert one.values("offset", 2) is None
    assert one.reasons(2, 0, 0, {}) == ()
    assert one.about["runs"] == "\n".join(f"{stage}: {runs.runs[stage]}" for stage in STAGES)
    assert "condition" not in one.about


def test_with_a_plan_there_are_axes_results_and_modules(done: JobSubject) -> None:
    assert {name: axis.labels for name, axis in done.axes.items()} == {
        "gain": ("G0", "G1", "G2"), "cell": (15,), "asic": tuple(range(8)), "closure": NUMBERS}
    assert {"offset", "noise", "bad_pixels", "samples"} <= {one.name for one in done.results}
    assert done.modules == (2, 5)
    assert done.kind is not None
    assert (done.kind.name, done.kind.shape) == ("JUNGFRAU", (512, 1024))
    assert (done.state, done.ended) == ("done", True)


def test_the_version_grows_with_the_plan_with_pictures_and_with_messages(done: JobSubject) -> None:
    plan, done.job.plan = done.job.plan, None
    before = done.version
    assert done.axes == {}
    done.job.plan = plan
    assert done.version > before
    before = done.version
    done.job.say("INFO", "Something.")
    assert done.version > before
    before, view = done.version, View({"gain": 1}, picks=(Pick("offset"),))
    done.look_at(view)
    end = time.monotonic() + 30
    while done.version == before and time.monotonic() < end:
        time.sleep(0.002)
    assert done.version > before
    assert done.picture is not None
    assert done.picture.view is view


def test_notes_are_warnings_and_errors_each_once(runs: Simulated, tmp_path: Path) -> None:
    one = JobSubject(Job(spec_of(runs, tmp_path)))
    for level, text in (("WARN", "A drift."), ("INFO", "Written."), ("ERROR", "A fault."), ("WARN", "A drift.")):
        one.job.say(level, text)
    assert one.notes == ("A drift.", "A fault.")


def test_files_are_those_on_the_disk(done: JobSubject) -> None:
    on_disk = set(done.job.spec.out_folder.rglob("*.h5"))
    assert len(on_disk) == len(done.files) == 6
    assert set(done.files) == on_disk


def test_about_names_runs_condition_and_parameters(runs: Simulated, done: JobSubject) -> None:
    about = done.about
    assert about["characterisation"] == "JUNGFRAU DARK"
    assert about["runs"].splitlines() == [
        f"{stage}: p900000 r000{number} {runs.runs[stage]}" for number, stage in enumerate(STAGES, 1)]
    with h5py.File(done.files[0]) as file:
        [constant] = next(iter(file.values())).values()
        conditions = json.loads(constant["0"].attrs["conditions"])
    assert len(conditions) >= 7
    for name, one in conditions.items():
        assert f"{name} {one['value']} {one['unit']}".rstrip() in about["condition"].split(", ")
    assert "thresholds_offset_sigma: 5.0" in about["parameters"].splitlines()


def raw(run: Path, row: int) -> tuple[Any, Any]:
    """Codes (frames, fast_scan) of a row of module 2 and their trains, by h5py alone."""
    with h5py.File(next(run.glob("*-JNGFR02-*.h5"))) as file:
        data = file["INSTRUMENT"][DETECTOR]["DET"]["JNGFR02:daqOutput"]["data"]
        return data["adc"][:, 0, row], file["INDEX/trainId"][()]


def test_frames_are_those_of_the_run(runs: Simulated, done: JobSubject) -> None:
    for gain, stage in enumerate(STAGES):
        codes, trains = raw(runs.runs[stage], 77)
        found = done.frames(2, 77, {"gain": gain, "cell": 0})
        assert found is not None
        np.testing.assert_array_equal(found.values, codes)
        np.testing.assert_array_equal(found.trains, trains)


def test_planes_curves_and_explanations_are_of_one_pixel_at_its_place(runs: Simulated, done: JobSubject) -> None:
    curve = done.along("offset", "gain", 2, 77, 300, {"cell": 0})
    for gain, stage in enumerate(STAGES):
        codes = raw(runs.runs[stage], 77)[0][:, 300].astype(float)
        plane = done.plane("offset", 2, {"gain": gain, "cell": 0})
        assert plane is not None
        assert plane[77, 300] == curve[gain]
        assert codes.min() <= curve[gain] <= codes.max()
        explained = done.explain(2, 77, 300, {"gain": gain, "cell": 0})
        assert explained is not None
        assert {one.name: one.value for one in explained.numbers}["samples"] == len(codes)
        assert {one.what: one.value for one in done.reasons(2, 77, 300, {"gain": gain})}["Offset"] == curve[gain]


def test_a_job_and_its_own_constants_are_not_independent(done: JobSubject) -> None:
    constants = ConstantsSubject(find_sets([done.job.spec.out_folder])[0])
    compared = pair(done, constants)
    try:
        assert compared.notes[0] == (
            "A and B are both made of p900000 r0001, p900000 r0002, p900000 r0003, so they are not independent: they "
            "differ less than two runs would, and (A−B)/σ is too narrow.")
        for gain in range(3):
            difference = compared.plane("offset.difference", 5, {"gain": gain, "cell": 0})
            assert difference is not None
            assert not difference[np.isfinite(difference)].any()
            assert np.isfinite(difference).mean() > 0.9
    finally:
        compared.close()
        constants.close()
