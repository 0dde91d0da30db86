"""Workers are as nice as who started them: a nicer one that holds the interpreter's lock keeps a window waiting."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.jobs.threads import Workers


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="no other system knows how nice a thread is")
def test_workers_are_as_nice_as_who_started_them(runs, tmp_path, monkeypatch):
    seen, work = [], Workers._unit

    def noted(self, *args):
        seen.append(niceness())
        work(self, *args)

    monkeypatch.setattr(Workers, "_unit", noted)
    job = Job(survey(runs[:1]).spec(tmp_path, parameters={"min_trains": 1}, modules=(0,)))
    job.start()
    assert job.wait(60)
    job.close()
    assert set(seen) == {niceness()}
