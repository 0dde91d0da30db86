"""What ``calibwb store export`` does: the versions that answer a question, copied into files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.constants.condition import Value
from calib_core.store.base import ConstantStore, Query
from calib_core.store.export_choice import aged_words, check_room, choose
from calib_core.store.export_summary import Summary, write_summary
from calib_core.store.exporting import SOME_MISSING, Exported, export, lost_words
from calib_core.store.unanswered import just_missed

_ROW = "{:<10}  {:<24}  {:<28}  {:>10}  {}"


def exported(
    namespace: argparse.Namespace, store: ConstantStore, query: Query, other: Mapping[str, Value],
    told: Callable[[int, int], None] | None = None,
) -> tuple[Sequence[Exported], Summary | None, datetime]:
    """Copy what answers; with the table, and the time that ages are told for.

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
    chosen, folder = choose(store, query, at, other, namespace.fallback_days), Path(namespace.out_folder)
    if not chosen.versions:
        return chosen.absent, None, at
    check_room(chosen, folder)
    made = chosen.marked(export(store, chosen.versions, folder, namespace.layout, told))
    return made, write_summary(folder, made, at), at


def lines_of(
    made: Sequence[Exported], summary: Summary | None, at: datetime, store: ConstantStore, query: Query
) -> Iterator[str]:
    """What was copied and what is missing, in lines.

    Parameters
    ----------
    made : sequence of Exported
    summary : Summary or None
    at : datetime
        Aware.
    store : ConstantStore
    query : Query
    """
    there = [one for one in made if one.path is not None]
    if not there:
        yield f"{store.title} has no version that answers; nothing was copied."
        yield from just_missed(store, query)
        return
    yield _ROW.format("state", "calibration", "unit", "age [d]", "file")
    for one in made:
        version = one.version
        age = f"{(at - version.begin).total_seconds() / 86400:.1f}" if version and version.begin else "–"
        state = "fallback" if one.fallback and not one.why else one.state
        yield _ROW.format(state, one.calibration, one.unit, age, one.path or "–")
    yield from (f"WARN  {one.why}" for one in made if one.why)
    if others := sum(one.fallback for one in there):
        yield f"WARN  {others} of {len(there)} constants are of the other operating condition (fallback)."
    if aged := aged_words([one.version for one in there if one.version is not None], at, query.take):
        yield f"WARN  {aged}"
    yield (f"{len(there)} constant{'s' * (len(there) != 1)} copied, {sum(one.bytes for one in there) / 1e6:.1f} MB"
           + lost_words(made) + (f": {summary.path}" if summary else ""))
    if summary is not None and summary.kept:
        yield summary.words


def as_json(made: Sequence[Exported]) -> list[dict[str, Any]]:
    """The same as plain JSON.

    Parameters
    ----------
    made : sequence of Exported
    """
    return [{"unit": one.unit, "calibration": one.calibration, "file": str(one.path) if one.path else None,
             "version": one.version.number if one.version else None, "sha256": one.sha256, "bytes": one.bytes,
             "state": one.state, "why": one.why}
            for one in made]


def status_of(made: Sequence[Exported]) -> int:
    """Exit status: 0 where all is there, 3 where some are missing, 1 where nothing was found.

    Parameters
    ----------
    made : sequence of Exported
    """
    there = [one.path is not None for one in made]
    return 1 if not any(there) else 0 if all(there) else SOME_MISSING
