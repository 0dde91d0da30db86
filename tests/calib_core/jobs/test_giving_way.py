"""Work gives way while somebody waits for what a pixel's samples say, for half of the time at most."""

from __future__ import annotations

import threading
import time

import pytest

from calib_core.errors import CalibrationError
from calib_core.jobs.giving_way import GivingWay
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey


def waited(giving: GivingWay) -> float:
    begin = time.monotonic()
    giving.wait()
    return time.monotonic() - begin


def test_nobody_waits_without_a_question():
    assert waited(GivingWay()) < 0.2


def test_work_waits_for_the_answer_but_not_for_long():
    giving, order = GivingWay(), []

    def work() -> None:
        giving.wait()
        order.append("work")

    with giving.question():
        worker = threading.Thread(target=work)
        worker.start()
        time.sleep(0.05)
        order.append("answer")
    worker.join(5)
    assert order == ["answer", "work"]
    time.sleep(0.5)
    with giving.question():  # whose answer takes as long as it likes
        assert 0.05 < waited(giving) < 2


def test_questions_without_a_pause_have_half_of_the_time():
    giving, turns, at_work, end = GivingWay(), 0, 0.0, time.monotonic() + 2
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with giving.question():
                time.sleep(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    while time.monotonic() < end:
        giving.wait()
        begin = time.monotonic()
        time.sleep(0.005)
        at_work += time.monotonic() - begin
        turns += 1
    ended.set()
    thread.join(5)
    assert turns > 20
    assert at_work > 0.7  # of 2 s


def test_workers_ask_between_their_pieces(runs, tmp_path, monkeypatch):
    """A job asks as often as it has read something, and a question about a pixel is one."""
    asked, questions = [], []
    monkeypatch.setattr(GivingWay, "wait", lambda self: asked.append(threading.current_thread().name))
    job = Job(survey(runs[:1]).spec(tmp_path, parameters={"min_trains": 1}, modules=(0,)))
    job.start()
    assert job.wait(60)
    assert asked
    assert all(name.startswith("calibwb-worker") for name in asked)
    question = GivingWay.question
    monkeypatch.setattr(GivingWay, "question", lambda self: (questions.append(1), question(self))[1])
    with pytest.raises(CalibrationError, match="Module 9 has no run"):
        job.pixels.explain(9, 0, 0, {})
    job.close()
    assert questions == [1]
