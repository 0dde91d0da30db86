"""Verdict on new constants: tests against the accepted ones, each with its number, its limits and a sentence.

What is compared follows from what results declare of themselves: means of samples by their shift in units of the
noise, noises by their ratio, gains by their relative change, flags by those that are new. Of each module and gain
stage the ASIC that is furthest off counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import nan
from typing import Protocol

import numpy as np

from calib_core.axes import Array, Label
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.constants.differences import Coverage, Differences, Flags, Images, OfAsics, error_of_shift
from calib_core.constants.tested import MARKS, Limits, Mark, Test, expected
from calib_core.numerics.exchange import correlations, exchanges, pattern
from calib_core.resource_files import read_resource

_MISSING = "Missing"


@dataclass(frozen=True)
class Quantity:
    """What constants have images of.

    Attributes
    ----------
    name, title : str
    rule : str
        How it is compared: ``shift``, ``ratio`` or ``change``; ``flags``.
    entries : tuple of Label
        Of its first axis; one that is empty where it has memory cells alone.
    """

    name: str
    title: str
    rule: str
    entries: tuple[Label, ...]


@dataclass(frozen=True)
class Stated:
    """What is told of the constants of a module: condition, parameters that are doubtful, begin of validity."""

    condition: Condition | None = None
    unsure: tuple[str, ...] = ()
    begin: datetime | None = None


@dataclass(frozen=True)
class Halves:
    """How even and odd trains agree: mean and width over the expected one of pulls, their number, and what is common.

    ``common`` is the error that what pixels share adds to the mean, ``width_error`` that of the width.
    """

    what: str
    mean: float
    width: float
    width_error: float
    pulls: float
    common: float


class Judged(Protocol):
    """Constants as the verdict reads them, image by image."""

    @property
    def asic_shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def modules(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def cells(self) -> tuple[Label, ...]: ...  # noqa: D102
    @property
    def quantities(self) -> tuple[Quantity, ...]: ...  # noqa: D102
    @property
    def without_noise(self) -> tuple[str, ...]: ...  # noqa: D102

    def images(self, quantity: Quantity, module: int, entry: Label, cell: Label) -> Images | None:
        """What there is at a place, None where nothing is."""

    def stated(self, module: int) -> Stated:
        """What is told of the constants of a module."""

    def closure(self, module: int) -> Mapping[str, Sequence[Halves]]:
        """How halves of the samples agree, by gain stage; nothing where that is not known."""


def compare(
    a: Judged, b: Judged | None, limits: Mapping[str, Limits], modules: Sequence[int] = (),
    step: Callable[[int], None] = lambda module: None,
) -> tuple[Test, ...]:
    """All tests of new constants against the accepted ones.

    Parameters
    ----------
    a, b : Judged
        New and accepted; None where nothing is accepted, then only closure, coverage and condition are tested.
    limits : mapping of str to Limits
        By rule.
    modules : sequence of int
        Of ``a``; all unless given.
    step : callable
        Called with the module before each memory cell; may raise Cancelled.

    Returns
    -------
    tuple of Test
        By module, those of images before the others.
    """
    made = [_OfModule(a, b if b is not None and module in b.modules else None, module, limits)
            for module in modules or a.modules]
    for one in made:
        one.read(step)
    most = _most(made)
    lost = () if b is None or modules else sorted(set(b.modules) - set(a.modules))
    return (*(test for one in made for test in one.tests(most)), *_exchanged([one for one in made if one.patterns]),
            *(_no_module(module, limits) for module in lost))


class _OfModule:
    """What is compared of a module."""

    def __init__(self, a: Judged, b: Judged | None, module: int, limits: Mapping[str, Limits]) -> None:
        self._a, self._b, self.module, self._limits = a, b, module, limits
        theirs = {} if b is None else {one.name: one.entries for one in b.quantities}
        places = [(one, entry) for one in a.quantities
                  for entry in dict.fromkeys((*one.entries, *theirs.get(one.name, ())))]
        self._compared = {place: Differences(place[0].rule, a.asic_shape)
                          for place in places if place[0].rule != "flags"}
        self._flags = {place: Flags(a.asic_shape) for place in places if place[0].rule == "flags"}
        self.patterns: tuple[Array, ...] = ()
        first = [place for place in self._compared if place[0] == places[0][0]]
        self.coverage = {place: Coverage() for place in first}

    def read(self, step: Callable[[int], None]) -> None:
        """Go through the memory cells that A or B has."""
        for cell in dict.fromkeys((*self._a.cells, *(() if self._b is None else self._b.cells))):
            step(self.module)
            for place in (*self._compared, *self._flags):
                self._take(place, cell)

    def _take(self, place: tuple[Quantity, Label], cell: Label) -> None:
        a, b = (self._image(one, *place, cell) for one in (self._a, self._b))
        if place in self.coverage:
            self.coverage[place].add(cell, a, b)
        if a is None or b is None:
            return
        if place in self._flags:
            self._flags[place].add(a.values, b.values)
            return
        self._compared[place].add(cell, a, b)
        if place[0].rule == "shift" and not self.patterns:
            self.patterns = tuple(
                pattern(one.values, ~one.good, self._a.asic_shape, _exchange()["clip"]) for one in (a, b))

    def _image(self, side: Judged | None, quantity: Quantity, entry: Label, cell: Label) -> Images | None:
        if side is None or cell not in side.cells:
            return None
        return side.images(quantity, self.module, entry, cell)

    def tests(self, most: Mapping[Label, float]) -> Iterator[Test]:
        """Tests of all that was read, and of what the constants say of themselves."""
        for (quantity, entry), differences in self._compared.items():
            found = differences.found()
            if found is not None:
                yield from self._of_differences(quantity, str(entry), found)
            elif differences.is_asked:
                yield _untested(quantity, self.module, str(entry))
        for (quantity, entry), flags in self._flags.items():
            if flags.compared:
                yield from self._of_flags(quantity, str(entry), flags)
        for (_, entry), coverage in self.coverage.items():
            yield _of_coverage(self.module, str(entry), coverage, most[entry], self._limits["coverage"])
        for stage, halves in self._a.closure(self.module).items():
            yield from (self._of_halves(stage, one) for one in halves)
        yield from self._of_words()
        if self._b is not None:
            yield from (_without_noise(title, self.module) for title in self._a.without_noise)

    def _of_differences(self, quantity: Quantity, stage: str, found: OfAsics) -> Iterator[Test]:
        title = {"shift": f"{quantity.title} shift", "ratio": f"{quantity.title} ratio",
                 "change": f"{quantity.title} change"}[quantity.rule]
        yield self._furthest(quantity.rule, title, quantity, stage, found, found.centre, found.centre_error)
        if quantity.rule == "shift":
            yield self._furthest("scatter", f"{quantity.title} scatter", quantity, stage, found,
                                 found.scatter, found.scatter_error)

    def _furthest(self, rule: str, title: str, quantity: Quantity, stage: str, found: OfAsics, values: Array,
                  errors: Array) -> Test:
        """Test of the ASIC that is furthest off."""
        away = np.abs(values - expected(rule))
        asic = int(np.nanargmax(away))
        cell = found.cells[int(found.furthest[asic])]
        limits, error = self._limits[rule], float(errors[asic])
        test = Test(rule, title, self.module, stage, limits.mark(float(away[asic]), error), "", float(values[asic]),
                    error, limits, result=quantity.name, asic=asic, cell=cell)
        typical = replace(test, value=float(np.nanmedian(values))).number
        furthest = f"; memory cell {cell} is furthest from the others there" if len(found.cells) > 1 else ""
        return _with_words(test, f"{test.number} in ASIC {asic}, {typical} in the median ASIC{furthest}")

    def _of_flags(self, quantity: Quantity, stage: str, flags: Flags) -> Iterator[Test]:
        for rule, title, share, counts, by_flag in zip(
                ("new", "healed"), ("Newly bad", "Recovered"), flags.shares, (flags.new, flags.healed), flags.by_flag,
                strict=True):
            limits, asic = self._limits.get(rule, Limits()), int(np.argmax(counts))
            test = Test(rule, title, self.module, stage, limits.mark(share, 0.0), "", share, nan, limits,
                        result=quantity.name, asic=asic)
            yield _with_words(test, f"{int(counts.sum()):,} of {flags.compared:,} values, {test.number}; "
                                    f"{int(counts[asic]):,} of them in ASIC {asic}{_by_flag(by_flag)}")

    def _of_halves(self, stage: str, one: Halves) -> Test:
        """Of mean and width, the one that is further off."""
        limits = self._limits["closure"]
        sides = ((one.mean, error_of_shift(one.pulls, one.common)), (one.width - 1, one.width_error))
        value, error = min(sides, key=lambda one: (MARKS.index(limits.mark(abs(one[0]), one[1])), -abs(one[0])))
        test = Test("closure", f"Closure, {one.what}", self.module, stage,
                    limits.mark(abs(value), error), "", value, error, limits,
                    words=f"{one.mean:+.2f}  {one.width:.3f}")
        return _with_words(test, f"pulls between even and odd trains of {one.pulls:,.0f} pixels have the mean "
                                 f"{one.mean:+.3f} and {one.width:.3f} times the expected width")

    def _of_words(self) -> Iterator[Test]:
        """Tests of condition and age."""
        mine = self._a.stated(self.module)
        theirs = None if self._b is None else self._b.stated(self.module)
        yield _of_condition(self.module, mine, theirs)
        if theirs is None:
            yield Test("accepted", "Nothing to compare", self.module, "", "told",
                       f"Nothing is accepted of module {self.module}: nothing to compare.", words="–")
        elif mine.begin is not None and theirs.begin is not None:
            days = (mine.begin - theirs.begin).total_seconds() / 86400
            limits = self._limits["age"]
            test = Test("age", "Age of accepted", self.module, "", limits.mark(abs(days), 0.0), "", days, nan,
                        limits)
            yield _with_words(test, f"{abs(days):.1f} days {'older' if days >= 0 else 'newer'} than these")


def _by_flag(counts: Array) -> str:
    """Flags that came or went, also on pixels that have others, the most first."""
    found = sorted(((int(counts[one.bit_length() - 1]), one.label) for one in BadPixels), reverse=True)
    told = ", ".join(f"{label} {number:,}" for number, label in found if number)
    return f"; by flag: {told}" if told else ""


def _exchange() -> Mapping[str, float]:
    """How modules that were exchanged are told, as changes over time have it."""
    found: Mapping[str, float] = read_resource("statistics", "changes")["exchange"]
    return found


def _exchanged(made: Sequence[_OfModule]) -> Iterator[Test]:
    """Whether the map of a module fits the accepted one of another better than its own; one alone has no other."""
    if len(made) < 2:
        return
    new, old = (np.stack([one.patterns[side] for one in made]) for side in (0, 1))
    fits = correlations(new, old)
    told = {one.module: one for one in exchanges(fits, new[0].size, _exchange()["sigma"])}
    for place, one in enumerate(made):
        own, found = float(fits[place, place]), told.get(place)
        words = f"like m{made[found.fits].module}" if found else "none"
        said = (f"its offsets fit those of module {made[found.fits].module} with a correlation of {found.other:.3f}, "
                f"and its own with {own:.3f}: the modules were exchanged") if found else (
                f"its offsets fit its own accepted ones best, with a correlation of {own:.3f}")
        test = Test("exchange", "Exchanged", one.module, "", "red" if found else "ok", "", words=words)
        yield _with_words(test, said)


def _most(made: Sequence[_OfModule]) -> dict[Label, float]:
    """Samples of a memory cell that is whole, by gain stage: the most that any module has."""
    found: dict[Label, float] = {}
    for one in made:
        for (_, entry), coverage in one.coverage.items():
            found[entry] = max(found.get(entry, 0.0), coverage.most)
    return found


def _of_coverage(module: int, stage: str, coverage: Coverage, most: float, limits: Limits) -> Test:
    """A gain stage that nobody has is told, since it had no run."""
    samples, cells = coverage.missing(most)
    is_wanted = coverage.is_accepted or most > 0
    mark = limits.mark(max(samples, cells), 0.0) if is_wanted else "told"
    test = Test("coverage", _MISSING, module, stage, mark, "", max(samples, cells), nan, limits)
    return _with_words(test, f"{samples:.1f} % of the samples and {cells:.1f} % of the memory cells"
                             if is_wanted else "there is nothing of this gain stage")


def _no_module(module: int, limits: Mapping[str, Limits]) -> Test:
    return Test("coverage", _MISSING, module, "", "red",
                f"Module {module} is accepted and has no new constants.", 100.0, nan, limits["coverage"])


def _untested(quantity: Quantity, module: int, stage: str) -> Test:
    return Test(quantity.rule, f"{quantity.title} compared", module, stage, "amber",
                f"{quantity.title} of module {module} {stage} is not tested: no ASIC has enough pixels that are good "
                "in both.", words="not tested", result=quantity.name)


def _without_noise(title: str, module: int) -> Test:
    return Test("shift", f"{title} compared", module, "", "amber",
                f"{title} of module {module} is not tested, nor whether modules were exchanged: there is no noise of "
                "these constants by which a shift could be told.", words="not tested")


def _of_condition(module: int, mine: Stated, theirs: Stated | None) -> Test:
    """Whether the operating condition is sure, and that of the accepted ones."""
    reason = None
    if theirs is not None and mine.condition is not None and theirs.condition is not None:
        reason = theirs.condition.matches(mine.condition)
    mark: Mark = "red" if reason else "amber" if mine.unsure else "ok"
    words = "other" if reason else "unsure" if mine.unsure else "sure" if theirs is None else "same"
    said = reason or (f"not sure: {', '.join(mine.unsure)}" if mine.unsure else
                      "all of it is sure" if theirs is None else "the same as that of the accepted ones")
    return Test("condition", "Condition", module, "", mark,
                f"Operating condition of module {module}: {said}.", words=words)


def _with_words(test: Test, said: str) -> Test:
    stage = f", {test.stage}" if test.stage else ""
    amber, red = test.bounds
    of = f" of {test.limits.of}" if test.limits.of else ""
    told = "" if amber == "–" else f"; limits {amber}, {red}{of}"
    return replace(test, sentence=f"{test.title} of module {test.module}{stage}: {said}{told}.")
