"""Workers of a window's job leave the processors to the window; those of a command line do not."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.jobs.threads import Workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system knows how nice a thread is")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.parametrize(("stands_back", "more"), [(False, 0), (True, 10)])
def test_workers_are_nicer_than_who_looks(runs, tmp_path, monkeypatch, stands_back, more):
    seen, work = [], Workers._unit

    def noted(self, *args):
        seen.append(niceness())
        work(self, *args)

    monkeypatch.setattr(Workers, "_unit", noted)
    job, mine = Job(survey(runs[:1]).spec(tmp_path, parameters={"min_trains": 1}, modules=(0,))), niceness()
    job.start(stands_back=stands_back)
    assert job.wait(60)
    job.close()
    assert set(seen) == {mine + more}
    assert niceness() == mine
