"""Standard output that takes any character, and that nobody may read any more."""

from __future__ import annotations

import io
import os
import sys


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
