"""Operating condition of several runs: what is doubtful, whether they agree, and what an operator may give."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from calib_core.characterisation.inputs import RunFacts
from calib_core.constants.condition import Condition, ConditionParameter
from calib_core.errors import BadInput, BadParameter

if TYPE_CHECKING:
    from calib_core.jobs.survey import Survey


def doubts(condition: Condition) -> Iterator[str]:
    """Sentences on the values of a condition that are not sure, and how to say what is right."""
    for parameter, said in unsure(condition):
        yield f"{said}; give the right one in the form, or with {parameter.flag}."


def unsure(condition: Condition) -> Iterator[tuple[ConditionParameter, str]]:
    """Parameters of a condition whose values are not sure, and the begin of a sentence on each."""
    for parameter in condition.parameters:
        found = condition.values.get(parameter.name)
        if found is not None and not found.sure:
            yield parameter, (f"{parameter.database_name}: {parameter.shown(found.value)} is taken, but it is not "
                              f"sure ({found.origin})")


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
    put_together = {name for name, one in found.condition.values.items() if one.parts}
    compared = [p for p in found.condition.parameters
                if not p.per_stage and p.name not in given and p.name not in put_together]
    for run in found.runs[1:]:
        for parameter in compared:
            _compare(parameter, found.runs[0], run)


def _compare(parameter: ConditionParameter, first: RunFacts, second: RunFacts) -> None:
    both = [run.condition.values.get(parameter.name) for run in (first, second) if run.condition]
    sure = [{parameter.name: value} for value in both if value is not None and value.sure]
    if len(sure) == 2 and (reason := Condition((parameter,), sure[0]).matches(Condition((parameter,), sure[1]))):
        raise BadInput(
            f"Runs {first.label} and {second.label} are not of one operating condition: {reason}; give other runs, "
            f"or {parameter.flag} if it is known to be the same.")


def checked_conditions(
    parameters: Sequence[ConditionParameter], conditions: Mapping[str, float | str]
) -> Mapping[str, float | str]:
    """Conditions that an operator gives; BadParameter where one is unknown or no value that the detector can have."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in conditions.items():
        if name not in known:
            raise BadParameter(f"There is no condition “{name}”; known conditions are {', '.join(known)}.")
        if not known[name].allows(value):
            said = (f"{name} = {value!r} is not allowed" if isinstance(value, str) or math.isfinite(value)
                    else f"{name} is no number")
            raise BadParameter(f"{said}; it takes {known[name].takes}.")
    return conditions
