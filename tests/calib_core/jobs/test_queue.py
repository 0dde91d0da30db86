"""Order in which work is handed out, and when a module is finished."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from calib_core.characterisation.unit import Unit
from calib_core.io.budget import MemoryBudget
from calib_core.jobs.held import Held
from calib_core.jobs.queue import Ready, Together, WorkQueue

UNITS = [Unit(index, module, ("dark",), (block,), 10)
         for index, (module, block) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)])]


def away(module: int, block: int):
    """Somebody looks at one block of one module: work there comes first, then the nearest blocks of that module."""
    return lambda unit: (unit.module != module, abs(unit.block[0] - block))


def order(queue: WorkQueue) -> list[object]:
    """All work of a queue, done by one worker."""
    found: list[object] = []
    while (work := queue.next()) is not None:
        found.append(work.module if isinstance(work, Ready) else (work.module, work.block[0]))
        if isinstance(work, Unit):
            queue.done(work)
        else:
            queue.finished()
    return found


def test_what_is_looked_at_comes_first_and_a_module_is_finished_after_its_last_unit() -> None:
    assert order(WorkQueue(UNITS, away(1, 1))) == [(1, 1), (1, 0), 1, (0, 1), (0, 0), 0]


def test_without_a_difference_units_come_in_their_order() -> None:
    assert order(WorkQueue(UNITS[::-1], lambda unit: (False, 0))) == [(0, 0), (0, 1), 0, (1, 0), (1, 1), 1]


def test_work_without_a_module_is_finished_too() -> None:
    queue = WorkQueue([Unit(0, None, (), (), 0)], lambda unit: (False, 0))
    unit = queue.next()
    assert isinstance(unit, Unit)
    queue.done(unit)
    assert queue.next() == Ready(None)
    queue.finished()
    assert queue.next() is None


def test_a_module_that_failed_gives_no_more_work_and_is_not_finished() -> None:
    queue = WorkQueue(UNITS, away(0, 0))
    first = queue.next()
    assert first == UNITS[0]
    queue.drop(0)
    queue.done(first, finish=False)
    assert order(queue) == [(1, 0), (1, 1), 1]


def test_nothing_is_left_after_clearing() -> None:
    queue = WorkQueue(UNITS, away(0, 0))
    queue.clear()
    assert queue.next() is None


def test_a_worker_is_told_before_it_waits_and_only_then() -> None:
    told: list[str] = []
    queue = WorkQueue(UNITS[:1], away(0, 0))
    unit = queue.next(lambda: told.append("with work"))
    assert isinstance(unit, Unit)

    def idle() -> None:
        told.append("idle")
        queue.done(unit)

    assert queue.next(idle) == Ready(0)
    queue.finished()
    assert queue.next(idle) is None
    assert told == ["idle"]


def test_a_worker_waits_for_the_last_unit_of_another() -> None:
    queue = WorkQueue(UNITS[:1], away(0, 0))
    unit, got = queue.next(), []
    assert isinstance(unit, Unit)
    waiting = threading.Thread(target=lambda: got.append(queue.next()))
    waiting.start()
    queue.done(unit)
    waiting.join(10)
    assert got == [Ready(0)]


@pytest.mark.parametrize("workers", [2, 5])
def test_each_unit_is_handed_out_once_to_several_workers(workers: int) -> None:
    units = [Unit(i, i % 7, ("dark",), (i,), 1) for i in range(200)]
    queue, got, lock = WorkQueue(units, lambda unit: (False, unit.index)), [], threading.Lock()

    def work() -> None:
        while (one := queue.next()) is not None:
            with lock:
                got.append(one)
            if isinstance(one, Unit):
                queue.done(one)
            else:
                queue.finished()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(one.index for one in got if isinstance(one, Unit)) == list(range(200))
    assert sorted(one.module for one in got if isinstance(one, Ready)) == list(range(7))


def held() -> Held:
    return Held(MemoryBudget(1 << 20))


def test_a_worker_without_work_helps_to_finish_a_module() -> None:
    """Two pieces that wait for one another are done by two workers, of which one had nothing to do."""
    queue, meeting, done = WorkQueue(UNITS[:1], away(0, 0)), threading.Barrier(2), []
    unit = queue.next()
    assert isinstance(unit, Unit)
    queue.done(unit)
    assert queue.next() == Ready(0)

    def piece(name: str, _: Held) -> None:
        meeting.wait(10)
        done.append(name)

    def helper() -> None:
        while (work := queue.next()) is not None:
            assert isinstance(work, Together)
            work.help(held())

    helping = threading.Thread(target=helper)
    helping.start()
    together = Together(0, [partial(piece, "one"), partial(piece, "two")])
    with queue.shared(together):
        together.finish(held())
    assert sorted(done) == ["one", "two"]
    queue.finished()
    helping.join(10)
    assert not helping.is_alive()
    assert queue.is_empty


def test_what_goes_wrong_in_a_helper_is_raised_where_all_is_waited_for() -> None:
    begun, error = threading.Event(), OSError("the disk is full")

    def fail(_: Held) -> None:
        begun.set()
        raise error

    def never(_: Held) -> None:
        raise AssertionError("nothing begins after a failure")

    together = Together(0, [fail, never])
    assert together.help(held())
    assert not together.is_open
    with pytest.raises(OSError, match="the disk is full"):
        together.finish(held())


def test_who_waits_for_helpers_gives_its_memory_back() -> None:
    """A budget that holds one of two pieces is enough for both."""
    budget, done = MemoryBudget(100), []
    mine, theirs = Held(budget), Held(budget)
    taken = threading.Event()

    def first(one: Held) -> None:
        one.take(80)
        taken.wait(10)
        done.append("first")

    def second(one: Held) -> None:
        taken.set()
        one.take(80)
        done.append("second")

    together = Together(0, [first, second])
    finishing = threading.Thread(target=together.finish, args=(mine,))
    finishing.start()
    while budget.reserved < 80:
        pass
    together.help(theirs)
    finishing.join(10)
    assert done == ["first", "second"]


def test_a_helper_takes_a_piece_where_it_can_hold_what_that_needs_and_who_offers_keeps_what_it_holds() -> None:
    """Files of a module are before other modules, and what is small behind all else."""
    budget, done = MemoryBudget(100), []
    mine, theirs = Held(budget), Held(budget)
    mine.take(60)
    queue = WorkQueue(UNITS[2:], away(1, 0))
    pieces = [lambda _: done.append("first"), lambda _: done.append("second")]
    large, fitting, small = Together(0, pieces, 50), Together(0, pieces, 40), Together(0, pieces, 0, small=True)
    with queue.shared(large), queue.shared(small):
        assert queue.next(can_hold=theirs.take_now) == UNITS[2]
        with queue.shared(fitting):
            assert queue.next(can_hold=theirs.take_now) is fitting
            assert budget.reserved == 100
        theirs.release()
        assert queue.next(can_hold=theirs.take_now) == UNITS[3]
        assert queue.next(can_hold=theirs.take_now) is small
    fitting.finish(mine)
    assert done == ["first", "second"]
    assert budget.reserved == 60
