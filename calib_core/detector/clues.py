"""Where values of an operating condition are told, and the one place that decides whether a value is sure.

A descriptor says for each parameter which clues there are, the best first. A value is sure only if it comes from the
detector's own device, is a finite number that the detector can have, and is the same over all trains that are used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from calib_core.constants.condition import ConditionParameter, Found, Value
from calib_core.detector.evidence import ControlReader, Readings, StageEvidence

#: A value as it is stored → value of the condition; None where it says nothing.
Coding = Callable[[Any], Value | None]
#: Slow control must tell at least this share of the trains that are used.
LEAST_TOLD = 0.95


@dataclass(frozen=True)
class Device:
    """Control devices of a detector, by how their names follow from the detector's.

    Attributes
    ----------
    source : str
        Regular expression of whole source names, with groups of ``detector`` as fields in braces.
    detector : str
        Regular expression of the detectors that have such a device.
    """

    source: str
    detector: str = r"(?P<detector>.+)"

    def sources(self, run: ControlReader, detector: str) -> list[str]:
        """Sources of a run that are this detector's own, sorted; never another detector's."""
        match = re.fullmatch(self.detector, detector)
        if match is None:
            return []
        return run.sources(self.source.format(**{k: re.escape(v or "") for k, v in match.groupdict().items()}))


@dataclass(frozen=True)
class Said:
    """What a clue says: a value or None, where from, and why it is doubtful."""

    value: Value | None
    origin: str
    doubt: str = ""


class Clue(Protocol):
    """Where a value may be told."""

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """What is told here, or None where nothing is."""


def as_number(stored: Any) -> float:
    """A number, also one that is written as text; NaN for words, which no parameter allows."""
    try:
        return float(stored)
    except (TypeError, ValueError):
        return math.nan


def switch(stored: Any) -> float:
    """1 for every number but 0, which stays 0; NaN for what is no number."""
    value = as_number(stored)
    return float(bool(value)) if math.isfinite(value) else math.nan


@dataclass(frozen=True)
class Scaled:
    """Coding of a number in another unit: times ``factor`` plus ``shift``, rounded to some decimal digits."""

    factor: float = 1.0
    shift: float = 0.0
    digits: int = 3

    def __call__(self, stored: Any) -> float:
        """The number in the condition's unit."""
        return round(as_number(stored) * self.factor + self.shift, self.digits)


@dataclass(frozen=True)
class Coded:
    """Coding of words or whole numbers by a table; what is not in it says nothing."""

    table: Mapping[Any, float]

    def __call__(self, stored: Any) -> float | None:
        """The number that a word stands for."""
        return self.table.get(stored.item() if isinstance(stored, np.generic) else stored)


def powered(stored: Any) -> float | None:
    """A measured number without its digits; 0 and below, of a channel that is off, say nothing."""
    value = as_number(stored)
    return None if value <= 0 else float(np.trunc(value))


def magnitude(stored: Any) -> float:
    """A number without its sign, to thousandths."""
    return round(abs(as_number(stored)), 3)


@dataclass(frozen=True)
class Told:
    """A value that slow control tells.

    Attributes
    ----------
    device : Device
    keys : tuple of str
        The first that says something is taken.
    coding : callable
    over : {"median", "largest", "mean"}
        What of the numbers of all trains is taken.
    every : bool
        Whether all keys of all devices that say something must agree.
    glitch : float, optional
        Numbers from here on are errors of the device and passed over.
    added : str
        What the origin tells of the coding, such as ``+ 1``.
    """

    device: Device
    keys: tuple[str, ...]
    coding: Coding = as_number
    over: Literal["median", "largest", "mean"] = "median"
    every: bool = False
    glitch: float | None = None
    added: str = ""

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """What the keys say together, or the first of them that says something."""
        said = []
        for source in self.device.sources(run, detector):
            for key in self.keys:
                one = self._one(parameter, run.told(source, key), f"{source} {key}{self.added}")
                if one is not None and not self.every:
                    return one
                said += [one] if one is not None else []
        return _agreed(parameter, said) if said else None

    def _one(self, parameter: ConditionParameter, readings: Readings | None, origin: str) -> Said | None:
        if readings is not None and self.glitch is not None and readings.values.dtype.kind in "iuf":
            readings = Readings(readings.values[readings.values < self.glitch], readings.trains, readings.told)
        return None if readings is None else judged(parameter, readings, self.coding, self.over, origin)


@dataclass(frozen=True)
class Combined:
    """A value that several keys of one device tell together; ``coding`` takes the values of all."""

    device: Device
    keys: tuple[str, ...]
    coding: Callable[..., Value | None]
    every: bool = False

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """What the first device says that has all keys, or all of them where all must agree."""
        said = [one for source in self.device.sources(run, detector)
                if (one := self._one(parameter, run, source)) is not None]
        return None if not said else _agreed(parameter, said) if self.every else said[0]

    def _one(self, parameter: ConditionParameter, run: ControlReader, source: str) -> Said | None:
        origin = f"{source} {', '.join(self.keys)}"
        found = [run.told(source, key) for key in self.keys]
        readings = [one for one in found if one is not None and one.values.size]
        if len(readings) < len(self.keys):
            return None
        try:
            value = self.coding(*(_most_frequent(one.values) for one in readings))
        except (TypeError, ValueError, OverflowError):
            return Said(None, origin, f"what is stored is not {parameter.takes}")
        changes = any(len(_distinct(one.values)[0]) > 1 for one in readings)
        doubt = "changes over the trains that are used" if changes else next(filter(None, map(_untold, readings)), "")
        return None if value is None else Said(value, origin, doubt)


@dataclass(frozen=True)
class Beside:
    """A value that is stored beside the pixels of the first module, with every train."""

    key: str
    coding: Coding = as_number

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """The mean over the trains."""
        readings = run.beside(self.key)
        return None if readings is None else judged(parameter, readings, self.coding, "mean", f"{self.key}, mean")


@dataclass(frozen=True)
class Seen:
    """A value that the frames themselves tell."""

    find: Callable[[ControlReader], Found | None]

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """What is found; doubtful where the finder is."""
        found = self.find(run)
        return None if found is None else Said(found.value, found.origin, "" if found.sure else "a guess")


@dataclass(frozen=True)
class Fixed:
    """A value that all detectors of the type have."""

    value: Value
    why: str = "detector type"

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said:
        """The value."""
        return Said(self.value, self.why)


@dataclass(frozen=True)
class Unknown:
    """A value that holds where a device is there and does not know the keys of the clues before."""

    device: Device
    value: Value
    why: str

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said | None:
        """The value, where the device is there."""
        sources = self.device.sources(run, detector)
        return Said(self.value, f"{sources[0]} {self.why}") if sources else None


@dataclass(frozen=True)
class Usual:
    """A value that is taken where nothing tells it; never sure."""

    value: Value
    why: str

    def ask(self, parameter: ConditionParameter, run: ControlReader, detector: str) -> Said:
        """The value, with why nothing tells it."""
        return Said(self.value, f"default: {self.why}", "a default")


def found_values(
    parameters: Sequence[ConditionParameter], clues: Mapping[str, Sequence[Clue]], run: ControlReader, detector: str
) -> dict[str, Found]:
    """Values of parameters by their clues; those of which no clue tells anything are left out.

    Parameters
    ----------
    parameters : sequence of ConditionParameter
    clues : mapping
        Clues by the name of the parameter, the best first.
    run : ControlReader
    detector : str
        Identifier.
    """
    found = {one.name: found_value(one, clues.get(one.name, ()), run, detector) for one in parameters}
    return {name: value for name, value in found.items() if value is not None}


def found_value(
    parameter: ConditionParameter, clues: Sequence[Clue], run: ControlReader, detector: str
) -> Found | None:
    """Value of the first clue that has one; sure where neither it nor a better clue is doubtful."""
    doubts: list[str] = []
    for clue in clues:
        said = clue.ask(parameter, run, detector)
        if said is None:
            continue
        usable = said.value is not None and parameter.allows(said.value)
        if usable and said.value is not None:
            own = [said.doubt] if said.doubt and not isinstance(clue, Usual) else []
            return Found(said.value, "; ".join([said.origin, *own, *doubts]), not doubts and not said.doubt)
        doubts.append(f"{said.origin}: {said.doubt or _refused(parameter, said.value)}")
    return None


def stage_told(run: ControlReader, detector: str, clue: Clue) -> StageEvidence | None:
    """Gain stage that slow control is sure of, or None where it is not."""
    found = found_value(ConditionParameter("gain_stage", "Gain stage"), (clue,), run, detector)
    return StageEvidence(int(float(found.value)), found.origin) if found is not None and found.sure else None


def judged(
    parameter: ConditionParameter, readings: Readings, coding: Coding, over: str, origin: str
) -> Said | None:
    """What readings say of a parameter: a value, or None where they say nothing, and why it is doubtful."""
    stored, counts = _distinct(readings.values)
    values = [coding(one) for one in stored]
    if all(value is None for value in values):
        return None
    allowed = [(count, i) for i, count in enumerate(counts) if parameter.allows(values[i])]
    if not allowed:
        return Said(None, origin, _refused(parameter, next(value for value in values if value is not None)))
    told = [value for _, i in allowed if (value := values[i]) is not None]
    if len(allowed) < len(values) or not _agree(parameter, told):
        usual = max(told) if over == "largest" else values[max(allowed, key=lambda one: one[0])[1]]
        return Said(usual, origin, f"changes over the trains that are used, {_spread(parameter, stored, values)}")
    taken = _taken(readings.values, over)
    return Said(coding(taken), origin, _untold(readings))


def _agreed(parameter: ConditionParameter, said: Sequence[Said]) -> Said:
    """What several places say: the first value, doubtful where one is or where they differ."""
    usable = [one for one in said if one.value is not None]
    first = usable[0] if usable else said[0]
    doubt = next((f"{one.origin} {one.doubt}" if one is not first else one.doubt for one in said if one.doubt), "")
    values = [one.value for one in usable if one.value is not None]
    if not doubt and not _agree(parameter, values):
        other = next(one for one in usable if not _agree(parameter, [values[0], one.value or 0.0]))
        doubt = f"{other.origin} differs"
    return Said(first.value, first.origin, doubt)


def _agree(parameter: ConditionParameter, values: Sequence[Value]) -> bool:
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        return len(set(values)) == 1
    return max(numbers) - min(numbers) <= parameter.tolerance


def _distinct(values: Any) -> tuple[list[Any], list[int]]:
    """Distinct values and how often each comes; NaN counts as one value."""
    if values.dtype.kind in "biuf":
        found, counts = np.unique(values, return_counts=True)
        return list(found), counts.tolist()
    texts, counts = np.unique(values.astype(str), return_counts=True)
    return [str(text) for text in texts], counts.tolist()


def _most_frequent(values: Any) -> Any:
    found, counts = _distinct(values)
    return found[int(np.argmax(counts))]


def _taken(values: Any, over: str) -> Any:
    if values.dtype.kind not in "biuf":
        return _most_frequent(values)
    if over == "largest":
        return values.max()
    return values.mean() if over == "mean" else np.median(values) if values.dtype.kind != "b" else values[0]


def _untold(readings: Readings) -> str:
    """Why readings do not cover the trains that are used; empty where they do."""
    if readings.told == 0:
        return "told for the start of the run only"
    if readings.told < LEAST_TOLD * readings.trains:
        return f"told for {readings.told} of {readings.trains} trains only"
    return ""


def _refused(parameter: ConditionParameter, value: Value | None) -> str:
    finite = isinstance(value, float | int) and np.isfinite(value)
    return f"{value:g} is not {parameter.takes}" if finite else f"what is stored is not {parameter.takes}"


def _spread(parameter: ConditionParameter, stored: Sequence[Any], values: Sequence[Value | None]) -> str:
    """Values that readings change between; as they are stored where they say nothing."""
    finite = [value for value in values if isinstance(value, float | int) and math.isfinite(value)]
    if len(finite) == len(values):
        return f"{parameter.shown(min(finite))} to {parameter.shown(max(finite))}"
    words = [parameter.shown(value) if isinstance(value, str) or value in finite else _as_stored(one)
             for one, value in zip(stored, values, strict=True) if value is not None or one is not None]
    return "between " + " and ".join(words[:3])


def _as_stored(stored: Any) -> str:
    value = as_number(stored)
    return f"{value:g}" if math.isfinite(value) else f"“{stored}”" if isinstance(stored, str) else "no number"
