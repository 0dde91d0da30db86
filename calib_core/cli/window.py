"""The window, as the command line opens it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from calib_core.errors import CalibrationError


def open_window(words: Sequence[str]) -> int:
    """Open the window and return its exit status; it is another package, so it is found by its entry point.

    Raises
    ------
    CalibrationError
        It is not installed.
    """
    for point in entry_points(group="calibwb.window"):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a package of its name elsewhere is not it
        status: int = point.load()(list(words))
        return status
    raise CalibrationError("The window is not installed; install calibwb with its Qt parts.")
