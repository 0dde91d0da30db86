"""What two subjects have in common, what is told of the rest, and what cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from calib_core.axes import Result
from calib_core.errors import BadInput
from calib_core.subjects.pair import pair

from .arrays import DARK, KIND, RAW, SIDE, Arrays, compared, composing, permuted


def test_what_only_one_has_is_told_with_numbers() -> None:
    more = Result("thresholds", "Thresholds", "ADU", "f4", "")
    a = Arrays(modules=(3, 4, 5), results=(*DARK, more, RAW, replace(SIDE, over=("gain", "cell"), unit="e")))
    b = permuted()
    b.results = (*DARK, replace(SIDE, over=("gain", "cell")))
    with compared(a, b) as one:
        assert one.notes == (
            "Module: 2 compared, left out 1 that only A has (4) and 1 that only B has (9).",
            "Gain stage: 2 compared, left out 1 that only B has (LG).",
            "Memory cell: 2 compared, left out 1 that only A has (4) and 1 that only B has (12).",
            "Only A has Thresholds, Noise before.",
            "Not compared, since they are no maps or not alike in unit and axes: Sides.",
            "A: All of runs 1-3 is guessed.", "B: All of runs 7-9 is guessed.")
        assert {result.name.split(".")[0] for result in one.results} == {one.name for one in DARK}


def test_nothing_is_told_where_both_have_the_same() -> None:
    a = Arrays()
    with compared(a, Arrays()) as one:
        assert one.notes == (*(f"{letter}: {a.notes[0]}" for letter in "AB"),)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"kind": replace(KIND, name="OTHER")},
     "A is of type TINY with 2 × 3 pixels and B of OTHER with 2 × 3 pixels; choose results of one detector type."),
    ({"kind": replace(KIND, shape=(4, 3))},
     "A is of type TINY with 2 × 3 pixels and B of TINY with 4 × 3 pixels; choose results of one detector type."),
    ({"identifier": "MID_TINY"}, "A is of LAB_TINY and B of MID_TINY; choose results of one detector."),
    ({"modules": (7, 8, 9, 12)},
     "A has modules 3,5 and B has 7-9,12; choose results that have a module in common."),
    ({"cells": (1, 2, 3)}, "Memory cell: A has 0,4,8 and B has 1-3; choose results that have one in common."),
    ({"gains": ("LG",)}, "Gain stage: A has HG, MG and B has LG; choose results that have one in common."),
    ({"kind": None}, "The detector of B (runs 1-3) is not known yet; compare it once its runs or files "
     "have been looked at."),
    ({"axes": (), "results": ()}, "The detector of B (runs 1-3) is not known yet; compare it once its "
     "runs or files have been looked at."),
    ({"results": (RAW,)},
     "runs 1-3 and runs 1-3 have no maps of the same quantity; choose two results of one kind."),
])
def test_what_does_not_fit_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    running = composing()
    with pytest.raises(BadInput) as refused:
        pair(Arrays(), Arrays(**changes))
    assert str(refused.value) == sentence
    assert composing() == running


def test_a_comparison_is_not_compared_again() -> None:
    with compared(Arrays(), Arrays()) as one, pytest.raises(BadInput, match=r"^B \(A: runs 1-3 │ B: runs 1-3\) is a "
                                                                            "comparison itself"):
        pair(Arrays(), one)


def test_modes_of_operation_of_one_type_can_be_compared_and_an_unknown_detector_is_told() -> None:
    with compared(Arrays(identifier=""), Arrays(kind=replace(KIND, signal_plane=None))) as one:
        assert one.identifier == "LAB_TINY"
        assert one.notes[0] == "It is not known which detector A is of; it is taken to be that of B."


SAME = ("A and B are both made of {}, so they are not independent: they differ less than two runs would, and (A−B)/σ "
        "is too narrow.")


@pytest.mark.parametrize(("of_a", "of_b", "same"), [
    (["high: p002450 r0007 /raw/r0007 (10 trains, 20 frames)", "low: p002450 r0008 /raw/r0008"],
     ["high: p002450 r0008 /copy of/r0008 (9 trains, 9 frames)", "low: p002450 r0007 /raw/r0007"],
     "p002450 r0007, p002450 r0008"),
    (["dark: p002450 r0007 /raw/r0007"], ["dark: p002450 r0008 /raw/r0008"], ""),
    (["dark: p002450 r0007 /raw/r0007"], ["dark: p002451 r0007 /raw/r0007"], ""),
    (["dark: run one /data/run one"], ["dark: run one /data/run one (10 trains, 20 frames)"], "/data/run one"),
    (["dark: run /data/run"], ["dark: run /elsewhere/run"], ""),
    (["dark: p002450 r0007 /raw/r0007", "lut: /tables/lut.h5"],
     ["dark: p002450 r0008 /raw/r0008", "lut: /tables/lut.h5"], ""),
    (["runs 1-3"], ["runs 1-3"], ""), ([], [], ""),
])
def test_runs_that_both_are_made_of_are_told(of_a: list[str], of_b: list[str], same: str) -> None:
    a, b = Arrays(), Arrays()
    a.about, b.about = {"runs": "\n".join(of_a)}, {"runs": "\n".join(of_b)}
    with compared(a, b) as one:
        told = [note for note in one.notes if "independent" in note]
        assert told == ([SAME.format(same)] if same else [])


def test_nothing_is_told_of_runs_where_they_are_not_known() -> None:
    a, b = Arrays(), Arrays()
    a.about, b.about = {}, {"runs": "dark: p002450 r0007 /raw/r0007"}
    with compared(a, b) as one:
        assert not [note for note in one.notes if "independent" in note]
