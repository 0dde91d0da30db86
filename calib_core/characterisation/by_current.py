"""Scans of one source at several currents: which runs are of which, and in which order they count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from calib_core.axes import Label
from calib_core.characterisation import by_pattern
from calib_core.characterisation.inputs import Arranged, Arrangement, RunFacts
from calib_core.detector import DetectorType
from calib_core.detector.injection import Injection
from calib_core.errors import BadInput

#: Runs of one current with what it is called.
_Set = tuple[Label, list[RunFacts]]


def arrange(
    kind: DetectorType, injection: Injection, runs: Sequence[RunFacts], keep: bool, currents: Sequence[float],
) -> Arrangement:
    """Decide which run is of which current, and charges the pixels of which pattern.

    Parameters
    ----------
    kind : DetectorType
    injection : Injection
    runs : sequence of RunFacts
        In the order in which they were given.
    keep : bool
        Take the order as given for that of the patterns of each current, whatever the data say.
    currents : sequence of float
        In the order in which they count: one for each run, or one for each scan; empty where runs tell theirs, or
        where there is one scan.

    Raises
    ------
    BadInput
        Runs are no such scans, or one is given twice, or there are other numbers of currents than of scans.
    """
    by_pattern.check_once(runs)
    for run in runs:
        by_pattern.check_run(kind, run)
    sets = _sets(injection, runs, keep, currents)
    found: list[Arranged] = []
    notes = list(_left(sets, runs))
    for number, (name, own) in enumerate(sets):
        one = by_pattern.arrange(kind, injection, own, keep)
        first = number * len(injection.patterns)
        what = "current" if _are_told(currents, runs) else "scan"
        of = f"{what} {_plain(name)}, " if len(sets) > 1 else ""
        found += [replace(run, key=f"{run.input.name}/{first + run.at['pattern']}", at={**run.at, "current": number},
                          name=f"{of}{run.name}") for run in one.runs]
        notes += [note if len(sets) == 1 else f"Scan {number + 1}: {note}" for note in one.notes]
    return Arrangement(tuple(found), tuple(notes), tuple(_names(sets, currents, runs)))


def labels(arranged: Iterable[Arranged], currents: Sequence[float]) -> tuple[Label, ...]:
    """Currents in the order in which they count; numbers of the scans, from 1, where they are not known.

    Parameters
    ----------
    arranged : iterable of Arranged
    currents : sequence of float
        As given.
    """
    told = {one.at["current"]: one.run.scan.current for one in arranged if one.run is not None and one.run.scan}
    given = tuple(dict.fromkeys(currents))
    names: list[Label] = []
    for number, name in sorted(told.items()):
        names.append(name if name is not None else given[number] if number < len(given) else number + 1)
    return tuple(map(_plain, names or given or (1,)))


def _plain(name: Label) -> Label:
    """A current as people write it."""
    return int(name) if isinstance(name, float) and name.is_integer() else name


def _sets(
    injection: Injection, runs: Sequence[RunFacts], keep: bool, currents: Sequence[float],
) -> list[_Set]:
    told = [run.scan.current if run.scan else None for run in runs]
    if runs and None not in told:
        return _by_name(runs, [one for one in told if one is not None], currents)
    if currents and len(currents) == len(runs):
        return _by_name(runs, currents, currents)
    found = _by_position(injection, runs, keep)
    if currents and len(found) != len(set(currents)):
        raise BadInput(f"{len(runs)} runs are {len(found)} scan{'s' * (len(found) != 1)} of the {injection.title} by "
                       f"the {injection.lines} that they charge, but {len(currents)} currents were given; give one "
                       "current for each scan, in the order of the runs, or one for each run.")
    return [(name, own) for name, own in zip(currents or range(1, len(found) + 1), found, strict=True)]


def _by_name(runs: Sequence[RunFacts], names: Sequence[float], currents: Sequence[float]) -> list[_Set]:
    """Runs by their currents, in the order of those given."""
    if unknown := [one for one in currents if one not in names]:
        told = ", ".join(f"{one:g}" for one in dict.fromkeys(names))
        raise BadInput(f"No run is of current {unknown[0]:g}; the runs tell {told}.")
    order = dict.fromkeys(currents or names)
    return [(name, [run for run, own in zip(runs, names, strict=True) if own == name]) for name in order]


def _by_position(injection: Injection, runs: Sequence[RunFacts], keep: bool) -> list[list[RunFacts]]:
    """Runs cut where one charges what another of its scan has charged already."""
    found: list[list[RunFacts]] = []
    seen: set[tuple[int, ...]] = set()
    for run in runs:
        own = (len(found[-1]) if found else 0,) if keep else by_pattern.patterns_of(injection, run)
        again = own[0] >= len(injection.patterns) if keep else own in seen
        if not found or again:
            found.append([])
            seen = set()
        seen.add(own)
        found[-1].append(run)
    return found


def _are_told(currents: Sequence[float], runs: Sequence[RunFacts]) -> bool:
    """Whether anybody tells the currents of scans."""
    return bool(currents) or all(run.scan is not None and run.scan.current is not None for run in runs)


def _names(sets: Sequence[_Set], currents: Sequence[float], runs: Sequence[RunFacts]) -> Iterator[str]:
    """What is said of the currents of several scans, also where nobody tells them."""
    if len(sets) > 1:
        order = "; ".join(f"{name:g}: {', '.join(run.label for run in own)}" for name, own in sets)
        known = _are_told(currents, runs)
        yield (f"Scans by their currents, in the order in which they are tried: {order}." if known else
               f"Nobody tells the currents of the {len(sets)} scans; they are numbered, and tried in this order: "
               f"{order}. --currents names them.")


def _left(sets: Sequence[_Set], runs: Sequence[RunFacts]) -> Iterator[str]:
    """What is said of runs whose current is not wanted."""
    used = {run.path for _, own in sets for run in own}
    if left := [run.label for run in runs if run.path not in used]:
        yield f"Runs {', '.join(left)} are left out: their currents are not among those given."
