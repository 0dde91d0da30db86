"""Commands on expert masks: their flags. What they do is done by :mod:`calib_core.cli.mask_acts`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from calib_core.cli.words import Parser
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a command for each thing to be done with masks."""
    parser.description = ("Bad pixels that people chose, kept as constants BadPixelsManual beside those of a "
                          "detector. Nothing is ever changed or removed: what is taken back stays in the history.")
    commands = parser.add_subparsers(title="what is done", metavar="ACTION", required=True)
    for name, (told, fill) in _ACTIONS.items():
        commands.add_parser(name, help=told, description=told, fill=partial(_fill, name, fill))


def _fill(name: str, fill: Callable[[Any], None], parser: Parser) -> None:
    parser.add_argument("folder", type=parse_path, metavar="FOLDER", help="folder of constants")
    parser.add_argument("--karabo-id", default="", metavar="DETECTOR",
                        help="detector, where there are constants of several")
    fill(parser)
    parser.set_defaults(act=partial(_act, name))


def _act(name: str, namespace: argparse.Namespace) -> int:
    """Load what masks need, which help does not."""
    return int(getattr(import_module("calib_core.cli.mask_acts"), name)(namespace))


def _show(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _add(parser: Any) -> None:
    parser.add_argument("file", type=parse_path, metavar="FILE",
                        help="HDF5 file with bad_pixels of all modules, bool or uint32 flags")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why these pixels are bad")
    parser.add_argument("--flag", default="expert choice", metavar="NAME", help="flag of pixels that are True")
    _who(parser)


def _who(parser: Any) -> None:
    parser.add_argument("--author", default="", metavar="NAME", help="who (default: your login)")


_ACTIONS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "show": ("list all entries, the newest first", _show),
    "add": ("take a mask that others made, an entry for each of its flags", _add),
    "undo": ("take back the author's last entry that counts", _who),
}
