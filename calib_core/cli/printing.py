"""Standard streams that take any character, that may be closed or full, and that nobody may read any more."""

from __future__ import annotations

import io
import os
import sys


def hold_all() -> None:
    """Nothing else gets the number of a standard stream that was closed: what libraries print would go into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def show_any_character() -> None:
    """What is not made for all characters gets ASCII, with escapes for the others, and never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            whole = stream.encoding.lower().replace("-", "").startswith("utf")
            stream.reconfigure(encoding=None if whole else "ascii", errors="backslashreplace")


def let_go() -> int:
    """Write to nobody from now on, where nobody reads any more, such as head; returns the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def refuses() -> bool:
    """Whether standard output takes nothing more, as on a full disk; the line that tries it may appear."""
    try:
        print(flush=True)  # what could not be written before is not kept, so that flushing alone would tell nothing
    except OSError:
        return True
    return False
