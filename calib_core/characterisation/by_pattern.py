"""One run per pattern of charged pixels: which run is which, by the data, and what slow control says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.inputs import Arranged, Arrangement, Input, RunFacts
from calib_core.detector import DetectorType
from calib_core.detector.injection import Injection
from calib_core.errors import BadInput
from calib_core.ranges import format_numbers

SCAN = Input("scan", "scan", many=True, help="runs of the scan, one per pattern of charged pixels, in any order")
#: A line of pixels is charged where it changes so many times as much as an eighth of them do at most, and by so much;
#: a run may charge half of all lines.
_TIMES, _PART, _LEAST = 10.0, 0.125, 50.0
#: A run that goes over less than this part of the trains of others is told.
_SHORT = 0.9
#: Trains may be lost, but no more than so many for each that is there, and some more.
_GAPS, _SPARE = 4, 100


def arrange(kind: DetectorType, injection: Injection, runs: Sequence[RunFacts], keep: bool) -> Arrangement:
    """Decide which run charges the pixels of which pattern.

    Parameters
    ----------
    kind : DetectorType
    injection : Injection
        One of its sources.
    runs : sequence of RunFacts
        In the order in which they were given.
    keep : bool
        Take the order as given for that of the patterns, whatever the data say.

    Raises
    ------
    BadInput
        A run charges no pixels, or others than those of patterns, or is given twice; there are more runs than
        patterns.
    """
    check_once(runs)
    if len(runs) > len(injection.patterns):
        raise BadInput(f"{len(runs)} runs were given; a scan of {kind.title} has {len(injection.patterns)}, one for "
                       f"each pattern of charged {injection.lines}.")
    for run in runs:
        check_run(kind, run)
    found = {run.path: patterns_of(injection, run) for run in runs}
    numbers = list(range(len(runs))) if keep else _numbers(runs, [found[run.path] for run in runs])
    origin = "as given" if keep else f"its {injection.lines} that are charged"
    first = dict(zip(reversed(numbers), reversed(runs), strict=True))
    order = list(dict.fromkeys(numbers))
    in_order = tuple(Arranged(f"{SCAN.name}/{number}", SCAN, first[number], origin, order[place] != number,
                              {"pattern": number}, name=f"pattern {number}")
                     for place, number in enumerate(sorted(first)))
    notes = (*_moved(injection, in_order), *_twice(injection, in_order, runs, numbers),
             *_others(injection, runs, found, numbers),
             *_missing(injection, in_order), *_shorter(runs), *_told(runs, numbers, keep))
    return Arrangement(in_order, notes)


def check_run(kind: DetectorType, run: RunFacts) -> None:
    """Refuse a run that can be no scan.

    Parameters
    ----------
    kind : DetectorType
    run : RunFacts

    Raises
    ------
    BadInput
        Its trains lie far apart, or it is of a fixed gain.
    """
    _check_trains(run)
    _check_gain(kind, run)


def check_once(runs: Sequence[RunFacts]) -> None:
    """Refuse a run that is given twice, in whose place another was meant.

    Parameters
    ----------
    runs : sequence of RunFacts

    Raises
    ------
    BadInput
        With the first of them.
    """
    paths = [run.path for run in runs]
    if twice := [run for i, run in enumerate(runs) if run.path in paths[:i]]:
        raise BadInput(f"Run {twice[0].label} is given twice; give each run of the scan once.")


def charged(injection: Injection, run: RunFacts) -> tuple[int, ...]:
    """Lines of pixels that a run charges.

    Parameters
    ----------
    injection : Injection
    run : RunFacts

    Raises
    ------
    BadInput
        None, or nothing could be read of it.
    """
    changes = np.array(run.scan.changes if run.scan else ())
    if not changes.size:
        raise BadInput(f"Run {run.label} has no frames to tell which {injection.lines} it charges.")
    lines = changed(changes)
    if not lines.size:
        raise BadInput(
            f"Run {run.label} charges no {injection.lines}: none changes by more than {changes.max():.0f} ADU, where "
            f"those that are charged, and do not switch at once, do by {_limit(changes):.0f} or more. Give the runs "
            f"of a scan of the {injection.title}.")
    return tuple(lines.tolist())


def not_charged(injection: Injection, run: RunFacts) -> Array:
    """All other lines, (n,) int64, ascending; arguments and errors are those of :func:`charged`."""
    assert run.scan is not None  # nothing else is arranged
    return np.setdiff1d(np.arange(len(run.scan.changes)), charged(injection, run))


def changed(changes: Array) -> Array:
    """Lines that change so much more than others that they are charged, ascending.

    Parameters
    ----------
    changes : (lines,) array, ADU

    Returns
    -------
    (n,) int64
    """
    return np.flatnonzero(changes > _limit(changes))


def _limit(changes: Array) -> float:
    return max(_LEAST, _TIMES * float(np.quantile(changes, _PART)))


def _check_trains(run: RunFacts) -> None:
    """Refuse a run whose trains lie so far apart that they are no scan, as where the id of one is wrong."""
    span = run.scan.last_train - run.scan.first_train + 1 if run.scan else 0
    if span > _GAPS * run.trains + _SPARE:
        raise BadInput(f"Run {run.label} has {run.trains} trains, but their ids go over {span}: each train is a step "
                       "of a scan, so these are no steps of one; look at the ids of its trains.")


def _check_gain(kind: DetectorType, run: RunFacts) -> None:
    """Refuse a run in which no pixel can change its gain stage."""
    if run.condition is not None and kind.operated_at(run.condition.values).fixed_stage is not None:
        raise BadInput(f"Run {run.label} is of a fixed gain by its operating condition, so that no pixel switches; a "
                       "scan is recorded in adaptive gain.")


def patterns_of(injection: Injection, run: RunFacts) -> tuple[int, ...]:
    """Patterns that a run charges, nearly always one.

    Parameters
    ----------
    injection : Injection
    run : RunFacts

    Raises
    ------
    BadInput
        It charges none, or others than those of patterns.
    """
    lines = set(charged(injection, run))
    whole = tuple(number for number, own in enumerate(injection.patterns) if lines.issuperset(own))
    rest = lines.difference(*(injection.patterns[number] for number in whole)) if whole else lines
    if rest:
        raise BadInput(f"Run {run.label} charges the {injection.lines} {format_numbers(sorted(rest))}, which are no "
                       "whole pattern; its scan cannot be used.")
    return whole


def _numbers(runs: Sequence[RunFacts], found: Sequence[tuple[int, ...]]) -> list[int]:
    """The pattern of each run: of several the one that slow control tells, else one that no other run is for."""
    taken, numbers = {own[0] for own in found if len(own) == 1}, []
    for run, own in zip(runs, found, strict=True):
        told = run.scan.told if run.scan else None
        free = (one for one in own if one not in taken)
        numbers.append(told if told is not None and told in own else next(free, own[0]))
        taken.add(numbers[-1])
    return numbers


def _moved(injection: Injection, arranged: Sequence[Arranged]) -> Iterator[str]:
    if any(one.moved for one in arranged):
        order = ", ".join(f"{one.at['pattern']} = {one.run.label}" for one in arranged if one.run)
        yield f"Runs re-ordered by the {injection.lines} that they charge; patterns: {order}."


def _twice(
    injection: Injection, arranged: Sequence[Arranged], runs: Sequence[RunFacts], numbers: Sequence[int],
) -> Iterator[str]:
    used = {one.run.path for one in arranged if one.run}
    first = {one.at["pattern"]: one.run.label for one in arranged if one.run}
    for run, number in zip(runs, numbers, strict=True):
        if run.path not in used:
            yield (f"Run {run.label} charges the same {injection.lines} as {first[number]}, pattern {number}; it is "
                   "left out.")


def _others(
    injection: Injection, runs: Sequence[RunFacts], found: Mapping[Path, tuple[int, ...]], numbers: Sequence[int],
) -> Iterator[str]:
    for run, number in zip(runs, numbers, strict=True):
        if more := [one for one in found[run.path] if one != number]:
            yield (f"Run {run.label} charges the {injection.lines} of pattern {format_numbers(more)} too; those "
                   "pixels are flagged, since they may be charged twice.")


def _missing(injection: Injection, arranged: Sequence[Arranged]) -> Iterator[str]:
    lacking = sorted(set(range(len(injection.patterns))) - {one.at["pattern"] for one in arranged})
    if lacking:
        share = sum(len(injection.patterns[one]) for one in lacking) / sum(map(len, injection.patterns))
        yield (f"No run charges the {injection.lines} of pattern {format_numbers(lacking)}: {100 * share:.3g} % of "
               "the pixels have no values and are flagged.")


def _shorter(runs: Sequence[RunFacts]) -> Iterator[str]:
    """What is said of runs whose trains go over fewer steps than those of others."""
    spans = [one.scan.last_train - one.scan.first_train + 1 if one.scan else 0 for one in runs]
    for run, span in zip(runs, spans, strict=True):
        if span < _SHORT * max(spans):
            yield (f"Run {run.label} goes over {span} trains, others over {max(spans)}: where its scan is shorter, "
                   "lines of its pixels are known less well, or not at all.")


def _told(runs: Sequence[RunFacts], numbers: Sequence[int], keep: bool) -> Iterator[str]:
    for run, number in zip(runs, numbers, strict=True):
        if run.scan is not None and run.scan.told not in (None, number):
            yield f"Run {run.label} says that its pattern is {run.scan.told}, but it is taken for {number}."
    if keep:
        yield "The order of the runs was kept as given."
