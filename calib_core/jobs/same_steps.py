"""Whether all modules of a job go through the same steps, with constants that are of the same codes as its frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from calib_core.constants.constant import OFFSET
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Step
from calib_core.errors import BadInput
from calib_core.jobs.choice import Taken
from calib_core.jobs.file_constant import FileConstant
from calib_core.ranges import format_numbers

#: Constants of modules by their number and the name of their kind.
Found = Mapping[int, dict[str, Taken]]


def may_lack(steps: Sequence[Step]) -> frozenset[str]:
    """Names of the constants that some modules may lack, as long as others have them.

    Parameters
    ----------
    steps : sequence of Step
    """
    strict = {kind.name for step in steps if step.if_some_lack == "refuse" for kind in step.needs}
    lenient = (step for step in steps if step.if_some_lack != "refuse")
    return frozenset(kind.name for step in lenient for kind in (*step.needs, *step.optional)) - strict


def level_out(steps: Sequence[Step], found: Found, refusals: Mapping[str, str]) -> Iterator[str]:
    """Take from all modules what some lack, where a step is to be left out of all then.

    Parameters
    ----------
    steps : sequence of Step
    found : mapping
        Changed.
    refusals : mapping
        Why constants of a kind are not there for a module.

    Yields
    ------
    str
        Sentences on what is done without.

    Raises
    ------
    BadInput
        No module has what a step needs that flags modules without it.
    """
    for step, name in ((one, kind.name) for one in steps for kind in one.needs):
        if name not in refusals:
            continue
        lacking = [number for number, own in found.items() if name not in own]
        modules = f"module{'s' if len(lacking) > 1 else ''} {format_numbers(lacking)}"
        if step.if_some_lack == "flag":
            if len(lacking) == len(found):
                raise BadInput(refusals[name])
            yield f"There is no {name} of {modules}: {'its' if len(lacking) == 1 else 'their'} samples are flagged."
        elif step.if_some_lack == "leave out":
            for own in found.values():
                own.pop(name, None)
            yield f"There is no {name} of {modules}, so {step.title.lower()} is left out of all modules."


def check_same_steps(bound: Mapping[int, BoundPipeline]) -> None:
    """Refuse a step that is done for some modules only: their data would not be of one unit.

    Parameters
    ----------
    bound : mapping
        Steps of each module with their constants.

    Raises
    ------
    BadInput
    """
    for number, pipeline in bound.items():
        for one in pipeline.skipped:
            done = [other for other, its in bound.items() if one.step not in {s.step for s in its.skipped}]
            if done:
                raise BadInput(f"{one.reason.rstrip('.')} of module {number}, but there is of module {done[0]}; give "
                               "it for all modules, or switch the step off.")


def check_same_codes(steps: Sequence[Step], bound: Mapping[int, BoundPipeline], found: Found) -> Iterator[str]:
    """Refuse offsets that were made of other codes than those that they are to be subtracted from.

    Parameters
    ----------
    steps : sequence of Step
    bound : mapping
        Steps of each module with their constants.
    found : mapping

    Yields
    ------
    str
        Sentences on offsets that do not tell of which codes they are.

    Raises
    ------
    BadInput
        Steps of whole numbers were done for one of both alone.
    """
    titles = {step.word: step.title for step in steps if step.whole_numbers}
    if not titles:
        return
    for number, pipeline in bound.items():
        offset = found[number].get(OFFSET.name)
        done = frozenset(one.step.word for one in pipeline.steps if one.step.whole_numbers)
        if not isinstance(offset, FileConstant):  # zeros are of any codes
            continue
        made = offset.codes_after
        if made is None:
            _check_range(offset, pipeline)
            yield (f"{OFFSET.name} of module {number} ({offset.why}) does not tell of which codes it was made; those "
                   f"of the run are {_codes(done, titles)}.")
        elif made != done:
            raise BadInput(f"{offset.why} was made of {_codes(made, titles)}, but those of this job are "
                           f"{_codes(done, titles)}; give constants of the same codes.")


def _codes(words: frozenset[str], titles: Mapping[str, str]) -> str:
    """Codes in words: those of the converter, or what steps make of them."""
    return f"codes after “{', '.join(titles.get(word, word) for word in sorted(words))}”" if words else (
        "codes as the converter gives them")


def _check_range(offset: FileConstant, pipeline: BoundPipeline) -> None:
    """Refuse offsets above the largest code that comes out of the steps."""
    values = offset.data
    largest = float(np.max(values, initial=-np.inf, where=np.isfinite(values)))
    if largest > pipeline.saturation:
        raise BadInput(f"{offset.why} has values up to {largest:g} ADU, but no code of this job is above "
                       f"{pipeline.saturation}; it was made of other codes. Give constants of the same codes.")
