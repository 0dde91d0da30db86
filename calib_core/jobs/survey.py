"""Survey of runs: which detector, which run is which gain stage, which condition, and where each came from."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from calib_core.characterisation.family import Family, characterisations, named
from calib_core.characterisation.method import Method, RunRole
from calib_core.constants.condition import Condition, ConditionParameter
from calib_core.detector import Detector, DetectorType, StageEvidence
from calib_core.errors import BadInput, BadParameter, SeveralDetectors
from calib_core.io.inventory import Problem
from calib_core.io.run import Run
from calib_core.jobs.spec import JobSpec


@dataclass(frozen=True)
class SurveyedRun:
    """A run as the survey saw it: what it holds and what it says about its gain stage.

    ``stages`` is the number of gain stages that each of its trains holds, one after the other; ``gain_bits`` are the
    most frequent ones, where the detector has any.
    """

    path: Path
    label: str
    detectors: tuple[Detector, ...]
    start: datetime | None
    trains: int
    evidence: StageEvidence | None = None
    problems: tuple[Problem, ...] = ()
    condition: Condition | None = None
    stages: int = 1
    gain_bits: int | None = None


@dataclass(frozen=True)
class RoleChoice:
    """Which run takes a role, why, and whether that differs from the order in which it was given."""

    role: RunRole
    run: SurveyedRun | None
    origin: str
    moved: bool = False


@dataclass(frozen=True)
class Survey:
    """What is known of some runs before a job starts.

    ``notes`` are sentences for the log and the provenance (runs re-ordered, a stage missing).
    """

    runs: tuple[SurveyedRun, ...]
    detector: Detector
    family: Family
    method: Method
    roles: tuple[RoleChoice, ...]
    condition: Condition
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the runs were re-ordered."""
        return any(choice.moved for choice in self.roles)

    @property
    def stages_in_run(self) -> int:
        """Gain stages that each run holds: 1, or all where one run takes every role."""
        return max(run.stages for run in self.runs)

    def spec(self, out_folder: Path, **changes: object) -> JobSpec:
        """Job specification for these runs; ``changes`` are further fields of it."""
        given = [(choice.role.name, choice.run.path) for choice in self.roles if choice.run]
        runs = dict(given[:1] if self.stages_in_run > 1 else given)
        return JobSpec.checked(
            **{
                "family": self.family.name, "method": self.method.command, "runs": runs,
                "detector": self.detector.identifier, "out_folder": out_folder, "notes": self.notes, **changes,
            }
        )


def survey(
    paths: Sequence[Path], family: str = "", detector: str = "", method: str = "", keep_order: bool = False
) -> Survey:
    """Survey runs given in the order of the method's roles.

    Parameters
    ----------
    paths : sequence of Path
        Run folders; a run that is not given at its place leaves its role open only by :func:`survey_roles`.
    family, detector : str
        Restrict to a detector family, to one detector of the runs.
    method : str
        Command of the characterisation; empty takes the first that there is for the detector.
    keep_order : bool
        Take the order as given, whatever the data say.

    Raises
    ------
    BadInput
        A run cannot be used, has no such detector, or two runs are of the same gain stage.
    """
    with _Opened(paths) as runs:
        wanted = named(family) if family else None
        chosen = choose_detector(runs, wanted, detector)
        task = _task(chosen, wanted, method)
        roles = task[1].roles(chosen.type)
        if len(runs) > len(roles):
            raise BadInput(f"{len(runs)} runs were given; {task[0].name} {task[1].command} takes {len(roles)}.")
        given = {role.name: run for role, run in zip(roles, runs, strict=False)}
        return assign(chosen, *task, given, keep_order)


def _task(detector: Detector, wanted: Family | None, method: str) -> tuple[Family, Method]:
    """Family and characterisation: those wanted, or the first that there are for a detector."""
    if wanted is not None:
        return wanted, wanted.method(method) if method else wanted.methods[0]
    offered = characterisations(detector.type)
    fitting = [task for task in offered if not method or task[1].command == method.upper()]
    if not fitting:
        known = ", ".join(f"{family.name} {one.command}" for family, one in offered)
        raise BadParameter(f"There is no characterisation “{method}” of {detector.identifier}; there are {known}.")
    return fitting[0]


class _Opened:
    """Open several runs and close all of them at the end."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._runs: list[Run] = []

    def __enter__(self) -> list[Run]:
        for path in self._paths:
            self._runs.append(Run.open(path))
        return self._runs

    def __exit__(self, *exc: object) -> None:
        for run in self._runs:
            run.close()


def choose_detector(runs: Sequence[Run], family: Family | None = None, identifier: str = "") -> Detector:
    """The one detector of the runs that fits, with the modules of the first run that has it.

    Raises
    ------
    BadInput
        No run has a fitting detector, or several fit.
    """
    fitting = _fitting(runs[0], family, identifier)
    if not fitting:
        wanted = identifier or (family.name if family else "a known")
        have = ", ".join(d.identifier for d in runs[0].detectors) or "none that is known"
        raise BadInput(f"Run {runs[0].label} has no {wanted} detector; its detectors: {have}.")
    if len(fitting) > 1:
        names = tuple(d.identifier for d in fitting)
        sentence = f"Run {runs[0].label} has several detectors ({', '.join(names)}); name one of them (--karabo-id)."
        raise SeveralDetectors(sentence, names)
    for run in runs[1:]:
        if not any(d.identifier == fitting[0].identifier for d in run.detectors):
            raise BadInput(f"Run {run.label} has no detector {fitting[0].identifier}; give runs of one detector.")
    return fitting[0]


def _fitting(run: Run, family: Family | None, identifier: str) -> list[Detector]:
    return [
        d for d in run.detectors
        if (family is None or family.has(d.type)) and (not identifier or d.identifier == identifier)
    ]


def assign(
    detector: Detector, family: Family, method: Method, given: Mapping[str, Run], keep_order: bool = False,
    conditions: Mapping[str, float | str] | None = None,
) -> Survey:
    """Decide which run is which gain stage and find the condition.

    Parameters
    ----------
    given : mapping
        Run by role as the operator gave them; roles may be missing.
    conditions : mapping, optional
        The operator's conditions in place of those found.

    Raises
    ------
    BadInput
        Two runs are of the same gain stage.
    BadParameter
        The detector has no condition of such a name, or its value is not allowed.
    """
    said = _checked_conditions(detector.type.condition, conditions or {})
    roles = [role for role in method.roles(detector.type) if role.name in given]
    unknown = set(given) - {role.name for role in method.roles(detector.type)}
    if unknown:
        raise BadParameter(f"{family.name} {method.command} has no run “{sorted(unknown)[0]}”.")
    surveyed = [_look(given[role.name], detector, said) for role in roles]
    if any(run.stages > 1 for run in surveyed):
        return _all_of_one(detector, family, method, surveyed)
    found = roles if keep_order else _order(detector, roles, surveyed)
    by_role = {role.name: run for role, run in zip(found, surveyed, strict=True)}
    choices = tuple(
        _choice(role, by_role.get(role.name), dict(zip((r.name for r in roles), surveyed, strict=True)))
        for role in method.roles(detector.type)
    )
    condition = surveyed[0].condition or Condition(detector.type.condition)
    notes = (*_notes(choices, keep_order), *_other_bits(detector.type.operated_at(condition.values), choices))
    return Survey(tuple(surveyed), detector, family, method, choices, condition, notes)


def _all_of_one(
    detector: Detector, family: Family, method: Method, surveyed: Sequence[SurveyedRun]
) -> Survey:
    """Survey of one run that holds all gain stages, one after the other in each train."""
    run = next(run for run in surveyed if run.stages > 1)
    others = [other.label for other in surveyed if other.path != run.path]
    if others:
        raise BadInput(f"Run {run.label} holds all gain stages in each train; give it alone, without {others[0]}.")
    choices = tuple(
        RoleChoice(role, run, f"part {role.stage + 1} of {run.stages} of each train")
        for role in method.roles(detector.type)
    )
    note = f"Run {run.label} holds all gain stages: each train is cut into {run.stages} equal parts."
    condition = run.condition or Condition(detector.type.condition)
    return Survey((run,), detector, family, method, choices, condition, (note,))


def found_condition(
    run: Run, detector: Detector, said: Mapping[str, float | str] | None = None
) -> tuple[Condition, int]:
    """Operating condition of a run with the operator's values, and how many gain stages each of its trains holds."""
    stages = detector.type.stages_in_run
    condition = _condition(run, detector, said or {}, 1)
    held = 1 if stages is None else stages(condition.values)
    return condition if held == 1 else _condition(run, detector, said or {}, held), held


def _condition(run: Run, detector: Detector, said: Mapping[str, float | str], parts: int) -> Condition:
    found = detector.type.find_condition(run.control(detector, parts), detector.identifier)
    return Condition(detector.type.condition, found).overridden(said)


def _look(run: Run, detector: Detector, said: Mapping[str, float | str]) -> SurveyedRun:
    here = next(d for d in run.detectors if d.identifier == detector.identifier)
    condition, stages = found_condition(run, here, said)
    sample = run.sample(here)
    evidence = detector.type.find_stage(run.control(here), here.identifier, sample)
    inventory = run.inventory(here, parts=stages)
    trains = max((m.trains for m in inventory.modules), default=0)
    return SurveyedRun(run.path, run.label, run.detectors, run.start_time, trains, evidence, inventory.problems,
                       condition, stages, sample.modal_gain_bits)


def _order(detector: Detector, roles: Sequence[RunRole], runs: Sequence[SurveyedRun]) -> list[RunRole]:
    """Roles that the runs really have, in the order of the runs."""
    evidence = [run.evidence for run in runs]
    if all(e is not None and e.stage is not None for e in evidence):
        return _by_stage(detector, runs)
    signals = [e.gain_signal for e in evidence if e is not None and e.gain_signal is not None]
    return _by_signal(detector, roles, runs, signals) if len(signals) == len(runs) else list(roles)


def _by_stage(detector: Detector, runs: Sequence[SurveyedRun]) -> list[RunRole]:
    stages = [run.evidence.stage for run in runs if run.evidence and run.evidence.stage is not None]
    for first, stage in enumerate(stages):
        if stage in stages[first + 1 :]:
            second = stages.index(stage, first + 1)
            _refuse_twice(runs[first], runs[second], detector.type.stages[stage].label)
    names = detector.type.stages
    return [RunRole(names[s].role, names[s].label, s) for s in stages]


def _by_signal(
    detector: Detector, roles: Sequence[RunRole], runs: Sequence[SurveyedRun], signals: Sequence[float]
) -> list[RunRole]:
    rising = sorted(range(len(runs)), key=lambda i: signals[i])
    for low, high in pairwise(rising):
        if signals[high] - signals[low] < detector.type.least_signal_step:
            _refuse_twice(runs[low], runs[high], f"gain signal {signals[low]:.0f} and {signals[high]:.0f} ADU")
    ordered = sorted(roles, key=lambda role: role.stage)
    found = {run: role for run, role in zip(rising, ordered, strict=True)}
    return [found[i] for i in range(len(runs))]


def _refuse_twice(first: SurveyedRun, second: SurveyedRun, why: str) -> None:
    raise BadInput(
        f"Runs {first.label} and {second.label} are of the same gain stage ({why}); give one run per gain stage."
    )


def _choice(role: RunRole, run: SurveyedRun | None, given: Mapping[str, SurveyedRun]) -> RoleChoice:
    if run is None:
        return RoleChoice(role, None, "no run given")
    origin = run.evidence.origin if run.evidence else "as given"
    return RoleChoice(role, run, origin, moved=given.get(role.name) is not run)


def _notes(choices: Sequence[RoleChoice], keep_order: bool) -> list[str]:
    notes = []
    if any(choice.moved for choice in choices):
        order = ", ".join(f"{c.role.label} = {c.run.label} ({c.origin})" for c in choices if c.run)
        notes.append(f"Runs re-ordered by gain stage: {order}.")
    notes += [
        f"No run for {c.role.label}: its constants are marked as without dark data." for c in choices if c.run is None
    ]
    if keep_order:
        notes.append("The order of the runs was kept as given.")
    return notes


def _other_bits(kind: DetectorType, choices: Sequence[RoleChoice]) -> list[str]:
    """Sentences on runs whose gain bits are not those of the stage that they are taken for."""
    taken = [(c.role, c.run, kind.stages[c.role.stage].code) for c in choices if c.run and kind.has_gain_bits]
    return [
        f"Run {run.label} is taken for {role.label}, but most of its gain bits are {run.gain_bits}, not {code}; "
        "samples with other bits are left out."
        for role, run, code in taken if run.gain_bits not in (None, code)
    ]


def check_same_condition(found: Survey, given: Collection[str] = ()) -> None:
    """Make sure that all runs are of one operating condition.

    Parameters
    ----------
    given : collection of str
        Conditions that the operator gives himself, whatever the runs say.

    Raises
    ------
    BadInput
        Two runs differ in what both are sure of; the message has both values.
    """
    compared = [p for p in found.condition.parameters if not p.per_stage and p.name not in given]
    first, *others = found.runs
    for run in others:
        for parameter in compared:
            _compare(parameter, first, run)


def _compare(parameter: ConditionParameter, first: SurveyedRun, second: SurveyedRun) -> None:
    both = [run.condition.values.get(parameter.name) for run in (first, second) if run.condition]
    sure = [{parameter.name: value} for value in both if value is not None and value.sure]
    if len(sure) == 2 and (reason := Condition((parameter,), sure[0]).matches(Condition((parameter,), sure[1]))):
        flag = "--" + parameter.name.replace("_", "-")
        raise BadInput(
            f"Runs {first.label} and {second.label} are not of one operating condition: {reason}; give other runs, "
            f"or {flag} if it is known to be the same.")


def _checked_conditions(
    parameters: Sequence[ConditionParameter], conditions: Mapping[str, float | str]
) -> Mapping[str, float | str]:
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in conditions.items():
        if name not in known:
            raise BadParameter(f"There is no condition “{name}”; known conditions are {', '.join(known)}.")
        number = isinstance(value, float | int) and math.isfinite(value)
        if not (isinstance(value, str) if known[name].text else number):
            takes = "text" if known[name].text else "a number"
            raise BadParameter(f"{name} = {value!r} is not allowed; it takes {takes}.")
    return conditions
