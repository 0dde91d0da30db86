"""A fixed sample of the campaign of kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Kills and interrupts of the sample, and of the whole.
SAMPLE, WHOLE = (6, 3), (200, 50)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(3600)
def test_a_sample_of_kills(whole: bool) -> None:
    """In a process of its own, since it forks."""
    kills, interrupts = WHOLE if whole else SAMPLE
    made = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("kills.py")), "--kills", str(kills), "--interrupts",
         str(interrupts)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "wrong: 0" in made.stdout
    assert sum(int(line.split("|")[4]) for line in made.stdout.splitlines() if line.startswith("| SIG")) == (
        kills + interrupts)
