"""Measure one thing against another by the processor time of one thread."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from statistics import median
from time import thread_time

import numpy as np
import pytest
from numba import njit

Call = Callable[[], object]


@njit(nogil=True, cache=True)
def read_words(words):
    """Read memory as fast as one thread can: the sum of 64 bit words."""
    total = np.uint64(0)
    for i in range(words.size):
        total += words[i]
    return total


def processor_time(call: Call) -> float:
    start = thread_time()
    call()
    return thread_time() - start


def ratios(ours: Call, other: Call, rounds: int) -> list[float]:
    """Time of the other over ours, round by round, the one that goes first taking turns."""
    found = []
    for turn in range(rounds):
        times = {call: processor_time(call) for call in ((ours, other) if turn % 2 else (other, ours))}
        found.append(times[other] / times[ours])
    return found


@pytest.fixture
def bar(capsys):
    """Report how many times faster ours is than the other; results must have been compared before."""

    def report(name: str, ours: Call, other: Call, goal: float, rounds: int = 7) -> None:
        ours(), other()
        ratio = median(ratios(ours, other, rounds))
        verdict = "PASS" if ratio >= goal else "FAIL"
        with capsys.disabled():
            print(f"\nbar {name} ratio={ratio:.2f} goal={goal:g} {verdict}", end="")
        path = os.environ.get("CALIBWB_BENCH_OUT")
        if path:
            line = {"name": name, "ratio": round(ratio, 3), "goal": goal, "verdict": verdict}
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    return report


@pytest.fixture
def read_limit():
    """Make a call that reads an array once."""

    def limit(array: np.ndarray) -> Call:
        words = array.reshape(-1).view(np.uint64)
        return lambda: read_words(words)

    return limit
