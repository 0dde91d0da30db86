"""Boards are looked at more often for a moment while somebody waits for a picture."""

from __future__ import annotations

from app.running.jobs_model import HURRIED_INTERVAL, LIVE_INTERVAL, JobsModel


def test_a_hurry_ends_by_itself(qtbot):
    model = JobsModel()
    model.hurry()
    assert model._timer.interval() == HURRIED_INTERVAL
    model.hurry()
    qtbot.waitUntil(lambda: model._timer.interval() == LIVE_INTERVAL)


def test_who_looks_at_nothing_is_not_hurried(qtbot):
    model = JobsModel()
    model.set_interval(None)
    model.hurry()
    assert not model._timer.isActive()


def test_another_interval_ends_a_hurry(qtbot):
    model = JobsModel()
    model.hurry()
    model.set_interval(250)
    for _ in range(50):
        model.poll()
    assert model._timer.interval() == 250
