"""Whether there is a display: Qt ends the program without a word that helps where there is none."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

_PATIENCE = 3.0
_HELP = "the same jobs run without a window (calibwb --help), or log in with a display, such as ssh -X or FastX."


def lacking_display() -> str:
    """Why no window can be shown here, in a sentence; empty where one can.

    Asked are the sockets of Wayland and X11; with QT_QPA_PLATFORM the operator has decided.
    """
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return ""
    named = [os.environ[name] for name in ("WAYLAND_DISPLAY", "DISPLAY") if os.environ.get(name)]
    if not named:
        return f"There is no display here; {_HELP}"
    if any(map(_answers, named)):
        return ""
    return f"The display {named[-1]} does not answer; {_HELP}"


def _answers(display: str) -> bool:
    """Whether something listens where a display is said to be."""
    try:
        found = re.fullmatch(r"(?P<host>[^:]*):(?P<number>\d+)(\.\d+)?", display)
        if found is None:  # the name or the path of a socket of Wayland
            return _listens(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/"), display)))
        number = int(found["number"])
        if found["host"] in ("", "unix"):
            path = f"/tmp/.X11-unix/X{number}"  # where X11 has it, on every system
            return _listens(path) or _listens(f"\0{path}")
        with socket.create_connection((found["host"], 6000 + number), _PATIENCE):
            return True
    except OSError:
        return False


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(_PATIENCE)
        return one.connect_ex(path) == 0
