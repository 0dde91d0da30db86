"""Which constants the steps of a job take, module by module, and which they just did not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from calib_core.characterisation.inputs import NEUTRAL, Input
from calib_core.constants.constant import LUT, ConstantKind
from calib_core.detector import Detector
from calib_core.errors import BadInput
from calib_core.jobs.by_hand import read_by_hand
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.neutral import NeutralConstant, neutral_of
from calib_core.jobs.resolution import Missed, OfRun, Resolution, unit_in
from calib_core.store.bare_files import with_axes
from calib_core.store.base import ConstantStore, Version
from calib_core.store.constants import StoredConstant

#: A constant as steps take it.
Taken = FileConstant | NeutralConstant


@dataclass(frozen=True)
class Given:
    """What was given for an input: a store, and its versions of one kind; no store for neutral constants."""

    path: str
    store: ConstantStore | None = None
    versions: Sequence[Version] = ()

    def close(self) -> None:
        """Let go of the store."""
        if self.store is not None:
            self.store.close()


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
    version : Version, optional
        What it is in its store; None where it was given by hand.
    """

    by_hand: bool = False
    several: bool = False
    missed: Missed | None = None
    closest: bool = False
    earlier: bool = False
    version: Version | None = None

    @property
    def of_store(self) -> bool:
        """Whether a store has given it that knows what was decided."""
        return self.version is not None and self.version.status is not None


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

    def of_module(self, inputs: Sequence[Input], given: Mapping[str, Given], number: int) -> ModuleConstants:
        """Constants of one module, of each kind one.

        Parameters
        ----------
        inputs : sequence of Input
            Of one kind each.
        given : mapping
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
            mine = self._mine(given.get(one.name), kind, number)
            hand = self.by_hand.get((number, kind.name), "")
            taken = self._given(hand, kind, number) if hand else self._of_store(
                one, given.get(one.name), mine, number)
            if taken is None:
                continue
            found[kind.name] = taken
            chosen[kind.name] = self._chosen(taken, mine, bool(hand))
        return ModuleConstants(found, chosen)

    def _mine(self, given: Given | None, kind: ConstantKind, number: int) -> list[Version]:
        """Versions of the module's unit; a single file of a single module, whatever it says.

        What people made holds from its begin on, never before.
        """
        versions, pdu = () if given is None else given.versions, self._unit(given, number)
        mine = [version for version in versions if version.pdu == pdu]
        bare = self.alone and len(versions) == 1 and versions[0].status is None
        mine = mine or (list(versions) if bare else [])
        return [one for one in mine if not self.run.is_earlier_than(one)] if kind.by_people else mine

    def _unit(self, given: Given | None, number: int) -> str:
        store = None if given is None else given.store
        return self.detector.module(number).pdu if store is None else unit_in(
            store, self.detector, number, self.run.start)

    def _given(self, path: str, kind: ConstantKind, number: int) -> Taken:
        """What the operator gave in place of a choice."""
        if path != NEUTRAL:
            return self._with_axes(read_by_hand(path, kind, self.detector, number), kind)
        neutral = neutral_of(kind, self.detector.type)
        if neutral is None:
            raise BadInput(f"{kind.name} of module {number} cannot be {NEUTRAL}: no value of it changes nothing. "
                           "Give a file, or switch off the steps that take it.")
        return neutral

    def _of_store(self, one: Input, given: Given | None, mine: list[Version], number: int) -> Taken | None:
        """The constant that goes best with the run; None where there is none, and need not be."""
        [kind] = one.kinds
        if given is None or given.store is None:
            return None if given is None else neutral_of(kind, self.detector.type)
        if mine:
            return self._with_axes(given.store.read(self._resolved(mine).chosen), kind)
        if kind.by_people:
            return None
        why = (f"{given.path} has no {one.label} of module {number} ({self._unit(given, number)}); it has those of "
               f"{', '.join(sorted({version.pdu for version in given.versions})) or 'no module'}.")
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

    def _resolved(self, versions: list[Version]) -> Resolution:
        """Which of some versions of a unit goes with the run."""
        return Resolution(tuple(versions), self.detector.type, self.run, self.others, self.closest)

    def _chosen(self, taken: Taken, mine: list[Version], by_hand: bool) -> Chosen:
        """How a constant came to be taken, of all of the module's unit."""
        found = self._resolved(mine)
        missed = found.missed(taken.stored.path if isinstance(taken, FileConstant) else None, by_hand)
        nearest = missed[0] if missed else None
        if by_hand or not mine:
            return Chosen(by_hand, missed=nearest)
        return Chosen(by_hand, len(found.fitting) > 1, nearest, self.closest, found.earlier, found.chosen)
