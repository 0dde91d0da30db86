"""What ``calibwb store export`` does: the versions that answer a question, copied into files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.constants.condition import Value
from calib_core.errors import BadParameter
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.exporting import (
    Exported,
    days_that_count,
    export,
    missing,
    other_condition,
    with_fallback,
    write_summary,
)
from calib_core.store.files import check_writable

#: Exit status where some were copied and others are missing.
SOME_MISSING = 3
#: A century: no constant is further away.
_MOST_DAYS = 36_525
_ROW = "{:<10}  {:<24}  {:<28}  {:>10}  {}"


def exported(
    namespace: argparse.Namespace, store: ConstantStore, query: Query, other: Mapping[str, Value],
    told: Callable[[int, int], None] | None = None,
) -> tuple[list[Exported], Path | None, datetime]:
    """Copy what answers; with the path of the table, and the time that ages are told for.

    Parameters
    ----------
    namespace : Namespace
        With the flags of the command.
    store : ConstantStore
    query : Query
    other : mapping
        What differs in the operating condition that may be taken instead; empty where none may.
    told : callable, optional
    """
    at = query.at or datetime.now(UTC)
    exact = store.find(query)
    found = _with_others(namespace, store, query, other, at, exact) if other else exact
    absent = missing(found, query.calibrations, _units(store, query, at))
    if not found:
        return list(absent), None, at
    folder = Path(namespace.out_folder)
    check_writable(folder, sum(one.path.stat().st_size for one in found if one.path.is_file()))
    copied = export(store, found, folder, namespace.layout, told)
    made = [*(replace(one, fallback=one.version not in exact) for one in copied), *absent]
    return made, write_summary(folder, made, at), at


def _with_others(namespace: argparse.Namespace, store: ConstantStore, query: Query, other: Mapping[str, Value],
                 at: datetime, exact: Sequence[Version]) -> Sequence[Version]:
    """What answers, or what does under the other operating condition where that is much closer in time."""
    if query.take not in ("prior", "closest"):
        raise BadParameter(f"--fallback goes with --take prior or closest, not {query.take}: it chooses one of each "
                           "kind and unit.")
    days = days_that_count() if namespace.fallback_days is None else namespace.fallback_days
    if not 0 <= days <= _MOST_DAYS:
        raise BadParameter(f"--fallback-days {days:g} is not allowed; it takes 0 to {_MOST_DAYS:,}.")
    return with_fallback(exact, store.find(other_condition(query, other)), at, days)


def _units(store: ConstantStore, query: Query, at: datetime) -> tuple[str, ...]:
    """Units that were asked for, by name or as those of a detector."""
    if query.units or not query.detector:
        return query.units
    return tuple(sorted(store.units_of(query.detector, query.mapped_at or at).values()))


def lines_of(made: Sequence[Exported], summary: Path | None, at: datetime, title: str) -> Iterator[str]:
    """What was copied and what is missing, in lines.

    Parameters
    ----------
    made : sequence of Exported
    summary : Path or None
    at : datetime
        Aware.
    title : str
        Of the store.
    """
    there = [one for one in made if one.version is not None]
    if not there:
        yield f"{title} has no version that answers; nothing was copied."
        return
    yield _ROW.format("state", "calibration", "unit", "age [d]", "file")
    for one in made:
        version = one.version
        if version is None:
            yield _ROW.format("missing", one.calibration, one.unit, "–", "–")
        else:
            age = f"{(at - version.begin).total_seconds() / 86400:.1f}" if version.begin else "–"
            state = "fallback" if one.fallback else version.status or "found"
            yield _ROW.format(state, one.calibration, one.unit, age, one.path)
    lost, others = len(made) - len(there), sum(one.fallback for one in made)
    if others:
        yield f"WARN  {others} of {len(there)} constants are of the other operating condition (fallback)."
    yield (f"{len(there)} constant{'s' * (len(there) != 1)} copied, {sum(one.bytes for one in there) / 1e6:.1f} MB"
           + (f"; {lost} {'is' if lost == 1 else 'are'} missing" if lost else "") + f": {summary}")


def as_json(made: Sequence[Exported]) -> list[dict[str, Any]]:
    """The same as plain JSON.

    Parameters
    ----------
    made : sequence of Exported
    """
    return [{"unit": one.unit, "calibration": one.calibration, "file": str(one.path) if one.path else None,
             "version": one.version.number if one.version else None, "sha256": one.sha256, "bytes": one.bytes}
            for one in made]


def status_of(made: Sequence[Exported]) -> int:
    """Exit status: 0 where all is there, 3 where some are missing, 1 where nothing was found.

    Parameters
    ----------
    made : sequence of Exported
    """
    there = [one.version is not None for one in made]
    return 1 if not any(there) else 0 if all(there) else SOME_MISSING
