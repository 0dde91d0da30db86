"""Versions of a store and files that are to be injected, as lines of a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

from calib_core.store.base import Version, settings_in
from calib_core.store.local.comparing import Difference
from calib_core.store.local.injection_table import Examined

_ROW = "{:>7}  {:<10}  {:<24}  {:<28}  {:<19}  {}"


def heading() -> str:
    """Line above versions."""
    return _ROW.format("version", "status", "calibration", "unit", "valid from (UTC)", "of")


def find_line(one: Version) -> str:
    """A version in a line."""
    return _ROW.format(one.number or "–", one.status or "–", one.calibration, one.pdu, _time(one.begin), one.raw_data)


def detail_lines(one: Version, history: Sequence[Version]) -> Iterator[str]:
    """All that is known of a version."""
    yield f"Version {one.number}: {one.calibration} of {one.pdu} ({one.detector_type}), {one.status}"
    yield f"  valid from  {_time(one.begin)} UTC"
    yield f"  made        {_time(one.created)} UTC of {one.raw_data or 'runs that nobody has noted'}"
    yield f"  file        {one.path}, {one.dataset}"
    yield f"  SHA-256     {one.sha256 or 'not known'}"
    for name, setting in settings_in(one.conditions).items():
        within = f" (−{setting.lower:g}/+{setting.upper:g})" if setting.lower or setting.upper else ""
        yield f"  {name}: {', '.join(map(str, setting.values))} {setting.unit}".rstrip() + within
    for past in history:
        said = f": {past.comment}" if past.comment else ""
        yield f"  {_time(past.injected)} UTC  {past.status} by {past.author}{said}"


def as_json(one: Version) -> dict[str, Any]:
    """A version as plain JSON."""
    return {
        "version": one.number, "status": str(one.status), "calibration": one.calibration, "unit": one.pdu,
        "detector_type": one.detector_type, "begin": _iso(one.begin), "created": _iso(one.created),
        "injected": _iso(one.injected), "file": str(one.path), "dataset": one.dataset, "sha256": one.sha256,
        "conditions": dict(one.conditions), "raw_data": one.raw_data, "author": one.author, "comment": one.comment,
        "detector": one.detector, "aggregator": one.aggregator, "module": one.module}


def candidate_as_json(found: Examined) -> dict[str, Any]:
    """The same as plain JSON."""
    one, record = found.candidate, found.candidate.record
    return {"file": str(one.path), "refused": one.refused, "known": one.known.number if one.known else None,
            "unconfirmed": one.stands_in, "notes": list(one.notes), "missing": one.missing,
            **({} if record is None else {
                "limit": None if one.looked is None else one.looked.limit,
                "replaces": None if found.replaces is None else found.replaces.number,
                "difference": None if found.difference is None else _difference(found.difference),
                "conditions": {name: list(each.values) for name, each in record.settings.items()},
                "calibration": record.calibration, "unit": record.pdu, "begin": record.begin.isoformat(),
                "shape": list(record.shape), "dims": list(record.dims), "sha256": record.sha256})}


def _difference(one: Difference) -> dict[str, Any]:
    """A difference as plain JSON, which has no NaN."""
    numbers = {"median": one.median, "beyond": one.beyond}
    return {"version": one.version.number, "sigma": one.sigma, "every": one.every, "why": one.why,
            **{name: None if isnan(value) else value for name, value in numbers.items()}}


def serve_lines(url: str, folder: Path, statuses: Sequence[str]) -> Iterator[str]:
    """What a server of a store says, and how the facility's own library is told of it."""
    yield f"{folder} answers at {url}/api/ on this machine, read-only; seen are versions that are " + (
        f"{' or '.join(statuses)}. Ctrl-C ends it.")
    yield "In Python:  from extra.calibration import setup_client, set_default_caldb_root"
    yield f"            setup_client({url!r}, None, None, None); set_default_caldb_root({str(folder)!r})"


def _time(time: datetime | None) -> str:
    return "–" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
