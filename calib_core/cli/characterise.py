"""The command of a characterisation: its flags, and the job's specification that they make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from calib_core.characterisation.family import Family, named
from calib_core.characterisation.inputs import ALL_CONSTANTS, Input
from calib_core.characterisation.method import Method
from calib_core.cli.follow import add_telling, follow, telling_of
from calib_core.cli.knob_flags import add_knob_arguments, changes_from, with_known_names
from calib_core.cli.words import number, whole
from calib_core.constants.condition import ConditionParameter
from calib_core.errors import BadParameter
from calib_core.io.locate import parse_proposal, parse_runs
from calib_core.jobs.spec import JobSpec, default_memory_mb
from calib_core.jobs.survey import checked_conditions
from calib_core.ranges import parse_numbers
from calib_core.store.files import write_atomically
from calib_core.typed import parse_path, parse_time, plain

Namespace = argparse.Namespace
_ALL = Input(ALL_CONSTANTS, "constants", "constants")


def add_family(parser: argparse.ArgumentParser, name: str) -> None:
    """Add a command for each characterisation of a family."""
    family = named(name)
    methods = parser.add_subparsers(title="characterisations", metavar="METHOD", required=True)
    for method in family.methods:
        methods.add_parser(
            method.command, help=method.title, formatter_class=argparse.RawDescriptionHelpFormatter,
            description=f"{method.__doc__}\n\nUse when: {method.use_when}\nCaution: {method.caution}",
            epilog=_other_names(family), fill=partial(_fill, family, method))


def with_known_words(words: list[str]) -> list[str]:
    """Words behind a family: it and its method in capitals, names of the original notebooks translated."""
    upper = [word.upper() if i < 2 and not word.startswith("-") else word for i, word in enumerate(words)]
    return with_known_names(upper, named(words[0]).notebook_names)


def _fill(family: Family, method: Method, parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a characterisation."""
    _add_input(parser, family, method)
    conditions = parser.add_argument_group("operating condition (found in the run unless given)")
    for one in _conditions(family):
        unit = f" [{one.unit}]" if one.unit else ""
        conditions.add_argument(f"--{one.name.replace('_', '-')}", type=str if one.text else number, metavar="VALUE",
                                dest=f"condition_{one.name}", help=f"{one.help}{unit}")
    add_knob_arguments(parser, method, [stage.short for stage in family.stages])
    _add_running(parser)
    add_telling(parser)
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
    group = parser.add_argument_group("input and output")
    inputs = method.inputs(family.kind)
    if any(one.of == "raw" for one in inputs):
        _add_runs(group)
    if any(one.of == "constants" for one in inputs):
        group.add_argument("--constants", metavar="PATH", dest=_dest(_ALL),
                           help="file or folder of constants, for all that are not given for themselves")
    for one in inputs:
        _add_one(group, one, alone=sum(other.many for other in inputs) == 1)
    group.add_argument("--out-folder", type=parse_path, required=True, metavar="FOLDER", help="where results go")
    if family.types:
        group.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector, where a run has several")
        group.add_argument("--modules", default="", metavar="RANGE", help="modules, such as 0-3,7 (default: all)")
        group.add_argument("--pdu", action="append", default=[], metavar="N=NAME",
                           help="physical detector unit of module N; may be given several times")


def _add_runs(group: Any) -> None:
    group.add_argument("--in-folder", type=parse_path, metavar="FOLDER",
                       help="folder with the runs (…/raw); run numbers are looked up there")
    group.add_argument("--proposal", type=_proposal, metavar="N",
                       help="proposal below the data root, such as 900450 or p900450, instead of --in-folder")
    group.add_argument("--keep-order", action="store_true",
                       help="take the runs as given, do not sort by what the data say")


def _add_one(group: Any, one: Input, alone: bool) -> None:
    """Flag of an input; ``--runs`` too where it is the only one that takes several runs."""
    if one.of == "raw" and one.many:
        flags = (one.flag, "--runs") if alone else (one.flag,)
        group.add_argument(*flags, nargs="+", default=[], metavar="RUN", dest=_dest(one),
                           help=one.help or f"runs of {one.label}: numbers such as 1-8, or folders")
    elif one.of == "raw":
        group.add_argument(one.flag, metavar="RUN", dest=_dest(one),
                           help=one.help or f"run of {one.label}: number or folder")
    else:
        group.add_argument(one.flag, metavar="PATH", dest=_dest(one), help=one.help or f"{one.label}: file or folder")


def _dest(one: Input) -> str:
    return f"input_{one.name}"


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("running")
    group.add_argument("--memory-mb", type=whole, metavar="MIB",
                       help="memory budget [MiB] (default: 512 for each thread, 2048 at least, at most a quarter of "
                            f"what there is: {default_memory_mb(0)} here)")
    group.add_argument("--threads", type=whole, default=0, metavar="N",
                       help="worker threads (default: one per processor)")
    group.add_argument("--parts", type=whole, default=1, metavar="N",
                       help="parts, of whole sequences of files, in which work is done and merged (default: 1)")
    group.add_argument("--strict", action="store_true",
                       help="refuse where a value of the operating condition is not sure")
    group.add_argument("--again", action="store_true",
                       help="write constants once more that the same job has written already")
    group.add_argument("--all-or-nothing", action="store_true",
                       help="let constants appear only when those of all modules are written")
    group.add_argument("--begin", metavar="TIME",
                       help="begin of validity, such as 2026-03-02T09:00+01:00; UTC without an offset "
                            "(default: begin of the earliest run)")
    group.add_argument("--write-job", type=parse_path, metavar="FILE", help="write a job file instead of running")


def _characterise(namespace: Namespace, family: Family, method: Method) -> int:
    spec = _spec(namespace, family, method)
    if namespace.write_job:
        write_atomically(namespace.write_job, (spec.model_dump_json(indent=2) + "\n").encode())
        print(f"Job file {namespace.write_job} written; run it with: calibwb run {namespace.write_job}")
        return 0
    return follow(spec, telling_of(namespace))


def _spec(namespace: Namespace, family: Family, method: Method) -> JobSpec:
    stages = [stage.short for stage in family.stages]
    parameters = changes_from(namespace, method, stages)
    method.with_changes(parameters)
    given = {p.name: getattr(namespace, f"condition_{p.name}") for p in _conditions(family)}
    said = {name: value for name, value in given.items() if value is not None}
    if family.types:
        checked_conditions(_conditions(family), said)
    return JobSpec.checked(
        family=family.name, method=method.command, inputs=_inputs(namespace, family, method), parameters=parameters,
        conditions=said,
        out_folder=namespace.out_folder.absolute(), threads=namespace.threads,
        **({"memory_mb": namespace.memory_mb} if namespace.memory_mb is not None else {}),
        parts=namespace.parts, strict=namespace.strict,
        again=namespace.again, all_or_nothing=namespace.all_or_nothing,
        begin=parse_time(namespace.begin, "begin") if namespace.begin else None,
        keep_order=getattr(namespace, "keep_order", False), **(_of_detector(namespace) if family.types else {}),
    )


def _of_detector(namespace: Namespace) -> dict[str, Any]:
    return {"detector": namespace.karabo_id, "modules": parse_numbers(namespace.modules),
            "pdus": _pdus(namespace.pdu)}


def _inputs(namespace: Namespace, family: Family, method: Method) -> dict[str, tuple[str, ...]]:
    inputs = method.inputs(family.kind)
    found = {one.name: _given(namespace, one) for one in inputs}
    if any(one.of == "constants" for one in inputs):
        found[_ALL.name] = _given(namespace, _ALL)
    raw = [one for one in inputs if one.of == "raw"]
    if raw and not any(found[one.name] for one in raw):
        raise BadParameter(f"No run was given; give {', '.join(one.flag for one in raw)}.")
    return {name: paths for name, paths in found.items() if paths}


def _given(namespace: Namespace, one: Input) -> tuple[str, ...]:
    given = getattr(namespace, _dest(one))
    if one.of != "raw":
        return (str(parse_path(given).absolute()),) if given else ()
    words = given if one.many else [given] if given else []
    return tuple(str(path) for word in words for path in _run_folders(word, namespace, one.many))


def _run_folders(text: str, namespace: Namespace, many: bool) -> list[Path]:
    """Run folders of a number, of a range where an input takes several, or of a path."""
    numbers = _run_numbers(text)
    if not numbers:
        found = parse_runs([text])
    elif namespace.in_folder:
        found = [Path(namespace.in_folder).absolute() / f"r{number:04d}" for number in numbers]
    elif namespace.proposal is not None:
        found = [parse_runs(f"p{namespace.proposal} r{number}")[0] for number in numbers]
    else:
        raise BadParameter(f"Run {text} is a number; say where it is with --in-folder or --proposal.")
    if len(found) > 1 and not many:
        raise BadParameter(f"{text!r} are {len(found)} runs, and one is asked for; give one.")
    return found


def _run_numbers(text: str) -> tuple[int, ...]:
    """Numbers of runs such as ``12``, ``r12`` or ``R1-3,7``; none where the text is something else."""
    numbers = re.sub(r"[rR](?=\d)", "", plain(text), flags=re.ASCII)
    return parse_numbers(numbers) if re.fullmatch(r"[\d\s,-]+", numbers, re.ASCII) else ()


def _proposal(text: str) -> int:
    try:
        return parse_proposal(text)
    except BadParameter as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pdus(texts: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    for text in texts:
        number, _, name = (part.strip() for part in plain(text).partition("="))
        if not re.fullmatch(r"\d{1,9}", number, re.ASCII) or not name:
            raise BadParameter(f"--pdu {text} is not of the form N=NAME, such as 3=UNIT_M305.")
        if int(number) in found:
            raise BadParameter(f"--pdu names module {number} twice, {found[int(number)]} and {name}; name it once.")
        found[int(number)] = name
    return found
