"""Compile every kernel before the first job, and make every help: after an installation, or for all its users."""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module

from calib_core.cli import kept_help
from calib_core.numerics import kept_code
from calib_core.numerics.warmup import warm_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``calibwb warmup``: there are none."""
    parser.epilog = (
        f"Kernels are kept in a private folder of yours, or below the one that {kept_code.FOLDER_VARIABLE} names. "
        "Who installs the software for others fills such a folder once for each type of processor and copies its "
        f"kernels to {kept_code.SHIPPED}; each user's own folder takes them from there once they were checked.")
    parser.set_defaults(act=lambda namespace: _warm_up())


def _warm_up() -> int:
    """Load or compile all kernels; 1 where they cannot be kept, of which the log tells."""
    started = time.monotonic()
    warm_up()
    folder = kept_code.own_folder()
    if folder is None or kept_code.notes():
        return 1
    _keep_help()
    print(f"All kernels are ready after {time.monotonic() - started:.1f} s, in {folder}.")
    return 0


def _keep_help() -> None:
    """Make each help for the usual widths of terminals."""
    helps = tuple(import_module("calib_core.cli.main").parser().helps())
    before = os.environ.copy()
    try:
        for columns in kept_help.WIDTHS:
            os.environ["COLUMNS"] = str(columns)
            for words, make in helps:
                kept_help.keep_for(words, make())
    finally:
        os.environ.clear()
        os.environ.update(before)
