"""Which lines runs of a scan charge, and how often each is, against patterns written down here."""

from __future__ import annotations

import numpy as np

from calib_core.characterisation.charges import Charges, as_read, charges_of
from calib_core.characterisation.family import named

from . import test_by_current as current
from . import test_by_pattern as pattern


def of_capacitor(*runs) -> Charges:
    found = charges_of(named("AGIPD").method("PC"), pattern.KIND, pattern.arrange(*runs).runs)
    assert found is not None
    return found


def test_each_column_is_charged_once() -> None:
    order = [0, 2, 1, 3, 4, 5, 6, 7]
    found = of_capacitor(*(pattern.run(place, one) for place, one in enumerate(order)))
    expected = np.zeros((8, 128), bool)
    for one in range(8):
        expected[one, pattern.columns(one)] = True
    np.testing.assert_array_equal(found.table, expected)
    assert [one.label for one in found.runs if one.moved] == ["r2", "r1"]
    assert found.is_whole
    assert found.sentences() == ("128 of 128 columns charged in exactly one run",)


def test_columns_that_no_run_charges_and_those_of_two_are_counted() -> None:
    found = of_capacitor(pattern.run(0, 0), pattern.run(1, 1, 2, told=1), pattern.run(2, 2), pattern.run(3, 3))
    # patterns 0, 1 and 3 once, 2 in the runs 1 and 2, four not at all
    assert found.sentences() == ("48 of 128 columns charged in exactly one run, 64 in none, 16 in several",)
    assert not found.is_whole
    assert set(np.flatnonzero(found.times(0) == 2)) == set(pattern.columns(2))


def test_scans_of_several_currents_are_counted_each_for_itself() -> None:
    runs = current.two_scans()[:7]  # the second lacks a pattern
    found = charges_of(named("AGIPD").method("CS"), current.KIND, current.arrange(*runs).runs)
    assert found is not None
    assert found.sentences() == (
        "Scan 1: 1,024 of 1,024 half rows charged in exactly one run",
        "Scan 2: 768 of 1,024 half rows charged in exactly one run, 256 in none")
    assert not found.is_whole


def test_what_a_job_has_read_stands_in_place_of_what_a_few_frames_show() -> None:
    arranged = pattern.arrange(*(pattern.run(place, place) for place in range(8))).runs
    found = charges_of(named("AGIPD").method("PC"), pattern.KIND, arranged)
    assert found is not None
    changes = np.full((8, 128), np.nan, np.float32)
    changes[:3] = 9.0
    for one in (0, 1, 2):
        changes[one, pattern.columns(one)] = 6000
    changes[2, 50] = 3000  # which frames that were looked at before did not show
    shown = as_read(found, arranged, changes)
    assert shown.read == 3
    assert [one.by_job for one in shown.runs] == [True] * 3 + [False] * 5
    assert set(shown.runs[2].lines) == {*pattern.columns(2), 50}
    assert shown.sentences() == ("127 of 128 columns charged in exactly one run, 1 in several",)
    assert as_read(found, arranged, np.full((8, 128), np.nan)) == found


def test_scans_of_several_currents_are_filled_each_for_itself() -> None:
    arranged = current.arrange(*current.two_scans()).runs
    found = charges_of(named("AGIPD").method("CS"), current.KIND, arranged)
    assert found is not None
    changes = np.full((2, 4, 1024), np.nan, np.float32)
    changes[1, 3] = 5.0  # nothing at all in the last run
    shown = as_read(found, arranged, changes)
    assert [one.lines for one in shown.runs if one.by_job] == [()]
    assert shown.sentences()[1] == "Scan 2: 768 of 1,024 half rows charged in exactly one run, 256 in none"


def test_runs_that_are_no_scan_charge_nothing() -> None:
    assert charges_of(named("AGIPD").method("DARK"), pattern.KIND, pattern.arrange(pattern.run(0, 0)).runs) is None
