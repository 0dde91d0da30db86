"""The operator's conditions in place of those found; knows no widgets."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.forms.knob_draft import value_text
from calib_core.constants.condition import Condition, ConditionParameter, Found, Value
from calib_core.errors import BadParameter
from calib_core.typed import parse_number


def read_value(name: str, typed: str, found: Found | None) -> Value | None:
    """Value that an operator typed for a parameter; None where it is the one found.

    Raises
    ------
    BadParameter
        The parameter is a number and the text is none.
    """
    text = typed.strip()
    if found is not None and text == value_text(found.value):
        return None
    if found is not None and isinstance(found.value, str):
        return text
    value = _number(name, text, found)
    return None if found is not None and value == found.value else value


def overrides(condition: Condition, typed: Mapping[str, str], confirmed: Collection[str] = ()) -> dict[str, Value]:
    """Values that differ from those found, and those that the operator took as right."""
    values = {name: read_value(name, text, condition.values.get(name)) for name, text in typed.items()}
    changed = {name: value for name, value in values.items() if value is not None}
    same = {name: condition[name] for name in confirmed if name in typed and name not in changed}
    for parameter in condition.parameters:
        if parameter.name in changed and not parameter.allows(changed[parameter.name]):
            raise BadParameter(
                f"{parameter.name} = {typed[parameter.name]!r} is not allowed; it takes {parameter.takes}.")
    return {**same, **changed}


def origin_text(found: Found | None, own: bool) -> str:
    """Where a value came from, for the line below it."""
    if own:
        return f"operator, in place of {value_text(found.value)} ({found.origin})" if found else "operator"
    return found.origin if found else "not found in the run"


def tooltip(parameter: ConditionParameter, found: Found | None) -> str:
    """Help, where the value came from, its tolerance, database name, and command-line flag."""
    unit = f" {parameter.unit}" if parameter.unit else ""
    lines = (
        parameter.help,
        f"Found: {value_text(found.value)}{unit}" if found else "Not found in the run.",
        f"From: {found.origin}" if found else "",
        f"Takes: {parameter.takes}",
        f"Constants agree within: {parameter.tolerance:g}{unit}" if parameter.tolerance else "",
        f"Database: {parameter.database_name}",
        f"Command line: {parameter.flag}",
    )
    return "\n".join(line for line in lines if line)


def _number(name: str, text: str, found: Found | None) -> float | None:
    if not text and found is None:
        return None
    try:
        return parse_number(text)
    except ValueError as error:
        raise BadParameter(f"{name} = {text!r} is not allowed; it takes a number.") from error
