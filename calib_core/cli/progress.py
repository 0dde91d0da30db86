"""Progress on the terminal: one line that moves where somebody can see it, few plain lines in a log."""

from __future__ import annotations

import sys

from calib_core.plain_text import shown

#: A log gets a line whenever this share more is done.
_STEP = 0.1
_TO_BEGIN = "\r\x1b[K"


class ProgressLine:
    """The last line on the terminal, and lines that pass above it; all of it goes to standard error."""

    def __init__(self, silent: bool = False) -> None:
        self._silent, self._live = silent, sys.stderr.isatty() and not silent
        self._told = -1
        self._open = False

    def show(self, done: float, text: str) -> None:
        """Show how far the work is.

        Parameters
        ----------
        done : float
            0 to 1.
        text : str
            The line.
        """
        step = int(done / _STEP + 1e-9)
        if self._live:
            print(f"{_TO_BEGIN}{shown(text)}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif step != self._told and not self._silent:
            print(shown(text), file=sys.stderr, flush=True)
        self._told = step

    def say(self, text: str) -> None:
        """Write a line above it."""
        print(f"{_TO_BEGIN}{text}" if self._open else text, file=sys.stderr, flush=True)
        self._open = False

    def end(self) -> None:
        """Leave the line as it is, and begin a new one."""
        if self._open:
            print(file=sys.stderr, flush=True)
        self._open = False
