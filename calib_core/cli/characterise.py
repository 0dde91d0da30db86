"""The command of a characterisation: its flags, and the job's specification that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from calib_core.characterisation.family import Family
from calib_core.characterisation.method import Method
from calib_core.cli.follow import follow
from calib_core.cli.knob_flags import add_knob_arguments, changes_from
from calib_core.constants.condition import ConditionParameter
from calib_core.errors import BadParameter
from calib_core.io.locate import parse_runs
from calib_core.jobs.job import Job
from calib_core.jobs.spec import DEFAULT_MEMORY_MB, JobSpec
from calib_core.ranges import parse_numbers
from calib_core.store.files import write_atomically

Namespace = argparse.Namespace


def add_parser(commands: Any, family: Family, method: Method) -> None:
    """Add the command of a family's characterisation to the family's commands."""
    parser = commands.add_parser(
        method.command, help=method.title, formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{method.__doc__}\n\nUse when: {method.use_when}\nCaution: {method.caution}",
        epilog=_other_names(family),
    )
    _add_input(parser, family, method)
    conditions = parser.add_argument_group("operating condition (found in the run unless given)")
    for one in _conditions(family):
        unit = f" [{one.unit}]" if one.unit else ""
        conditions.add_argument(f"--{one.name.replace('_', '-')}", type=str if one.text else float, metavar="VALUE",
                                dest=f"condition_{one.name}", help=f"{one.help}{unit}")
    add_knob_arguments(parser, method, [stage.short for stage in family.stages])
    _add_running(parser)
    parser.set_defaults(act=lambda n: _characterise(n, family, method))


def _conditions(family: Family) -> tuple[ConditionParameter, ...]:
    return family.types[0].condition if family.types else ()


def _other_names(family: Family) -> str:
    """Names of the original notebooks, for the end of the help."""
    names = family.notebook_names
    lines = [f"  --{old.replace('_', '-')}: {', '.join('--' + n.replace('_', '-') for n in new)}"
             for old, new in names.items()]
    return "\n".join(["names of the original notebooks:", *lines]) if lines else ""


def _add_input(parser: argparse.ArgumentParser, family: Family, method: Method) -> None:
    runs = parser.add_argument_group("input and output")
    runs.add_argument("--in-folder", type=Path, metavar="FOLDER",
                      help="folder with the runs (…/raw); run numbers are looked up there")
    runs.add_argument("--proposal", type=int, metavar="N",
                      help="proposal below the data root, instead of --in-folder")
    for role in method.roles(family.types[0]):
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


def _characterise(namespace: Namespace, family: Family, method: Method) -> int:
    spec = _spec(namespace, family, method)
    if namespace.write_job:
        write_atomically(namespace.write_job, (spec.model_dump_json(indent=2) + "\n").encode(), overwrite=True)
        print(f"Job file {namespace.write_job} written; run it with: calibwb run {namespace.write_job}")
        return 0
    return follow(Job(spec))


def _spec(namespace: Namespace, family: Family, method: Method) -> JobSpec:
    stages = [stage.short for stage in family.stages]
    parameters = changes_from(namespace, method, stages)
    method.with_changes(parameters)
    given = {p.name: getattr(namespace, f"condition_{p.name}") for p in _conditions(family)}
    return JobSpec.checked(
        family=family.name, method=method.command, runs=_runs(namespace, family, method),
        detector=namespace.karabo_id, modules=parse_numbers(namespace.modules), parameters=parameters,
        conditions={name: value for name, value in given.items() if value is not None},
        pdus=dict(_pdu(text) for text in namespace.pdu), keep_order=namespace.keep_order,
        out_folder=namespace.out_folder.absolute(), memory_mb=namespace.memory_mb, threads=namespace.threads,
    )


def _runs(namespace: Namespace, family: Family, method: Method) -> dict[str, Path]:
    given = {role.name: getattr(namespace, f"run_{role.name}") for role in method.roles(family.types[0])}
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
