"""The command of a characterisation: its flags. What they make is made by :mod:`calib_core.cli.characterise_job`."""

from __future__ import annotations

import argparse
import itertools
import sys
from functools import partial
from importlib import import_module
from typing import Any

from calib_core.characterisation.family import Family, named
from calib_core.characterisation.inputs import BY_HAND, BY_HAND_FORM, NEUTRAL, Input, all_constants, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.cli.knob_flags import add_knob_arguments, as_words
from calib_core.cli.original_names import original_names, told_of, with_known_names
from calib_core.cli.telling import add_telling
from calib_core.cli.words import RawHelp, given, number, whole
from calib_core.io.budget import default_memory_mb
from calib_core.io.locate import parse_proposal
from calib_core.store.statuses import DRAFTS_HELP
from calib_core.typed import parse_path

#: What stands for each input of constants that is not given for itself.
ALL = all_constants()


def add_family(parser: argparse.ArgumentParser, name: str) -> None:
    """Add a command for each characterisation of a family."""
    family = named(name)
    methods = parser.add_subparsers(title="characterisations", metavar="METHOD", required=True)
    for method in family.methods:
        methods.add_parser(
            method.command, help=method.title, formatter_class=RawHelp,
            description=f"{method.__doc__}\n\nUse when: {method.use_when}\nCaution: {method.caution}",
            epilog=_other_names(family, method), fill=partial(_fill, family, method))


def with_known_words(words: list[str]) -> list[str]:
    """Words behind a family: it and its method in capitals, names of the original notebooks translated.

    What of those is ignored is told on standard error.
    """
    start = [word.upper() for word in itertools.takewhile(lambda word: not word.startswith("-"), words[:2])]
    if len(start) < 2:
        return [*start, *words[len(start):]]
    start[1] = next((one.command for one in named(start[0]).methods if start[1] in one.aliases), start[1])
    found, ignored = with_known_names(words[2:], original_names(*start))
    for sentence in ignored:
        print(f"calibwb {' '.join(start)}: {sentence}", file=sys.stderr)
    return [*start, *found]


def _fill(family: Family, method: Method, parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a characterisation."""
    _add_input(parser, family, method)
    conditions = parser.add_argument_group("operating condition (found in the run unless given)")
    for one in family.conditions_of(method):
        unit = f" [{one.unit}]" if one.unit else ""
        conditions.add_argument(f"--{one.name.replace('_', '-')}", type=str if one.text else number, metavar="VALUE",
                                dest=f"condition_{one.name}", help=f"{one.help}{unit}")
    _add_presets(parser, family, method)
    add_knob_arguments(parser, method, [stage.short for stage in family.stages])
    _add_running(parser)
    add_telling(parser)
    parser.set_defaults(act=lambda n: _act(n, family, method))


def _act(namespace: argparse.Namespace, family: Family, method: Method) -> int:
    """Load what a job needs, which help does not."""
    return int(import_module("calib_core.cli.characterise_job").characterise(namespace, family, method))


def _other_names(family: Family, method: Method) -> str:
    """Names of the original notebooks, for the end of the help."""
    lines = told_of(original_names(family.name, method.command))
    return "\n  ".join(["names of the original notebooks:", *lines])


def _add_input(parser: argparse.ArgumentParser, family: Family, method: Method) -> None:
    group = parser.add_argument_group("input and output")
    inputs = method.inputs(family.kind)
    if any(one.of == "raw" for one in inputs):
        _add_runs(group)
    if any(one.of == "constants" for one in inputs):
        group.add_argument(ALL.flag, type=given, metavar="PATH", dest=destination(ALL), help=ALL.help)
    if inputs_of_steps(method.steps_before()):
        group.add_argument(BY_HAND, action="append", default=[], metavar=BY_HAND_FORM, dest="by_hand",
                           help="constant of a kind for module N in place of the one that would be chosen, such as "
                                f"3:Offset=FILE or 0-15:Offset={NEUTRAL}; may be given several times")
    for one in inputs:
        _add_one(group, one, alone=sum(other.many for other in inputs) == 1)
    group.add_argument("--out-folder", type=parse_path, required=True, metavar="FOLDER", help="where results go")
    if family.of_modules(method):
        group.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector, where there are several")
        group.add_argument("--modules", default="", metavar="RANGE", help="modules, such as 0-3,7 (default: all)")
    if family.types:
        group.add_argument("--pdu", action="append", default=[], metavar="N=NAME",
                           help="physical detector unit of module N; may be given several times")


def _add_presets(parser: argparse.ArgumentParser, family: Family, method: Method) -> None:
    """Flag of the named sets of parameters, and what each of them stands for."""
    known, stages = family.presets_of(method), [stage.short for stage in family.stages]
    if not known:
        return
    lines = ("; ".join(filter(None, (f"{one.name}: {one.help}", " ".join(as_words(method, one.values, stages)))))
             for one in known)
    group = parser.add_argument_group("presets (flags override them)", "\n".join(lines))
    group.add_argument("--preset", choices=[one.name for one in known], default="",
                       help=f"parameters that go together (default: {known[0].name})")


def _add_runs(group: Any) -> None:
    group.add_argument("--in-folder", type=parse_path, metavar="FOLDER",
                       help="folder with the runs (…/raw); run numbers are looked up there")
    group.add_argument("--proposal", type=parse_proposal, metavar="N",
                       help="proposal below the data root, such as 900450 or p900450, instead of --in-folder")
    group.add_argument("--keep-order", action="store_true",
                       help="take the runs as given, do not sort by what the data say")


def _add_one(group: Any, one: Input, alone: bool) -> None:
    """Flag of an input; ``--runs`` and ``--run`` too where it is the only one that takes several runs."""
    if one.of == "raw" and one.many:
        flags = (one.flag, "--runs", "--run") if alone else (one.flag,)
        group.add_argument(*flags, nargs="+", type=given, default=[], metavar="RUN", dest=destination(one),
                           help=one.help or f"runs of {one.label}: numbers such as 1-8, or folders")
    elif one.of == "raw":
        group.add_argument(one.flag, type=given, metavar="RUN", dest=destination(one),
                           help=one.help or f"run of {one.label}: number or folder")
    else:
        several: dict[str, Any] = {"nargs": "+", "default": []} if one.many else {}
        group.add_argument(one.flag, type=given, metavar="PATH", dest=destination(one), **several,
                           help=one.help or f"{one.label}: file or folder")


def destination(one: Input) -> str:
    """Name of an input among what was parsed."""
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
    group.add_argument("--drafts", action="store_true", help=DRAFTS_HELP)
    group.add_argument("--all-or-nothing", action="store_true",
                       help="let constants appear only when those of all modules are written")
    group.add_argument("--begin", type=given, metavar="TIME",
                       help="begin of validity, such as 2026-03-02T09:00+01:00; UTC without an offset "
                            "(default: begin of the earliest run)")
    group.add_argument("--write-job", type=parse_path, metavar="FILE", help="write a job file instead of running")


