"""What a job's form makes of a survey and the operator's choices; knows no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.spec import DEFAULT_MEMORY_MB, LEAST_MEMORY_MB, MOST_THREADS, JobSpec
from calib_core.jobs.survey import RoleChoice, Survey, SurveyedRun, check_same_condition
from calib_core.params import Knobs, knob
from calib_core.ranges import format_numbers, parse_numbers


class Resources(Knobs):
    """What a job may take of the computer; the results do not depend on it."""

    memory_mb: int = knob(DEFAULT_MEMORY_MB, ge=LEAST_MEMORY_MB, unit="MiB", help="Memory budget of the job")
    threads: int = knob(0, ge=0, le=MOST_THREADS, help="Worker threads; 0 takes one per processor")


@dataclass(frozen=True)
class Choices:
    """What the operator chose besides the runs; texts are as typed."""

    out_folder: Path
    modules: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, float | str] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RoleTable:
    """Which run takes which role: the survey's decision, or the operator's.

    Attributes
    ----------
    survey : Survey
    assigned : dict
        Index into the survey's runs by role; None where a role has no run.
    """

    survey: Survey
    assigned: Mapping[str, int | None]

    @classmethod
    def found(cls, survey: Survey) -> RoleTable:
        """Table as the survey decided."""
        return cls(survey, {choice.role.name: _index(survey, choice) for choice in survey.roles})

    @classmethod
    def of_spec(cls, survey: Survey, spec: JobSpec) -> RoleTable:
        """Table of a specification, as far as the survey has its runs."""
        index = {run.path: i for i, run in enumerate(survey.runs)}
        return cls(survey, {choice.role.name: index.get(spec.runs.get(choice.role.name)) for choice in survey.roles})

    def assign(self, role: str, run: int | None) -> RoleTable:
        """Give a run to a role; the role that had it takes this role's run in exchange."""
        new = dict(self.assigned)
        holder = next((name for name, index in new.items() if index == run and run is not None), None)
        if holder is not None:
            new[holder] = new[role]
        new[role] = run
        return replace(self, assigned=new)

    @property
    def overridden(self) -> bool:
        """Whether the operator decided otherwise than the survey."""
        return any(self.overridden_at(choice) for choice in self.survey.roles)

    def overridden_at(self, choice: RoleChoice) -> bool:
        """Whether the operator gave another run to one role."""
        return self.assigned[choice.role.name] != _index(self.survey, choice)

    def origin(self, choice: RoleChoice) -> str:
        """Where the decision for a role came from."""
        if self.overridden_at(choice):
            return f"operator (the data say otherwise: {choice.origin})" if choice.run else "operator"
        return choice.origin

    def runs(self) -> dict[str, SurveyedRun]:
        """Run of each role that has one; BadInput where none has."""
        runs = {name: self.survey.runs[i] for name, i in self.assigned.items() if i is not None}
        if not runs:
            raise BadInput("No gain stage has a run; choose at least one.")
        return runs


def build_spec(roles: RoleTable, choices: Choices) -> JobSpec:
    """Specification of the job that the form shows.

    Raises
    ------
    BadParameter, BadInput
        A choice is not allowed.
    """
    runs = roles.runs()
    check_same_condition(replace(roles.survey, runs=tuple(runs.values())), choices.conditions)
    own_order: dict[str, Any] = {"keep_order": True, "notes": ()} if roles.overridden else {}
    return roles.survey.spec(
        choices.out_folder, runs={name: run.path for name, run in runs.items()}, **own_order,
        modules=read_modules(roles.survey, choices.modules),
        parameters=dict(choices.parameters), conditions=dict(choices.conditions), **choices.resources,
    )


def read_folder(text: str) -> Path:
    """Output folder of a text; BadParameter where it is empty or no absolute path."""
    folder = Path(text.strip()).expanduser()
    if not folder.is_absolute():
        raise BadParameter(f"out_folder = {text.strip()!r} is not allowed; it takes the whole path of a folder.")
    return folder


def facts(survey: Survey) -> str:
    """Modules, memory cells and runs in one line."""
    detector = survey.detector
    cells = survey.condition.values.get("memory_cells")
    parts = [_count(len(detector.modules), "module")]
    if cells is not None:
        parts.append(_count(int(float(cells.value)), "memory cell"))
    parts.append(_count(len(survey.runs), "run"))
    return " · ".join(parts)


def modules_text(survey: Survey) -> str:
    """All modules that were found, as the box takes them."""
    return format_numbers(module.number for module in survey.detector.modules)


def run_choices(survey: Survey) -> list[str]:
    """Texts of the runs to choose from."""
    return [f"{run.label}  ·  {_count(run.trains, 'train')}" for run in survey.runs]


def banners(roles: RoleTable) -> list[str]:
    """Sentences that should not be missed: runs re-ordered, a gain stage without run, an override."""
    own = ["You decided which run is which gain stage; the data are not asked."] if roles.overridden else []
    return own + [note for note in roles.survey.notes if not roles.overridden or "re-ordered" not in note]


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
    return tuple(sorted(common | {survey.detector.identifier}))


def read_modules(survey: Survey, text: str) -> tuple[int, ...]:
    """Modules of a text such as ``0-3,7``; all of them are an empty tuple.

    Raises
    ------
    BadParameter
        The text is no list of numbers, or the run has no such module.
    """
    chosen = parse_numbers(text)
    for number in chosen:
        survey.detector.module(number)
    everything = {module.number for module in survey.detector.modules}
    return () if set(chosen) == everything else chosen


def _index(survey: Survey, choice: RoleChoice) -> int | None:
    return next((i for i, run in enumerate(survey.runs) if run is choice.run), None)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
