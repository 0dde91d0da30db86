"""Runs of scans at several currents: which is of which, by registers, by what is given, or by their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calib_core.characterisation import by_current
from calib_core.characterisation.inputs import Arrangement, RunFacts
from calib_core.detector import ScanEvidence
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput

KIND = detector_type("AGIPD1M")
SOURCE = KIND.injections["current"]


def run(number: int, pattern: int, current: float | None = None) -> RunFacts:
    """Every fourth row of a half changes: 3 - r, 7 - r … in the first, r, r + 4 … in the second."""
    changes = np.random.default_rng(number).uniform(2, 6, 1024)
    changes[3 - pattern:512:4] += 3000
    changes[512 + pattern::4] += 3000
    scan = ScanEvidence(tuple(changes), None, 0, 599, current)
    return RunFacts(Path(f"r{number}"), f"r{number}", (), None, 600, scan=scan)


def arrange(*runs: RunFacts, currents: tuple[float, ...] = (), keep: bool = False) -> Arrangement:
    return by_current.arrange(KIND, SOURCE, runs, keep, currents)


def places(found: Arrangement) -> dict[tuple[int, int], str]:
    return {(one.at["current"], one.at["pattern"]): one.run.label for one in found.runs if one.run}


def two_scans(*told: float | None) -> list[RunFacts]:
    first, second = told or (None, None)
    return [run(one, one, first) for one in range(4)] + [run(4 + one, 3 - one, second) for one in range(4)]


EXPECTED = {**{(0, one): f"r{one}" for one in range(4)}, **{(1, 3 - one): f"r{4 + one}" for one in range(4)}}


def test_lines_are_half_rows_and_patterns_are_of_pixels() -> None:
    line = SOURCE.line_of((512, 128))
    assert (line[7, 63], line[7, 64], line[511, 127]) == (7, 519, 1023)
    pixels = SOURCE.charged((512, 128), 1)
    expected = np.zeros((512, 128), bool)
    expected[2::4, :64] = expected[1::4, 64:] = True
    np.testing.assert_array_equal(pixels, expected)
    assert sum(SOURCE.charged((512, 128), one).sum() for one in range(4)) == 512 * 128


def test_runs_are_called_by_their_current_and_pattern_on_the_screen() -> None:
    assert [one.label for one in arrange(*two_scans(), currents=(80.0, 150.0)).runs][::5] == [
        "current 80, pattern 0", "current 150, pattern 1"]
    assert [one.label for one in arrange(*two_scans(60.0, 120.0)).runs][:1] == ["current 60, pattern 0"]
    assert [one.label for one in arrange(*two_scans()).runs][::5] == ["scan 1, pattern 0", "scan 2, pattern 1"]
    assert [one.label for one in arrange(*two_scans()[:4]).runs][:1] == ["pattern 0"]


def test_one_scan_needs_no_current() -> None:
    found = arrange(*(run(one, one) for one in range(4)))
    assert places(found) == {(0, one): f"r{one}" for one in range(4)}
    assert found.notes == found.unsettled == ()
    assert by_current.labels(found.runs, ()) == (1,)
    assert by_current.labels(found.runs, (80.0,)) == (80.0,)


@pytest.mark.parametrize("currents", [(60.0, 150.0), (60.0,) * 4 + (150.0,) * 4])
def test_currents_are_given_for_each_scan_or_for_each_run(currents: tuple[float, ...]) -> None:
    found = arrange(*two_scans(), currents=currents)
    assert places(found) == EXPECTED
    assert by_current.labels(found.runs, currents) == (60.0, 150.0)
    assert ["60: r0, r1, r2, r3; 150: r4, r5, r6, r7" in one for one in found.unsettled] == [True]
    assert any(one.startswith("Scan 2: Runs re-ordered by the half rows") for one in found.notes)
    assert [one.key for one in found.runs] == [f"scan/{number}" for number in range(8)]


def test_currents_for_each_run_may_come_in_any_order() -> None:
    runs = [run(0, 0), run(1, 0), run(2, 1), run(3, 1)]
    found = arrange(*runs, currents=(150.0, 60.0, 60.0, 150.0))
    assert places(found) == {(0, 0): "r0", (0, 1): "r3", (1, 0): "r1", (1, 1): "r2"}
    assert by_current.labels(found.runs, (150.0, 60.0, 60.0, 150.0)) == (150.0, 60.0)


def test_what_registers_tell_counts_and_the_order_is_that_which_is_given() -> None:
    found = arrange(*two_scans(60.0, 150.0), currents=(150.0, 60.0))
    assert places(found) == {(1 - current, pattern): label for (current, pattern), label in EXPECTED.items()}
    assert by_current.labels(found.runs, (150.0, 60.0)) == (150.0, 60.0)
    fewer = arrange(*two_scans(60.0, 150.0), currents=(150.0,))
    assert any("r0, r1, r2, r3 are left out" in one for one in fewer.notes)
    assert {one.at["current"] for one in fewer.runs} == {0}


def test_scans_whose_currents_nobody_tells_are_numbered() -> None:
    found = arrange(*two_scans())
    assert places(found) == EXPECTED
    assert by_current.labels(found.runs, ()) == (1, 2)
    assert ["Nobody tells the currents of the 2 scans" in one for one in found.unsettled] == [True]


def test_a_scan_may_lack_a_run() -> None:
    found = arrange(run(0, 0), run(1, 2), run(2, 3), run(3, 0), run(4, 1), currents=(60.0, 150.0))
    assert places(found) == {(0, 0): "r0", (0, 2): "r1", (0, 3): "r2", (1, 0): "r3", (1, 1): "r4"}
    assert any("Scan 1: No run charges the half rows of pattern 1: 25 %" in one for one in found.notes)


def test_the_order_is_kept_where_that_is_asked_for() -> None:
    found = arrange(*two_scans(), currents=(60.0, 150.0), keep=True)
    assert places(found) == {divmod(one, 4): f"r{one}" for one in range(8)}


@pytest.mark.parametrize(("runs", "currents", "told"), [
    (two_scans(), (60.0, 150.0, 80.0), "8 runs are 2 scans of the current source .* but 3 currents were given"),
    (two_scans(60.0, 150.0), (60.0, 80.0), "No run is of current 80; the runs tell 60, 150"),
    ([RunFacts(Path("r"), "r", (), None, 0, scan=ScanEvidence((), None, 0, 0))], (), "which half rows it charges"),
    ([run(0, 0), run(1, 1), run(2, 2)], (60.0, 60.0, 150.0, 150.0), "3 runs are 1 scan of"),
    ([run(0, 0), run(1, 1), run(0, 0)], (), "Run r0 is given twice"),
])
def test_what_does_not_go_together_is_refused(
    runs: list[RunFacts], currents: tuple[float, ...], told: str,
) -> None:
    with pytest.raises(BadInput, match=told):
        arrange(*runs, currents=currents)
