"""Numbers, times and paths as people type them, in any locale and pasted from anywhere."""

from __future__ import annotations

import math
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from calib_core.errors import BadParameter

#: Dashes and minus signs that programs put in place of the one on the keyboard, and blanks that do not break.
_PASTED = str.maketrans({**dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("    ⁠", " ")})
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def plain(text: str) -> str:
    """Text with plain dashes and blanks, without blanks around it."""
    return text.translate(_PASTED).strip()


def is_number(text: str) -> bool:
    """Whether a text is written as a number, with a decimal point or comma, of which there is one."""
    written = plain(text)
    return _NUMBER.fullmatch(written) is not None and math.isfinite(float(written.replace(",", ".")))


def parse_number(text: str) -> float:
    """Number with a decimal point or comma: ``2.5``, ``2,5``, ``−1e-3``.

    Raises
    ------
    ValueError
        The text is no finite number; a comma that groups thousands is one of two, so it is refused.
    """
    if not is_number(text):
        raise ValueError(f"{text!r} is not a number")
    return float(plain(text).replace(",", "."))


def parse_whole(text: str) -> int:
    """Whole number, also written as ``1e3``.

    Raises
    ------
    ValueError
        The text is no number, or not a whole one.
    """
    if re.fullmatch(r"[+-]?\d+", plain(text), re.ASCII):
        return int(plain(text))
    value = parse_number(text)
    if not value.is_integer():
        raise ValueError(f"{text!r} is not a whole number")
    return int(value)


def parse_list(text: str, name: str) -> tuple[float, ...]:
    """Numbers with a decimal point and commas between, such as ``20, 80.5``; an empty text has none.

    Parameters
    ----------
    text : str
    name : str
        Parameter, for the error.

    Raises
    ------
    BadParameter
        A part is no number; the message names it.
    """
    found = []
    for part in filter(None, plain(text).split(",")):
        try:
            found.append(parse_number(part))
        except ValueError as error:
            raise BadParameter(f"{name} = {text!r} is not allowed; {part.strip()!r} is no number, and it takes "
                               "numbers with commas between, such as 80,150.") from error
    return tuple(found)


def parse_time(text: str, name: str) -> datetime:
    """Time of a date with or without an offset, aware UTC.

    Parameters
    ----------
    text : str
        ISO 8601; UTC where there is no offset.
    name : str
        Parameter, for the error.

    Raises
    ------
    BadParameter
        The text is no date.
    """
    try:
        found = datetime.fromisoformat(plain(text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadParameter(f"{name} = {text!r} is not allowed; it takes a date such as 2026-03-02T08:00:00 or "
                           "2026-03-02T09:00:00+01:00.") from error


def has_zone(text: str) -> bool:
    """Whether a text that :func:`parse_time` reads tells its offset from UTC."""
    return datetime.fromisoformat(plain(text)).tzinfo is not None


def parse_path(text: str) -> Path:
    """Path with ``~`` as the home folder, which shells leave alone behind ``=``; a user that is not known stays.

    Raises
    ------
    BadParameter
        The text is empty, which would mean the working folder, or no file could keep it.
    """
    if not text.strip():
        raise BadParameter("A path is empty; give a folder or a file.")
    try:
        check_path(text)
    except ValueError as error:
        raise BadParameter(f"{text!r} is not allowed: {error}.") from error
    return Path(os.path.expanduser(text))


def check_path(text: str) -> None:
    """Refuse a path that no file could keep: what a job was made of is written beside its results.

    Raises
    ------
    ValueError
        It has a NUL character, or bytes that are no UTF-8.
    """
    if "\0" in text:
        raise ValueError("a path has no NUL character")
    if text != text.encode(errors="replace").decode():
        raise ValueError("a path of other bytes than UTF-8 cannot be noted; rename the folder, or link to it")
