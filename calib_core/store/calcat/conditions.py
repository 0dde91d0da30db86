"""Operating condition of a constant of the facility's database, asked for when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from calib_core.constants.condition import Value
from calib_core.errors import BadInput
from calib_core.store.calcat.connection import Connection


class LazyConditions(Mapping[str, Any]):
    """Parameters by the database's names, as :class:`~calib_core.store.base.Version` has them.

    Parameters
    ----------
    connection : Connection
    number : int
        Of the condition.
    asked : mapping, optional
        Values by which it was found; they stand in, without deviations, where the database does not tell it.
    """

    def __init__(self, connection: Connection, number: int, asked: Mapping[str, Value] | None = None) -> None:
        self._connection, self.number, self._asked = connection, number, asked

    def __getitem__(self, name: str) -> Any:
        return self._told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)

    def __repr__(self) -> str:
        return f"LazyConditions({self.number})"

    @cached_property
    def _told(self) -> dict[str, Any]:
        try:
            row = self._connection.get(f"conditions/{self.number}", lasting=True)
        except BadInput as error:
            if self._asked is None:
                raise
            self._connection.tell(f"Operating conditions are taken to be those that were asked for: {error}")
            return {name: {"value": value, "unit": ""} for name, value in self._asked.items()}
        try:
            return {one["parameter_name"]: {
                "value": one["value"] if one.get("txt_value") is None else one["txt_value"], "unit": "",
                "lower": one["lower_deviation_value"] or 0.0, "upper": one["upper_deviation_value"] or 0.0}
                for one in row["parameters_conditions"]}
        except (KeyError, TypeError) as error:
            raise BadInput(f"CalCat at {self._connection.address} tells condition {self.number} as what cannot be "
                           f"understood ({type(error).__name__}: {error}).") from error
