"""Which version of a constant a run resolves to, and what speaks against each of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from calib_core.constants import matching
from calib_core.constants.condition import Condition
from calib_core.detector import Detector, DetectorType
from calib_core.detector.registry import unit_name
from calib_core.errors import BadInput
from calib_core.jobs.differences import begin_of, compare, difference, stands_in
from calib_core.store.base import ConstantStore, Version, in_time
from calib_core.store.stated import Stated
from calib_core.store.statuses import ACCEPTED, Status


@dataclass(frozen=True)
class OfRun:
    """What constants must go with.

    Attributes
    ----------
    condition : Condition
        Operating condition of the run.
    start : datetime, optional
        When it was recorded, aware UTC; None where it does not tell.
    cells : tuple of int
        Memory cells of its frames.
    """

    condition: Condition
    start: datetime | None = None
    cells: tuple[int, ...] = ()

    def apart(self, one: Stated) -> timedelta:
        """How far a constant is from the run, whichever is first; the longest time there is where one tells none."""
        begin = begin_of(one)
        return timedelta.max if begin is None or self.start is None else abs(begin - self.start)

    def is_earlier_than(self, one: Stated) -> bool:
        """Whether a constant is valid only after the run began."""
        begin = begin_of(one)
        return begin is not None and self.start is not None and begin > self.start


@dataclass(frozen=True)
class Missed:
    """A constant that was not taken, and why.

    Attributes
    ----------
    version : Version
    reasons : tuple of str
        All that speaks against it; that another goes before it where nothing does.
    """

    version: Version
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        """The first reason."""
        return self.reasons[0]


@dataclass(frozen=True)
class Resolution:
    """Versions of one kind and unit, and which of them goes with a run.

    Attributes
    ----------
    versions : tuple of Version
        All that were looked at, none of them of another unit.
    kind : DetectorType
    run : OfRun
    others : bool
        Whether one of another operating condition than the run's is taken where there is none of the same.
    closest : bool
        Whether the closest in time is taken, be it later than the run, and not the newest before it.
    statuses : frozenset of Status
        What is taken of a store that knows decisions.
    """

    versions: tuple[Version, ...]
    kind: DetectorType
    run: OfRun
    others: bool = False
    closest: bool = False
    statuses: frozenset[Status] = ACCEPTED | {Status.DRAFT}

    @cached_property
    def fitting(self) -> tuple[Version, ...]:
        """Those that may be taken, of which time decides; none where all are of another operating condition."""
        asked = [one for one in self.versions if one.status is None or one.status in self.statuses]
        reasons = [difference(one, self.kind, self.run.condition) for one in asked]
        same = [one for one, why in zip(asked, reasons, strict=True) if not why]
        instead = [one for one, why in zip(asked, reasons, strict=True)
                   if why and stands_in(one, self.kind, self.run.condition)]
        if instead:
            return tuple(self._nearer(same, instead))
        return tuple(same or (asked if self.others else ()))

    @property
    def taken(self) -> Version | None:
        """The version that goes with the run; None where there is none."""
        return self._by_time(self.fitting) if self.fitting else None

    @property
    def chosen(self) -> Version:
        """The version that goes with the run.

        Raises
        ------
        BadInput
            All are of another operating condition.
        """
        if self.taken is None:
            last = self.versions[-1]
            raise BadInput(f"{last.path} is of another operating condition than the run: "
                           f"{difference(last, self.kind, self.run.condition)} "
                           "(--other-conditions takes it all the same).")
        return self.taken

    @property
    def earlier(self) -> bool:
        """Whether any that may be taken tells that it is valid before the run."""
        return any(one.begin is not None and not self.run.is_earlier_than(one) for one in self.fitting)

    def missed(self, taken: Path | None, by_hand: bool = False) -> tuple[Missed, ...]:
        """Those that were not taken, the nearest to the run first.

        Parameters
        ----------
        taken : Path or None
            File that was.
        by_hand : bool
            Whether the operator gave it.
        """
        left = sorted((one for one in self.versions if one.path != taken),
                      key=lambda one: (self.run.apart(one), one.path.name))
        usual = "another was given" if by_hand else f"another {'is closer' if self.closest else 'goes before it'}"
        return tuple(Missed(one, tuple(self.against(one)) or (usual,)) for one in left)

    def against(self, one: Version) -> Iterator[str]:
        """All that speaks against a version.

        Parameters
        ----------
        one : Version

        Yields
        ------
        str
            What was decided on it, each parameter that differs, and that it tells no time or a later one.
        """
        if one.status is not None and one.status not in self.statuses:
            yield _decided(one)
        yield from (found.against for found in compare(one, self.kind, self.run.condition) if found.against)
        if begin_of(one) is None:
            yield "it does not tell from when on it is valid"
        elif self.run.is_earlier_than(one) and not self.closest:
            yield "valid only after the run began"

    def _nearer(self, same: list[Version], others: list[Version]) -> list[Version]:
        """Those of the run's own condition, unless such as stand in for them are nearer by more than they may be."""
        if not same or self.run.start is None:
            return same or others
        days = timedelta(max(one.stand_in_days for one in self.kind.condition))
        own, other = (self.run.apart(self._by_time(ones)) for ones in (same, others))
        return others if own - days > other else same

    def _by_time(self, constants: Sequence[Version]) -> Version:
        """The newest that is valid before the run, else the first after it; the newest where no time is known.

        Where the closest is asked for it is that. One that tells no time goes before those after the run.
        """
        ordered, start = sorted(constants, key=in_time), self.run.start
        if start is None:
            return ordered[-1]
        found = matching.best(ordered, start, "closest" if self.closest else "prior")
        undated = [one for one in ordered if one.begin is None]
        return found or (undated[-1] if undated else ordered[0])


def _decided(one: Version) -> str:
    """What was decided on a version, and by whom."""
    if one.status == Status.DRAFT:
        return "it is a draft that nobody has accepted"
    by = f" by {one.author}" if one.author else ""
    return f"it was {one.status}{by}{f' ({one.comment})' if one.comment else ''}"


def unit_in(store: ConstantStore, detector: Detector, number: int, at: datetime | None) -> str:
    """Unit of a module: as the operator called it, else the one that a store knows to have been there then.

    Parameters
    ----------
    store : ConstantStore
    detector : Detector
    number : int
        Of the module.
    at : datetime, optional
        Begin of the run.

    Returns
    -------
    str
        The name that stands in for it, where nobody knows another.
    """
    module = detector.module(number)
    if module.pdu != unit_name(detector.identifier, module.aggregator):
        return module.pdu
    return store.units_of(detector.identifier, at).get(module.aggregator) or module.pdu
