"""A thread that composes: the newest view, better pictures of it, again where asked, whatever goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Picture, View
from calib_core.composer import Composer

A, B, C = (View({"cell": cell}) for cell in range(3))


def picture(view: View) -> Picture:
    return Picture(view, (), {}, np.ones(0))


def wait(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


class Owner:
    """Takes pictures and words; a view waits for ``free`` once it has begun."""

    def __init__(self, **given: Any) -> None:
        self.shown: list[View] = []
        self.begun: list[View] = []
        self.told: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.trouble: Exception | None = None
        self.pieces = 1
        self.composer = Composer(self.compose, lambda one: self.shown.append(one.view), self.told.append, **given)

    def compose(self, view: View) -> Iterator[Picture | None]:
        self.begun.append(view)
        assert self.free.wait(20)
        if self.trouble is not None:
            raise self.trouble
        for _ in range(self.pieces):
            yield picture(view)


@pytest.fixture
def owner() -> Iterator[Callable[..., Owner]]:
    made: list[Owner] = []

    def one(**given: Any) -> Owner:
        made.append(Owner(**given))
        return made[-1]

    yield one
    for found in made:
        found.free.set()
        found.composer.stop()


def test_only_the_newest_view_counts(owner: Any) -> None:
    one = owner()
    one.free.clear()
    one.composer.look_at(A)
    wait(lambda: one.begun)
    one.composer.look_at(B)
    one.composer.look_at(C)
    one.free.set()
    wait(lambda: C in one.shown)
    assert one.begun == one.shown == [A, C]


def test_better_pictures_of_a_view_come_until_somebody_looks_at_another(owner: Any) -> None:
    one = owner()
    one.pieces = 3
    one.composer.look_at(A)
    wait(lambda: one.told)
    assert one.shown == [A] * 3
    one.free.clear()
    one.composer.look_at(B)
    wait(lambda: B in one.begun)
    one.composer.look_at(C)
    one.free.set()
    wait(lambda: one.shown.count(C) == 3)
    assert one.shown == [A] * 3 + [B] + [C] * 3


def test_nothing_is_composed_without_a_view(owner: Any) -> None:
    one = owner(again=lambda: True)
    one.composer.renew()
    time.sleep(0.7)
    assert one.begun == []


def test_the_last_view_is_composed_once_more_when_something_has_changed(owner: Any) -> None:
    one = owner()
    one.composer.look_at(A)
    wait(lambda: one.shown)
    one.composer.renew()
    wait(lambda: one.shown == [A, A])


def test_it_is_asked_whether_there_is_something_new_until_there_never_will_be(owner: Any) -> None:
    answers = [True, False, True, None]
    asked = []

    def again() -> bool | None:
        asked.append(time.monotonic())
        return answers.pop(0)

    one = owner(again=again)
    one.composer.look_at(A)
    wait(lambda: not answers)
    assert one.shown == [A] * 3
    assert min(np.diff(asked)) >= 0.45
    time.sleep(1.2)  # an answer more would not be there
    assert one.told == [""] * 3
    answers.append(None)
    one.composer.look_at(B)
    wait(lambda: not answers)
    assert one.shown == [A, A, A, B]


@pytest.mark.parametrize(("error", "words"), [
    (ZeroDivisionError("an odd number"), "an odd number"), (KeyError(), "KeyError"),
])
def test_whatever_goes_wrong_is_told_and_the_next_view_comes(error: Exception, words: str, owner: Any) -> None:
    one = owner()
    one.trouble = error
    one.composer.look_at(A)
    wait(lambda: one.told)
    one.trouble = None
    one.composer.look_at(B)
    wait(lambda: len(one.told) == 2)
    assert one.told == [words, ""]
    assert one.shown == [B]


def test_trouble_with_the_question_is_told_and_it_is_asked_again(owner: Any) -> None:
    answers: list[Any] = [None, True, OSError("The disk is gone.")]

    def again() -> bool | None:
        answer = answers.pop()
        if isinstance(answer, OSError):
            raise answer
        return answer

    one = owner(again=again)
    one.composer.look_at(A)
    wait(lambda: not answers)
    assert one.told == ["", "The disk is gone.", ""]
    assert one.shown == [A, A]


def test_pictures_of_one_view_come_apart_and_another_view_at_once(owner: Any) -> None:
    one = owner(pause=10.0)
    for view in (A, B, C):
        one.composer.look_at(view)
        wait(lambda view=view: view in one.shown)
    one.composer.renew()
    time.sleep(0.3)
    assert one.shown == [A, B, C]


@pytest.mark.parametrize("finish", [True, False])
def test_what_was_asked_for_comes_before_the_end_only_where_it_shall(finish: bool, owner: Any) -> None:
    one = owner(pause=10.0)
    one.composer.look_at(A)
    wait(lambda: one.told)
    one.composer.renew()
    one.composer.stop(finish)
    one.composer.stop()
    assert one.shown == ([A, A] if finish else [A])
