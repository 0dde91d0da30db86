"""Operating conditions: named parameters, where each value came from, and when two conditions agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Self

from calib_core.plain_text import shown

Value = float | str


@dataclass(frozen=True)
class ConditionParameter:
    """One parameter of an operating condition as the constants' database knows it.

    Attributes
    ----------
    name : str
        Our name, such as ``bias_voltage``; also the command-line flag.
    database_name : str
        Exact name in the database, such as ``Sensor Bias Voltage``.
    unit : str
    tolerance : float
        Largest difference at which two values still agree, in units of the value.
    left_out_at : float or str, optional
        Value that the database neither stores nor asks for (the old default of a newer parameter).
    per_stage : bool
        Whether it follows the gain stage: the runs of one characterisation may differ in it, and what is made of
        them holds the values of all.
    automatic : float, optional
        Value of a parameter that follows the gain stage at which the stage follows the signal; what was made of runs
        of several stages goes with it.
    of_several : tuple of (frozenset of float, float)
        Values of the runs of several gain stages that go together, and the one that what is made of them has.
    lowest, highest : float, optional
        Smallest and largest value that the detector can have, both allowed.
    choices : tuple of float
        The only values that the detector can have; empty where the range is all there is to say.
    text : bool
        Whether its values are text; else they are numbers.
    of_hardware : bool
        Whether it belongs to the detector that is there, so that nobody sets it.
    stand_in : float or str, optional
        Value of constants that stand in for those of another value, where there are none, or only such as are by more
        than ``stand_in_days`` further from the run.
    stand_in_days : float
    help : str
    """

    name: str
    database_name: str
    unit: str = ""
    tolerance: float = 0.0
    left_out_at: Value | None = None
    per_stage: bool = False
    automatic: float | None = None
    of_several: tuple[tuple[frozenset[float], float], ...] = ()
    text: bool = False
    of_hardware: bool = False
    stand_in: Value | None = None
    stand_in_days: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[float, ...] = ()
    help: str = ""

    @property
    def flag(self) -> str:
        """Its flag on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def takes(self) -> str:
        """What it takes, in words: ``a number from 1 to 352``."""
        if self.text:
            return "text"
        if self.choices:
            return " or ".join(f"{choice:g}" for choice in self.choices)
        ends = [f"{word} {end:g}" for word, end in (("from", self.lowest), ("to", self.highest)) if end is not None]
        return " ".join(["a number", *ends])

    def together(self, values: Iterable[Value]) -> float | None:
        """The value that what is made of runs of several values has; None where they do not go together.

        Parameters
        ----------
        values : iterable of float or str
            Of the runs.
        """
        wanted = frozenset(values)
        return next((made for several, made in self.of_several if several == wanted), None)

    def shown(self, value: Value) -> str:
        """A value with its unit, for people."""
        text = value if isinstance(value, str) else f"{value:g}" if abs(value) < 1e6 else f"{value}"
        return shown(f"{text} {self.unit}".rstrip())

    def allows(self, value: object) -> bool:
        """Whether the detector can have a value, found or typed: a finite number in the range, or text.

        Parameters
        ----------
        value : object
            Of any type; a truth value is no number.
        """
        if self.text or isinstance(value, str):
            return self.text and isinstance(value, str)
        if isinstance(value, bool) or not isinstance(value, float | int) or not math.isfinite(value):
            return False
        if self.choices:
            return value in self.choices
        return (self.lowest is None or value >= self.lowest) and (self.highest is None or value <= self.highest)


@dataclass(frozen=True)
class Found:
    """A value together with where it came from.

    Attributes
    ----------
    value : float or str
    origin : str
        A source and key of the run, ``operator``, or ``default: reason``; and why it is doubtful, where it is.
    sure : bool
        False where the operator should look at it.
    others : tuple of float or str
        Further values that hold as well: of a parameter that follows the gain stage, those of the other runs.
    parts : tuple of float or str
        Values of the runs of several gain stages that it was put together of; none where it is that of all.
    """

    value: Value
    origin: str
    sure: bool = True
    others: tuple[Value, ...] = ()
    parts: tuple[Value, ...] = ()

    @property
    def values(self) -> tuple[Value, ...]:
        """All values that hold, each once."""
        return tuple(dict.fromkeys((self.value, *self.others)))

    @classmethod
    def by_operator(cls, value: Value) -> Self:
        """A value that the operator gave; it is sure.

        Parameters
        ----------
        value : float or str
            In the unit of its parameter; neither range nor type is checked here.
        """
        return cls(value, "operator")


@dataclass(frozen=True)
class Condition:
    """An operating point: the declared parameters and what was found for them."""

    parameters: tuple[ConditionParameter, ...]
    values: Mapping[str, Found] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """Value of a parameter by our name."""
        return self.values[name].value

    def overridden(self, changes: Mapping[str, Value]) -> Condition:
        """Condition with the operator's values in place of those found.

        Parameters
        ----------
        changes : mapping
            Values by our names. Names that are not declared are kept, but neither compared nor written.

        Returns
        -------
        Condition
            A new one, whose changed values are sure and hold for all gain stages.
        """
        new = {name: Found.by_operator(value) for name, value in changes.items()}
        return replace(self, values={**self.values, **new})

    def of(self, names: Iterable[str]) -> Condition:
        """Condition of some parameters alone, by our names, in the order of the declaration."""
        wanted = set(names)
        return Condition(tuple(p for p in self.parameters if p.name in wanted),
                         {name: found for name, found in self.values.items() if name in wanted})

    def queries(self) -> tuple[dict[str, Value], ...]:
        """Queries of the database that find what is of this condition.

        Returns
        -------
        tuple of dict
            Values under the database's names, without those that it leaves out; one for each value of a parameter
            that follows the gain stage.
        """
        known = [p for p in self.parameters if p.name in self.values]
        return tuple(
            {p.database_name: value for p, value in zip(known, values, strict=True) if value != p.left_out_at}
            for values in product(*(self.values[p.name].values for p in known)))

    def matches(self, other: Condition) -> str | None:
        """Compare with another condition by the tolerances of the declared parameters.

        Parameters
        ----------
        other : Condition
            Of the same detector type: only the parameters that this one declares are looked at.

        Returns
        -------
        str or None
            None where both agree; else the first difference in words, also where only one side knows a value. A
            difference of just the tolerance still agrees; text must be equal.
        """
        for parameter in self.parameters:
            reason = _disagreement(parameter, self.values.get(parameter.name), other.values.get(parameter.name))
            if reason:
                return reason
        return None


def _disagreement(parameter: ConditionParameter, mine: Found | None, theirs: Found | None) -> str | None:
    if mine is None or theirs is None:
        return None if mine is theirs else f"{parameter.database_name} is known on one side only"
    if any(_same(parameter, a, b) for a in mine.values for b in theirs.values):
        return None
    if any(parameter.automatic in one.values and len(other.values) > 1
           for one, other in ((mine, theirs), (theirs, mine))):
        return None
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{parameter.database_name} differs: {mine.value}{unit} and {theirs.value}{unit}"


def _same(parameter: ConditionParameter, a: Value, b: Value) -> bool:
    return a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) <= parameter.tolerance
