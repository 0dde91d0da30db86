"""The command that writes reports on constants."""

from __future__ import annotations

import argparse
from pathlib import Path

from calib_core.plain_text import shown
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.report import write_report
from calib_core.subjects.sign_off import SignOff
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = ("Write a report on each set of constants in a folder: one HTML file with the verdict, "
                          "condition, maps, histograms and bad pixels in it, beside the constants.")
    parser.add_argument("given", nargs="+", type=parse_path, metavar="PATH", help="folders of constants, or files")
    parser.add_argument("--against", type=parse_path, metavar="PATH",
                        help="constants to compare with; else what is accepted in your store")
    parser.add_argument("--store", type=parse_path, metavar="FOLDER", help="the store (default: your own)")
    parser.add_argument("--out-folder", type=parse_path, metavar="FOLDER",
                        help="where to write the reports to (default: beside the constants)")
    parser.set_defaults(act=_run)


def _run(namespace: argparse.Namespace) -> int:
    given = find_sets([Path(one) for one in namespace.given])
    against = find_sets([Path(namespace.against)])[0] if namespace.against else None
    for found in given:
        print(_line(found, against, namespace))
    return 0


def _line(found: ConstantSet, against: ConstantSet | None, namespace: argparse.Namespace) -> str:
    sign_off = SignOff(Path(namespace.store) if namespace.store else None)
    accepted = against or sign_off.accepted_before(found)
    folder = Path(namespace.out_folder) if namespace.out_folder else None
    made = write_report(found, accepted, sign_off.standing(found), folder)
    kept = sign_off.keep_report(found, made.path.name, made.html.encode())
    return f"report: {shown(found.title)} written to {made.path}{f', and kept as {kept}' if kept else ''}"
