"""The command line: every characterisation of every family, job files, a look at a run, simulation, the window."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from calib_core import __version__
from calib_core.characterisation.family import families
from calib_core.cli import characterise, demo, follow, info, pages
from calib_core.cli import simulate as simulation
from calib_core.cli.knob_flags import with_known_names
from calib_core.cli.words import Parser, with_negative_numbers
from calib_core.errors import BadInput, CalibrationError
from calib_core.io.locate import parse_runs
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.typed import parse_path

Namespace = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 failed, 2 refused, 130 cancelled)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _show_any_character()
    try:
        if words[:1] == ["window"]:  # it has its own words, and its own help
            return _window(words[1:])
        namespace = _parser().parse_args(with_negative_numbers(_upper_case_names(words)))
        status: int = namespace.act(namespace)
        sys.stdout.flush()
    except CalibrationError as error:
        print(f"calibwb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("calibwb: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody reads any more, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _show_any_character() -> None:
    """What is not made for all characters gets ASCII, with escapes for the others, and never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            whole = stream.encoding.lower().replace("-", "").startswith("utf")
            stream.reconfigure(encoding=None if whole else "ascii", errors="backslashreplace")


def _upper_case_names(words: list[str]) -> list[str]:
    """Families and methods are accepted in any case, parameters by the names of the original notebooks too."""
    found = [family for family in families() if words and words[0].upper() == family.name]
    if not found:
        return words
    upper = [word.upper() if i < 2 and not word.startswith("-") else word for i, word in enumerate(words)]
    return with_known_names(upper, found[0].notebook_names)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("calibwb", description="Characterise the X-ray detectors of European XFEL.")
    parser.add_argument("--version", action="version", version=f"calibwb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for family in families():
        parser_of = commands.add_parser(family.name, help=f"characterise {family.name} detectors")
        methods = parser_of.add_subparsers(title="characterisations", metavar="METHOD", required=True)
        for method in family.methods:
            characterise.add_parser(methods, family, method)
    _add_job_file(commands)
    _add_info(commands)
    simulate = commands.add_parser("simulate", help="write raw runs with known truth")
    simulation.add_arguments(simulate)
    simulate.set_defaults(act=simulation.run)
    _add_demo(commands)
    _add_docs(commands)
    commands.add_parser("window", help="open the workbench", add_help=False)
    return parser


def _add_job_file(commands: Any) -> None:
    parser = commands.add_parser("run", help="run a job file")
    parser.add_argument("job", type=parse_path, help="job file (JSON)")
    parser.add_argument("--out-folder", type=parse_path, metavar="FOLDER",
                        help="where constants go, instead of the file's")
    parser.set_defaults(act=_run_file)


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="show what runs hold, and what is wrong with them")
    parser.add_argument("runs", nargs="+", help="run folders, or such as: p900450 r12-14")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.set_defaults(act=_info)


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="simulate runs and show their darks live")
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR",
                        help="detector types to show, or all (default: the first two); made on first use")
    parser.add_argument("--folder", type=parse_path, default=Path("demo"),
                        help="where the demo's data go (default: demo)")
    parser.add_argument("--headless", action="store_true", help="no window even where there is a display")
    parser.set_defaults(act=lambda n: demo.run(n.detectors, n.folder, n.headless, _window))


def _add_docs(commands: Any) -> None:
    parser = commands.add_parser("docs", help="write reference pages of all detectors")
    parser.add_argument("folder", type=parse_path, help="where the pages go, such as docs/detectors")
    parser.set_defaults(act=_docs)


def _docs(namespace: Namespace) -> int:
    for path in pages.write_pages(namespace.folder):
        print(path)
    return 0


def _run_file(namespace: Namespace) -> int:
    spec = JobSpec.read(namespace.job)
    if namespace.out_folder:
        spec = spec.model_copy(update={"out_folder": namespace.out_folder.absolute()})
    return follow.follow(Job(spec))


def _info(namespace: Namespace) -> int:
    found, status = [], 0
    for path in parse_runs(namespace.runs):
        try:
            found.append(info.look(path))
        except BadInput as error:  # the others are told all the same
            print(f"calibwb: {error}", file=sys.stderr)
            status = 2
    if namespace.json:
        print(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n\n".join(one.text() for one in found))
    return status


def _window(words: Sequence[str]) -> int:
    """Open the window; it is another package, so it is found by its entry point."""
    for point in entry_points(group="calibwb.window"):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a package of its name elsewhere is not it
        status: int = point.load()(list(words))
        return status
    raise CalibrationError("The window is not installed; install calibwb with its Qt parts.")


if __name__ == "__main__":
    sys.exit(main())
