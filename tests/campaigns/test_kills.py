"""A fixed sample of the campaign of kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_sample_of_kills() -> None:
    """In a process of its own, since it forks."""
    made = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("kills.py")), "--kills", "8", "--interrupts", "4"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "wrong: 0" in made.stdout
    assert sum(int(line.split("|")[4]) for line in made.stdout.splitlines() if line.startswith("| SIG")) == 12
