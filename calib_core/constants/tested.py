"""Tests of new constants: numbers with limits, what becomes of them, and which are worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite, nan
from typing import Literal

from calib_core.axes import Label
from calib_core.resource_files import read_resource

#: What becomes of a test: within its limits, beyond the amber or the red one, or told without a limit.
Mark = Literal["ok", "amber", "red", "told"]
#: From what is worst on.
MARKS: tuple[Mark, ...] = ("red", "amber", "ok", "told")
#: Stands behind limits of a detector type.
OF_TYPE = "*"
#: How numbers are written, by the rule.
_FORMS = {"shift": "{:+.2f}", "scatter": "{:.2f}", "ratio": "{:.3f}", "change": "{:+.2f}", "new": "{:.3f}",
          "healed": "{:.3f}", "coverage": "{:.1f}", "age": "{:.1f}", "closure": "{:+.3f}"}
_UNITS = {"shift": "σ", "scatter": "σ", "change": "%", "new": "%", "healed": "%", "coverage": "%", "age": "days"}
#: Limits of rules without a number.
_IN_WORDS = {"condition": ("unsure", "other"), "exchange": ("–", "any")}
#: Rules whose numbers may lie on either side, and where they lie when nothing has changed.
_BOTH_SIDES = {"shift": 0.0, "ratio": 1.0, "change": 0.0, "closure": 0.0}


@dataclass(frozen=True)
class Limits:
    """Limits of a rule: furthest from what is expected, and so many statistical errors.

    ``of`` is the database's name of the detector type that they hold for, empty where they hold for all.
    """

    amber: float = nan
    red: float = nan
    errors: float = 0.0
    of: str = ""
    source: str = ""

    def mark(self, away: float, error: float) -> Mark:
        """What becomes of a number that is so far away.

        Parameters
        ----------
        away, error : float
            Distance from where it lies if nothing has changed, and its statistical error, in the unit of the limits.
        """
        if not isfinite(self.amber):
            return "told"
        if not away > max(self.amber, self.errors * error):
            return "ok"
        return "red" if away > self.red else "amber"


@cache
def limits_of(detector_type: str) -> Mapping[str, Limits]:
    """Limits by rule, from ``resources/verdict``, where each has its source.

    Parameters
    ----------
    detector_type : str
        The database's name.
    """
    found = read_resource("verdict", "limits")
    own = found["types"].get(detector_type, {})
    return {rule: Limits(float(one["amber"]), float(one["red"]), float(one["errors"]),
                         detector_type if rule in own else "", str(one["source"]))
            for rule, one in {**found["usual"], **own}.items()}


@dataclass(frozen=True)
class Test:
    """A test of a module at a gain stage.

    Attributes
    ----------
    rule : str
        What is asked, as the limits are named.
    title : str
        For the screen.
    module : int
    stage : str
        Entry of the first axis, such as a gain stage; empty where it holds for all.
    mark : str
        One of :data:`MARKS`.
    sentence : str
        What was found, with the numbers.
    value, error : float
        NaN where words say it.
    limits : Limits
    words : str
        In place of a number.
    result : str
        What is looked at, empty where it is no image.
    asic : int, optional
        ASIC that is furthest off, row by row from 0.
    cell : Label, optional
        Memory cell to look at.
    """

    __test__ = False  # pytest takes it for one of its own

    rule: str
    title: str
    module: int
    stage: str
    mark: Mark
    sentence: str
    value: float = nan
    error: float = nan
    limits: Limits = Limits()
    words: str = ""
    result: str = ""
    asic: int | None = None
    cell: Label | None = None

    @property
    def number(self) -> str:
        """What was found, with its unit."""
        return self.words or f"{_FORMS[self.rule].format(self.value)} {_UNITS.get(self.rule, '')}".rstrip()

    @property
    def bounds(self) -> tuple[str, str]:
        """Limits as a table has them, amber and red; a dash where there is none."""
        if self.rule in _IN_WORDS:
            return _IN_WORDS[self.rule]
        sign = "±" if self.rule in _BOTH_SIDES else ""
        unit = {"%": " %"}.get(_UNITS.get(self.rule, ""), "")
        both = (self.limits.amber, self.limits.red)
        amber, red = (f"{sign}{one:g}{unit}" if isfinite(one) else "–" for one in both)
        return amber, red

    @property
    def marked_bounds(self) -> tuple[str, str]:
        """The same, with a mark where they are those of the detector type."""
        mark = OF_TYPE if self.limits.of else ""
        amber, red = (one if one == "–" else f"{one}{mark}" for one in self.bounds)
        return amber, red

    @property
    def excess(self) -> float:
        """How far it is beyond what is allowed, for an order: 1 at the amber limit."""
        away = abs(self.value - expected(self.rule))
        return away / self.limits.amber if isfinite(away) and self.limits.amber > 0 else away if isfinite(away) else 0


def expected(rule: str) -> float:
    """Number of a rule when nothing has changed.

    Parameters
    ----------
    rule : str
    """
    return _BOTH_SIDES.get(rule, 0.0)


def worst(tests: Sequence[Test]) -> tuple[Test, ...]:
    """Of each kind of test the one that is furthest off, in the order in which the kinds come.

    Parameters
    ----------
    tests : sequence of Test
    """
    found: dict[tuple[str, str], Test] = {}
    for one in tests:
        key = (one.rule, one.title)
        if key not in found or _rank(one) < _rank(found[key]):
            found[key] = one
    return tuple(found.values())


def _rank(test: Test) -> tuple[int, float]:
    return MARKS.index(test.mark), -test.excess


def count(tests: Sequence[Test]) -> dict[Mark, int]:
    """How many kinds of test there are of each mark, by what is worst of each.

    Parameters
    ----------
    tests : sequence of Test
    """
    marks: list[Mark] = [one.mark for one in worst(tests)]
    return {mark: marks.count(mark) for mark in MARKS}
