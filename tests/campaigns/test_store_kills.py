"""A fixed sample of the campaign of kills of programs that inject."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Kills of the sample, and of the whole.
SAMPLE, WHOLE = 6, 200


@pytest.mark.timeout(3600)
def test_a_sample_of_kills_while_constants_are_injected(whole: bool) -> None:
    """In a process of its own, since it forks."""
    kills = WHOLE if whole else SAMPLE
    made = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("store_kills.py")), "--kills", str(kills)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "wrong: 0" in made.stdout
    told = {line.split("|")[1].strip(): int(line.split("|")[2]) for line in made.stdout.splitlines() if "| " in line
            and line.split("|")[2].strip().isdigit()}
    assert told["programs killed"] >= kills
    assert told["told: accepted"] > 0
