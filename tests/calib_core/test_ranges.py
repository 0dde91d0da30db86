"""Number ranges as operators write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.errors import BadParameter
from calib_core.ranges import format_numbers, parse_numbers


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


def test_ranges_are_written_short():
    assert format_numbers([7, 1, 0, 2, 3]) == "0-3,7"
    assert format_numbers([]) == ""


@given(st.sets(st.integers(0, 2000), max_size=40))
def test_reads_back_what_it_wrote(numbers):
    assert parse_numbers(format_numbers(numbers)) == tuple(sorted(numbers))
