"""Records of an index made of what is known of versions: types, units, conditions, versions and decisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from calib_core.constants.condition import Value
from calib_core.constants.matching import Setting
from calib_core.store.local.writing import Writing
from calib_core.store.statuses import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a unit is installed.

    Attributes
    ----------
    detector, aggregator : str
    module : int, optional
    virtual_name : str
        Such as Q1M1.
    """

    detector: str
    aggregator: str
    module: int | None = None
    virtual_name: str = ""


@dataclass(frozen=True)
class Record:
    """What the index keeps of a version.

    Attributes
    ----------
    pdu, calibration, detector_type : str
    settings : mapping of str to Setting
        Whole operating condition by the database's names.
    begin, created : datetime
        Aware.
    path, dataset : str
        File below the store's folder, and group in it.
    sha256 : str, optional
        Of the whole file; None for versions whose files are elsewhere.
    identity : str
        The same without its seal.
    bytes : int
    shape, dims : tuple
    dtype, raw_data, job : str
        Type of the values, runs that it was made of as text, and what tells jobs of the same runs apart.
    provenance : mapping
        Plain JSON.
    report : (str, str), optional
        Path and SHA-256.
    blocks : str
        File of its numbers below the store's folder; empty without one.
    """

    pdu: str
    calibration: str
    detector_type: str
    settings: Mapping[str, Setting]
    begin: datetime
    created: datetime
    path: str
    dataset: str
    sha256: str | None = None
    identity: str = ""
    bytes: int = 0
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    dtype: str = ""
    raw_data: str = ""
    job: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    report: tuple[str, str] | None = None
    blocks: str = ""


def microseconds(time: datetime) -> int:
    """Whole microseconds since 1970.

    Parameters
    ----------
    time : datetime
        Aware.
    """
    return (time - _EPOCH) // timedelta(microseconds=1)


@lru_cache(4096)
def as_time(number: int) -> datetime:
    """Time of whole microseconds since 1970, aware UTC.

    Parameters
    ----------
    number : int
    """
    return _EPOCH + timedelta(microseconds=number)


def add_act(writing: Writing, what: str, author: str, comment: str, at: datetime, undoes: int | None = None) -> int:
    """Write who does what, and why; returns its number.

    Parameters
    ----------
    writing : Writing
    what, author, comment : str
    at : datetime
        Aware.
    undoes : int, optional
        Number of an act that is taken back.
    """
    return writing.add("act", what=what, author=author, comment=comment, at=microseconds(at), undoes=undoes)


def add_version(writing: Writing, act: int, one: Record, status: Status = Status.DRAFT) -> int:
    """Write a version with what it stands on, and what it is at first; returns its number.

    Parameters
    ----------
    writing : Writing
    act : int
        Of which it is a part.
    one : Record
    status : Status
    """
    kind = writing.same("detector_type", name=one.detector_type)
    constant = writing.same("constant", calibration=writing.same("calibration", name=one.calibration),
                            detector_type=kind, condition=condition_of(writing, one.settings))
    report = writing.same("report", path=one.report[0], sha256=one.report[1]) if one.report else None
    number = writing.add(
        "version", constant=constant, pdu=unit_of(writing, one.pdu, kind), begin_at=microseconds(one.begin),
        created_at=microseconds(one.created), path=one.path, dataset=one.dataset, sha256=one.sha256,
        identity=one.identity, bytes=one.bytes,
        shape=json.dumps(one.shape), dims=json.dumps(one.dims), dtype=one.dtype, raw_data=one.raw_data, job=one.job,
        provenance=json.dumps(one.provenance, sort_keys=True), report=report, act=act)
    add_decision(writing, act, number, status)
    return number


def add_decision(writing: Writing, act: int, version: int, status: Status) -> None:
    """Write what a version is from now on.

    Parameters
    ----------
    writing : Writing
    act, version : int
    status : Status
    """
    writing.add("decision", version=version, status=str(status), act=act)


def add_place(writing: Writing, act: int, place: Place, unit: str, detector_type: str, begin: datetime) -> None:
    """Write that a unit is installed at a place from a time on; whatever was there before is not any more.

    Parameters
    ----------
    writing : Writing
    act : int
    place : Place
    unit : str
        Empty where nothing is there any more.
    detector_type : str
    begin : datetime
        Aware.
    """
    pdu = unit_of(writing, unit, writing.same("detector_type", name=detector_type)) if unit else None
    writing.add("mapping", detector=writing.same("detector", identifier=place.detector), aggregator=place.aggregator,
                pdu=pdu, module=place.module, virtual_name=place.virtual_name, begin_at=microseconds(begin), act=act)


def unit_of(writing: Writing, name: str, detector_type: int) -> int:
    """Number of a unit, which is written where it is new.

    Parameters
    ----------
    writing : Writing
    name : str
    detector_type : int
    """
    found = writing.rows("SELECT id FROM pdu WHERE name = ?", (name,))
    return int(found[0][0]) if found else writing.add("pdu", name=name, detector_type=detector_type)


def condition_of(writing: Writing, settings: Mapping[str, Setting]) -> int:
    """Number of an operating condition, the same for the same settings.

    Parameters
    ----------
    writing : Writing
    settings : mapping of str to Setting
    """
    digest = digest_of(settings)
    found = writing.rows("SELECT id FROM condition WHERE digest = ?", (digest,))
    if found:
        return int(found[0][0])
    number = writing.add("condition", digest=digest)
    for name, one in sorted(settings.items()):
        text = isinstance(one.value, str)
        known = writing.rows("SELECT id FROM parameter WHERE name = ?", (name,))
        parameter = known[0][0] if known else writing.add("parameter", name=name, unit=one.unit, is_text=int(text))
        writing.add("setting", condition=number, parameter=parameter, value=None if text else float(one.value),
                    text=one.value if text else None, lower=float(one.lower), upper=float(one.upper),
                    others=json.dumps(_numbers(one.others)), absent=int(one.absent))
    return number


def digest_of(settings: Mapping[str, Setting]) -> str:
    """What tells an operating condition from others: SHA-256 of its settings, whatever their order.

    Parameters
    ----------
    settings : mapping of str to Setting
    """
    said = [(name, *_numbers((one.value, one.lower, one.upper)), _numbers(one.others), one.absent)
            for name, one in sorted(settings.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _numbers(values: Sequence[Value]) -> list[Value]:
    """Values of which 1 and 1.0 are the same."""
    return [one if isinstance(one, str) else float(one) for one in values]
