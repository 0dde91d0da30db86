"""Operating condition of several runs: what they have in common, and what is doubtful of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calib_core.constants.condition import Condition, ConditionParameter, Found


def common_condition(
    parameters: Sequence[ConditionParameter], runs: Sequence[tuple[str, Condition | None]],
) -> Condition:
    """Condition of all runs: the first run's values; of what follows the gain stage, those of all, or what they make.

    Parameters
    ----------
    parameters : sequence of ConditionParameter
    runs : sequence of (str, Condition or None)
        What each is called, and its own condition where it is known.
    """
    values: dict[str, Found] = {}
    for parameter in parameters:
        found = [(label, one) for label, own in runs
                 if own and (one := own.values.get(parameter.name)) is not None]
        if found:
            values[parameter.name] = _together(parameter, found)
    return Condition(tuple(parameters), values)


def _together(parameter: ConditionParameter, found: Sequence[tuple[str, Found]]) -> Found:
    _, first = found[0]
    if parameter.per_stage:
        first = replace(first, others=tuple(dict.fromkeys(one.value for _, one in found if one.value != first.value)))
    elif (value := parameter.together(one.value for _, one in found)) is not None:
        return _made(parameter, value, found)
    doubtful = next(((label, one) for label, one in found if not one.sure), None)
    if not first.sure or doubtful is None:
        return first
    label, other = doubtful
    more = f"run {label}: {parameter.shown(other.value)} ({other.origin})"
    return replace(first, sure=False, origin=f"{first.origin}; {more}")


def _made(parameter: ConditionParameter, value: float, found: Sequence[tuple[str, Found]]) -> Found:
    """The value that what is made of runs of several values has, with theirs."""
    told = "; ".join(f"run {label}: {parameter.shown(one.value)} ({one.origin})" for label, one in found)
    return Found(value, told, all(one.sure for _, one in found), parts=tuple(one.value for _, one in found))
