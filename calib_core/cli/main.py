"""The command line: every characterisation of every family, job files, a look at a run, simulation, the window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from calib_core import __version__
from calib_core.characterisation.method import Method
from calib_core.cli import demo, follow, info, pages
from calib_core.cli import simulate as simulation
from calib_core.cli.knob_flags import add_knob_arguments, changes_from, with_known_names
from calib_core.detector import DetectorType
from calib_core.detector.defaults import notebook_names
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, BadParameter, CalibrationError
from calib_core.io.locate import parse_runs
from calib_core.jobs.job import Job
from calib_core.jobs.spec import DEFAULT_MEMORY_MB, JobSpec
from calib_core.ranges import parse_numbers
from calib_core.store.files import write_atomically

Namespace = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 failed, 2 refused, 130 cancelled)."""
    words = list(sys.argv[1:] if argv is None else argv)
    namespace = _parser().parse_args(_upper_case_names(words))
    try:
        status: int = namespace.act(namespace)
    except CalibrationError as error:
        print(f"calibwb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("calibwb: interrupted", file=sys.stderr)
        return 130
    return status


def _upper_case_names(words: list[str]) -> list[str]:
    """Families and methods are accepted in any case, parameters by the names of the original notebooks too."""
    families = {kind.family for kind in detector_types()}
    if words and words[0].upper() in families:
        upper = [word.upper() if i < 2 and not word.startswith("-") else word for i, word in enumerate(words)]
        return with_known_names(upper, notebook_names(upper[0].lower()))
    return words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("calibwb", description="Characterise the X-ray detectors of European XFEL.")
    parser.add_argument("--version", action="version", version=f"calibwb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for kind in {k.family: k for k in reversed(detector_types())}.values():
        family = commands.add_parser(kind.family, help=f"characterise {kind.family} detectors")
        methods = family.add_subparsers(title="characterisations", metavar="METHOD", required=True)
        for method in kind.methods:
            _add_method(methods, kind, method)
    _add_job_file(commands)
    _add_info(commands)
    simulate = commands.add_parser("simulate", help="write raw runs with known truth")
    simulation.add_arguments(simulate)
    simulate.set_defaults(act=simulation.run)
    _add_demo(commands)
    _add_docs(commands)
    window = commands.add_parser("window", help="open the workbench", add_help=False)
    window.add_argument("words", nargs=argparse.REMAINDER)
    window.set_defaults(act=lambda n: _window(n.words))
    return parser


def _add_method(commands: Any, kind: DetectorType, method: Method) -> None:
    parser = commands.add_parser(
        method.command, help=method.title, formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{method.__doc__}\n\nUse when: {method.use_when}\nCaution: {method.caution}",
        epilog=_other_names(kind),
    )
    _add_input(parser, kind, method)
    conditions = parser.add_argument_group("operating condition (found in the run unless given)")
    for one in kind.condition:
        unit = f" [{one.unit}]" if one.unit else ""
        conditions.add_argument(f"--{one.name.replace('_', '-')}", type=str if one.text else float, metavar="VALUE",
                                dest=f"condition_{one.name}", help=f"{one.help}{unit}")
    add_knob_arguments(parser, method, [stage.short for stage in kind.stages])
    _add_running(parser)
    parser.set_defaults(act=lambda n: _characterise(n, kind, method))


def _other_names(kind: DetectorType) -> str:
    """Names of the original notebooks, for the end of the help."""
    names = notebook_names(kind.family.lower())
    lines = [f"  --{old.replace('_', '-')}: {', '.join('--' + n.replace('_', '-') for n in new)}"
             for old, new in names.items()]
    return "\n".join(["names of the original notebooks:", *lines]) if lines else ""


def _add_input(parser: argparse.ArgumentParser, kind: DetectorType, method: Method) -> None:
    runs = parser.add_argument_group("input and output")
    runs.add_argument("--in-folder", type=Path, metavar="FOLDER",
                      help="folder with the runs (…/raw); run numbers are looked up there")
    runs.add_argument("--proposal", type=int, metavar="N",
                      help="proposal below the data root, instead of --in-folder")
    for role in method.roles(kind):
        runs.add_argument(f"--run-{role.name}", metavar="RUN", help=f"run of {role.label}: number or folder")
    runs.add_argument("--out-folder", type=Path, required=True, metavar="FOLDER", help="where constants go")
    runs.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector, where a run has several")
    runs.add_argument("--modules", default="", metavar="RANGE", help="modules, such as 0-3,7 (default: all)")
    runs.add_argument("--pdu", action="append", default=[], metavar="N=NAME",
                      help="physical detector unit of module N; may be given several times")
    runs.add_argument("--keep-order", action="store_true", help="take the runs as given, do not sort by gain stage")


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("running")
    group.add_argument("--memory-mb", type=int, default=DEFAULT_MEMORY_MB, metavar="MIB",
                       help=f"memory budget [MiB] (default: {DEFAULT_MEMORY_MB})")
    group.add_argument("--threads", type=int, default=0, metavar="N",
                       help="worker threads (default: one per processor)")
    group.add_argument("--write-job", type=Path, metavar="FILE", help="write a job file instead of running")


def _add_job_file(commands: Any) -> None:
    parser = commands.add_parser("run", help="run a job file")
    parser.add_argument("job", type=Path, help="job file (JSON)")
    parser.add_argument("--out-folder", type=Path, metavar="FOLDER", help="where constants go, instead of the file's")
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
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where the demo's data go (default: demo)")
    parser.add_argument("--headless", action="store_true", help="no window even where there is a display")
    parser.set_defaults(act=lambda n: demo.run(n.detectors, n.folder, n.headless, _window))


def _add_docs(commands: Any) -> None:
    parser = commands.add_parser("docs", help="write reference pages of all detectors")
    parser.add_argument("folder", type=Path, help="where the pages go, such as docs/detectors")
    parser.set_defaults(act=_docs)


def _docs(namespace: Namespace) -> int:
    for path in pages.write_pages(namespace.folder):
        print(path)
    return 0


def _characterise(namespace: Namespace, kind: DetectorType, method: Method) -> int:
    spec = _spec(namespace, kind, method)
    if namespace.write_job:
        write_atomically(namespace.write_job, (spec.model_dump_json(indent=2) + "\n").encode(), overwrite=True)
        print(f"Job file {namespace.write_job} written; run it with: calibwb run {namespace.write_job}")
        return 0
    return follow.follow(Job(spec))


def _spec(namespace: Namespace, kind: DetectorType, method: Method) -> JobSpec:
    stages = [stage.short for stage in kind.stages]
    parameters = changes_from(namespace, method, stages)
    method.with_changes(parameters)
    given = {p.name: getattr(namespace, f"condition_{p.name}") for p in kind.condition}
    return JobSpec.checked(
        family=kind.family, method=method.command, runs=_runs(namespace, kind, method),
        detector=namespace.karabo_id, modules=parse_numbers(namespace.modules), parameters=parameters,
        conditions={name: value for name, value in given.items() if value is not None},
        pdus=dict(_pdu(text) for text in namespace.pdu), keep_order=namespace.keep_order,
        out_folder=namespace.out_folder.absolute(), memory_mb=namespace.memory_mb, threads=namespace.threads,
    )


def _runs(namespace: Namespace, kind: DetectorType, method: Method) -> dict[str, Path]:
    given = {role.name: getattr(namespace, f"run_{role.name}") for role in method.roles(kind)}
    runs = {name: _run_folder(text, namespace) for name, text in given.items() if text}
    if not runs:
        flags = ", ".join(f"--run-{name}" for name in given)
        raise BadParameter(f"No run was given; give {flags}.")
    return runs


def _run_folder(text: str, namespace: Namespace) -> Path:
    if not text.lstrip("r").isdigit():
        return parse_runs(text)[0]
    number = int(text.lstrip("r"))
    if namespace.in_folder:
        return Path(namespace.in_folder).absolute() / f"r{number:04d}"
    if namespace.proposal:
        return parse_runs(f"p{namespace.proposal} r{number}")[0]
    raise BadParameter(f"Run {text} is a number; say where it is with --in-folder or --proposal.")


def _pdu(text: str) -> tuple[int, str]:
    number, _, name = text.partition("=")
    if not number.isdigit() or not name:
        raise BadParameter(f"--pdu {text} is not of the form N=NAME, such as 3=UNIT_M305.")
    return int(number), name


def _run_file(namespace: Namespace) -> int:
    spec = JobSpec.read(namespace.job)
    if namespace.out_folder:
        spec = spec.model_copy(update={"out_folder": namespace.out_folder.absolute()})
    return follow.follow(Job(spec))


def _info(namespace: Namespace) -> int:
    found, status = [], 0
    for path in parse_runs(" ".join(namespace.runs)):
        try:
            found.append(info.look(path))
        except BadInput as error:  # the others are told all the same
            print(f"calibwb: {error}", file=sys.stderr)
            status = 2
    if namespace.json:
        print(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(one.text() for one in found))
    return status


def _window(words: Sequence[str]) -> int:
    """Open the window; it is another package, so it is found by its entry point."""
    for point in entry_points(group="calibwb.window"):
        status: int = point.load()(list(words))
        return status
    raise CalibrationError("The window is not installed; install calibwb with its Qt parts.")


if __name__ == "__main__":
    sys.exit(main())
