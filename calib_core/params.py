"""Declare a parameter once; form, command line, validation and JSON follow from it.

A parameter ("knob") is a field of a frozen :class:`Knobs` model, declared with :func:`knob`. Methods, correction
steps and simulator settings are such models; nobody reads a parameter from a dict by its name.

A model may be made of parts: a field that is a tuple of :class:`Part`. Their knobs have flat names everywhere, the
part's word and their own (``common_mode_limit``); the bare word is the part's switch. The tuple itself has no name:
which parts there are is the model's choice, not the operator's.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo

from calib_core.errors import BadParameter

#: Most parameters that a sentence lists.
_MOST_LISTED = 8

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
    """One declared parameter, as the form, the command line and the documentation see it.

    ``default`` is the value of the model that it was asked of; ``part`` and ``word`` are the title and the word of
    the part that it belongs to.
    """

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
    part: str = ""
    word: str = ""

    @property
    def is_switch(self) -> bool:
        """Whether it switches its part on or off."""
        return self.name == self.word

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
        """Refuse limits between which nothing would lie, and numbers that JSON cannot hold."""
        kind = _KINDS.get(_without_none(cls.model_fields[info.field_name or ""].annotation)[0])
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("the number is not finite")
        pairs = {"limits": (value,), "limits_per_stage": value}.get(kind or "", ())
        if value is not None and not all(-math.inf < low <= high < math.inf for low, high in pairs):
            raise ValueError("the limits are not finite or not in order")
        return value

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        """Two knobs of one name would be one flag; BadParameter, since a declaration is refused in one sentence."""
        declared = self._declared()
        if len(declared) > len(self._by_name()):
            names = [one.name for one, _ in declared]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise BadParameter(f"{type(self).__name__} declares two parameters that are named {', '.join(twice)}.")
        return self

    def knobs(self) -> tuple[Knob, ...]:
        """Declared parameters in the order of their declaration, those of parts behind all others."""
        return tuple(replace(one, default=self._value(place)) for one, place in self._declared())

    def value(self, name: str) -> Any:
        """Value of a parameter by its flat name; BadParameter where there is none such."""
        return self._value(self._places([name])[name])

    def values(self) -> dict[str, Any]:
        """All parameters by their flat names, as plain JSON values."""
        fields = _fields_of_parts(type(self))
        own = self.model_dump(mode="json", exclude=set(fields))
        inner = {(field, index): one.model_dump(mode="json") for field in fields
                 for index, one in enumerate(getattr(self, field))}
        return {name: (own if place.index is None else inner[place.field, place.index])[place.inner]
                for name, place in self._by_name().items()}

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Copy with some parameters changed, by their flat names.

        Raises
        ------
        BadParameter
            A name is not declared here or a value is not allowed; the message says which and the range.
        """
        places, new = self._places(changes), dict(self)
        for name, value in changes.items():
            field, index, inner = places[name].field, places[name].index, places[name].inner
            if index is None:
                new[field] = value
                continue
            parts = list(new[field])
            parts[index] = parts[index]._checked({**dict(parts[index]), inner: value}, self, name)
            new[field] = tuple(parts)
        return self._checked(new, self)

    def changed_from(self, baseline: Self) -> dict[str, Any]:
        """Parameters that differ from ``baseline``, as plain JSON values."""
        mine, theirs = self.values(), baseline.values()
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def idle(self, names: Iterable[str]) -> Iterator[tuple[Knob, list[Knob]]]:
        """Those of some parameters that have no effect, as their part is switched off; its switch comes first."""
        declared = {one.name: one for one in self.knobs()}
        found: dict[str, list[Knob]] = {}
        for one in map(declared.__getitem__, names):
            if one.word in declared and not one.is_switch and not declared[one.word].default:
                found.setdefault(one.word, []).append(one)
        yield from ((declared[word], those) for word, those in found.items())

    def _checked(self, values: Mapping[str, Any], whole: Knobs, name: str = "") -> Self:
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            raise BadParameter(_sentence(whole, error, name)) from error

    def _value(self, place: _Place) -> Any:
        owner = self if place.index is None else getattr(self, place.field)[place.index]
        return getattr(owner, place.inner)

    def _declared(self) -> _Declared:
        return _declared(type(self), self._parts())

    def _by_name(self) -> Mapping[str, _Place]:
        return _by_name(type(self), self._parts())

    def _parts(self) -> tuple[tuple[type[Part], ...], ...]:
        """Which parts there are, in each field that is made of them."""
        return tuple(tuple(map(type, getattr(self, name))) for name in _fields_of_parts(type(self)))

    def _places(self, names: Iterable[str]) -> Mapping[str, _Place]:
        known = self._by_name()
        for name in names:
            if name not in known:
                raise BadParameter(f"There is no parameter “{name}”; {_nearest(name, list(known))}.")
        return known


def _nearest(name: str, known: list[str]) -> str:
    """All names, or of many those that are nearest to one that there is not."""
    if len(known) <= _MOST_LISTED:
        return f"known parameters are {', '.join(known)}"
    near = difflib.get_close_matches(name, known, _MOST_LISTED, 0)
    return f"of the {len(known)} known ones the nearest are {', '.join(near)}"


@dataclass(frozen=True)
class _Place:
    """Where the value of a flat name is: a field, or a field of a part in a field."""

    field: str
    index: int | None = None
    part_field: str = ""

    @property
    def inner(self) -> str:
        return self.part_field or self.field


_Declared = tuple[tuple[Knob, _Place], ...]


class Part(Knobs):
    """A set of parameters that is part of another; its switch is offered unless it is required.

    Subclasses set ``word``, the beginning of its flat names, and ``title``.
    """

    word: ClassVar[str]
    title: ClassVar[str]
    required: ClassVar[bool] = False

    on: bool = knob(True, help="Whether it is done")

    @model_validator(mode="after")
    def _required_is_on(self) -> Self:
        if self.required and not self.on:
            raise BadParameter(f"{self.title} cannot be switched off.")
        return self


@cache
def _fields_of_parts(model: type[Knobs]) -> tuple[str, ...]:
    return tuple(name for name, field in model.model_fields.items() if _is_of_parts(field))


@cache
def _declared(model: type[Knobs], parts: tuple[tuple[type[Part], ...], ...]) -> _Declared:
    """Knobs of a model that has these parts, each without its value, and where that is; found once."""
    of_parts = _fields_of_parts(model)
    own = [(_describe(name, field), _Place(name)) for name, field in model.model_fields.items()
           if name not in of_parts]
    return (*own, *((one, _Place(name, index, inner)) for name, those in zip(of_parts, parts, strict=True)
                    for index, part in enumerate(those) for inner, one in _flat(part)))


@cache
def _by_name(model: type[Knobs], parts: tuple[tuple[type[Part], ...], ...]) -> Mapping[str, _Place]:
    """Places by flat names."""
    return {one.name: place for one, place in _declared(model, parts)}


def _flat(part: type[Part]) -> Iterator[tuple[str, Knob]]:
    """Own names of a part's knobs, and the knobs with their flat names."""
    for inner, field in part.model_fields.items():
        one = _describe(inner, field)
        if inner != "on":
            yield inner, replace(one, name=f"{part.word}_{inner}", part=part.title, word=part.word)
        elif not part.required:
            yield inner, replace(one, name=part.word, part=part.title, word=part.word, help=part.title)


def _is_of_parts(field: FieldInfo) -> bool:
    inner = get_args(field.annotation)
    return get_origin(field.annotation) is tuple and isinstance(inner[0], type) and issubclass(inner[0], Part)


def _describe(name: str, field: FieldInfo) -> Knob:
    annotation, optional = _without_none(field.annotation)
    extra = typing.cast(dict[str, Any], field.json_schema_extra or {})
    choices = tuple(str(c) for c in get_args(annotation)) if get_origin(annotation) is Literal else ()
    bounds = {bound: getattr(m, bound) for m in field.metadata for bound in ("ge", "le") if hasattr(m, bound)}
    return Knob(
        name=name, kind="choice" if choices else _KINDS[annotation], default=None,
        unit=extra.get("unit", ""), help=field.description or "", lower=bounds.get("ge"), upper=bounds.get("le"),
        choices=choices, expert=extra.get("expert", False), optional=optional,
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], True
    return annotation, False


def _sentence(whole: Knobs, error: ValidationError, name: str) -> str:
    first = error.errors()[0]
    known = {one.name: one for one in whole.knobs()}
    name = name or (str(first["loc"][0]) if first["loc"] else "")
    if name not in known:
        return f"{first['msg'].removeprefix('Value error, ')}."
    allowed = known[name].range_text or _IN_WORDS[known[name].kind]
    return f"{name} = {first['input']!r} is not allowed; it takes {allowed}."
