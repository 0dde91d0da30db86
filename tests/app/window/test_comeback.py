"""What comes back at the next start: two sets of constants that were compared, also after a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calib_core.axes import Pick
from calib_core.subjects.pair import PairSubject
from tests.calib_core.subjects.files import images, put_ours


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Offsets of two modules on two days; those of the second are 3 ADU higher."""
    folders = [tmp_path_factory.mktemp(day) for day in ("yesterday", "today")]
    for number, folder in enumerate(folders):
        for module in (0, 1):
            put_ours(folder, module, "Offset", images(2, module) + 3 * number, 0.1 * module, job=folder.name)
    return folders


def wait_for_pair(window, qtbot):
    session = window.session
    qtbot.waitUntil(lambda: isinstance(session.subject, PairSubject) and session.shown.picture is not None
                    and session.shown.picture.coverage.min() == 1)


@pytest.mark.parametrize("killed", [False, True])
def test_two_that_were_compared_are_compared_again(open_window, days, qtbot, monkeypatch, killed):
    yesterday, today = days
    first = open_window()
    first.results.open([today], then=[yesterday])
    wait_for_pair(first, qtbot)
    first.comparison.choose("difference")
    folder = Path(first.keeper._folder)
    if killed:
        first.keeper.save()
        qtbot.waitUntil(lambda: str(yesterday) in (folder / "session.json").read_text("utf-8"))
        monkeypatch.setattr(first.keeper, "end", lambda: None)
        first.keeper._timer.stop()
        first.keeper._lock.unlock()
    else:
        first.close()
    second = open_window(folder)
    wait_for_pair(second, qtbot)
    assert [second.sources.letter(one) for one in second.sources.entries] == ["A", "B"]
    for source, day in zip((second.sources.a, second.sources.b), (today, yesterday), strict=True):
        assert {path.parents[4] for path in source.subject.files} == {day}
    second.comparison.choose("difference")
    pick = Pick("offset.difference")
    qtbot.waitUntil(lambda: pick in second.session.shown.picture.maps)
    found = second.session.shown.picture.maps[pick]
    np.testing.assert_allclose(found, 3, atol=1e-4)
