"""The command that watches a folder: its flags. What it does is done by :mod:`calib_core.cli.watch_acts`."""

from __future__ import annotations

import argparse
from importlib import import_module

from calib_core.cli.words import number, whole
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Watch a folder of runs until Ctrl-C: a set of darks is characterised as soon as its last run is closed, and "
        "waits as a draft; a line for the log book about each goes to standard output. What is not started, and "
        "why, is told once on standard error.")
    parser.add_argument("folder", type=parse_path, metavar="FOLDER", help="with the runs, or with a folder raw")
    parser.add_argument("--out-folder", type=parse_path, required=True, metavar="FOLDER",
                        help="where constants, reports and the record of what was done go")
    parser.add_argument("--karabo-id", action="append", default=[], metavar="DETECTOR",
                        help="detector; several (default: all that the runs have)")
    parser.add_argument("--settle", type=number, default=60.0, metavar="S",
                        help="a run is closed when no file of it has changed for so many seconds (default: 60)")
    parser.add_argument("--within", type=number, default=2.0, metavar="H",
                        help="runs of a set begin within so many hours (default: 2)")
    parser.add_argument("--every", type=number, default=5.0, metavar="S",
                        help="seconds between two looks (default: 5)")
    parser.add_argument("--since", metavar="TIME",
                        help="start sets whose last run was closed from then on (default: the time at which the "
                             "folder was watched first)")
    parser.add_argument("--once", action="store_true",
                        help="look once, start every set that was not, and end; 3 where one of them failed")
    parser.add_argument("--store", type=parse_path, metavar="FOLDER",
                        help="the store that has what was accepted before, and takes constants as drafts (default: "
                             "your own, where there is one)")
    parser.add_argument("--threads", type=whole, default=0, metavar="N",
                        help="worker threads of each job (default: one per processor)")
    parser.add_argument("-q", "--quiet", action="store_true", help="log book, warnings and errors alone")
    parser.set_defaults(act=_run)


def _run(namespace: argparse.Namespace) -> int:
    """Load what it needs, which help does not."""
    return int(import_module("calib_core.cli.watch_acts").watch(namespace))
