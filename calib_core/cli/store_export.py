"""What ``calibwb store export`` does: the versions that answer a question, copied into files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    found = _found(namespace, store, query, other, at)
    absent = missing(found, query.calibrations, _units(store, query, at))
    if not found:
        return list(absent), None, at
    folder = Path(namespace.out_folder)
    check_writable(folder, sum(one.path.stat().st_size for one in found if one.path.is_file()))
    made = [*export(store, found, folder, namespace.layout, told), *absent]
    return made, write_summary(folder, made, at), at


def _found(namespace: argparse.Namespace, store: ConstantStore, query: Query, other: Mapping[str, Value],
           at: datetime) -> Sequence[Version]:
    found = store.find(query)
    if not other:
        return found
    if query.take not in ("prior", "closest"):
        raise BadParameter(f"--fallback goes with --take prior or closest, not {query.take}: it chooses one of each "
                           "kind and unit.")
    days = days_that_count() if namespace.fallback_days is None else namespace.fallback_days
    return with_fallback(found, store.find(other_condition(query, other)), at, days)


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
            yield _ROW.format(version.status or "found", one.calibration, one.unit, age, one.path)
    lost = len(made) - len(there)
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
