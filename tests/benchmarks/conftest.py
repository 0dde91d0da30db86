"""Measure one thing against another by the processor time of one thread, and tell each goal and whether it is met."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from time import perf_counter, sleep, thread_time

import numpy as np
import pytest
from numba import njit

Call = Callable[[], object]

#: Goals that are not met yet, and the part of each that is reached: `make bench` fails where that is lost, as where
#: one of all others is missed.
OPEN = {
    "dark_mean_48": 0.85, "dark_mean_200": 0.85, "dark_stream_16": 0.85, "dark_e2e_plain_vs_notebook": 0.6,
    "common_mode_epix100_column": 0.7, "residuals_add": 0.6, "residuals_add_numpy": 0.5,
    "cold_kernels_of_a_dark": 0.33, "help_beside_other_words": 0.4,
    "correct_agipd1m_vs_numpy": 0.85, "correct_jungfrau_vs_numpy": 0.85,
    "correct_jungfrau_vs_jungfrau_utils_recorded": 0.53, "whole_correction_64_cells": 0.25,
    "correction_of_more_frames": 0.45, "statistics_at_injection": 0.75,
    "inspector_click_to_drawn_during_job": 0.9, "trial_of_flat_light_cloud": 0.5}
#: A machine that others use too measures no better than this.
ALLOWED = 0.05
#: Processors that others may use where wall times are judged.
QUIET = 0.2
missed = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing missed."""
    config.stash[missed] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the goals that were met once and are not now."""
    for name in config.stash[missed]:
        terminalreporter.write_line(f"goal missed again: {name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a goal is missed again."""
    if session.config.stash[missed] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Others that use the machine: processes that each keep a processor."""
    words = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as running:
        for _ in range(number):
            running.callback(running.enter_context(Popen(words)).kill)
        yield


class Bars:
    """Tells what was measured, one line each, and keeps what is missed."""

    def __init__(self, config: pytest.Config, capsys: pytest.CaptureFixture[str], others: float) -> None:
        self._missed, self._capsys, self._others = config.stash[missed], capsys, others

    def ratio(
        self, name: str, ratios: Sequence[float], goal: float, told: str = "", *, wall: bool = False
    ) -> None:
        """Ratios of rounds, of which the median is to reach the goal; of wall times where it is said."""
        found = median(ratios)
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        verdict = self._verdict(name, found / goal, wall)
        self.line(f"{name} ratio={found:.2f} {spread} {told}goal={goal:.2g} {verdict}")

    def times(self, name: str, found: Mapping[str, float], goals: Mapping[str, float], told: str = "") -> None:
        """Milliseconds by name, some of which are to stay below their goals."""
        most = max(found[key] / goal for key, goal in goals.items())
        numbers = " ".join(f"{key}={value:.1f}" for key, value in found.items())
        wanted = " ".join(f"{key}={value:g}" for key, value in goals.items())
        self.line(f"{name} {numbers} ms {told}goal={wanted} {self._verdict(name, 1 / most, wall=True)}")

    def line(self, text: str) -> None:
        """Print a line although pytest keeps what is printed."""
        with self._capsys.disabled():
            print(f"\nbar {text}", end="")

    def _verdict(self, name: str, reached: float, wall: bool) -> str:
        """Word on the part of a goal that is reached; wall times say nothing where others use the machine."""
        if wall and self._others > QUIET:
            return f"not judged: others use {self._others:.1f} processors"
        if reached < (1 - ALLOWED) * OPEN.get(name, 1):
            self._missed.append(name)
            return "FAIL"
        return "PASS" if reached >= 1 else "FAIL, not met yet" if name in OPEN else "FAIL, nearly"


def used_by_others(seconds: float = 0.5) -> float:
    """Processors that all programs use while this one sleeps."""
    def busy() -> float:
        user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
        return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")

    begin, before = perf_counter(), busy()
    sleep(seconds)
    return (busy() - before) / (perf_counter() - begin)


@pytest.fixture(scope="session", autouse=True)
def disks() -> None:
    """Disks as they are: who measures waits for them."""


@pytest.fixture
def bars(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Bars:
    """Where measurements are told."""
    return Bars(request.config, capsys, used_by_others())


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
def bar(bars):
    """Report how many times faster ours is than the other; results must have been compared before."""

    def report(name: str, ours: Call, other: Call, goal: float, rounds: int = 7) -> None:
        ours(), other()
        bars.ratio(name, ratios(ours, other, rounds), goal)

    return report


@pytest.fixture
def busy():
    """Processes of others; see :func:`busy_processes`."""
    return busy_processes


@pytest.fixture
def as_program(qapp):
    """Threads take turns, and garbage is collected, as where the program runs."""
    from app.__main__ import SWITCH_INTERVAL
    from app.running.garbage import Garbage

    before, garbage = sys.getswitchinterval(), Garbage()
    sys.setswitchinterval(SWITCH_INTERVAL)
    garbage.start()
    yield
    garbage.stop()
    sys.setswitchinterval(before)


@pytest.fixture
def read_limit():
    """Make a call that reads an array once."""

    def limit(array: np.ndarray) -> Call:
        words = array.reshape(-1).view(np.uint64)
        return lambda: read_words(words)

    return limit


@pytest.fixture(scope="session", autouse=True)
def machine(pytestconfig: pytest.Config):
    """Tell how fast this machine reads memory, without which no ratio can be judged."""
    words = np.ones(1 << 25, np.uint64)
    read_words(words)
    times = [processor_time(lambda: read_words(words)) for _ in range(5)]
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line(f"one thread reads memory at {words.nbytes / median(times) / 1e9:.1f} GB/s "
                        f"({words.nbytes / max(times) / 1e9:.1f} to {words.nbytes / min(times) / 1e9:.1f})")
