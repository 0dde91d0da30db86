"""Pictures of comparisons: only what is looked at, the newest view, as long as something runs, whatever happens."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from calib_core.axes import Axis, Pick, View
from calib_core.errors import OutputFailed
from calib_core.subjects.pair import pair

from .arrays import SIDE, Arrays, compared, composing, pictured, told, wait_for


def test_nothing_is_read_before_something_is_looked_at_and_only_what_is_picked() -> None:
    a, b = Arrays(), Arrays()
    with compared(a, b) as one:
        assert (one.picture, one.version, a.read) == (None, 1, [])
        view = View({"cell": 1}, (5, 77), (Pick("offset.pull"), Pick("offset.difference"), Pick("no")))
        picture = pictured(one, view)
        assert picture.modules == (5,)
        assert set(picture.maps) == {Pick("offset.pull"), Pick("offset.difference")}
        assert sorted(a.read) == sorted(b.read) == ["noise", "offset", "samples"]
        assert one.version == 2
        assert picture.coverage.tolist() == [1.0]
        assert not picture.maps[Pick("offset.pull")].flags.writeable
        assert a.looks == b.looks == []


def test_all_that_is_offered_is_shown_unless_some_is_picked_and_slots_have_a_map_each() -> None:
    side = Axis("threshold", "Threshold", ("1-2", "2-3"), of_slot=True)
    axes = (side, Axis("cell", "Memory cell", (0, 4)))
    a = Arrays(results=(SIDE, replace(SIDE, name="hidden", hidden=True)), axes=axes)
    b = Arrays(results=a.results, axes=(replace(side, labels=("2-3", "1-2")), axes[1]))
    for module in (3, 5):
        a.arrays["sides", module][:] = np.array([10.0, 20.0])[:, None, None, None]
        b.arrays["sides", module][:] = np.array([21.0, 12.0])[:, None, None, None]
    with compared(a, b) as one:
        maps = pictured(one, View()).maps
        assert {pick.result for pick in maps} == {"sides", "sides.b", "sides.difference", "sides.ratio"}
        assert len(maps) == 8
        for index, difference in enumerate((-2.0, -1.0)):
            assert (maps[Pick("sides.difference", (("threshold", index),))] == difference).all()


def test_the_newest_view_wins() -> None:
    a, free = Arrays(), threading.Event()
    a.slow = lambda: free.wait(20)
    with compared(a, Arrays()) as one:
        views = [View({"cell": cell % 3}, picks=(Pick("offset"),)) for cell in range(30)]
        for view in views:
            one.look_at(view)
        free.set()
        wait_for(lambda: one.picture is not None and one.picture.view is views[-1])
        assert one.version <= 4
        assert one.picture is not None
        np.testing.assert_array_equal(one.picture.maps[Pick("offset")][0], told(3, "HG", 8))


def test_a_running_side_is_looked_at_again_when_it_has_something_new() -> None:
    a, b = Arrays(), Arrays(ended=False)
    with compared(a, b) as one:
        assert pictured(one, View(picks=(Pick("offset.b"),))).coverage.tolist() == [1.0, 1.0]
        first = one.version
        b.put("offset", 77)
        b.version += 1
        wait_for(lambda: one.version > first)
        assert one.picture is not None
        assert (one.picture.maps[Pick("offset.b")] == 77).all()
        b.put("offset", 78)
        b.ended = True
        wait_for(lambda: one.picture is not None and (one.picture.maps[Pick("offset.b")] == 78).all())
        assert b.looks == []


def test_what_is_done_where_nobody_else_looks_comes_without_a_version() -> None:
    a, b = Arrays(), Arrays(ended=False)
    b.nowhere.add(("offset", 5))
    with compared(a, b) as one:
        picture = pictured(one, View(picks=(Pick("offset.difference"),)))
        assert picture.coverage.tolist() == [1.0, 0.0]
        assert np.isnan(picture.maps[Pick("offset.difference")][1]).all()
        first = one.version
        asked = len(b.read)
        wait_for(lambda: len(b.read) >= asked + 4, "another look")
        assert one.version == first
        b.nowhere.clear()
        wait_for(lambda: one.version > first)
        assert one.picture is not None
        assert one.picture.coverage.tolist() == [1.0, 1.0]
        assert not one.picture.maps[Pick("offset.difference")].any()


class Watched(Arrays):
    """Counts how often somebody asks whether there is something new."""

    asked = 0

    @property
    def version(self) -> int:
        self.asked += 1
        return 1

    @version.setter
    def version(self, number: int) -> None:
        assert number


def test_it_sleeps_once_both_have_ended() -> None:
    a, b = Watched(), Watched()
    with compared(a, b) as one:
        threading.Event().wait(0.6)
        assert a.asked == 0
        pictured(one, View(picks=(Pick("offset.difference"),)))
        threading.Event().wait(1.2)  # more than two looks at something that runs
        assert (a.asked, b.asked, a.read, b.read) == (1, 1, ["offset"] * 2, ["offset"] * 2)


@pytest.mark.parametrize("error", [OutputFailed("The disk is gone."), RuntimeError("The disk is gone.")])
@pytest.mark.parametrize("ended", [True, False])
def test_trouble_with_a_picture_is_told_and_the_next_one_comes(error: Exception, ended: bool) -> None:
    a, b = Arrays(), Arrays(ended=ended)
    sentence = "The picture of the comparison is not up to date: The disk is gone."
    with compared(a, b) as one:
        before = pictured(one, View(picks=(Pick("offset.b"),)))
        first, b.trouble = one.version, error
        one.look_at(View({"cell": 1}, picks=(Pick("offset.b"),)))
        wait_for(lambda: sentence in one.notes, "the sentence")
        assert one.picture is before
        wait_for(lambda: one.version == first + 1)
        b.trouble = None
        picture = pictured(one, View({"cell": 2}, picks=(Pick("offset.b"),)))
        np.testing.assert_array_equal(picture.maps[Pick("offset.b")][0], told(3, "HG", 8))
        wait_for(lambda: sentence not in one.notes, "the end of the trouble")


def test_a_running_side_that_recovers_is_shown_without_being_asked_again() -> None:
    a, b = Arrays(), Arrays(ended=False)
    b.trouble = ValueError()
    with compared(a, b) as one:
        view = View(picks=(Pick("offset.b"),))
        one.look_at(view)
        wait_for(lambda: "The picture of the comparison is not up to date: ValueError" in one.notes)
        b.trouble = None
        wait_for(lambda: one.picture is not None and one.picture.view is view)


def test_a_view_that_failed_after_a_whole_picture_is_made_again() -> None:
    a, b = Arrays(), Arrays(ended=False)
    with compared(a, b) as one:
        assert pictured(one, View(picks=(Pick("offset.b"),))).coverage.tolist() == [1.0, 1.0]
        b.trouble, view = OutputFailed("The disk is gone."), View({"cell": 1}, picks=(Pick("offset.b"),))
        one.look_at(view)
        wait_for(lambda: len(one.notes) == 3, "the sentence")
        b.trouble = None
        wait_for(lambda: one.picture is not None and one.picture.view is view, "the picture")


def test_a_new_view_of_what_runs_comes_also_after_nothing_was_new() -> None:
    b = Watched(ended=False)
    with compared(Arrays(), b) as one:
        pictured(one, View(picks=(Pick("offset.b"),)))
        asked = b.asked
        wait_for(lambda: b.asked >= asked + 2, "another look")
        assert one.version == 2
        picture = pictured(one, View({"cell": 2}, picks=(Pick("offset.b"),)))
        np.testing.assert_array_equal(picture.maps[Pick("offset.b")][0], told(3, "HG", 8))


def test_closing_ends_the_thread_and_leaves_both_open() -> None:
    a, b, running = Arrays(), Arrays(ended=False), composing()
    one = pair(a, b)
    pictured(one, View())
    assert composing() == running + 1
    one.close()
    one.close()
    assert composing() == running
    assert not a.closed
    assert not b.closed
