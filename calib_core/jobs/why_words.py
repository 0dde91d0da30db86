"""Why this constant, in words: a heading for what is taken of which modules, and what was compared and missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calib_core.jobs.choice_words import age, compared_words
from calib_core.jobs.differences import compare
from calib_core.jobs.resolution import OfRun
from calib_core.jobs.why import Why, WhyOfRun
from calib_core.plain_text import shown
from calib_core.ranges import format_numbers
from calib_core.store.base import Version

#: Versions that were missed and are told; how many more there are is said.
MOST = 3
#: Names of units that are told; of more the first.
_FEW = 2


@dataclass(frozen=True)
class Answer:
    """What is said of a kind: a heading, and lines below it."""

    heading: str
    lines: tuple[str, ...]


def run_words(found: WhyOfRun) -> str:
    """What a run's constants must go with.

    Parameters
    ----------
    found : WhyOfRun
    """
    condition, start = found.run.condition, found.run.start
    told = ", ".join(f"{parameter.database_name} {parameter.shown(condition[parameter.name])}"
                     for parameter in condition.parameters if parameter.name in condition.values)
    when = f"{start:%Y-%m-%d %H:%M:%S} UTC" if start else "of no time that it tells"
    return f"Run {found.label}, {found.detector.identifier}, {when}: {told or 'no operating condition'}"


def answers_of(found: WhyOfRun) -> tuple[Answer, ...]:
    """An answer for each kind, what is taken first; modules of which the same is to be said are together.

    Parameters
    ----------
    found : WhyOfRun
    """
    alike: dict[tuple[str, ...], list[Why]] = {}
    for one in found.found:
        alike.setdefault(tuple(_said(one, found)), []).append(one)
    in_order = sorted(alike.items(), key=lambda one: (one[1][0].taken is None, not one[1][0].missed))
    return tuple(_answer(said, together) for said, together in in_order)


def _said(one: Why, found: WhyOfRun) -> Iterator[str]:
    """What is said of one module, without what is its own: the numbers and names of versions and units."""
    run, taken = found.run, one.taken
    yield one.calibration
    if taken is None:
        there = f"{len(one.missed)} version{'s' * (len(one.missed) != 1)}, and none goes with the run"
        yield there if one.missed else "no version at all"
    else:
        yield f"{_status(taken)}{age(taken, run)}{_fitting(one)}"
    nearest = taken or (one.missed[0].version if one.missed else None)
    yield "" if nearest is None else f"compared: {compared_words(nearest, found.detector.type, run)}"
    for missed in one.missed[:MOST]:
        yield f"{age(missed.version, run)}: {'; '.join(missed.reasons)}"
    yield f"and {more} more, further from the run" if (more := len(one.missed) - MOST) > 0 else ""


def _fitting(one: Why) -> str:
    """How many versions time has decided between."""
    number = len(one.resolution.fitting)
    how = "the closest" if one.resolution.closest else "the newest before the run"
    if one.taken is not None and one.resolution.run.is_earlier_than(one.taken) and not one.resolution.closest:
        how = "the first after the run, since there is none before"
    return f"; {how} of {number} next to it in its operating condition" if number > 1 else (
        "; the only one next to it in its operating condition")


def _status(one: Version) -> str:
    by = f" by {one.author}" if one.author else ""
    return "" if one.status is None else f"{one.status}{by}, "


def _answer(said: Sequence[str], together: Sequence[Why]) -> Answer:
    calibration, first, compared, *missed, more = said
    modules = [one.module for one in together]
    taken = [one.taken for one in together if one.taken is not None]
    unit = "" if taken else f" ({_units([one.unit for one in together])})"
    lines = [compared, *(f"missed: {_called([one.missed[i].version for one in together])}, {text}"
                         for i, text in enumerate(missed)), more]
    called = f"{_called(taken)}, " if taken else ""
    of = f"{calibration} of module{'s' * (len(modules) > 1)} {format_numbers(modules)}{unit}"
    return Answer(f"{of}: {called}{first}", tuple(filter(None, lines)))


def _units(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _FEW else f"{names[0]} and {len(names) - 1} more units"


def _called(versions: Sequence[Version]) -> str:
    """Numbers of versions; files where they have none."""
    numbers = [one.number for one in versions]
    if all(numbers):
        return f"version{'s' * (len(numbers) > 1)} {format_numbers(numbers)}"
    more = f" and {len(versions) - 1} more" if len(versions) > 1 else ""
    return shown(f"{versions[0].path.name}{more}")


def lines_of(found: WhyOfRun) -> Iterator[str]:
    """All that is said of a run, as lines of a terminal.

    Parameters
    ----------
    found : WhyOfRun
    """
    yield f"{run_words(found)}. Constants of {found.store}"
    for answer in answers_of(found):
        yield answer.heading
        yield from (f"    {line}" for line in answer.lines)
    yield from (f"WARN  {note}" for note in found.notes)


def as_json(found: WhyOfRun) -> dict[str, Any]:
    """The same as plain JSON, module by module.

    Parameters
    ----------
    found : WhyOfRun
    """
    run = found.run
    return {
        "run": found.label, "store": found.store, "detector": found.detector.identifier,
        "start": run.start.isoformat() if run.start else None,
        "condition": {name: {key: one for key, one in asdict(value).items() if key != "others"}
                      for name, value in run.condition.values.items()},
        "notes": list(found.notes), "constants": [_why_json(one, found) for one in found.found]}


def _why_json(one: Why, found: WhyOfRun) -> dict[str, Any]:
    run, kind = found.run, found.detector.type
    nearest = one.taken or (one.missed[0].version if one.missed else None)
    compared = [] if nearest is None else [{
        "parameter": each.name, "run": list(each.asked), "constant": list(each.held.values) if each.held else [],
        "lower": each.held.lower if each.held else None, "upper": each.held.upper if each.held else None,
        "against": each.against} for each in compare(nearest, kind, run.condition)]
    return {
        "module": one.module, "unit": one.unit, "kind": one.kind, "calibration": one.calibration,
        "taken": None if one.taken is None else _version_json(one.taken, run),
        "fitting": len(one.resolution.fitting), "compared": compared,
        "missed": [{**_version_json(each.version, run), "reasons": list(each.reasons)} for each in one.missed]}


def _version_json(one: Version, run: OfRun) -> dict[str, Any]:
    return {"version": one.number, "status": None if one.status is None else str(one.status),
            "file": str(one.path), "begin": one.begin.isoformat() if one.begin else None, "age": age(one, run)}
