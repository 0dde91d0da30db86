"""Which constants the steps of a job take, module by module, and which they just did not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from calib_core.characterisation.inputs import NEUTRAL, Input
from calib_core.constants.condition import Condition
from calib_core.constants.constant import LUT, ConstantKind
from calib_core.detector import Detector, DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.by_hand import read_by_hand
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.neutral import NeutralConstant, neutral_of
from calib_core.jobs.said import condition_of
from calib_core.store.bare_files import with_axes
from calib_core.store.constants import StoredConstant

#: A constant as steps take it.
Taken = FileConstant | NeutralConstant
#: File or folder, and the constants of one kind in it.
Files = tuple[str, Sequence[StoredConstant]]


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

    def apart(self, one: StoredConstant) -> timedelta:
        """How far a constant is from the run, whichever is first; the longest time there is where one tells none."""
        begin = begin_of(one)
        return timedelta.max if begin is None or self.start is None else abs(begin - self.start)

    def is_earlier_than(self, one: StoredConstant) -> bool:
        """Whether a constant is valid only after the run began."""
        begin = begin_of(one)
        return begin is not None and self.start is not None and begin > self.start


@dataclass(frozen=True)
class Missed:
    """The constant that was not taken although it is the nearest of the others to the run, and why."""

    stored: StoredConstant
    why: str


@dataclass(frozen=True)
class Chosen:
    """How a constant came to be taken.

    Attributes
    ----------
    by_hand : bool
        Whether the operator gave it.
    several : bool
        Whether there are others of the run's operating condition.
    missed : Missed, optional
        What just missed.
    closest : bool
        Whether the closest in time was asked for, be it later than the run.
    earlier : bool
        Whether any of the run's operating condition tells that it is valid before the run.
    """

    by_hand: bool = False
    several: bool = False
    missed: Missed | None = None
    closest: bool = False
    earlier: bool = False


@dataclass(frozen=True)
class ModuleConstants:
    """Constants of one module by the name of their kind, and how each was chosen."""

    found: dict[str, Taken]
    chosen: Mapping[str, Chosen] = field(default_factory=dict)

    def get(self, kind: ConstantKind) -> Taken | None:
        """The constant of a kind, or None where there is none."""
        return self.found.get(kind.name)

    def files(self) -> Iterator[tuple[str, FileConstant, Chosen]]:
        """Those of files: kind, constant, and how it was chosen."""
        for name, one in self.found.items():
            if isinstance(one, FileConstant):
                yield name, one, self.chosen.get(name, Chosen())

    @property
    def neutral(self) -> tuple[str, ...]:
        """Kinds that are neutral."""
        return tuple(name for name, one in self.found.items() if isinstance(one, NeutralConstant))

    @property
    def images(self) -> tuple[FileConstant, ...]:
        """Those that have images of memory cells; look-up tables have not."""
        return tuple(one for _, one, _ in self.files() if one.kind != LUT)

    @property
    def turning_bytes(self) -> int:
        """Memory while one of the files is read as a whole."""
        return max((one.by_cell.turning_bytes for one in self.images), default=0)

    @property
    def trouble(self) -> tuple[str, ...]:
        """Sentences on those for which there was no room on the disk."""
        return tuple(one.by_cell.trouble for one in self.images if one.by_cell.trouble)

    def stop(self) -> None:
        """Have files that are being read as a whole left, since nobody wants them any more."""
        for one in self.images:
            one.by_cell.stop()

    def close(self) -> None:
        """Free the space of what was read as a whole; who asks again has it read again."""
        for one in self.images:
            one.by_cell.close()


@dataclass(frozen=True)
class Chooser:
    """Chooses constants of modules.

    Attributes
    ----------
    detector : Detector
    run : OfRun
    others : bool
        Whether constants of another operating condition than the run's are taken.
    alone : bool
        Whether there is one module, so that a single file is its own whatever unit it names.
    by_hand : mapping
        Files that were given for a module and kind.
    may_lack : frozenset of str
        Constants that a module need not have; why it has not goes to ``refusals``.
    closest : bool
        Whether the closest in time is taken, be it later than the run, and not the newest before it.
    """

    detector: Detector
    run: OfRun
    others: bool
    alone: bool
    by_hand: Mapping[tuple[int, str], str] = field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()
    refusals: dict[str, str] = field(default_factory=dict)
    closest: bool = False

    def of_module(self, inputs: Sequence[Input], files: Mapping[str, Files], number: int) -> ModuleConstants:
        """Constants of one module, of each kind one.

        Parameters
        ----------
        inputs : sequence of Input
            Of one kind each.
        files : mapping
            What was given for them, by their names; inputs for which there is nothing are not in it.
        number : int
            Of the module.

        Raises
        ------
        BadInput
            There is none of a kind that must be there, or one that was given cannot be taken.
        """
        found: dict[str, Taken] = {}
        chosen: dict[str, Chosen] = {}
        for one in inputs:
            [kind] = one.kinds
            mine = self._mine(files.get(one.name), number)
            hand = self.by_hand.get((number, kind.name), "")
            taken = self._given(hand, kind, number) if hand else self._of_files(
                one, files.get(one.name), mine, number)
            if taken is None:
                continue
            found[kind.name] = taken
            chosen[kind.name] = self._chosen(taken, mine, bool(hand))
        return ModuleConstants(found, chosen)

    def _mine(self, given: Files | None, number: int) -> list[StoredConstant]:
        """Constants of the module's unit; a single file of a single module, whatever it says."""
        stored, pdu = () if given is None else given[1], self.detector.module(number).pdu
        mine = [constant for constant in stored if constant.pdu == pdu]
        return mine or (list(stored) if self.alone and len(stored) == 1 else [])

    def _given(self, path: str, kind: ConstantKind, number: int) -> Taken:
        """What the operator gave in place of a choice."""
        if path != NEUTRAL:
            return self._with_axes(read_by_hand(path, kind, self.detector, number), kind)
        neutral = neutral_of(kind, self.detector.type)
        if neutral is None:
            raise BadInput(f"{kind.name} of module {number} cannot be {NEUTRAL}: no value of it changes nothing. "
                           "Give a file, or switch off the steps that take it.")
        return neutral

    def _of_files(self, one: Input, given: Files | None, mine: list[StoredConstant], number: int) -> Taken | None:
        """The constant that goes best with the run; None where there is none, and need not be."""
        [kind] = one.kinds
        if given is None or given[0] == NEUTRAL:
            return None if given is None else neutral_of(kind, self.detector.type)
        if mine:
            return self._with_axes(self._by_time(self._of_condition(mine)), kind)
        path, stored = given
        why = (f"{path} has no {one.label} of module {number} ({self.detector.module(number).pdu}); it has those of "
               f"{', '.join(sorted({constant.pdu for constant in stored})) or 'no module'}.")
        if kind.name not in self.may_lack:
            raise BadInput(why)
        self.refusals.setdefault(kind.name, why)
        return None

    def _with_axes(self, stored: StoredConstant, wanted: ConstantKind) -> FileConstant:
        """A constant whose axes are known, checked against the detector; of a look-up table its step does so."""
        if wanted == LUT:
            return FileConstant(stored, wanted, self.detector.type)
        named, _ = with_axes(stored, self.detector.type, 0 if stored.dims else len(self.run.cells))
        return FileConstant(named, wanted, self.detector.type, not stored.dims).checked()

    def _of_condition(self, constants: list[StoredConstant]) -> list[StoredConstant]:
        """Those of the run's operating condition; BadInput where there are none and others are not to be taken."""
        reasons = [difference(one, self.detector.type, self.run.condition) for one in constants]
        same = [one for one, why in zip(constants, reasons, strict=True) if not why]
        others = [one for one, why in zip(constants, reasons, strict=True) if why and self._stands_in(one)]
        if others:
            return self._nearer(same, others)
        if not same and not self.others:
            raise BadInput(f"{constants[-1].path} is of another operating condition than the run: {reasons[-1]} "
                           "(--other-conditions takes it all the same).")
        return same or constants

    def _chosen(self, taken: Taken, mine: list[StoredConstant], by_hand: bool) -> Chosen:
        """How a constant came to be taken, of all of the module's unit."""
        missed = self._missed(taken, mine, by_hand)
        if by_hand or not mine:
            return Chosen(by_hand, missed=missed)
        fitting = self._of_condition(mine)
        return Chosen(by_hand, len(fitting) > 1, missed, self.closest, self._has_earlier(fitting))

    def _stands_in(self, one: StoredConstant) -> bool:
        return stands_in(one, self.detector.type, self.run.condition)

    def _nearer(self, same: list[StoredConstant], others: list[StoredConstant]) -> list[StoredConstant]:
        """Those of the run's own condition, unless such as stand in for them are nearer by more than they may be."""
        if not same or self.run.start is None:
            return same or others
        days = timedelta(max(one.stand_in_days for one in self.detector.type.condition))
        own, other = (self.run.apart(self._by_time(ones)) for ones in (same, others))
        return others if own - days > other else same

    def _by_time(self, constants: list[StoredConstant]) -> StoredConstant:
        """The newest that is valid before the run, else the first after it; the newest where no time is known.

        Where the closest is asked for it is that, of two that are as close the one before the run.
        """
        ordered, start = sorted(constants, key=_by_begin), self.run.start
        if self.closest and start is not None:
            return min(reversed(ordered), key=lambda one: (self.run.apart(one), self.run.is_earlier_than(one)))
        before = self._before(ordered)
        return before[-1] if before else ordered[0]

    def _before(self, constants: list[StoredConstant]) -> list[StoredConstant]:
        """Those that are not valid only after the run began."""
        return [one for one in constants if not self.run.is_earlier_than(one)]

    def _has_earlier(self, constants: list[StoredConstant]) -> bool:
        return any(begin_of(one) is not None for one in self._before(constants))

    def _missed(self, taken: Taken, mine: list[StoredConstant], by_hand: bool) -> Missed | None:
        """The nearest of those that were not taken."""
        path = taken.stored.path if isinstance(taken, FileConstant) else None
        others = [one for one in mine if one.path != path]
        if not others:
            return None
        nearest = min(others, key=lambda one: (self.run.apart(one), one.path.name))
        usual = "another was given" if by_hand else f"another {'is closer' if self.closest else 'goes before it'}"
        return Missed(nearest, self.why_not(nearest) or usual)

    def why_not(self, one: StoredConstant) -> str:
        """What speaks against a constant for the run.

        Parameters
        ----------
        one : StoredConstant

        Returns
        -------
        str
            Words: what differs, or that it tells no time or a later one; empty where nothing speaks against it.
        """
        if why := difference(one, self.detector.type, self.run.condition):
            return why
        if begin_of(one) is None:
            return "it does not tell from when on it is valid"
        return "valid only after the run began" if self.run.is_earlier_than(one) and not self.closest else ""


def difference(one: StoredConstant, kind: DetectorType, condition: Condition) -> str | None:
    """First difference between what a constant tells of its operating condition and that of a run.

    Parameters
    ----------
    one : StoredConstant
    kind : DetectorType
    condition : Condition
        Of the run.

    Returns
    -------
    str or None
        None where there is none in what both know.
    """
    names, theirs = compared(one, kind, condition), condition_of(kind, one)
    return theirs.of(names).matches(condition.of(names))


def compared(one: StoredConstant, kind: DetectorType, condition: Condition) -> tuple[str, ...]:
    """Parameters of the operating condition in which a constant and a run are compared, by our names.

    Parameters
    ----------
    one : StoredConstant
    kind : DetectorType
    condition : Condition
        Of the run.

    Returns
    -------
    tuple of str
        Those of its calibration of which both know a value.
    """
    own = next(calibration for calibration in kind.calibrations.values() if calibration.name == one.calibration)
    theirs = condition_of(kind, one)
    return tuple(name for name in kind.condition_of(own) if name in theirs.values and name in condition.values)


def stands_in(one: StoredConstant, kind: DetectorType, condition: Condition) -> bool:
    """Whether a constant that is of another operating condition than a run may stand in for one of the same.

    Parameters
    ----------
    one : StoredConstant
    kind : DetectorType
    condition : Condition
        Of the run.
    """
    usual = {parameter.name: parameter.stand_in for parameter in kind.condition
             if parameter.stand_in is not None and parameter.name in condition.values}
    return bool(usual) and difference(one, kind, condition.overridden(usual)) is None


def begin_of(one: StoredConstant) -> datetime | None:
    """Begin of validity, else the time at which it was made; None where a file tells neither."""
    return one.begin or one.created


def _by_begin(one: StoredConstant) -> tuple[bool, float, str]:
    """Order by time; those that tell none come first, by their names."""
    begin = begin_of(one)
    return begin is not None, 0.0 if begin is None else begin.timestamp(), one.path.name
