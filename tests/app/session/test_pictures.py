"""Pictures that come faster than they are drawn: each is drawn before the next one of its place is taken."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.session.session import Session
from calib_core.subjects.job import JobSubject


@pytest.fixture
def drawn(qtbot, fake_job):
    """Session that looks at a job, the pictures that it took, and whether the last one is still being drawn."""
    session, state = Session(), SimpleNamespace(busy=False, taken=[])
    session.is_drawing = lambda: state.busy
    session.set_subject(JobSubject(fake_job))
    session.picture_changed.connect(lambda: state.taken.append(session.shown.picture))
    return session, fake_job, state


def again(job, session):
    """Have a job publish another picture of the same place, and tell the session of it."""
    job.look_at(session.view)
    session.refresh()
    return job.board.picture


def test_a_newer_picture_waits_until_the_one_before_is_drawn(drawn):
    session, job, state = drawn
    first = again(job, session)
    state.busy = True
    again(job, session)
    newest = again(job, session)
    assert state.taken == [first]
    session.refresh()
    assert state.taken == [first], "it is still being drawn"
    state.busy = False
    session.refresh()
    assert state.taken == [first, newest], "the newest is taken though the job has told nothing since"
    session.refresh()
    assert state.taken == [first, newest]


def test_a_picture_of_another_place_waits_for_nothing(drawn):
    session, job, state = drawn
    again(job, session)
    state.busy = True
    session.look_at({"cell": 3})
    session.refresh()
    assert state.taken[-1].view.at["cell"] == 3


def test_what_waited_is_left_where_another_subject_is_looked_at(drawn, fake_job):
    session, job, state = drawn
    again(job, session)
    state.busy = True
    again(job, session)
    session.set_subject(None)
    state.busy, number = False, len(state.taken)
    session.refresh()
    assert len(state.taken) == number
    assert session.shown.picture is None


def test_maps_in_a_window_tell_when_they_are_being_drawn(window, fake_job, qtbot):
    window.session.job_started.emit(fake_job)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None and not window.session.is_drawing())
    before = window.session.shown.picture
    again(fake_job, window.session)
    assert window.session.shown.picture is not before
    assert window.session.is_drawing()
    later = again(fake_job, window.session)
    assert window.session.shown.picture is not later
    qtbot.waitUntil(lambda: window.session.shown.picture is later)
    qtbot.waitUntil(lambda: not window.session.is_drawing())
