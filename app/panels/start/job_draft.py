"""What a job's form makes of a survey and the operator's choices; knows no widgets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from calib_core.characterisation.charges import Charges, charges_of
from calib_core.characterisation.inputs import (
    ALL_CONSTANTS,
    WORDS,
    Arranged,
    Input,
    RunFacts,
    all_constants,
    inputs_of_steps,
)
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.errors import BadInput, BadParameter
from calib_core.io.budget import LEAST_MEMORY_MB, default_memory_mb
from calib_core.jobs.by_hand import ByHand, by_hand_words, parse_by_hand
from calib_core.jobs.condition_of_runs import check_same_condition
from calib_core.jobs.estimate import foreseen
from calib_core.jobs.spec import MOST_PARTS, MOST_THREADS, JobSpec
from calib_core.jobs.survey import Survey
from calib_core.params import Knobs, knob
from calib_core.ranges import format_numbers, parse_numbers
from calib_core.store.statuses import DRAFTS_HELP
from calib_core.typed import parse_path


class OfSpec(Knobs):
    """Fields of a specification that are no parameters of the characterisation."""

    @classmethod
    def of_spec(cls, spec: JobSpec) -> dict[str, Any]:
        """What a specification says of them."""
        return {name: getattr(spec, name) for name in cls.model_fields}


class Taking(OfSpec):
    """What constants are taken of a store."""

    drafts: bool = knob(False, help=DRAFTS_HELP.capitalize())


class Resources(OfSpec):
    """How a job is done; its results do not depend on it."""

    memory_mb: int = knob(default_memory_mb(0), ge=LEAST_MEMORY_MB, unit="MiB", help="Memory budget of the job")
    threads: int = knob(0, ge=0, le=MOST_THREADS, help="Worker threads; 0 takes one per processor")
    parts: int = knob(1, ge=1, le=MOST_PARTS, expert=True,
                      help="Parts, of whole sequences of files, in which work is done and merged")
    all_or_nothing: bool = knob(False, help="Let constants appear only when those of all modules are written")


@dataclass(frozen=True)
class Choices:
    """What the operator chose besides the runs; texts are as typed."""

    out_folder: Path
    modules: str = ""
    constants: Mapping[str, str] = field(default_factory=dict)
    by_hand: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, float | str] = field(default_factory=dict)
    taking: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InputTable:
    """Which run is taken at which place: the survey's decision, or the operator's.

    Attributes
    ----------
    survey : Survey
    assigned : dict
        Index into the survey's runs by key of the arranged input; None where it has no run.
    """

    survey: Survey
    assigned: Mapping[str, int | None]

    @classmethod
    def found(cls, survey: Survey) -> InputTable:
        """Table as the survey decided."""
        return cls(survey, {one.key: _index(survey, one) for one in survey.arranged})

    @classmethod
    def of_spec(cls, survey: Survey, spec: JobSpec) -> InputTable:
        """Table of a specification, as far as the survey has its runs."""
        index = {run.path: i for i, run in enumerate(survey.runs)}
        return cls(survey, {one.key: index.get(_path(spec, one)) for one in survey.arranged})

    def assign(self, key: str, run: int | None) -> InputTable:
        """Give a run to a place; the place that had it takes this one's run in exchange."""
        new = dict(self.assigned)
        holder = next((name for name, index in new.items() if index == run and run is not None), None)
        if holder is not None:
            new[holder] = new[key]
        new[key] = run
        return replace(self, assigned=new)

    @property
    def overridden(self) -> bool:
        """Whether the operator decided otherwise than the survey."""
        return any(self.overridden_at(one) for one in self.survey.arranged)

    def overridden_at(self, one: Arranged) -> bool:
        """Whether the operator gave another run to one place."""
        return self.assigned[one.key] != _index(self.survey, one)

    def origin(self, one: Arranged) -> str:
        """Where the decision for a place came from."""
        if self.overridden_at(one):
            return f"operator (the data say otherwise: {one.origin})" if one.run else "operator"
        return one.origin

    def runs(self) -> dict[str, RunFacts]:
        """Run of each place that has one, by key; BadInput where none has."""
        runs = {key: self.survey.runs[i] for key, i in self.assigned.items() if i is not None}
        if not runs and self.assigned:
            raise BadInput("No gain stage has a run; choose at least one.")
        return runs

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """Run folders of each input, as a specification takes them; a run in parts once."""
        found: dict[str, tuple[str, ...]] = {}
        runs = self.runs()
        for one in self.survey.arranged:
            if one.key in runs and one.part == 0:
                found[one.input.name] = (*found.get(one.input.name, ()), str(runs[one.key].path))
        return found


def charges(table: InputTable) -> Charges | None:
    """What the runs of a table charge, in the order in which they were given; None where they are no scan."""
    survey, index = table.survey, table.assigned
    if survey.detector is None:
        return None
    placed = [(number, replace(one, run=survey.runs[number], moved=one.moved or table.overridden_at(one)))
              for one in survey.arranged if (number := index[one.key]) is not None]
    return charges_of(survey.method, survey.detector.type, [one for _, one in sorted(placed, key=lambda two: two[0])])


def allowed(survey: Survey, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Which errors a scan allows with some parameters, in sentences; BadParameter where one is not allowed."""
    method = survey.method.with_changes(parameters)
    if survey.detector is None or not isinstance(method, ScanMethod):
        return ()
    return method.allowed(survey.detector.type, survey.runs)


def amount(table: InputTable, choices: Choices) -> str:
    """How much the job reads and how long that takes, in a sentence.

    Raises
    ------
    BadParameter, BadInput
        A choice is not allowed.
    """
    survey = replace(table.survey, condition=table.survey.condition.overridden(choices.conditions))
    method = survey.method.with_changes(choices.parameters)
    threads = int(choices.resources.get("threads", 0))
    return foreseen(survey, method, read_modules(survey, choices.modules), table.runs(), threads)


def build_spec(table: InputTable, choices: Choices) -> JobSpec:
    """Specification of the job that the form shows.

    Raises
    ------
    BadParameter, BadInput
        A choice is not allowed.
    """
    runs = tuple(table.runs().values())
    check_same_condition(replace(table.survey, runs=runs), choices.conditions)
    own_order: dict[str, Any] = {"keep_order": True, "notes": ()} if table.overridden else {}
    return table.survey.spec(
        choices.out_folder, inputs={**table.inputs(), **_paths(table.survey, choices.constants)}, **own_order,
        constants=read_by_hand(choices.by_hand), modules=read_modules(table.survey, choices.modules),
        parameters=dict(choices.parameters), conditions=dict(choices.conditions), **choices.taking,
        **choices.resources,
    )


def constant_inputs(survey: Survey) -> tuple[Input, ...]:
    """Inputs of constants of the survey's characterisation; of several, first the one that stands for all."""
    kind = survey.detector.type if survey.detector else survey.family.kind
    found = tuple(one for one in survey.method.inputs(kind) if one.of == "constants")
    return (all_constants(), *found) if len(found) > 1 else found


def read_constants(one: Input, text: str, of_all: str = "") -> tuple[str, ...]:
    """File or folder of an input of constants, or several of one that takes them.

    Parameters
    ----------
    one : Input
    text : str
        As typed; empty where it was not given for itself.
    of_all : str
        What was given for all.

    Raises
    ------
    BadParameter
        There is no such path, or nothing was given that is needed.
    """
    words = _words(text) if one.many else [text.strip()] if text.strip() else []
    if not words and not one.optional and not of_all.strip():
        raise BadParameter(f"Nothing was given for {one.label}; choose a file or a folder of constants.")
    for path in words:
        if path not in WORDS and not parse_path(path).exists():
            raise BadParameter(f"{one.name} = {path!r} is not allowed; there is no such file or folder.")
    return tuple(path if path in WORDS else str(parse_path(path).absolute()) for path in words)


def paths_text(paths: Sequence[str]) -> str:
    """Text that :func:`read_constants` reads: a path as it is, several with quotes where they have blanks.

    Parameters
    ----------
    paths : sequence of str
    """
    return paths[0] if len(paths) == 1 else shlex.join(paths)


def _words(text: str) -> list[str]:
    """Several paths; a text that is one path as a whole is that one."""
    if not text.strip() or parse_path(text.strip()).exists():
        return [text.strip()] if text.strip() else []
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadParameter(f"{text!r} is not allowed for several paths; a quotation mark is open.") from error


def of_single_kinds(survey: Survey) -> frozenset[str]:
    """Names of the inputs that are of one kind of constant of the steps each."""
    return frozenset(one.name for one in inputs_of_steps(survey.method.steps_before()))


def takes_by_hand(survey: Survey) -> bool:
    """Whether steps take constants, so that one may be given for a module and kind."""
    return bool(of_single_kinds(survey))


def read_by_hand(text: str) -> dict[int, dict[str, str]]:
    """Files by module and kind of a text such as ``3:Offset=FILE 4:Noise=FILE``, in which blanks are quoted.

    Raises
    ------
    BadParameter
        The text is written otherwise.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadParameter(f"{text!r} is not allowed for constants by hand; a quotation mark is open.") from error
    return parse_by_hand(words)


def by_hand_text(given: ByHand) -> str:
    """Text that :func:`read_by_hand` reads."""
    return shlex.join(by_hand_words(given))


def _paths(survey: Survey, texts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    of_all = texts.get(ALL_CONSTANTS, "")
    found = {one.name: read_constants(one, texts.get(one.name, ""), of_all) for one in constant_inputs(survey)}
    return {name: paths for name, paths in found.items() if paths}


def read_folder(text: str) -> Path:
    """Output folder of a text; BadParameter where it is empty or no absolute path."""
    folder = parse_path(text.strip() or ".")
    if not folder.is_absolute():
        raise BadParameter(f"out_folder = {text.strip()!r} is not allowed; it takes the whole path of a folder.")
    return folder


def facts(survey: Survey) -> str:
    """Modules, memory cells and runs in one line."""
    if survey.detector is None:
        return "no run needed"
    cells = survey.condition.values.get(survey.detector.type.cells_told_by)
    parts = [_count(len(survey.detector.modules), "module")]
    if cells is not None:
        parts.append(_count(int(float(cells.value)), "memory cell"))
    parts.append(_count(len(survey.runs), "run"))
    return " · ".join(parts)


def modules_text(survey: Survey) -> str:
    """All modules that were found, as the box takes them."""
    return format_numbers(module.number for module in survey.detector.modules) if survey.detector else ""


def run_choices(survey: Survey) -> list[str]:
    """Texts of the runs to choose from, without the proposal where it is that of all."""
    proposals = {run.label.rpartition(" ")[0] for run in survey.runs}
    names = [run.label.rpartition(" ")[2] if len(proposals) == 1 else run.label for run in survey.runs]
    return [f"{name} · {_count(run.trains, 'train')}" for name, run in zip(names, survey.runs, strict=True)]


def banners(table: InputTable) -> list[str]:
    """Sentences that should not be missed: runs re-ordered, a gain stage without run, an override."""
    own = ["You decided which run is which gain stage; the data are not asked."] if table.overridden else []
    told = (*table.survey.unsettled, *table.survey.notes)
    return own + [note for note in told if not table.overridden or "re-ordered" not in note]


def problems(survey: Survey) -> list[str]:
    """All problems of the runs, a sentence each, with the run's name."""
    return [f"{run.label}: {problem.sentence()}" for run in survey.runs for problem in run.problems]


def differing(survey: Survey) -> tuple[str, ...]:
    """Conditions in which the runs differ; the operator has to say which value holds."""
    names = [parameter.name for parameter in survey.condition.parameters]
    return tuple(name for name in names if not _same(survey, set(names) - {name}))


def _same(survey: Survey, left_out: set[str]) -> bool:
    try:
        check_same_condition(survey, left_out)
    except BadInput:
        return False
    return True


def detectors(survey: Survey) -> tuple[str, ...]:
    """Identifiers of the detectors that every run has."""
    held = [{d.identifier for d in run.detectors} for run in survey.runs]
    common = set.intersection(*held) if held else set()
    return tuple(sorted(common | ({survey.detector.identifier} if survey.detector else set())))


def read_modules(survey: Survey, text: str) -> tuple[int, ...]:
    """Modules of a text such as ``0-3,7``; all of them are an empty tuple.

    Raises
    ------
    BadParameter
        The text is no list of numbers, or the run has none of these modules.
    """
    chosen = parse_numbers(text)
    if survey.detector is None:
        return chosen
    survey.detector.held(chosen)
    everything = {module.number for module in survey.detector.modules}
    return () if set(chosen) >= everything else chosen


def _index(survey: Survey, one: Arranged) -> int | None:
    return next((i for i, run in enumerate(survey.runs) if run is one.run), None)


def _path(spec: JobSpec, one: Arranged) -> Path | None:
    """Run folder that a specification has at a place; a run in parts is at the first of them."""
    paths, number = spec.paths(one.input.name), int(one.key.partition("/")[2] or 0)
    return paths[number] if number < len(paths) else None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
