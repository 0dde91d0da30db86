"""Declare a parameter once; form, command line, validation and JSON follow from it.

A parameter ("knob") is a field of a frozen :class:`Knobs` model, declared with :func:`knob`. Methods, correction
steps and simulator settings are such models; nobody reads a parameter from a dict by its name.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from calib_core.errors import BadParameter

Kind = Literal["int", "float", "bool", "text", "choice", "limits", "limits_per_stage"]
Limits = tuple[float, float]
LimitsPerStage = tuple[Limits, ...]

_KINDS: dict[Any, Kind] = {
    int: "int", float: "float", bool: "bool", str: "text", Limits: "limits", LimitsPerStage: "limits_per_stage",
}
_IN_WORDS: dict[Kind, str] = {
    "int": "a whole number", "float": "a number", "bool": "yes or no", "text": "text", "choice": "a choice",
    "limits": "a low and a high limit, in this order",
    "limits_per_stage": "a low and a high limit for each gain stage, in this order",
}


@dataclass(frozen=True)
class Knob:
    """One declared parameter, as the form, the command line and the documentation see it."""

    name: str
    kind: Kind
    default: Any
    unit: str
    help: str
    lower: float | None = None
    upper: float | None = None
    choices: tuple[str, ...] = ()
    expert: bool = False
    optional: bool = False

    @property
    def flag(self) -> str:
        """Name of the command-line flag, such as ``--max-trains``."""
        return "--" + self.name.replace("_", "-")

    @property
    def range_text(self) -> str:
        """Allowed range as text with the unit, empty where there is none."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        unit = f" {self.unit}" if self.unit else ""
        if self.lower is not None and self.upper is not None:
            return f"{self.lower:g} to {self.upper:g}{unit}"
        if self.lower is not None:
            return f"at least {self.lower:g}{unit}"
        return f"at most {self.upper:g}{unit}" if self.upper is not None else ""


def knob(default: Any, *, help: str, unit: str = "", ge: float | None = None,  # noqa: A002
         le: float | None = None, expert: bool = False) -> Any:
    """Declare a parameter: default, help, unit, inclusive range, and whether only experts see it."""
    return Field(default, ge=ge, le=le, description=help, json_schema_extra={"unit": unit, "expert": expert})


class Knobs(BaseModel):
    """A frozen set of declared parameters; unknown names and values out of range are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _limits_rise(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse limits between which nothing would lie, and those that JSON cannot hold."""
        kind = _KINDS.get(_without_none(cls.model_fields[info.field_name or ""].annotation)[0])
        pairs = {"limits": (value,), "limits_per_stage": value}.get(kind or "", ())
        if value is not None and not all(-math.inf < low <= high < math.inf for low, high in pairs):
            raise ValueError("the limits are not finite or not in order")
        return value

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """Declared parameters in the order of their declaration."""
        return tuple(_describe(name, field) for name, field in cls.model_fields.items())

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Copy with some parameters changed.

        Raises
        ------
        BadParameter
            A name is not declared here or a value is not allowed; the message says which and the range.
        """
        try:
            return type(self).model_validate({**dict(self), **changes})
        except ValidationError as error:
            raise BadParameter(_sentence(self, error)) from error

    def changed_from(self, baseline: Self) -> dict[str, Any]:
        """Parameters that differ from ``baseline``, as plain JSON values."""
        mine, theirs = self.model_dump(mode="json"), baseline.model_dump(mode="json")
        return {name: value for name, value in mine.items() if value != theirs[name]}


def _describe(name: str, field: FieldInfo) -> Knob:
    annotation, optional = _without_none(field.annotation)
    extra = typing.cast(dict[str, Any], field.json_schema_extra or {})
    choices = tuple(str(c) for c in get_args(annotation)) if get_origin(annotation) is Literal else ()
    bounds = {bound: getattr(m, bound) for m in field.metadata for bound in ("ge", "le") if hasattr(m, bound)}
    return Knob(
        name=name, kind="choice" if choices else _KINDS[annotation], default=field.get_default(),
        unit=extra.get("unit", ""), help=field.description or "", lower=bounds.get("ge"), upper=bounds.get("le"),
        choices=choices, expert=extra.get("expert", False), optional=optional,
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], True
    return annotation, False


def _sentence(model: Knobs, error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    known = {k.name: k for k in model.knobs()}
    if name not in known:
        return f"There is no parameter “{name}”; known parameters are {', '.join(known)}."
    allowed = known[name].range_text or _IN_WORDS[known[name].kind]
    return f"{name} = {first['input']!r} is not allowed; it takes {allowed}."
