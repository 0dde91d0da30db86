"""Benches end with status 1 where a goal is lost that was reached, and only there: tried on a few fake ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent / "benchmarks" / "conftest.py"
#: Instead of the real benches: no memory is read, and how busy the machine is is said.
FAKE = """
import pytest

@pytest.fixture(scope="session")
def machine():
    pass

@pytest.fixture
def benches(pytestconfig):
    return pytestconfig.pluginmanager.get_plugin({conftest!r})

@pytest.fixture
def quiet(benches, pytestconfig, capsys):
    return benches.Bars(pytestconfig, capsys, 0.0)

@pytest.fixture
def shared(benches, pytestconfig, capsys):
    return benches.Bars(pytestconfig, capsys, 1.5)

@pytest.fixture
def kept(benches, monkeypatch):
    monkeypatch.setitem(benches.OPEN, "open_goal", 0.6)

def test_met(quiet):
    quiet.ratio("met", [0.9, 2.1, 2.2], 2)

def test_nearly(quiet):
    quiet.ratio("nearly", [1.93], 2)

def test_lost(quiet):
    quiet.ratio("lost", [1.89], 2)
    quiet.ratio("another", [9], 2)

def test_lost_times(quiet):
    quiet.times("lost_times", {{"p50": 1.0, "p95": 60.0, "max": 70.0}}, {{"p95": 50.0, "max": 80.0}})

def test_open(quiet, kept):
    quiet.ratio("open_goal", [1.2], 2)

def test_open_lost(quiet, kept):
    quiet.ratio("open_goal", [1.1], 2)

def test_shared(shared):
    shared.times("clock", {{"p95": 500.0}}, {{"p95": 50.0}})
    shared.ratio("pictures", [0.1], 5, wall=True)

def test_shared_processor_time(shared):
    shared.ratio("processor", [0.1], 5)

def test_busy(benches):
    with benches.busy_processes(1):
        assert benches.used_by_others() > benches.QUIET
"""
#: Several runs in one process, since what takes long is numba's start: words, and the status of each.
RUNS = """
import sys
import pytest

for names in sys.argv[1:]:
    print("begin", names)
    status = pytest.main(["-s", "-q", "-p", "no:cacheprovider", "--import-mode=importlib",
                          *(f"test_fake.py::{name}" for name in names.split())])
    print("\\nend", int(status), flush=True)
"""
#: Benches that run together, their status, and what is said of each bar.
EXPECTED = {
    "test_met test_nearly test_open test_shared test_busy": (0, [
        "met ratio=2.10 (0.90 to 2.20) goal=2 PASS",
        "nearly ratio=1.93 (1.93 to 1.93) goal=2 FAIL, nearly",
        "open_goal ratio=1.20 (1.20 to 1.20) goal=2 FAIL, not met yet",
        "clock p95=500.0 ms goal=p95=50 not judged: others use 1.5 processors",
        "pictures ratio=0.10 (0.10 to 0.10) goal=5 not judged: others use 1.5 processors"]),
    "test_lost": (1, [
        "lost ratio=1.89 (1.89 to 1.89) goal=2 FAIL", "another ratio=9.00 (9.00 to 9.00) goal=2 PASS"]),
    "test_lost_times": (1, ["lost_times p50=1.0 p95=60.0 max=70.0 ms goal=p95=50 max=80 FAIL"]),
    "test_open_lost": (1, ["open_goal ratio=1.10 (1.10 to 1.10) goal=2 FAIL"]),
    "test_shared_processor_time": (1, ["processor ratio=0.10 (0.10 to 0.10) goal=5 FAIL"]),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each run of fake benches prints, with its status at the end."""
    folder = tmp_path_factory.mktemp("benches")
    shutil.copy(CONFTEST, folder)
    (folder / "test_fake.py").write_text(FAKE.format(conftest=str(folder / "conftest.py")))
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-c", RUNS, *EXPECTED], cwd=folder, capture_output=True, text=True, timeout=100, check=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    return {part.split("\n", 1)[0]: part for part in done.stdout.split("begin ")[1:]}


@pytest.mark.parametrize("names", EXPECTED)
def test_the_status_says_whether_a_goal_is_lost(told: dict[str, str], names: str) -> None:
    """Whatever the clock says where others use the machine, and whatever open goals lack."""
    status, bars = EXPECTED[names]
    lines = told[names].splitlines()
    assert lines[-1] == f"end {status}", told[names]
    said = [line.rstrip(".").removeprefix("bar ") for line in lines if line.startswith("bar ")]
    assert said == bars
    lost = [line.removeprefix("goal missed again: ") for line in lines if line.startswith("goal missed again")]
    assert lost == [bar.split()[0] for bar in bars if bar.endswith("FAIL")]
