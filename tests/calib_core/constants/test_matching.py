"""Which constants answer a question: deviations to the last bit, beginnings of texts, same sets, time with ties."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.constants.matching import Setting, best, difference

START = datetime(2025, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Timed:
    name: str
    begin: datetime | None


def at(name: str, hours: float | None) -> Timed:
    return Timed(name, None if hours is None else START + timedelta(hours=hours))


@pytest.mark.parametrize(("value", "lower", "upper", "low", "high"), [
    (300.0, 0.0, 0.0, 300.0, 300.0), (291.0, 5.0, 5.0, 286.0, 296.0), (0.7, 0.1, 0.1, 0.6, 0.8),
    (1.1, 0.0, 0.1, 1.1, 1.2), (2.5, 0.5, 0.0, 2.0, 2.5), (0.0, 0.0, 4.5, 0.0, 4.5), (-1.5, 0.5, 0.5, -2.0, -1.0),
])
def test_both_ends_of_a_deviation_are_within_and_the_next_numbers_are_not(
    value: float, lower: float, upper: float, low: float, high: float
) -> None:
    one = Setting(value, lower, upper)
    assert one.admits(low)
    assert one.admits(high)
    assert not one.admits(math.nextafter(low, -math.inf))
    assert not one.admits(math.nextafter(high, math.inf))


@given(st.integers(-10**6, 10**6), st.integers(0, 10**5), st.integers(0, 10**5), st.integers(-12 * 10**5, 12 * 10**5))
def test_deviations_are_those_of_the_decimal_numbers(value: int, lower: int, upper: int, asked: int) -> None:
    """Numbers with three decimals, against exact fractions."""
    within = Fraction(value - lower) <= asked <= Fraction(value + upper)
    assert Setting(value / 1000, lower / 1000, upper / 1000).admits(asked / 1000) == within


def test_the_servers_own_examples() -> None:
    """Stored 2.5 ± 0.5 and 1.5 ± 0.5: (2.0, 1.999) is within both, (2.0, 2.000001) is not."""
    held = {"a": Setting(2.5, 0.5, 0.5), "b": Setting(1.5, 0.5, 0.5)}
    assert not difference(held, {"a": (2.0,), "b": (1.999,)})
    assert difference(held, {"a": (2.0,), "b": (2.000001,)}) == "b differs: 1.5 and 2.000001"


@pytest.mark.parametrize(("held", "asked", "answers"), [
    ("8,24,", "8,24,", True), ("8,24,40,", "8,24,", True), ("8,240,", "8,24,", False), ("8,", "8,24,", False),
    ("8,24,", "", False), ("", "", True), ("", "8,24,", False),
])
def test_a_text_answers_what_it_begins_with(held: str, asked: str, answers: bool) -> None:
    assert Setting(held).admits(asked) == answers


def test_numbers_and_texts_are_never_the_same() -> None:
    assert not Setting("5").admits(5.0)
    assert not Setting(5.0).admits("5")


def test_both_sides_have_the_same_parameters() -> None:
    held = {"Bias": Setting(300.0, unit="V"), "Mode": Setting(1.0)}
    assert difference(held, {"Bias": (300.0,)}) == "Mode is known on one side only"
    assert difference({"Bias": held["Bias"]}, {"Bias": (300.0,), "Mode": (0.0,)}) == "Mode is known on one side only"
    assert difference(held, {"Mode": (1.0,), "Bias": (200.0,)}) == "Bias differs: 300.0 V and 200.0 V"
    assert not difference(held, {"Mode": (1.0,), "Bias": (300.0,)})


def test_a_constant_of_several_stages_answers_each_and_the_old_default_without_a_name() -> None:
    held = {"Mode": Setting(0.0, others=(1.0, 2.0), absent=True)}
    for asked in ({}, {"Mode": (0.0,)}, {"Mode": (1.0,)}, {"Mode": (2.0,)}, {"Mode": (3.0, 2.0)}):
        assert not difference(held, asked)
    assert difference(held, {"Mode": (3.0,)})


@pytest.mark.parametrize(("hours", "prior", "closest"), [
    ((-3, 2), "-3", "2"), ((-2, 3), "-2", "-2"), ((-3, 3), "-3", "-3"), ((0,), "0", "0"), ((2, 5), None, "2"),
    ((-30, -4, 3, 3.5), "-4", "3"), ((None, -9), "-9", "-9"), ((None, 9), None, "9"), ((None,), None, None),
])
def test_time_decides(hours: tuple[float | None, ...], prior: str | None, closest: str | None) -> None:
    """Of two as close the one before; one that tells no time is never taken."""
    ordered = [at(str(one), one) for one in hours]
    for strategy, wanted in (("prior", prior), ("closest", closest)):
        found = best(ordered, START, strategy)
        assert (found.name if found else None) == wanted, strategy


def test_of_two_that_begin_at_once_the_later_counts() -> None:
    for hours in (-1, 1):
        two = [at("first", hours), at("second", hours)]
        assert best(two, START, "closest").name == "second"
    assert best([at("first", -1), at("second", -1), at("third", 1)], START, "prior").name == "second"


def test_the_begin_is_before_to_the_microsecond() -> None:
    one = Timed("one", START)
    assert best([one], START, "prior") is one
    assert best([one], START - timedelta(microseconds=1), "prior") is None
