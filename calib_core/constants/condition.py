"""Operating conditions: named parameters, where each value came from, and when two conditions agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

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
        Whether the runs of one characterisation may differ in it, as each is of another gain stage.
    text : bool
        Whether its values are text; else they are numbers.
    of_hardware : bool
        Whether it belongs to the detector that is there, so that nobody sets it.
    help : str
    """

    name: str
    database_name: str
    unit: str = ""
    tolerance: float = 0.0
    left_out_at: Value | None = None
    per_stage: bool = False
    text: bool = False
    of_hardware: bool = False
    help: str = ""


@dataclass(frozen=True)
class Found:
    """A value together with where it came from.

    ``origin`` is a source and key of the run, ``operator``, or ``default: reason``; ``sure`` is False where
    the operator should look at it.
    """

    value: Value
    origin: str
    sure: bool = True

    @classmethod
    def by_operator(cls, value: Value) -> Self:
        """A value that the operator gave; it is sure.

        Parameters
        ----------
        value : float or str
            In the unit of its parameter; neither range nor type is checked here.
        """
        return cls(value, "operator")

    @classmethod
    def by_default(cls, value: Value, why: str) -> Self:
        """A value that nothing in the run tells; the operator should look at it.

        Parameters
        ----------
        value : float or str
            In the unit of its parameter.
        why : str
            Words that follow “default: ” on the screen and in provenance.
        """
        return cls(value, f"default: {why}", sure=False)


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
            A new one, whose changed values are sure.
        """
        new = {name: Found.by_operator(value) for name, value in changes.items()}
        return replace(self, values={**self.values, **new})

    def as_database(self) -> dict[str, Value]:
        """Parameters under the database's names, without those that it leaves out."""
        return {
            p.database_name: self.values[p.name].value
            for p in self.parameters
            if p.name in self.values and self.values[p.name].value != p.left_out_at
        }

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
    a, b = mine.value, theirs.value
    same = a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) <= parameter.tolerance
    unit = f" {parameter.unit}" if parameter.unit else ""
    return None if same else f"{parameter.database_name} differs: {a}{unit} and {b}{unit}"
