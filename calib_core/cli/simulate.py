"""The command that writes simulated runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from calib_core.cli.knob_flags import add_knob_arguments, changes_from
from calib_core.detector.registry import detector_types
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.settings import default_settings, demo_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command per detector family and type, with a flag per setting and the defaults of the type."""
    commands = parser.add_subparsers(dest="simulated", required=True, metavar="DETECTOR")
    for name, title in _names():
        one = commands.add_parser(
            name, help=f"dark runs of {title}", description=f"Write simulated dark runs of {title} with known truth."
        )
        one.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="Data root to write below")
        one.add_argument("--demo", action="store_true", help="Begin with the settings of the demonstration")
        one.add_argument("--threads", type=int, default=2, metavar="N", help="Modules written at once [default 2]")
        add_knob_arguments(one, default_settings(name), leave_out=("detector_type",))


def run(namespace: argparse.Namespace) -> int:
    """Write the runs that the parsed arguments describe; returns 0, errors are raised."""
    baseline = default_settings(namespace.simulated)
    if namespace.demo:
        baseline = demo_settings().get(baseline.detector_type, baseline)
    settings = baseline.with_changes(changes_from(namespace, baseline))
    written = simulate(settings, namespace.out, progress=_show, threads=namespace.threads)
    print(file=sys.stderr)
    print(_report(written))
    return 0


def _names() -> Iterable[tuple[str, str]]:
    types = sorted(detector_types(), key=lambda kind: kind.name)
    titles: dict[str, str] = {}
    for kind in types:
        titles.setdefault(kind.family, kind.title)
        titles.setdefault(kind.name, kind.title)
    return titles.items()


def _show(done: float) -> None:
    print(f"\rwriting {100 * done:3.0f} %", end="", file=sys.stderr, flush=True)


def _report(written: Simulated) -> str:
    lines = [f"{role}: {folder}" for role, folder in written.runs.items()]
    lines += [f"truth: {written.truth_file}", f"data root: {written.data_root} ({written.size / 1e6:.0f} MB)"]
    return "\n".join(lines)
