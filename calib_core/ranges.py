"""Whole numbers as operators write them: ``0-3,7``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from calib_core.errors import BadParameter
from calib_core.typed import plain

#: A longer list is a slip of the keyboard, not something anybody means.
MAX_NUMBERS = 100_000
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


def _consecutive(numbers: list[int]) -> Iterator[list[int]]:
    for _, pairs in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in pairs]


def _run_text(run: list[int]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
