"""Other parameters on the ASIC of a pixel, before a whole job is done with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.axes import Pick, View
from calib_core.constants.constant import PC_PARAMETERS
from calib_core.errors import BadParameter
from calib_core.explanation import Asked
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.subjects.job import JobSubject

MODULE, ROW, COLUMN = 3, 100, 66
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": 100})
SCENE = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2, order="0-3")
SHORT: dict[str, Any] = {"margin_hg": 4, "margin_mg": 5, "hook_c": [2.0, 40.0]}
OTHER = {**SHORT, "margin_hg": 11, "lin_t": 2.0}
TASK = ("AGIPD", "PC")
PICKS = (Pick("lines", (("parameter", 0),)), Pick("lines", (("parameter", 10),)), Pick("bad_pixels"), Pick("samples"))
PLACE = {"cell": 0, "gain": 0}


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


def ended(scans: Simulated, out: Path, parameters: dict[str, Any]) -> Job:
    job = Job(survey(sorted(scans.runs.values())).spec(out, parameters=parameters))
    job.start()
    assert job.wait(120)
    return job


@pytest.fixture(scope="module")
def subject(scans: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSubject]:
    found = JobSubject(ended(scans, tmp_path_factory.mktemp("one") / "out", SHORT))
    yield found
    found.close()


def shown(subject: JobSubject) -> Any:
    """Picture of the maps, made by the job's own thread, with nothing tried."""
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=SHORT))
    subject.look_at(View(PLACE, (), PICKS))
    for _ in range(2000):
        picture = subject.picture
        if picture is not None and set(PICKS) <= set(picture.maps) and picture.coverage.min() == 1:
            return picture
        time.sleep(0.01)
    raise AssertionError("there is no picture")


def test_the_asic_is_as_a_whole_job_makes_it_and_the_rest_as_it_was(
        subject: JobSubject, scans: Simulated, tmp_path: Path) -> None:
    before, version = shown(subject), subject.version
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=OTHER))
    assert subject.version > version
    tried = subject.picture
    assert tried is not None
    assert tried is subject.picture  # it is made once
    assert tried.tried is not None
    assert (tried.tried.module, tried.tried.rows, tried.tried.columns) == (MODULE, slice(64, 128), slice(64, 128))
    assert tried.tried.words == "margin_hg 11 (made with 4), lin_t 2.0 (made with 5.0)"
    other = ended(scans, tmp_path / "out", OTHER)
    inside = np.zeros((512, 128), bool)
    inside[64:128, 64:128] = True
    for pick in PICKS:
        whole = other.plane(pick.result, MODULE, {**PLACE, **dict(pick.at)})
        assert whole is not None
        np.testing.assert_array_equal(tried.maps[pick][0][inside], whole[inside])
        np.testing.assert_array_equal(tried.maps[pick][0][~inside], before.maps[pick][0][~inside])
    other.close()
    differ = tried.maps[PICKS[0]] != before.maps[PICKS[0]]
    assert np.nanmean(differ[0][inside & np.isfinite(before.maps[PICKS[0]][0])]) > 0.9
    assert np.count_nonzero(tried.maps[PICKS[2]]) > np.count_nonzero(before.maps[PICKS[2]])  # limits are stricter


def test_the_slope_is_that_of_numpy_over_the_same_steps(subject: JobSubject, scans: Simulated) -> None:
    shown(subject)
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=OTHER))
    tried = subject.picture
    assert tried is not None
    pattern = next(i for i in range(4) if SCENE.pixels(subject.kind, i)[ROW, COLUMN])
    run = RunDirectory(scans.runs[f"pc{pattern}"])
    [source] = [name for name in run.instrument_sources if f"/DET/{MODULE}CH0" in name]
    signal, cell = (run[source, f"image.{key}"].ndarray() for key in ("data", "cellId"))
    samples = signal[cell.ravel() == 0, 0, ROW, COLUMN].astype(float)
    switch = subject.job.plane("fits", MODULE, {**PLACE, "quantity": subject.axes["quantity"].index("first switch")})
    assert switch is not None
    last = int(np.flatnonzero(samples > 0)[np.flatnonzero(samples > 0) < switch[ROW, COLUMN]][-1])
    x = np.arange(len(samples))
    inside = (x <= last - 11) & (samples > 0)
    slope = np.polyfit(x[inside], samples[inside], 1)[0]
    assert PC_PARAMETERS[0] == "slope HG"
    assert tried.maps[PICKS[0]][0, ROW, COLUMN] == pytest.approx(slope, rel=1e-5)


def test_the_job_s_own_parameters_bring_its_picture_back(subject: JobSubject) -> None:
    before = shown(subject)
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=OTHER))
    assert subject.picture is not None
    assert subject.picture.tried is not None
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=SHORT))
    assert subject.picture is not None
    assert subject.picture.tried is None
    np.testing.assert_array_equal(subject.picture.maps[PICKS[0]], before.maps[PICKS[0]])
    # what the form shows of another characterisation is none of its parameters
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=("AGIPD", "DARK"), parameters={"min_trains": 3}))
    assert subject.picture.tried is None


def test_another_memory_cell_has_nothing_tried_and_wrong_values_are_told(subject: JobSubject) -> None:
    shown(subject)
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=OTHER))
    trial = subject._trial
    assert trial is not None
    assert trial.in_picture(subject.job.board.picture, subject.results) is not subject.job.board.picture
    elsewhere = subject.job.board.picture.__class__(
        View({"cell": 1, "gain": 0}), (MODULE,), subject.job.board.picture.maps, np.ones(1))
    assert trial.in_picture(elsewhere, subject.results) is elsewhere
    with pytest.raises(BadParameter, match="margin_hg"):
        subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters={"margin_hg": -3}))
