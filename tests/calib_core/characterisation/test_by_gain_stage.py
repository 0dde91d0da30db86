"""Runs find their gain stage by slow control, gain bits or gain signal; one run may hold all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from calib_core.characterisation.by_gain_stage import arrange, code_of, inputs_of, label_of, number_of
from calib_core.characterisation.inputs import Arrangement, RunFacts
from calib_core.characterisation.train_selection import TrainSelection
from calib_core.characterisation.unit import Context
from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.detector import FrameSelection, StageEvidence
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter

ROLES = ("high", "med", "low")
#: Types that know the stage by slow control and gain bits, by the gain signal, and with all stages in one run.
BITS, SIGNAL, PARALLEL = (detector_type(name) for name in ("JUNGFRAU", "AGIPD1M", "LPD1M"))


def run(label: str, stage: int | None = None, signal: float | None = None, **facts: Any) -> RunFacts:
    """A run as its gain stage or its gain signal shows it."""
    evidence = StageEvidence(stage, "by what is known", signal)
    return RunFacts(Path(f"r{label}"), label, (), None, 100, **{"evidence": evidence, **facts})


def given(runs: Sequence[RunFacts], roles: Sequence[str] = ROLES) -> dict[str, tuple[RunFacts, ...]]:
    return {role: (one,) for role, one in zip(roles, runs, strict=True)}


def places(found: Arrangement) -> list[str | None]:
    """Labels of the runs in the order of the gain stages."""
    assert [one.key for one in found.runs] == list(ROLES)
    return [one.run.label if one.run else None for one in found.runs]


def test_there_is_an_input_for_each_stage_and_each_may_be_left_out() -> None:
    assert [(one.name, one.flag, one.label, one.optional) for one in inputs_of(BITS)] == [
        ("high", "--run-high", "gain 0 (dynamic)", True), ("med", "--run-med", "gain 1 (forced)", True),
        ("low", "--run-low", "gain 2 (forced)", True)]


@pytest.mark.parametrize("stages", list(permutations(range(3))))
def test_runs_go_to_the_stage_that_they_are_of(stages: tuple[int, ...]) -> None:
    found = arrange(BITS, given([run(f"of {stage}", stage) for stage in stages]), keep=False)
    assert places(found) == ["of 0", "of 1", "of 2"]
    assert [one.moved for one in found.runs] == [stages[place] != place for place in range(3)]
    assert [one.at for one in found.runs] == [{"gain": 0}, {"gain": 1}, {"gain": 2}]
    assert {one.origin for one in found.runs} == {"by what is known"}
    assert len(found.notes) == (stages != (0, 1, 2))


@pytest.mark.parametrize("signals", list(permutations([5200.0, 7000.0, 9100.0])))
def test_the_lower_gain_has_the_higher_gain_signal(signals: tuple[float, ...]) -> None:
    found = arrange(SIGNAL, given([run(f"{signal:.0f}", signal=signal) for signal in signals]), keep=False)
    assert places(found) == ["5200", "7000", "9100"]


def test_two_runs_by_signal_stay_at_the_stages_that_were_asked_for() -> None:
    runs = [run("1", signal=9100), run("2", signal=7000)]
    assert places(arrange(SIGNAL, given(runs, ("med", "low")), keep=False)) == [None, "2", "1"]


def test_another_order_is_told_in_a_sentence() -> None:
    found = arrange(BITS, given([run("8", 1), run("7", 0)], ("high", "med")), keep=False)
    assert found.notes == (
        "Runs re-ordered by gain stage: gain 0 (dynamic) = 7 (by what is known), gain 1 (forced) = 8 (by what is "
        "known).",
        "No run for gain 2 (forced): its constants are marked as without dark data.")


def test_stages_without_a_run_have_no_place_along_the_axis() -> None:
    found = arrange(BITS, given([run("5", 2)], ("high",)), keep=False)
    assert places(found) == [None, None, "5"]
    assert [dict(one.at) for one in found.runs] == [{}, {}, {"gain": 0}]
    assert found.runs[0].origin == "no run given"
    context = Context(BITS, (0,), {"low": found.runs[2]})
    assert (number_of(context, "low"), code_of(context, "low"), label_of(context, "low")) == (2, 3, "G2")


def test_nothing_given_leaves_every_stage_without_a_run() -> None:
    found = arrange(BITS, {}, keep=False)
    assert places(found) == [None, None, None]
    assert len(found.notes) == 3


def test_samples_without_gain_bits_have_no_code() -> None:
    found = arrange(SIGNAL, given([run("1", signal=7000)], ("med",)), keep=False)
    context = Context(SIGNAL, (0,), {"med": found.runs[1]})
    assert (number_of(context, "med"), code_of(context, "med"), label_of(context, "med")) == (1, None, "MG")


def test_the_operator_may_keep_the_order() -> None:
    found = arrange(BITS, given([run("3", 2), run("2", 2), run("1", 0)]), keep=True)
    assert places(found) == ["3", "2", "1"]
    assert not any(one.moved for one in found.runs)
    assert found.notes == ("The order of the runs was kept as given.",)


@pytest.mark.parametrize("runs", [
    [run("1", evidence=None), run("2", evidence=None)], [run("1"), run("2")], [run("1", signal=9000), run("2")],
])
def test_runs_that_do_not_all_tell_stay_as_given(runs: list[RunFacts]) -> None:
    assert places(arrange(SIGNAL, given(runs, ("high", "med")), keep=False)) == ["1", "2", None]


def test_two_runs_of_one_stage_are_refused() -> None:
    with pytest.raises(BadInput) as told:
        arrange(BITS, given([run("1", 0), run("2", 1), run("3", 1)]), keep=False)
    assert str(told.value) == (
        "Runs 2 and 3 are of the same gain stage (gain 1 (forced)); give one run per gain stage.")


def test_gain_signals_that_are_too_near_are_one_stage() -> None:
    kind = replace(SIGNAL, least_signal_step=200.0)
    apart = [run("1", signal=5200), run("2", signal=5000)]
    assert places(arrange(kind, given(apart, ("high", "med")), keep=False)) == ["2", "1", None]
    with pytest.raises(BadInput, match=r"Runs 2 and 1 are of the same gain stage \(gain signal 5001 and 5200 ADU\)"):
        arrange(kind, given([apart[0], run("2", signal=5001)], ("high", "med")), keep=False)


def test_gain_bits_of_another_stage_are_told() -> None:
    runs = [run("1", gain_bits=0), run("2", gain_bits=None), run("3", gain_bits=1)]
    assert arrange(BITS, given(runs), keep=False).notes == (
        "Run 3 is taken for gain 2 (forced), but most of its gain bits are 1, not 3; samples with other bits are "
        "left out.",)
    assert arrange(SIGNAL, given(runs), keep=False).notes == ()


def test_gain_bits_are_those_of_the_operating_condition() -> None:
    swapped = replace(BITS, stages=tuple(replace(stage, code=7) for stage in BITS.stages))
    parameter = ConditionParameter("odd", "Odd")
    kind = replace(BITS, condition=(parameter,),
                   operated=lambda kind, found: swapped if found["odd"].value else kind)
    for odd, notes in ((1.0, 0), (0.0, 1)):
        condition = Condition((parameter,), {"odd": Found(odd, "control")})
        runs = [run(str(n), n, gain_bits=bits, condition=condition) for n, bits in enumerate((7, None, None))]
        assert len(arrange(kind, given(runs), keep=False).notes) == notes


@pytest.mark.parametrize("roles", [("high",), ("low",), ROLES])
@pytest.mark.parametrize("keep", [False, True])
def test_a_run_of_all_stages_is_arranged_once_for_each(roles: tuple[str, ...], keep: bool) -> None:
    found = arrange(PARALLEL, given([run("4", 0, stages=3)] * len(roles), roles), keep)
    assert places(found) == ["4", "4", "4"]
    assert [(one.part, one.parts, one.at, one.origin) for one in found.runs] == [
        (0, 3, {"gain": 0}, "part 1 of 3 of each train"), (1, 3, {"gain": 1}, "part 2 of 3 of each train"),
        (2, 3, {"gain": 2}, "part 3 of 3 of each train")]
    assert found.notes == ("Run 4 holds all gain stages: each train is cut into 3 equal parts.",)


@pytest.mark.parametrize("other", [run("9", 1), run("9", 1, stages=3)])
def test_a_run_of_all_stages_is_given_alone(other: RunFacts) -> None:
    with pytest.raises(BadInput) as told:
        arrange(PARALLEL, given([run("4", 0, stages=3), other], ("high", "med")), keep=False)
    assert str(told.value) == "Run 4 holds all gain stages in each train; give it alone, without 9."


def test_runs_of_one_stage_are_not_cut() -> None:
    found = arrange(PARALLEL, given([run(str(stage), stage) for stage in range(3)]), keep=False)
    assert [(one.part, one.parts) for one in found.runs] == [(0, 1)] * 3


def test_parameters_say_which_trains_are_used() -> None:
    chosen = TrainSelection(max_trains=70, min_trains=5, skip_first_trains=2, keep_suspect_trains=True, max_lost=20)
    assert chosen.frame_selection() == FrameSelection(
        skip_first=2, max_trains=70, min_trains=5, keep_suspect=True, part=0, parts=1, max_lost=0.2)
    assert TrainSelection().frame_selection() == FrameSelection(0, 1000, 10, False, max_lost=0.05)


@pytest.mark.parametrize(("name", "value", "allowed"), [
    ("max_trains", 0, "1 to 65536 trains"), ("min_trains", 0, "1 to 65536 trains"),
    ("skip_first_trains", -1, "0 to 10000 trains"), ("keep_suspect_trains", "some", "yes or no"),
])
def test_numbers_of_trains_have_a_range(name: str, value: object, allowed: str) -> None:
    with pytest.raises(BadParameter) as told:
        TrainSelection().with_changes({name: value})
    assert str(told.value) == f"{name} = {value!r} is not allowed; it takes {allowed}."


@pytest.mark.parametrize(("part", "parts"), [(3, 3), (-1, 3), (1, 1)])
def test_a_part_that_a_train_has_not_is_refused(part: int, parts: int) -> None:
    with pytest.raises(BadParameter, match=f"part = {part} is not allowed; it takes 0 to {parts - 1}"):
        FrameSelection(part=part, parts=parts)
