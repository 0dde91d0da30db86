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
