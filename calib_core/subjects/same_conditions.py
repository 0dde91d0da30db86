"""Operating conditions that are one over time: numbers within the deviations that a constant holds for."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from calib_core.constants.condition import Value
from calib_core.store.about import level_of, value_of

#: Values of an operating condition by the database's names, sorted.
Condition = tuple[tuple[str, Value], ...]


@dataclass
class _Parameter:
    """What is known of a parameter: its levels, and which numbers were taken for each."""

    levels: list[Any] = field(default_factory=list)
    taken: dict[Value, set[float]] = field(default_factory=dict)


class SameConditions:
    """Finds the condition of each version, those of the oldest first: what is one has the numbers of the oldest.

    A store tells deviations, files tell tolerances; numbers without either are one where they are the same.
    """

    def __init__(self) -> None:
        self._parameters: dict[tuple[Hashable, str], _Parameter] = {}
        self._known: dict[tuple[Hashable, int], tuple[Condition, Mapping[str, object]]] = {}

    def of(self, group: Hashable, conditions: Mapping[str, object]) -> Condition:
        """Condition of a version.

        Parameters
        ----------
        group : hashable
            Versions that are compared at all, such as those of one kind and detector.
        conditions : mapping
            As a store or a file tells it, which may be anything.
        """
        key = group, id(conditions)  # which many versions of a store share
        if key not in self._known:
            found = sorted((name, one) for name, one in conditions.items() if isinstance(one, Mapping))
            values = ((name, self._level(group, name, one)) for name, one in found)
            self._known[key] = tuple((name, one) for name, one in values if one is not None), conditions
        return self._known[key][0]

    def sentences(self) -> Iterator[str]:
        """Which numbers were taken for one.

        Yields
        ------
        str
        """
        for (group, name), one in self._parameters.items():
            for level, taken in one.taken.items():
                if len(taken) > 1:
                    of = " ".join(map(str, group)) if isinstance(group, tuple) else str(group)
                    yield (f"{of}: {name} {min(taken):g} to {max(taken):g} are one operating condition, that of "
                           f"{level:g}: they are within its deviation.")

    def _level(self, group: Hashable, name: str, entry: Mapping[str, Any]) -> Value | None:
        value = value_of(entry) if isinstance(entry.get("value"), str | int | float) else None
        if value is None or isinstance(value, str):
            return value
        known = self._parameters.setdefault((group, name), _Parameter())
        level: Value = level_of(value, _deviation(entry), known.levels)
        known.taken.setdefault(level, set()).add(float(value))
        return level


def _deviation(entry: Mapping[str, Any]) -> float:
    """How far another number may be away."""
    told = (entry.get(name, 0.0) for name in ("lower", "upper", "tolerance"))
    return max(float(one) for one in told if isinstance(one, int | float))
