"""Compile every kernel before the first job: after an installation, or for all users of a read-only one."""

from __future__ import annotations

import argparse
import time

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
    print(f"All kernels are ready after {time.monotonic() - started:.1f} s, in {folder}.")
    return 0
