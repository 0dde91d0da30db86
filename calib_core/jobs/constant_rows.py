"""Constants of a correction as a list has them: age, what was compared, and what just missed, by module and kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.constants.constant import ConstantKind
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.jobs.choice import Chosen, ModuleConstants
from calib_core.jobs.choice_words import age, chosen_words, compared_words, missed_words
from calib_core.jobs.differences import begin_of
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.neutral import neutral_of
from calib_core.jobs.resolution import OfRun
from calib_core.jobs.step_constants import Before

NONE = "none"


@dataclass(frozen=True)
class ConstantRow:
    """A constant of one module and kind.

    Attributes
    ----------
    module : int
    kind : str
    word : str
        Of the first step that takes it.
    age : str
        Relative to the run; ``neutral``, or ``none`` where there is none.
    missed : str
        The nearest that was not taken, and by what.
    usual : bool
        Whether it is the one that goes best with the run, and not later than it.
    neutral : bool
        Whether it can be neutral.
    about : tuple of str
        Lines with its file, its begin, and what was compared.
    """

    module: int
    kind: str
    word: str
    age: str
    missed: str = ""
    usual: bool = True
    neutral: bool = True
    about: tuple[str, ...] = ()


def rows_of(
    before: Before, steps: Sequence[Step], detector: DetectorType, family: Family
) -> tuple[ConstantRow, ...]:
    """Rows of all constants that steps take, in the order of the steps, then of the modules.

    Of what people make there is a row only where there is some.

    Parameters
    ----------
    before : Before
    steps : sequence of Step
        Those that are on.
    detector : DetectorType
    family : Family
        Its jobs make some of them, which is told where there is none.

    Returns
    -------
    tuple of ConstantRow
    """
    first: dict[str, tuple[ConstantKind, str]] = {}
    for step in steps:
        for kind in step.takes:
            first.setdefault(kind.name, (kind, step.word))
    return tuple(replace(_row(number, kind, word, constants, before.run) or _no_row(number, kind, word, family),
                         neutral=neutral_of(kind, detector) is not None)
                 for kind, word in first.values() for number, constants in sorted(before.constants.items())
                 if constants.get(kind) is not None or not kind.by_people)


def _no_row(module: int, kind: ConstantKind, word: str, family: Family) -> ConstantRow:
    makers = " or ".join(f"{family.name} {command}" for command in family.makers_of(kind))
    return ConstantRow(module, kind.name, word, NONE, about=(
        f"{makers} makes it." if makers else f"No job of {family.name} makes it; a file of it is given.",))


def _row(module: int, kind: ConstantKind, word: str, constants: ModuleConstants, run: OfRun) -> ConstantRow | None:
    found = constants.get(kind)
    if found is None:
        return None
    if not isinstance(found, FileConstant):
        return ConstantRow(module, kind.name, word, NEUTRAL, usual=False,
                           about=("It changes nothing, and is in no file.",))
    chosen = constants.chosen.get(kind.name, Chosen())
    usual = not chosen.by_hand and not run.is_earlier_than(found.stored)
    return ConstantRow(module, kind.name, word, age(found.stored, run), missed_words(chosen.missed, run), usual,
                       about=tuple(_about(found, chosen, run)))


def _about(found: FileConstant, chosen: Chosen, run: OfRun) -> Iterator[str]:
    begin = begin_of(found.stored)
    yield found.why
    yield f"{age(found.stored, run)}{'' if begin is None else f', valid from {begin:%Y-%m-%d %H:%M:%S} UTC'}"
    yield f"compared: {compared_words(chosen.version or found.stored, found.detector, run)}"
    yield f"{'given' if chosen.by_hand else 'chosen'} {chosen_words(chosen)}"
    if chosen.missed is not None:
        yield f"just missed: {missed_words(chosen.missed, run)}, {chosen.missed.version.path}"
