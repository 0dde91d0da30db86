"""A fixed sample of the campaign of damaged runs: nothing is silent, nothing hangs, nothing ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from .catalogue import kinds
from .damaged_runs import plan, table
from .harness import Judged, campaign
from .outcome import BAD
from .raw import KINDS

#: Families whose darks are quick.
FAMILIES = ("EPIX10K", "DSSC", "GOTTHARD2")
TRIES = 24


@pytest.mark.timeout(3600)
def test_a_sample_of_damaged_runs_is_told_refused_or_harmless(tmp_path: Path, whole: bool) -> None:
    tries = plan(0, 1, tuple(KINDS)) if whole else plan(0, 1, FAMILIES)
    tries = tries if whole else tries[::len(tries) // TRIES][:TRIES]
    found = list(campaign(tries, tmp_path))
    assert [one for one in found if one.outcome in BAD] == []
    assert len(found) == len(tries) >= TRIES


def test_the_catalogue_has_many_kinds() -> None:
    assert len(kinds()) >= 60


def test_a_table_counts_the_outcomes() -> None:
    found = [Judged("a", "LPD", 1, "told"), Judged("a", "DSSC", 1, "SILENT"), Judged("b", "DSSC", 1, "told")]
    assert table(found).splitlines()[2:] == ["| a | 1 | 1 |", "| b | 1 |  |", "| **3 tries** | 2 | 1 |"]
