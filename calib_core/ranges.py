"""Whole numbers as operators write them: ``0-3,7``, and every second from 0 on: ``0:352:2``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from calib_core.errors import BadParameter
from calib_core.typed import plain

#: A longer list is a slip of the keyboard, not something anybody means.
MAX_NUMBERS = 100_000
_LONG = re.compile(r"(\d{1,18})(?:\s*-\s*(\d{1,18}))?", re.ASCII)
_STEPS = re.compile(r"(\d{0,9})\s*:\s*(\d{0,9})(?:\s*:\s*(\d{0,9}))?", re.ASCII)
#: First number, the one at which they end and which is left out, and the step.
Steps = tuple[int, int | None, int]
#: All of them.
ALL: Steps = (0, None, 1)
_PART = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?", re.ASCII)


def parse_numbers(text: str) -> tuple[int, ...]:
    """Numbers of a text such as ``0-3,7``, ascending and each once; an empty text has none.

    Raises
    ------
    BadParameter
        A part is neither a number nor a range; the message names it.
    """
    parts = [part.strip() for part in plain(text).split(",")]
    if parts == [""]:
        return ()
    found: set[int] = set()
    for part in parts:
        found.update(_range(part))
    return tuple(sorted(found))


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """First and last of each part of a text such as ``1600000010-1600000050,1600000061``; an empty text has none.

    Raises
    ------
    BadParameter
        A part is neither a number nor a range; the message names it.
    """
    parts = [part.strip() for part in plain(text).split(",")]
    return () if parts == [""] else tuple(map(_ends, parts))


def parse_steps(text: str) -> Steps:
    """First, end and step of a text such as ``0:352:2``, whose end is left out; an empty text has all numbers.

    Raises
    ------
    BadParameter
        The text is written otherwise, or has no number; the message names it.
    """
    match = _STEPS.fullmatch(plain(text) or ":")
    first, end, step = (int(one) if one else None for one in match.groups()) if match else (0, 0, 0)
    if step == 0 or (end is not None and (first or 0) >= end):
        raise BadParameter(f"{text!r} are no numbers from a first to before a last; write for example “0:352:2”, "
                           "“:100” or “10:”.")
    return first or 0, end, step or 1


def format_numbers(numbers: Iterable[int]) -> str:
    """Shortest text that :func:`parse_numbers` reads back, such as ``0-3,7``."""
    return ",".join(_run_text(run) for run in _consecutive(sorted(set(numbers))))


def _range(part: str) -> range:
    match = _PART.fullmatch(part)
    if not match:
        raise BadParameter(f"{part!r} is not a number or a range of numbers; write for example “0-3,7”.")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < first + MAX_NUMBERS:
        raise BadParameter(f"{part!r} is not a range; it takes first-last with at most {MAX_NUMBERS} numbers.")
    return range(first, last + 1)


def _ends(part: str) -> tuple[int, int]:
    match = _LONG.fullmatch(part)
    if not match or int(match[1]) > int(match[2] or match[1]):
        raise BadParameter(f"{part!r} is not a number or a range of numbers; write for example “0-3,7”.")
    return int(match[1]), int(match[2] or match[1])


def _consecutive(numbers: list[int]) -> Iterator[list[int]]:
    for _, pairs in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in pairs]


def _run_text(run: list[int]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
