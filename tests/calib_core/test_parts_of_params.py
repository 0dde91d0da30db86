"""Parameters of parts have flat names, a switch, and the same checks as any other."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from calib_core.errors import BadParameter
from calib_core.params import Knobs, Part, knob


class Smooth(Part):
    """A part that may be left out."""

    word: ClassVar[str] = "smooth"
    title: ClassVar[str] = "Smoothing"

    width: float = knob(2.0, ge=1, le=9, unit="pixels", help="Width")
    mode: Literal["row", "column"] = knob("row", help="Axis", expert=True)


class Level(Part):
    """A part that must be there."""

    word: ClassVar[str] = "level"
    title: ClassVar[str] = "Levelling"
    required: ClassVar[bool] = True

    limit: int = knob(10, ge=0, le=100, unit="ADU", help="Limit")


class Work(Knobs):
    """A model made of parts."""

    trains: int = knob(100, ge=1, help="Trains")
    steps: tuple[Part, ...] = (Level(), Smooth())
    seed: int = knob(1, help="Seed")


def test_names_are_flat_and_those_of_parts_stand_behind_all_others() -> None:
    names = [one.name for one in Work().knobs()]
    assert names == ["trains", "seed", "level_limit", "smooth", "smooth_width", "smooth_mode"]


def test_a_knob_of_a_part_is_described_as_any_other() -> None:
    found = {one.name: one for one in Work().knobs()}
    width = found["smooth_width"]
    assert (width.flag, width.unit, width.range_text) == ("--smooth-width", "pixels", "1 to 9 pixels")
    assert (width.part, width.word, width.is_switch) == ("Smoothing", "smooth", False)
    assert found["smooth"].is_switch
    assert found["smooth"].kind == "bool"
    assert found["smooth_mode"].expert
    assert found["trains"].part == ""


def test_values_and_changes_are_by_flat_names() -> None:
    work = Work().with_changes({"smooth_width": 3, "smooth": False, "level_limit": 20, "seed": 4})
    assert work.values() == {"trains": 100, "level_limit": 20, "smooth": False, "smooth_width": 3.0,
                             "smooth_mode": "row", "seed": 4}
    assert work.value("smooth_width") == 3.0
    assert work.changed_from(Work()) == {"smooth_width": 3.0, "smooth": False, "level_limit": 20, "seed": 4}
    assert [part.on for part in work.steps] == [True, False]
    assert Work().value("smooth_width") == 2.0


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"smooth_width": 10}, "smooth_width = 10 is not allowed; it takes 1 to 9 pixels."),
    ({"smooth_width": "wide"}, "smooth_width = 'wide' is not allowed; it takes 1 to 9 pixels."),
    ({"smooth_mode": "block"}, "smooth_mode = 'block' is not allowed; it takes one of row, column."),
    ({"level_limit": -1}, "level_limit = -1 is not allowed; it takes 0 to 100 ADU."),
])
def test_what_is_not_allowed_is_told_by_the_flat_name(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadParameter) as told:
        Work().with_changes(changes)
    assert str(told.value) == sentence


@pytest.mark.parametrize("name", ["steps", "width", "level", "level_on", "smooth_on", "smooth_limit"])
def test_which_parts_there_are_is_not_for_the_operator(name: str) -> None:
    with pytest.raises(BadParameter, match=f"no parameter “{name}”; known parameters are trains, seed, level_limit,"):
        Work().with_changes({name: ()})


def test_what_is_required_cannot_be_off() -> None:
    with pytest.raises(BadParameter, match="Levelling cannot be switched off"):
        Level(on=False)


class Clash(Part):
    """A part whose word makes the name of another's knob."""

    word: ClassVar[str] = "smooth_width"
    title: ClassVar[str] = "Clash"


@pytest.mark.parametrize(("parts", "name"), [
    ((Smooth(), Smooth()), "smooth, smooth_mode, smooth_width"), ((Smooth(), Clash()), "smooth_width"),
])
def test_two_of_one_name_are_refused(parts: tuple[Part, ...], name: str) -> None:
    with pytest.raises(BadParameter, match=f"declares two parameters that are named {name}"):
        Work(steps=parts)
