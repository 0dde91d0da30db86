"""Number ranges as operators write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.errors import BadParameter
from calib_core.ranges import format_numbers, parse_numbers, parse_ranges, parse_steps


@pytest.mark.parametrize(("text", "numbers"), [
    ("", ()), ("  ", ()), ("5", (5,)), ("0-3,7", (0, 1, 2, 3, 7)), ("7, 0 - 2", (0, 1, 2, 7)),
    ("3,3,2-4", (2, 3, 4)), ("00", (0,)),
])
def test_numbers_of_a_text(text, numbers):
    assert parse_numbers(text) == numbers


@pytest.mark.parametrize(("text", "named"), [
    ("a", "'a'"), ("1-", "'1-'"), ("-1", "'-1'"), ("3-1", "'3-1'"), ("1,,2", "''"), ("1.5", "'1.5'"),
    ("0-999999999", "'0-999999999'"), ("٣", "'٣'"),
])
def test_what_is_no_range_is_named(text, named):
    with pytest.raises(BadParameter) as caught:
        parse_numbers(text)
    assert named in str(caught.value)


@pytest.mark.parametrize(("text", "ends"), [
    ("", ()), ("1600000010", ((1600000010, 1600000010),)), ("1600000010 – 1600000050, 7", (
        (1600000010, 1600000050), (7, 7))), ("0-999999999999999999", ((0, 999999999999999999),))])
def test_ends_of_ranges(text, ends):
    assert parse_ranges(text) == ends


@pytest.mark.parametrize(("text", "named"), [("a", "'a'"), ("5-3", "'5-3'"), ("1,,2", "''"), ("-1", "'-1'")])
def test_what_has_no_ends_is_named(text, named):
    with pytest.raises(BadParameter, match=named):
        parse_ranges(text)


@pytest.mark.parametrize(("text", "found"), [
    ("", (0, None, 1)), ("0:352:2", (0, 352, 2)), (" 3 : 9 ", (3, 9, 1)), (":100", (0, 100, 1)),
    ("10:", (10, None, 1)), ("::3", (0, None, 3)), ("0:9:", (0, 9, 1))])
def test_steps_of_a_text(text, found):
    assert parse_steps(text) == found


@pytest.mark.parametrize("text", ["5", "5:5", "9:3", "0:9:0", "a:b", "0:9:1:1", "-3:2", ":0"])
def test_what_are_no_steps_is_named(text):
    with pytest.raises(BadParameter, match=f"{text!r} are no numbers from a first to before a last"):
        parse_steps(text)


def test_ranges_are_written_short():
    assert format_numbers([7, 1, 0, 2, 3]) == "0-3,7"
    assert format_numbers([]) == ""


@given(st.sets(st.integers(0, 2000), max_size=40))
def test_reads_back_what_it_wrote(numbers):
    assert parse_numbers(format_numbers(numbers)) == tuple(sorted(numbers))
