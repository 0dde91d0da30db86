from __future__ import annotations

import os
import threading

import pytest

from calib_core.errors import BadParameter, Cancelled
from calib_core.io import budget as budgets
from calib_core.io.budget import MemoryBudget, cells_per_block


def test_workers_never_hold_more_than_the_budget():
    budget, held, peak, lock = MemoryBudget(100), [0], [0], threading.Lock()

    def work(n):
        for _ in range(50):
            with budget.reserve(n):
                with lock:
                    held[0] += n
                    peak[0] = max(peak[0], held[0])
                with lock:
                    held[0] -= n

    threads = [threading.Thread(target=work, args=(n,)) for n in (30, 40, 50, 60, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(t.is_alive() for t in threads)
    assert 0 < peak[0] <= 100
    assert budget.reserved == 0


def test_a_request_larger_than_the_budget_waits_until_it_is_alone():
    budget, entered = MemoryBudget(100), threading.Event()

    def large():
        with budget.reserve(1000):
            entered.set()

    with budget.reserve(10):
        thread = threading.Thread(target=large)
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    thread.join(10)


def test_requests_are_served_in_their_order():
    budget, order, threads = MemoryBudget(100), [], []

    def work(name, n):
        with budget.reserve(n):
            order.append(name)

    with budget.reserve(60):
        for waiting, (name, n) in enumerate([("large", 90), ("small", 10)]):
            thread = threading.Thread(target=work, args=(name, n))
            thread.start()
            threads.append(thread)
            while len(budget._waiting) <= waiting:
                threading.Event().wait(0.01)
        assert order == []  # the small one would fit but must not overtake
    for thread in threads:
        thread.join(10)
    assert order == ["large", "small"]


def test_a_cancelled_worker_stops_waiting_and_lets_others_through():
    stop = threading.Event()
    budget = MemoryBudget(100, stop.is_set)
    with budget.reserve(100):
        stop.set()
        with pytest.raises(Cancelled), budget.reserve(1):
            pass
    stop.clear()
    with budget.reserve(100):
        assert budget.reserved == 100


def test_an_error_gives_the_memory_back():
    budget = MemoryBudget(10)
    with pytest.raises(ZeroDivisionError), budget.reserve(10):
        _ = 1 / 0
    assert budget.reserved == 0


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(BadParameter, match="-5"):
        MemoryBudget(-5)


@pytest.mark.parametrize(("per_cell", "available", "cells", "expected"), [
    (10, 1000, 352, 88),  # 100 fit; 4 blocks of 88 rather than 3 of 100 and one of 52
    (10, 10_000, 352, 352),
    (10, 5, 352, 1),
    (10, -1, 352, 1),
    (10, 3000, 352, 176),
    (10, 1000, 0, 1),
])
def test_blocks_of_cells_fit_and_are_even(per_cell, available, cells, expected):
    assert cells_per_block(per_cell, available, cells) == expected


@pytest.mark.parametrize(("said", "expected"), [("1073741824\n", 1 << 30), ("max\n", None), (None, None)])
def test_a_control_group_may_have_less_than_the_machine(said, expected, tmp_path, monkeypatch):
    path = tmp_path / "memory.max"
    if said is not None:
        path.write_text(said)
    monkeypatch.setattr(budgets, "_GROUP_LIMITS", (path,))
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert budgets.usable_bytes() == (expected or whole)


def test_processors_are_those_that_the_process_may_run_on():
    assert budgets.usable_processors() == len(os.sched_getaffinity(0))
