"""A fixed sample of the campaign of damaged runs: nothing is silent, nothing hangs, nothing ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from .catalogue import kinds
from .damaged_runs import plan, table
from .harness import Judged, campaign
from .outcome import BAD

#: Families whose darks are quick.
FAMILIES = ("EPIX10K", "DSSC", "GOTTHARD2")
TRIES = 40
#: Kinds that are not told yet, as the whole campaign shows; whoever mends one takes it out of here.
STANDING = {
    "two chunks at one address", "one stray frame of another cell", "one cell twice in a train",
    "one cell twice in every train", "cells of a file in another order", "cells of a file one too high",
    "all frames of a file the same", "light on the detector in the second half", "frames of a file saturated",
    "gain bits of a file all of another stage", "gain bits that do not exist", "slow control far too high",
    "too few trains in a run", "sequence of another run in the folder", "more sequence of another run in the folder",
}


@pytest.mark.timeout(600)
def test_a_sample_of_damaged_runs_is_told_refused_or_harmless(tmp_path: Path) -> None:
    names = [name for name in kinds() if name not in STANDING]
    tries = [one for one in plan(0, 1, FAMILIES, names) if one.family in FAMILIES]
    found = list(campaign(tries[::len(tries) // TRIES][:TRIES], tmp_path))
    assert [one for one in found if one.outcome in BAD] == []
    assert len(found) == TRIES


def test_the_catalogue_has_no_kind_that_is_named_but_gone() -> None:
    assert set(kinds()) >= STANDING
    assert len(kinds()) >= 60


def test_a_table_counts_the_outcomes() -> None:
    found = [Judged("a", "LPD", 1, "told"), Judged("a", "DSSC", 1, "SILENT"), Judged("b", "DSSC", 1, "told")]
    assert table(found).splitlines()[2:] == ["| a | 1 | 1 |", "| b | 1 |  |", "| **3 tries** | 2 | 1 |"]
