"""What a job begins with: numba's start takes as long as the survey of the runs, and goes on beside it."""

from __future__ import annotations

import threading
from typing import Any

from calib_core.jobs import job as jobs
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.numerics import kernels


def test_numba_starts_beside_the_survey_of_the_runs(runs, tmp_path, monkeypatch):
    """Each waits until the other has begun, which nobody does who comes before or after it."""
    begun, met = {"numba": threading.Event(), "survey": threading.Event()}, dict[str, bool]()
    prepare, make_plan = kernels.prepare, jobs.make_plan

    def meet(own: str, other: str) -> None:
        begun[own].set()
        met[own] = begun[other].wait(20)

    def prepare_meanwhile() -> None:
        meet("numba", "survey")
        prepare()

    def plan_meanwhile(*args: Any) -> Any:
        meet("survey", "numba")
        return make_plan(*args)

    monkeypatch.setattr(kernels, "prepare", prepare_meanwhile)
    monkeypatch.setattr(jobs, "make_plan", plan_meanwhile)
    job = Job(survey(runs[:1]).spec(tmp_path, parameters={"min_trains": 1}, modules=(0,)))
    job.start()
    assert job.wait(60)
    job.close()
    assert job.board.error == ""
    assert met == {"numba": True, "survey": True}
