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
        #: Why something could not be said; empty where all was.
        self.lost = ""

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
            self._print(f"{_TO_BEGIN}{shown(text)}", end="")
            self._open = True
        elif step != self._told and not self._silent:
            self._print(shown(text))
        self._told = step

    def say(self, text: str) -> None:
        """Write a line above it."""
        self._print(f"{_TO_BEGIN}{text}" if self._open else text)
        self._open = False

    def end(self) -> None:
        """Leave the line as it is, and begin a new one."""
        if self._open:
            self._print("")
        self._open = False

    def _print(self, text: str, end: str = "\n") -> None:
        """Print, unless what is printed to is full: a job is worth more than what is told of it."""
        try:
            print(text, end=end, file=sys.stderr, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.lost = error.strerror or str(error)
