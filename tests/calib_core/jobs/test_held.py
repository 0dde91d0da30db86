"""A worker keeps its part of the budget, and its buffers, from unit to unit while nobody waits."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from calib_core.errors import Cancelled
from calib_core.io.budget import MemoryBudget
from calib_core.jobs.held import Held


def test_units_of_one_size_use_the_same_memory():
    budget = MemoryBudget(1000)
    held = Held(budget)
    held.take(600)
    place = held.buffers.array((500,), np.uint8).ctypes.data
    held.take(600)
    assert held.buffers.array((500,), np.uint8).ctypes.data == place
    held.take(400)
    assert budget.reserved == 600
    held.take(700)
    assert budget.reserved == 700
    assert not held.buffers._free
    held.buffers.array((500,), np.uint8)
    held.release()
    held.release()
    assert budget.reserved == 0
    assert not held.buffers._free


def test_who_waits_gets_the_memory_at_the_next_unit():
    budget, order = MemoryBudget(1000), []
    held = Held(budget)
    held.take(600)

    def other() -> None:
        with budget.reserve(900):
            order.append("other")

    waiting = threading.Thread(target=other)
    waiting.start()
    while not budget.is_wanted:
        time.sleep(0.001)
    held.take(600)
    order.append("next unit")
    waiting.join()
    assert order == ["other", "next unit"]
    assert budget.reserved == 600


def test_nothing_is_held_after_a_wait_that_was_cancelled():
    stop: list[bool] = []
    budget = MemoryBudget(1000, lambda: bool(stop))
    held = Held(budget)
    with budget.reserve(900):
        stop.append(True)
        with pytest.raises(Cancelled):
            held.take(600)
    assert budget.reserved == 0
    held.release()


def test_memory_is_taken_at_once_or_not_at_all():
    budget = MemoryBudget(1000)
    held = Held(budget)
    assert held.take_now(600)
    assert held.take_now(500)
    assert budget.reserved == 600
    other = Held(budget)
    assert not other.take_now(500)
    assert other.take_now(400)
    assert budget.reserved == 1000
    assert not other.take_now(401)
    assert budget.reserved == 600
    held.release()
    other.release()
    assert budget.reserved == 0


def test_memory_that_somebody_waits_for_is_not_taken():
    stop: list[bool] = []
    budget = MemoryBudget(1000, lambda: bool(stop))
    held, waiting = Held(budget), threading.Thread(target=lambda: _wait_for(budget, 900))
    held.take(500)
    waiting.start()
    while not budget.is_wanted:
        time.sleep(0.001)
    assert not Held(budget).take_now(100)
    held.release()
    waiting.join()


def _wait_for(budget: MemoryBudget, n: int) -> None:
    with budget.reserve(n):
        pass
