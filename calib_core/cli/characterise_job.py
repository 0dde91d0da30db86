"""The job's specification that the flags of a characterisation make, and the job."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import WORDS, Input
from calib_core.characterisation.method import Method
from calib_core.cli.characterise import ALL, destination
from calib_core.cli.follow import follow
from calib_core.cli.knob_flags import changes_from
from calib_core.cli.telling import telling_of
from calib_core.errors import BadParameter
from calib_core.io.locate import parse_runs
from calib_core.jobs.by_hand import parse_by_hand
from calib_core.jobs.condition_of_runs import checked_conditions
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import parse_numbers
from calib_core.store.files import write_atomically
from calib_core.typed import parse_path, parse_time, plain

Namespace = argparse.Namespace


def characterise(namespace: Namespace, family: Family, method: Method) -> int:
    """Run the job that was typed, or write its file; returns the exit status.

    Parameters
    ----------
    namespace : Namespace
        Of the flags of :mod:`calib_core.cli.characterise`.
    family : Family
    method : Method

    Raises
    ------
    CalibrationError
        What was given does not make a job, or a file cannot be written.
    """
    spec, telling = _spec(namespace, family, method), telling_of(namespace)
    if telling.dry_run and method.looks_by:
        spec = spec.model_copy(update={"parameters": {**spec.parameters, method.looks_by: True}})
        telling = replace(telling, dry_run=False)
    if namespace.write_job:
        write_atomically(namespace.write_job, (spec.model_dump_json(indent=2) + "\n").encode())
        job = namespace.write_job
        print(f"Job file {job} written; run it with: calibwb run {shlex.quote(str(job))}")
        return 0
    return follow(spec, telling)


def _spec(namespace: Namespace, family: Family, method: Method) -> JobSpec:
    stages = [stage.short for stage in family.stages]
    preset = family.preset(method, namespace.preset).values if getattr(namespace, "preset", "") else {}
    parameters = changes_from(namespace, method, stages, preset)
    method.with_changes(parameters)
    given = {p.name: getattr(namespace, f"condition_{p.name}") for p in family.conditions_of(method)}
    said = {name: value for name, value in given.items() if value is not None}
    if family.types:
        checked_conditions(family.conditions, said)
    return JobSpec.checked(
        family=family.name, method=method.command, inputs=_inputs(namespace, family, method), parameters=parameters,
        constants=parse_by_hand(getattr(namespace, "by_hand", ())), conditions=said,
        out_folder=namespace.out_folder.absolute(), threads=namespace.threads,
        **({"memory_mb": namespace.memory_mb} if namespace.memory_mb is not None else {}),
        parts=namespace.parts, strict=namespace.strict,
        again=namespace.again, drafts=namespace.drafts, all_or_nothing=namespace.all_or_nothing,
        begin=parse_time(namespace.begin, "begin") if namespace.begin else None,
        keep_order=getattr(namespace, "keep_order", False),
        **(_of_detector(namespace) if family.of_modules(method) else {}),
    )


def _of_detector(namespace: Namespace) -> dict[str, Any]:
    return {"detector": namespace.karabo_id, "modules": parse_numbers(namespace.modules),
            "pdus": _pdus(getattr(namespace, "pdu", ()))}


def _inputs(namespace: Namespace, family: Family, method: Method) -> dict[str, tuple[str, ...]]:
    inputs = method.inputs(family.kind)
    found = {one.name: _given(namespace, one) for one in inputs}
    if any(one.of == "constants" for one in inputs):
        found[ALL.name] = _given(namespace, ALL)
    raw = [one for one in inputs if one.of == "raw"]
    if raw and not any(found[one.name] for one in raw):
        raise BadParameter(f"No run was given; give {', '.join(one.flag for one in raw)}.")
    return {name: paths for name, paths in found.items() if paths}


def _given(namespace: Namespace, one: Input) -> tuple[str, ...]:
    given = getattr(namespace, destination(one))
    words = given if one.many else [given] if given else []
    if one.of != "raw":
        return tuple(word if word in WORDS else str(parse_path(word).absolute()) for word in words)
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
