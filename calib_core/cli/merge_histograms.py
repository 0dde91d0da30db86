"""The command that adds histograms of flat light together."""

from __future__ import annotations

import argparse

from calib_core.jobs.merged_histograms import merge_histograms
from calib_core.plain_text import shown
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = ("Write the sum of histograms of flat light that several jobs have counted: of other runs, "
                          "or of other trains of one. They must have been counted alike.")
    parser.add_argument("given", nargs="+", type=parse_path, metavar="PATH",
                        help="files of histograms, or folders of constants with them")
    parser.add_argument("--out-folder", type=parse_path, required=True, metavar="FOLDER",
                        help="folder of constants to write the sums to")
    parser.set_defaults(act=_run)


def _run(namespace: argparse.Namespace) -> int:
    made = merge_histograms(namespace.given, namespace.out_folder)
    for note in made.notes:
        print(f"WARN  {shown(note)}")
    number = len(made.written)
    print(f"merged: {number} file{'s' * (number != 1)} written to {namespace.out_folder}")
    return 0
