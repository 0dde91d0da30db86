"""Runs of a scan are put in order by the columns that they charge; what is odd is told or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calib_core.characterisation import by_pattern
from calib_core.characterisation.inputs import Arrangement, RunFacts
from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.constants.condition import Condition, Found
from calib_core.detector import ScanEvidence
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput

KIND = detector_type("AGIPD1M")


def columns(pattern: int) -> list[int]:
    """As the facility has them."""
    return [8 * i + 7 - pattern for i in range(8)] + [64 + 8 * i + pattern for i in range(8)]


def run(number: int, *patterns: int, told: int | None = None, more: tuple[int, ...] = ()) -> RunFacts:
    changes = np.random.default_rng(number).uniform(2, 6, 128)
    for one in patterns:
        changes[columns(one)] += 6000
    changes[list(more)] += 6000
    scan = ScanEvidence(tuple(changes), told, 0, 599)
    return RunFacts(Path(f"r{number}"), f"r{number}", (), None, 600, scan=scan)


def arrange(*runs: RunFacts, keep: bool = False) -> Arrangement:
    return by_pattern.arrange(KIND, KIND.injections["capacitor"], runs, keep)


def places(found: Arrangement) -> dict[int, str]:
    return {one.at["pattern"]: one.run.label for one in found.runs if one.run}


def test_runs_in_order_are_taken_without_a_word() -> None:
    found = arrange(*(run(one, one, told=one) for one in range(8)))
    assert places(found) == {one: f"r{one}" for one in range(8)}
    assert found.notes == ()
    assert not any(one.moved for one in found.runs)


def test_a_swapped_pair_is_repaired_and_said() -> None:
    order = [0, 2, 1, 3, 4, 5, 6, 7]
    found = arrange(*(run(place, one) for place, one in enumerate(order)))
    assert places(found) == {one: f"r{order.index(one)}" for one in range(8)}
    assert [one.at["pattern"] for one in found.runs if one.moved] == [1, 2]
    assert "re-ordered" in found.notes[0]
    assert "1 = r2, 2 = r1" in found.notes[0]


def test_a_missing_run_is_told_with_its_share() -> None:
    found = arrange(*(run(one, one) for one in (0, 1, 2, 4, 5, 6, 7)))
    assert len(found.runs) == 7
    assert any("pattern 3" in one and "12.5 %" in one for one in found.notes)
    assert not any("re-ordered" in one for one in found.notes)  # those that are there are in their order
    assert not any(one.moved for one in found.runs)


def test_a_shorter_run_is_told() -> None:
    short = run(1, 1)
    assert short.scan is not None
    found = arrange(run(0, 0), replace(short, scan=replace(short.scan, last_train=499)), run(2, 2))
    assert [one for one in found.notes if "shorter" in one] == [
        "Run r1 goes over 500 trains, others over 600: where its scan is shorter, lines of its pixels are known less "
        "well, or not at all."]
    some = replace(short, scan=replace(short.scan, last_train=560))
    assert not any("shorter" in one for one in arrange(run(0, 0), some).notes)


def test_two_runs_of_one_pattern_are_told_and_the_first_is_taken() -> None:
    found = arrange(run(0, 0), run(1, 1), run(2, 1))
    assert places(found) == {0: "r0", 1: "r1"}
    assert any(one.startswith("Run r2 charges the same columns as r1") for one in found.notes)


def test_a_run_that_charges_two_patterns_is_the_one_that_slow_control_says() -> None:
    found = arrange(run(0, 0), run(1, 1, 2, told=2))
    assert places(found) == {0: "r0", 2: "r1"}
    assert any("pattern 1 too" in one for one in found.notes)


def test_slow_control_that_says_another_pattern_is_told() -> None:
    found = arrange(run(0, 0, told=5))
    assert places(found) == {0: "r0"}
    assert any("says that its pattern is 5, but it is taken for 0" in one for one in found.notes)


def test_a_run_that_charges_two_patterns_is_for_the_one_that_no_other_run_charges() -> None:
    """Whatever the order of the runs, where slow control tells nothing."""
    for runs in ((run(0, 1), run(1, 1, 2)), (run(1, 1, 2), run(0, 1))):
        found = arrange(*runs)
        assert places(found) == {1: "r0", 2: "r1"}
        assert not any("left out" in one for one in found.notes)
    assert places(arrange(run(0, 1, 2), run(1, 1, 2))) == {1: "r0", 2: "r1"}


def test_the_order_is_kept_where_that_is_asked_for() -> None:
    found = arrange(run(0, 3), run(1, 0), keep=True)
    assert places(found) == {0: "r0", 1: "r1"}
    assert any("kept as given" in one for one in found.notes)


@pytest.mark.parametrize(("runs", "told"), [
    ((run(0),), "charges no columns"), ((run(0, 0, more=(3,)),), "charges the columns 3, which are no whole pattern"),
    (tuple(run(one, one % 8) for one in range(9)), "9 runs were given"),
    ((run(0, 0), run(1, 1), run(0, 0)), "Run r0 is given twice"),
    ((run(0),), "none changes by more than 6 ADU, where .* do by 50 or more"),
    ((replace(run(0, 0), scan=replace(run(0, 0).scan, first_train=0, last_train=2_000_000_599)),),
     "has 600 trains, but their ids go over 2000000600"),
    ((RunFacts(Path("r"), "r", (), None, 0, scan=ScanEvidence((), None, 0, 0)),), "no frames"),
])
def test_what_is_no_scan_is_refused(runs: tuple[RunFacts, ...], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        arrange(*runs)


def test_a_run_of_fixed_gain_is_refused() -> None:
    fixed = Condition(KIND.condition, {"gain_mode": Found(1.0, "slow control")})
    with pytest.raises(BadInput, match="fixed gain by its operating condition"):
        arrange(replace(run(0, 0), condition=fixed))
    adaptive = Condition(KIND.condition, {"gain_mode": Found(0.0, "slow control")})
    assert places(arrange(replace(run(0, 0), condition=adaptive))) == {0: "r0"}


def test_a_type_without_a_source_is_refused() -> None:
    with pytest.raises(BadInput, match="does not charge"):
        PulseCapacitor().arrange(detector_type("JUNGFRAU"), {}, False)
