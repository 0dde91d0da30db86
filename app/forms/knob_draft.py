"""What a form's editors hold, compared with the defaults; knows no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calib_core.errors import BadParameter
from calib_core.params import Knob, Knobs


@dataclass(frozen=True)
class KnobDraft:
    """Values as typed, judged by the declaration.

    Attributes
    ----------
    changes : dict
        Valid values that differ from the baseline, as plain JSON values.
    errors : dict
        Sentence for each value that is not allowed.
    """

    changes: dict[str, Any]
    errors: dict[str, str]

    def checked(self) -> dict[str, Any]:
        """Changes, where every value is allowed; else BadParameter with the first sentence."""
        for sentence in self.errors.values():
            raise BadParameter(sentence)
        return self.changes


def draft(baseline: Knobs, typed: Mapping[str, Any]) -> KnobDraft:
    """Judge values, each for itself, so that one wrong value does not hide another.

    One that is not allowed alone is judged once more beside those that are: a step may need a value to be on.
    """
    changes: dict[str, Any] = {}
    alone = _judged(baseline, typed, changes)
    return KnobDraft(changes, _judged(baseline, {name: typed[name] for name in alone}, changes))


def _judged(baseline: Knobs, typed: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, str]:
    """Add values that are allowed beside the changes so far; sentences on the others."""
    beside, errors = dict(changes), dict[str, str]()
    for name, value in typed.items():
        usual = baseline.value(name)
        if type(value) is type(usual) and value == usual:  # nothing to judge: most are as they were
            continue
        try:
            changes.update(baseline.with_changes({**beside, name: value}).changed_from(baseline))
        except BadParameter as error:
            errors[name] = str(error)
    return errors


def title(name: str) -> str:
    """Label of a parameter from its name: ``max_trains`` → ``Max trains``."""
    return name.replace("_", " ").capitalize()


def tooltip(knob: Knob, default: Any) -> str:
    """Help, range, default, and command-line flag of a parameter."""
    lines = (
        knob.help,
        f"Range: {knob.range_text}" if knob.range_text else "",
        f"Default: {value_text(default)}{f' {knob.unit}' if knob.unit else ''}",
        f"Command line: {knob.flag}",
    )
    return "\n".join(line for line in lines if line)


def value_text(value: Any) -> str:
    """Value as an operator reads and types it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, list)):
        return ", ".join(_limits_text(item) for item in value) if _nested(value) else _limits_text(value)
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _nested(value: tuple[Any, ...] | list[Any]) -> bool:
    return bool(value) and isinstance(value[0], (tuple, list))


def _limits_text(limits: tuple[Any, ...] | list[Any]) -> str:
    return " to ".join(value_text(limit) for limit in limits)
