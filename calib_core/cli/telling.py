"""What is told of a job, and the flags that say so."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calib_core.typed import parse_path


@dataclass(frozen=True)
class Telling:
    """What is told of a job, and where.

    Attributes
    ----------
    as_json : bool
        The closing table as one JSON document, and nothing else, on standard output.
    quiet, verbose : bool
        Warnings and errors alone; or times, the plan and the files too.
    log_file : Path, optional
        Where all messages go too.
    dry_run : bool
        Tell what would be done, and do nothing.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_file: Path | None = None
    dry_run: bool = False


def add_telling(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what is told of a job."""
    group: Any = parser.add_argument_group("what is told")
    group.add_argument("--json", action="store_true", help="closing table as one JSON document on standard output")
    much = group.add_mutually_exclusive_group()
    much.add_argument("-q", "--quiet", action="store_true", help="warnings and errors alone")
    much.add_argument("-v", "--verbose", action="store_true", help="times, what is planned, and each file too")
    group.add_argument("--log-file", type=parse_path, metavar="FILE", help="add all messages to a file")
    group.add_argument("--dry-run", action="store_true",
                       help="tell what would be done, how long it takes and how large it is; nothing is written")


def telling_of(namespace: argparse.Namespace) -> Telling:
    """What was asked for with :func:`add_telling`."""
    return Telling(namespace.json, namespace.quiet, namespace.verbose, namespace.log_file, namespace.dry_run)
