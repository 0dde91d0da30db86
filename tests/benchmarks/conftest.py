"""Measure one thing against another by the processor time of one thread, and tell each goal and whether it is met."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from subprocess import Popen
from time import thread_time

import numpy as np
import pytest
from numba import njit

Call = Callable[[], object]

#: Goals that are not met yet; `make bench` fails where one of all others is missed.
OPEN = frozenset({
    "dark_mean_48", "dark_mean_200", "dark_stream_16", "dark_e2e_plain_vs_notebook",
    "common_mode_epix100_column", "residuals_add", "residuals_add_numpy",
    "whole_process_plain", "cold_kernels_of_a_dark",
    "help_beside_other_words", "correct_agipd1m_vs_numpy", "correct_jungfrau_vs_numpy",
    "correct_jungfrau_vs_jungfrau_utils_recorded", "whole_correction_64_cells", "correction_of_more_frames",
    "timeline_of_a_module", "statistics_at_injection", "inspector_click_to_drawn_during_job"})
#: A machine that others use too measures no better than this.
ALLOWED = 0.05
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

    def __init__(self, config: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
        self._missed, self._capsys = config.stash[missed], capsys

    def ratio(self, name: str, ratios: Sequence[float], goal: float, told: str = "") -> None:
        """Ratios of rounds, of which the median is to reach the goal."""
        found = median(ratios)
        verdict = self._verdict(name, found >= goal, found >= (1 - ALLOWED) * goal)
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        self.line(f"{name} ratio={found:.2f} {spread} {told}goal={goal:.2g} {verdict}")

    def times(self, name: str, found: Mapping[str, float], goals: Mapping[str, float], told: str = "") -> None:
        """Milliseconds by name, some of which are to stay below their goals."""
        most = max(found[key] / goal for key, goal in goals.items())
        numbers = " ".join(f"{key}={value:.1f}" for key, value in found.items())
        wanted = " ".join(f"{key}={value:g}" for key, value in goals.items())
        self.line(f"{name} {numbers} ms {told}goal={wanted} {self._verdict(name, most <= 1, most <= 1 + ALLOWED)}")

    def line(self, text: str) -> None:
        """Print a line although pytest keeps what is printed."""
        with self._capsys.disabled():
            print(f"\nbar {text}", end="")

    def _verdict(self, name: str, met: bool, nearly: bool) -> str:
        if not nearly and name not in OPEN:
            self._missed.append(name)
        return "PASS" if met else "FAIL, not met yet" if name in OPEN else "FAIL"


@pytest.fixture(scope="session", autouse=True)
def disks() -> None:
    """Disks as they are: who measures waits for them."""


@pytest.fixture
def bars(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Bars:
    """Where measurements are told."""
    return Bars(request.config, capsys)


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
