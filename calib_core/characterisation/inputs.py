"""What a characterisation reads: its inputs as declared, runs as they were seen, and how a method arranges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from calib_core.constants.condition import Condition
from calib_core.constants.constant import ConstantKind
from calib_core.correction.step import Step
from calib_core.detector import Detector, DetectorType, ScanEvidence, StageEvidence
from calib_core.io.inventory import Problem
from calib_core.store.statuses import CALCAT_WORD, STORE_WORD

if TYPE_CHECKING:
    from calib_core.numerics.group_statistics import Cut

#: Name under which a file or folder is given for all inputs of constants that have none of their own.
ALL_CONSTANTS = "constants"
#: Stands in place of a file or folder of constants for those with which nothing changes.
NEUTRAL = "neutral"
#: All words that stand in place of a file or folder of constants.
WORDS = (NEUTRAL, STORE_WORD, CALCAT_WORD)
#: Flag of a constant that is given for a module and kind, and the form of what follows it.
BY_HAND, BY_HAND_FORM = "--constant", "N:KIND=FILE"
_ALL_HELP = ("file or folder of constants, or a store, for all that are not given for themselves; the word "
             f"{STORE_WORD} takes your own store, {CALCAT_WORD} the facility's database, {NEUTRAL} such as change "
             f"nothing (folders of these names are ./{STORE_WORD}, ./{CALCAT_WORD} and ./{NEUTRAL})")


@dataclass(frozen=True)
class History:
    """Which versions of constants an input takes that has all of them, not only the newest.

    Attributes
    ----------
    calibrations : tuple of str
        Names in the database, in any case; all unless given.
    since, until : datetime, optional
        Begins of validity.
    newest : int
        Of each unit, calibration, condition and shape; 0 takes all.
    map_within : timedelta, optional
        How far in time the bad-pixel map of a constant may be; None takes none.
    cut : callable, optional
        How values of a detector type are cut into groups, so that numbers which a store keeps of the same groups are
        taken in place of the values; None reads these.
    """

    calibrations: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    newest: int = 0
    map_within: timedelta | None = None
    cut: Callable[[DetectorType], Cut] | None = None


@dataclass(frozen=True)
class Input:
    """Something that a method reads.

    Attributes
    ----------
    name : str
        ``high`` → ``--run-high``; of constants, ``dark`` → ``--constants-dark``.
    label : str
        For the screen.
    of : str
        Raw runs, or files of constants.
    many : bool
        Whether it takes several.
    optional : bool
        Whether it may be left out, which is then said.
    kinds : tuple of ConstantKind
        Constants that are read of a file or folder, and without which it is of no use.
    also : tuple of ConstantKind
        Constants that are read where they are there.
    history : History, optional
        That all versions are taken of what is there, of whatever kind.
    whole : bool
        Whether files of constants are taken one by one as they are, whatever they are of.
    help : str
        For the command line and the form.
    """

    name: str
    label: str
    of: Literal["raw", "constants"] = "raw"
    many: bool = False
    optional: bool = False
    kinds: tuple[ConstantKind, ...] = ()
    also: tuple[ConstantKind, ...] = ()
    history: History | None = None
    whole: bool = False
    help: str = ""

    @property
    def flag(self) -> str:
        """Its flag on the command line."""
        of, name = "run" if self.of == "raw" else "constants", self.name.replace("_", "-")
        return f"--{of}" if name == of else f"--{of}-{name}"


def all_constants() -> Input:
    """The input that stands for each of constants that is not given for itself."""
    return Input(ALL_CONSTANTS, "constants", "constants", optional=True, help=_ALL_HELP)


@dataclass(frozen=True)
class RunFacts:
    """A run as it was looked at once: what it holds and what it says about its gain stage.

    ``stages`` is the number of gain stages that each of its trains holds, one after the other; ``gain_bits`` are the
    most frequent ones, where the detector has any; ``scan`` is there for characterisations that look at scans.
    ``cells`` are the memory cells that any of its modules has frames of, ascending.
    """

    path: Path
    label: str
    detectors: tuple[Detector, ...]
    start: datetime | None
    trains: int
    evidence: StageEvidence | None = None
    problems: tuple[Problem, ...] = ()
    condition: Condition | None = None
    stages: int = 1
    gain_bits: int | None = None
    scan: ScanEvidence | None = None
    cells: tuple[int, ...] = ()


@dataclass(frozen=True)
class Arranged:
    """One run, or its absence, at the place where a method takes it.

    Attributes
    ----------
    key : str
        ``high``; ``scan/0``, ``scan/1`` … where the input takes several. Units and provenance name it.
    input : Input
    run : RunFacts, optional
        None where the input has none, and for inputs of constants.
    origin : str
        What decided.
    moved : bool
        Whether that differs from the order in which the runs were given.
    at : mapping
        Index along the method's axes, such as ``{"gain": 1}``.
    path : str
        File or folder of constants, for inputs of constants.
    part, parts : int
        Of each train: a run whose trains hold the frames of several gain stages is arranged several times.
    together : bool
        Whether it is arranged once, and its frames are read with those of all parts.
    name : str
        What it is called on the screen, where its input and the number in its key say too little.
    """

    key: str
    input: Input
    run: RunFacts | None
    origin: str = "as given"
    moved: bool = False
    at: Mapping[str, int] = field(default_factory=dict)
    path: str = ""
    part: int = 0
    parts: int = 1
    together: bool = False
    name: str = ""

    @property
    def label(self) -> str:
        """Its name; else the input, and the number of the run where there are several; for the screen."""
        if self.name:
            return self.name
        number = self.key.partition("/")[2]
        return f"{self.input.label} {int(number) + 1}" if number else self.input.label


@dataclass(frozen=True)
class Arrangement:
    """All runs of a job at their places, and sentences for the log on how they came there.

    Those that are ``unsettled`` hold for the parameters that there are, and are told anew with others.
    """

    runs: tuple[Arranged, ...]
    notes: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()


def inputs_of_steps(steps: Sequence[Step]) -> tuple[Input, ...]:
    """Inputs of constants that steps take; each may be left out where the step may, or does not need it.

    Parameters
    ----------
    steps : sequence of Step

    Returns
    -------
    tuple of Input
        One for each kind of constant, named like it.
    """
    kinds = {kind: False for step in steps for kind in (*step.optional, *step.instead)}
    for step in steps:
        kinds |= {kind: step.required or kinds.get(kind, False) for kind in step.needs}
    return tuple(
        Input(kind.name.lower(), kind.title, "constants", optional=not required, kinds=(kind,),
              help=f"{kind.title}: file, or folder of constants in which it is looked for by physical detector unit")
        for kind, required in kinds.items())


#: Runs by the name of the input that they were given for.
Given = Mapping[str, tuple[RunFacts, ...]]


def as_given(inputs: tuple[Input, ...], given: Given) -> Arrangement:
    """Runs in the order in which they were given.

    Parameters
    ----------
    inputs : tuple of Input
        Those of constants are passed over.
    given : mapping
        Runs by the name of their input.

    Returns
    -------
    Arrangement
        Runs of an input that takes several have an index along an axis of its name.
    """
    found = []
    for one in (one for one in inputs if one.of == "raw"):
        for index, run in enumerate(given.get(one.name, ())):
            key = f"{one.name}/{index}" if one.many else one.name
            found.append(Arranged(key, one, run, at={one.name: index} if one.many else {}))
    return Arrangement(tuple(found))
