"""A parameter is declared once; everything else is told by its declaration."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.errors import BadParameter
from calib_core.params import Knobs, LimitsPerStage, knob


class Example(Knobs):
    """A set of parameters of every kind."""

    trains: int = knob(100, ge=1, le=1000, unit="trains", help="Trains to use")
    sigma: float = knob(5.0, ge=0, unit="σ", help="Width")
    share: float = knob(0.5, le=1, help="Share", expert=True)
    mode: Literal["fast", "exact"] = knob("fast", help="Speed")
    seed: int | None = knob(None, help="Seed")
    hard: LimitsPerStage = knob(((0.0, 1.0),), unit="ADU", help="Limits")
    keep: bool = knob(False, help="Keep")


KNOBS = {k.name: k for k in Example().knobs()}


def test_knobs_are_in_the_order_of_declaration():
    assert list(KNOBS) == ["trains", "sigma", "share", "mode", "seed", "hard", "keep"]


@pytest.mark.parametrize(("name", "kind"), [
    ("trains", "int"), ("sigma", "float"), ("mode", "choice"), ("seed", "int"), ("hard", "limits_per_stage"),
    ("keep", "bool"),
])
def test_kinds(name, kind):
    assert KNOBS[name].kind == kind


@pytest.mark.parametrize(("name", "text"), [
    ("trains", "1 to 1000 trains"), ("sigma", "at least 0 σ"), ("share", "at most 1"), ("mode", "one of fast, exact"),
    ("keep", ""),
])
def test_ranges_as_text(name, text):
    assert KNOBS[name].range_text == text


def test_flags_help_and_optional():
    assert KNOBS["trains"].flag == "--trains"
    assert (KNOBS["share"].expert, KNOBS["sigma"].expert) == (True, False)
    assert (KNOBS["seed"].optional, KNOBS["trains"].optional) == (True, False)
    assert KNOBS["hard"].default == ((0.0, 1.0),)
    assert KNOBS["mode"].help == "Speed"


@given(st.integers())
def test_exactly_the_declared_range_is_allowed(trains):
    try:
        changed = Example().with_changes({"trains": trains}).trains
    except BadParameter:
        changed = None
    assert changed == (trains if 1 <= trains <= 1000 else None)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"trains": 0}, "trains = 0 is not allowed; it takes 1 to 1000 trains."),
    ({"mode": "slow"}, "mode = 'slow' is not allowed; it takes one of fast, exact."),
    ({"keep": "perhaps"}, "keep = 'perhaps' is not allowed; it takes yes or no."),
    ({"hard": ((0.0, 1.0), (4.0, 2.0))}, "hard = ((0.0, 1.0), (4.0, 2.0)) is not allowed; "
     "it takes a low and a high limit for each gain stage, in this order."),
    ({"trian": 3}, "There is no parameter “trian”; known parameters are " + ", ".join(KNOBS) + "."),
])
def test_refusals_name_value_and_range(changes, sentence):
    with pytest.raises(BadParameter) as told:
        Example().with_changes(changes)
    assert str(told.value) == sentence


class Many(Knobs):
    """More parameters than a sentence lists."""

    first_train: int = knob(1, help="First")
    a: int = knob(1, help="A")
    b: int = knob(1, help="B")
    c: int = knob(1, help="C")
    d: int = knob(1, help="D")
    e: int = knob(1, help="E")
    f: int = knob(1, help="F")
    g: int = knob(1, help="G")
    h: int = knob(1, help="H")


def test_of_many_parameters_the_nearest_are_told():
    with pytest.raises(BadParameter, match="“frst_train”; of the 9 known ones the nearest are first_train, ") as told:
        Many().with_changes({"frst_train": 3})
    assert len(str(told.value).split(", ")) == 8


def test_changes_are_what_differs_from_the_baseline():
    baseline = Example(sigma=3.0)
    changed = baseline.with_changes({"trains": 7, "sigma": 3.0, "hard": [[0, 2], [1, 3]]})
    assert changed.changed_from(baseline) == {"trains": 7, "hard": [[0.0, 2.0], [1.0, 3.0]]}
    assert baseline.with_changes(changed.changed_from(baseline)) == changed


def test_parameters_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Example().trains = 3
