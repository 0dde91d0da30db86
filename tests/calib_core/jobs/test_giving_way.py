"""Work gives way while somebody waits for a pixel's samples or for maps, for half of the time at most."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from calib_core.axes import Picture, View
from calib_core.errors import CalibrationError
from calib_core.jobs import giving_way
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


def picture(view: View) -> Picture:
    return Picture(view, (), {}, np.zeros(0))


def test_work_waits_for_the_picture_of_a_view_and_while_it_is_painted(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(giving_way, "time", SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)))

    def waits() -> float:
        begin = now[0]
        giving.wait()
        return now[0] - begin

    giving, asked, before = GivingWay(), View({"cell": 1}), View({"cell": 0})
    giving.look(asked)
    giving.pictured(picture(before))  # which nobody waits for any more
    now[0] += 0.04
    giving.pictured(picture(asked))
    assert waits() == pytest.approx(0.1), "it has come, and is painted"
    now[0] += 0.5
    giving.pictured(picture(asked))  # of frames that came later
    assert waits() == 0
    giving.look(before)
    assert waits() == pytest.approx(0.25), "it has not come"


def test_a_job_gives_way_to_who_looks_and_tells_its_pictures(runs, tmp_path, monkeypatch):
    looked, pictured = [], []
    monkeypatch.setattr(GivingWay, "look", lambda self, view: looked.append(view))
    monkeypatch.setattr(GivingWay, "pictured", lambda self, made: pictured.append(made.view))
    job = Job(survey(runs[:1]).spec(tmp_path, parameters={"min_trains": 1}, modules=(0,)))
    job.start()
    assert job.wait(60)
    assert (looked, pictured) == ([], [])
    view = View({"cell": 1})
    job.look_at(view)
    job.close()
    assert looked == [view]
    assert pictured == [view]


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
