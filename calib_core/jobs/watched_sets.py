"""Which closed runs of a detector make a set: one run after the other, the newest of each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calib_core.io.locate import label
from calib_core.jobs.survey import Survey

#: Survey of some runs together, or the sentence on why they do not go together.
Attempt = Callable[[tuple[Path, ...]], Survey | str]


@dataclass
class Grouped:
    """What some runs make.

    Attributes
    ----------
    ready : list of Survey
        Sets that lack nothing, the oldest first.
    told : dict of Path to str
        Of each run that is in none of them why not, and what is waited for.
    """

    ready: list[Survey] = field(default_factory=list)
    told: dict[Path, str] = field(default_factory=dict)


def grouped(runs: Sequence[Path], used: Collection[Path], attempt: Attempt) -> Grouped:
    """Group runs in their order.

    A run that does not go with those before it takes the place of the last one where it goes with the others, as a
    run does that was taken once more; else a new set begins with it.

    Parameters
    ----------
    runs : sequence of Path
        Closed ones of a detector.
    used : collection of Path
        Those of them that are in a set already.
    attempt : callable

    Returns
    -------
    Grouped
    """
    found = Grouped()
    begun: list[Path] = []
    for run in runs:
        if run in used:
            begun = _alone(found, begun, f"{label(run)} and later ones are of another set")
            continue
        begun = _with(found, begun, run, attempt)
    if begun and isinstance(made := attempt(tuple(begun)), Survey):
        others = f", beside {_names(begun)}" if len(begun) > 1 else ""
        found.told |= dict.fromkeys(begun, f"waits for a run of {' and of '.join(lacking(made))}{others}")
    return found


def lacking(made: Survey) -> tuple[str, ...]:
    """Labels of what a survey lacks to be a whole set.

    Parameters
    ----------
    made : Survey
    """
    assert made.detector is not None
    return made.method.lacking(made.detector.type, made.condition, made.arranged)


def _with(found: Grouped, begun: list[Path], run: Path, attempt: Attempt) -> list[Path]:
    """Runs of the set that is begun when there is one more run."""
    if isinstance(alone := attempt((run,)), str):
        found.told[run] = alone
        return begun
    made = attempt((*begun, run))
    if isinstance(made, str):
        rest = (*begun[:-1], run)
        replaced = begun[-1:] if isinstance(attempt(rest), Survey) else begun
        _alone(found, replaced, made)
        begun = [one for one in begun if one not in replaced]
        made = attempt((*begun, run))
    assert isinstance(made, Survey)
    if lacking(made):
        return [*begun, run]
    found.ready.append(made)
    return []


def _alone(found: Grouped, runs: Sequence[Path], why: str) -> list[Path]:
    """Say of runs that they stay without a set."""
    found.told |= dict.fromkeys(runs, f"is in no set: {why.rstrip('.')}")
    return []


def _names(runs: Sequence[Path]) -> str:
    return ", ".join(map(label, runs))
