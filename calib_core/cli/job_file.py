"""The command that runs a job file."""

from __future__ import annotations

import argparse

from calib_core.cli.follow import follow
from calib_core.cli.telling import add_telling, telling_of
from calib_core.jobs.spec import JobSpec
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("job", type=parse_path, help="job file (JSON)")
    parser.add_argument("--out-folder", type=parse_path, metavar="FOLDER",
                        help="where constants go, instead of the file's")
    parser.add_argument("--again", action="store_true",
                        help="write constants once more that the same job has written already")
    add_telling(parser)
    parser.set_defaults(act=_run)


def _run(namespace: argparse.Namespace) -> int:
    spec = JobSpec.read(namespace.job)
    changes = {"out_folder": namespace.out_folder.absolute()} if namespace.out_folder else {}
    return follow(spec.model_copy(update={**changes, "again": spec.again or namespace.again}), telling_of(namespace))
