"""Numbers, times and paths as people type and paste them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from calib_core.errors import BadParameter
from calib_core.ranges import parse_numbers
from calib_core.typed import is_number, parse_number, parse_path, parse_time, parse_whole, plain


@pytest.mark.parametrize(("text", "value"), [
    ("2.5", 2.5), ("2,5", 2.5), (" 2.5 ", 2.5), ("\u00a02,5\u202f", 2.5), ("-1e-3", -1e-3), ("−1e3", -1000.0),
    ("–5", -5.0), ("1E+2", 100.0), (".5", 0.5), (",5", 0.5), ("7.", 7.0), ("+3", 3.0),
])
def test_numbers_of_all_locales(text, value):
    assert is_number(text)
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1,000,000", "1.000,5", "1,000.5", "0x10", "1_000", "²",
                                  "two", "1 000", "5 V", "--5"])
def test_what_is_no_number_or_may_be_two_is_refused(text):
    assert not is_number(text)
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(text)


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("1e3", 1000), ("−4", -4), ("12,0", 12),
                                             (str(2**60 + 1), 2**60 + 1)])
def test_whole_numbers(text, value):
    assert parse_whole(text) == value


@pytest.mark.parametrize("text", ["2.5", "2,5", "1e-1", "x", "²"])
def test_what_is_not_whole_is_refused(text):
    with pytest.raises(ValueError, match="is not a"):
        parse_whole(text)


@pytest.mark.parametrize(("text", "numbers"), [
    ("0–3,7", (0, 1, 2, 3, 7)), ("0—2", (0, 1, 2)), ("1 \u2011 3", (1, 2, 3)), ("\u00a05,\u202f6 ", (5, 6)),
])
def test_ranges_may_be_pasted(text, numbers):
    assert parse_numbers(text) == numbers


def test_times_keep_their_offset():
    nine = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1)))
    assert parse_time("2026-03-02T09:00:00+01:00", "begin") == nine
    assert parse_time("2026-03-02T09:00:00", "begin") == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert parse_time("2026-03-02T09:00:00+01:00", "begin").tzinfo is UTC
    with pytest.raises(BadParameter, match="begin = 'noon' is not allowed; it takes a date"):
        parse_time("noon", "begin")


def test_home_is_known_in_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_path("~/constants") == tmp_path / "constants"
    assert parse_path("x~y") == Path("x~y")
    assert parse_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert plain(" a – b ") == "a - b"


@pytest.mark.parametrize(("text", "said"), [
    ("", "A path is empty; give a folder or a file"), (" ", "A path is empty"),
    ("a\0b", "a path has no NUL character"),
    ("/data/r\udcff", r"'/data/r\\udcff' is not allowed: a path of other bytes than UTF-8 cannot be noted; rename"),
])
def test_what_is_no_path_or_could_not_be_noted_is_refused(text, said):
    with pytest.raises(BadParameter, match=said):
        parse_path(text)
