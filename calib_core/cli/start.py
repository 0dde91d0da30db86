"""Where the program begins: an interrupt is answered from the first import on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns its exit status, 130 where it is interrupted while it loads."""
    try:
        from calib_core.cli.main import main as run  # the imports of the whole command line

        return run()
    except KeyboardInterrupt:
        print("calibwb: interrupted", file=sys.stderr)
        return 130
