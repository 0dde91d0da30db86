"""Declared parameters as flags: every kind, defaults, help, and what counts as a change."""

from __future__ import annotations

import argparse
from typing import Literal

import pytest

from calib_core.cli.knob_flags import add_knob_arguments, changes_from
from calib_core.errors import BadParameter
from calib_core.params import Knobs, Limits, LimitsPerStage, knob


class Example(Knobs):
    frames: int = knob(10, ge=1, le=100, unit="frames", help="Frames per cell")
    width: float = knob(2.5, ge=0, unit="ADU", help="Width of a peak at 50 % height")
    flat: bool = knob(False, help="Take it as flat")
    strict: bool = knob(True, help="Refuse what is odd")
    note: str = knob("", help="A remark")
    how: Literal["mean", "median"] = knob("mean", help="Estimator")
    window: Limits = knob((0.0, 5.0), unit="ADU", help="Window")
    hard: LimitsPerStage = knob(((1.0, 2.0),), unit="ADU", help="Hard limits", expert=True)
    most: int | None = knob(None, ge=1, help="Largest number")


STAGES = ("HG", "MG", "LG")


def parse(*words: str, baseline: Knobs | None = None, stages: tuple[str, ...] = STAGES) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_knob_arguments(parser, baseline or Example(), stages)
    return changes_from(parser.parse_args(list(words)), baseline or Example(), stages)


def help_text(**options: object) -> str:
    parser = argparse.ArgumentParser()
    add_knob_arguments(parser, Example(), STAGES, **options)
    return " ".join(parser.format_help().split())


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ((), {}),
        (("--frames", "20"), {"frames": 20}),
        (("--frames", "10"), {}),
        (("--width", "3"), {"width": 3.0}),
        (("--flat",), {"flat": True}),
        (("--no-flat",), {}),
        (("--no-strict",), {"strict": False}),
        (("--note", "wet"), {"note": "wet"}),
        (("--how", "median"), {"how": "median"}),
        (("--window", "-1", "4"), {"window": [-1.0, 4.0]}),
        (("--most", "7"), {"most": 7}),
        (("--hard-mg", "3", "4"), {"hard": [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]}),
        (("--hard-hg", "0", "9", "--hard-lg", "5", "6"), {"hard": [[0.0, 9.0], [1.0, 2.0], [5.0, 6.0]]}),
    ],
)
def test_flags_give_the_changes(words: tuple[str, ...], changes: dict[str, object]) -> None:
    assert parse(*words) == changes


def test_changes_lead_to_the_same_model() -> None:
    changes = parse("--hard-mg", "3", "4", "--flat")
    changed = Example().with_changes(changes)
    assert changed.hard == ((1.0, 2.0), (3.0, 4.0), (1.0, 2.0))
    assert changed.flat


def test_a_value_out_of_range_is_refused_with_the_range() -> None:
    with pytest.raises(BadParameter, match=r"frames = 1000 is not allowed; it takes 1 to 100 frames"):
        parse("--frames", "1000")


def test_without_stage_names_limits_take_one_pair_for_all() -> None:
    assert parse("--hard", "7", "8", stages=()) == {"hard": [[7.0, 8.0]]}


def test_changes_are_relative_to_the_baseline() -> None:
    baseline = Example(frames=50)
    assert parse("--frames", "10", baseline=baseline) == {"frames": 10}
    assert parse("--frames", "50", baseline=baseline) == {}


def test_help_says_text_unit_range_default_and_choices() -> None:
    text = help_text()
    assert "--frames N Frames per cell [1 to 100 frames; default 10]" in text
    assert "--width X Width of a peak at 50 % height [at least 0 ADU; default 2.5]" in text
    assert "--hard-lg LOW HIGH Hard limits (LG) [ADU; default 1 2]" in text
    assert "--how {mean,median} Estimator [default mean]" in text
    assert "--flat, --no-flat Take it as flat [default no]" in text
    assert "--most N Largest number [at least 1; default none]" in text
    assert text.index("parameters for experts") < text.index("--hard-hg LOW", text.index("parameters for experts"))


def test_parameters_can_be_left_out() -> None:
    assert "--frames" not in help_text(leave_out=("frames",))
    assert "--frames" in help_text()
