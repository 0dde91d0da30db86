"""Numbers of modules as they grow: looked at without delay where the last look is long ago, and never too often."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

import pytest

from app.panels.inspect import courses
from app.panels.inspect.courses import CoursesPresenter


@pytest.fixture
def presenter(session):
    made = CoursesPresenter(session)
    made.set_shown(True)
    return made


def test_changes_are_looked_at_as_often_as_may_be_and_not_more(presenter, session, qtbot):
    """They come all the time for some intervals; a timer that began with each of them would lose a part of each."""
    seen, begin = [], perf_counter()
    presenter.ready.connect(lambda *_: seen.append(perf_counter() - begin))
    wanted = 6
    while len(seen) < wanted:
        assert perf_counter() - begin < 30
        session.subject_told.emit()
        qtbot.wait(5)
    gaps = [after - before for before, after in pairwise(seen)]
    assert min(gaps) > 0.8 * courses._INTERVAL  # what a look takes may make one later, and the next one not
    qtbot.wait(round(1200 * courses._INTERVAL))
    number = len(seen)
    session.subject_told.emit()
    qtbot.waitUntil(lambda: len(seen) > number)
    assert presenter._timer.interval() == 0
