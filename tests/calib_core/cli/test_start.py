"""An interrupt is answered wherever it hits the program, and ends nothing that has ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Interrupted at the end of an object, out of which Python lets no exception; after all was done.
RUNS = {
    "in what lets no exception out": ("""
class Short:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def run():
    Short()
    time.sleep(60)
""", 130, "calibwb: interrupted"),
    "while a class is made": ("""
class Named:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)

def run():
    class Owner:
        one = Named()
    time.sleep(60)
""", 130, "calibwb: interrupted"),
    "after the end": ("""
def run():
    atexit.register(lambda: signal.raise_signal(signal.SIGINT))
    return 0
""", 0, ""),
}


@pytest.mark.parametrize("when", RUNS)
def test_an_interrupt_is_answered_or_comes_too_late(when: str) -> None:
    code, status, told = RUNS[when]
    begin = "import atexit, signal, sys, time\nfrom calib_core.cli import main, start\n"
    done = subprocess.run([sys.executable, "-c", f"{begin}{code}\nmain.main = run\nsys.exit(start.main())"],
                          capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr.strip()) == (status, told)
