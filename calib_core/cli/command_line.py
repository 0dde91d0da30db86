"""The command line of a job: what to type to get the same constants."""

from __future__ import annotations

import shlex
from typing import Any

from calib_core.characterisation.family import named
from calib_core.characterisation.inputs import ALL_CONSTANTS, BY_HAND
from calib_core.io.budget import default_memory_mb
from calib_core.jobs.by_hand import by_hand_words
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import format_numbers


def command_line(spec: JobSpec) -> str:
    """Shell command that runs a job; only what differs from the defaults is named."""
    family = named(spec.family)
    words = ["calibwb", spec.family, spec.method]
    for one in family.method(spec.method).inputs(family.kind):
        if paths := spec.inputs.get(one.name, ()):
            words += [one.flag, *paths]
    if ALL_CONSTANTS in spec.inputs:
        words += ["--constants", *spec.inputs[ALL_CONSTANTS]]
    words += [word for one in by_hand_words(spec.constants) for word in (BY_HAND, one)]
    words += ["--out-folder", str(spec.out_folder)]
    if spec.detector:
        words += ["--karabo-id", spec.detector]
    if spec.modules:
        words += ["--modules", format_numbers(spec.modules)]
    for name, value in spec.parameters.items():
        words += _flag(spec, name, value)
    for name, value in spec.conditions.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    words += [w for number, pdu in spec.pdus.items() for w in ("--pdu", f"{number}={pdu}")]
    return shlex.join(words + _running(spec))


def _running(spec: JobSpec) -> list[str]:
    words = ["--keep-order"] if spec.keep_order else []
    words += ["--strict"] if spec.strict else []
    words += ["--again"] if spec.again else []
    words += ["--drafts"] if spec.drafts else []
    words += ["--all-or-nothing"] if spec.all_or_nothing else []
    words += ["--begin", spec.begin.isoformat()] if spec.begin else []
    if spec.memory_mb != default_memory_mb(spec.threads):
        words += ["--memory-mb", str(spec.memory_mb)]
    words += ["--parts", str(spec.parts)] if spec.parts != 1 else []
    return words + (["--threads", str(spec.threads)] if spec.threads else [])


def _flag(spec: JobSpec, name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else "--no-" + flag[2:]]
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return _per_stage(spec, flag, value)
    if isinstance(value, list | tuple):
        return [flag, *map(_number, value)]
    return [flag, _number(value) if isinstance(value, float) else str(value)]


def _per_stage(spec: JobSpec, flag: str, pairs: Any) -> list[str]:
    words = []
    for index, stage in enumerate(named(spec.family).stages):
        low, high = pairs[min(index, len(pairs) - 1)]
        words += [f"{flag}-{stage.short.lower()}", _number(low), _number(high)]
    return words


def _number(value: float) -> str:
    """Shortest text that reads back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
