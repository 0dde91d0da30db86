"""Files that are to be injected: what the index would keep of each, and why one cannot be taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from calib_core.constants.condition import Condition, ConditionParameter, Value
from calib_core.constants.constant import KINDS
from calib_core.constants.matching import Setting
from calib_core.detector import Calibration, DetectorType
from calib_core.detector.registry import unit_name
from calib_core.errors import BadInput
from calib_core.resource_files import read_resource
from calib_core.store.bare_files import calibration_of, types_of, with_axes
from calib_core.store.base import Version
from calib_core.store.constants import StoredConstant, opened, read_constant
from calib_core.store.images import PIXELS
from calib_core.store.local.records import Place, Record
from calib_core.store.local.store import LocalStore, described
from calib_core.store.manifests import set_of
from calib_core.store.scratch import piece_of
from calib_core.store.stated import condition_of, understood

#: What a file must tell of how it was made.
_PROVENANCE = ("raw_data", "software", "parameters")
#: What of it the index keeps too.
_KEPT = ("software", "set", "started", "module")


@dataclass(frozen=True)
class Candidate:
    """A file that is to be injected.

    Attributes
    ----------
    path : Path
    refused : str
        Why it cannot be taken; empty where it can.
    record : Record, optional
        What the index would keep; its path is set when it is injected.
    place : Place, optional
        Where its unit is, as the file tells it.
    known : Version, optional
        The version that it is already.
    missing : float
        Share of its values that are no number.
    notes : tuple of str
        What is doubtful.
    stands_in : str
        Name of its unit that nobody has confirmed; empty where it is a name that was given.
    """

    path: Path
    refused: str = ""
    record: Record | None = None
    place: Place | None = None
    known: Version | None = None
    missing: float = 0.0
    notes: tuple[str, ...] = ()
    stands_in: str = ""


def candidates_of(
    store: LocalStore, paths: Sequence[Path], confirmed: bool = False,
    told: Callable[[int, int], None] | None = None, conditions: Mapping[str, Value] = MappingProxyType({}),
) -> tuple[Candidate, ...]:
    """Look through files before anything of them is injected.

    Parameters
    ----------
    store : LocalStore
    paths : sequence of Path
        Files.
    confirmed : bool
        Whether names that stand in for those of physical units are theirs.
    told : callable, optional
        Told after each file how many are done, and of how many.
    conditions : mapping
        Values of operating conditions, by the database's names, of files that do not tell them, such as the energy of
        a source, which no run tells.

    Returns
    -------
    tuple of Candidate
        In the order of the paths.
    """
    found: list[Candidate] = []
    for path in paths:
        found.append(_candidate(store, path, confirmed, conditions))
        if told is not None:
            told(len(found), len(paths))
    return tuple(_told_apart(found))


def _told_apart(found: Sequence[Candidate]) -> Iterator[Candidate]:
    """The same bytes that are given twice are one version."""
    seen: dict[str, Path] = {}
    for one in found:
        digest = (one.record.sha256 if one.record else None) or ""
        if digest and digest in seen:
            yield replace(one, refused=f"{one.path} has the same bytes as {seen[digest]}; give one of them.")
        else:
            yield one
        seen.setdefault(digest, one.path)


def _candidate(store: LocalStore, path: Path, confirmed: bool, conditions: Mapping[str, Value]) -> Candidate:
    try:
        digest = sha256_of(path)
        if known := store.of_file(digest):
            return Candidate(path, known=known, notes=(f"{described(known)} has these bytes and is {known.status}.",))
        return _checked(store, read_constant(path), digest, confirmed, conditions)
    except BadInput as error:
        return Candidate(path, refused=str(error))


def _checked(
    store: LocalStore, stored: StoredConstant, digest: str, confirmed: bool, conditions: Mapping[str, Value]
) -> Candidate:
    """What the index would keep of a file; BadInput where it cannot be taken."""
    kind, named = _kind_of(stored)
    calibration = _calibration_of(kind, named)
    _check_member(stored, digest)
    settings = settings_of(kind, calibration, named, conditions)
    begin, created = _times(store, named)
    missing = _check_values(named)
    unit, place, told = _unit_of(store, named, begin)
    with understood(named):
        provenance = _provenance(named)
        record = Record(
            unit, named.calibration, kind.database_type, settings, begin, created, "",
            f"/{named.pdu}/{named.calibration}/0", digest, named.identity, named.path.stat().st_size,
            named.shape, named.dims, named.dtype, raw_data_words(named.attributes["raw_data"]), _job_of(provenance),
            {name: provenance[name] for name in _KEPT if name in provenance}, _report_of(stored))
    return Candidate(stored.path, "", record, place, None, missing, (*told, *_guessed(named)),
                     unit if place is not None and not confirmed and _stands_in(unit, place) else "")


def _kind_of(stored: StoredConstant) -> tuple[DetectorType, StoredConstant]:
    """The detector type whose images a file has, and the file with names of its axes."""
    reasons = []
    for kind in types_of(stored.path, "", str(stored.attributes.get("detector_type", ""))):
        try:
            return kind, with_axes(stored, kind)[0]
        except BadInput as error:
            reasons.append(error)
    raise reasons[0]


def _calibration_of(kind: DetectorType, stored: StoredConstant) -> Calibration:
    _, found = calibration_of(kind, stored.calibration)
    if found is None:
        raise BadInput(f"{stored.path} is a constant {stored.calibration}, which {kind.title} has not; it has "
                       f"{', '.join(sorted(one.name for one in kind.calibrations.values()))}.")
    return found


def settings_of(
    kind: DetectorType, calibration: Calibration, stored: StoredConstant, given: Mapping[str, Value]
) -> dict[str, Setting]:
    """Operating condition of a constant as the index keeps it, with the deviations that are usual.

    Parameters
    ----------
    kind : DetectorType
    calibration : Calibration
    stored : StoredConstant
    given : mapping
        Values that the operator gave, by the database's names, where the file tells none.

    Returns
    -------
    dict of str to Setting
        By the database's names; without what it leaves out.

    Raises
    ------
    BadInput
        The file does not tell all of it, or tells what the detector cannot have.
    """
    names = kind.condition_of(calibration)
    parameters = [one for one in kind.condition if one.name in names]
    told = condition_of(kind, stored)
    _check_given(kind, stored, told, given)
    condition = told.overridden({one.name: given[one.database_name] for one in parameters
                                 if one.database_name in given and one.name not in told.values})
    lacking = [one.database_name for one in parameters if one.name not in condition.values]
    if lacking:
        raise BadInput(f"{stored.path} does not tell {', '.join(lacking)} of its operating condition, so that nobody "
                       "would find it again; give what is missing with --condition.")
    for one in parameters:
        for value in condition.values[one.name].values:
            if not one.allows(value):
                raise BadInput(f"{stored.path} tells {one.database_name} {one.shown(value)}, which {kind.title} "
                               f"cannot have; it takes {one.takes}.")
    return dict(_settings(kind, parameters, condition))


def _check_given(kind: DetectorType, stored: StoredConstant, told: Condition, given: Mapping[str, Value]) -> None:
    """Refuse values of parameters that there are not, and of such as the file tells otherwise."""
    known = {one.database_name: one for one in kind.condition}
    for name, value in given.items():
        if name not in known:
            raise BadInput(f"{stored.path} is of {kind.title}, which has no “{name}”; it has {', '.join(known)}.")
        found = told.values.get(known[name].name)
        if found is not None and value not in found.values:
            raise BadInput(f"{stored.path} tells {name} {known[name].shown(found.value)} itself, and not "
                           f"{known[name].shown(value)}; leave it out.")


def _settings(
    kind: DetectorType, parameters: Sequence[ConditionParameter], condition: Condition
) -> Iterator[tuple[str, Setting]]:
    usual = read_resource("store", "injection")["deviations"]
    deviations = {**usual[""], **usual.get(kind.database_type, {})}
    for one in parameters:
        found = condition.values[one.name]
        if set(found.values) == {one.left_out_at}:
            continue
        lower, upper = deviations.get(one.database_name, (0, 0))
        automatic = (one.automatic,) if one.automatic is not None and found.others else ()
        yield one.database_name, Setting(found.value, lower, upper, (*found.values[1:], *automatic),
                                         one.left_out_at in found.values, one.unit)


def _check_member(stored: StoredConstant, digest: str) -> None:
    """Refuse a file whose checksum is not the one that the manifest of its set has."""
    found = set_of(stored)
    if found is None:
        return
    for member in found.manifest.members:
        same = bool(member.path) and stored.path.absolute() == (found.folder / member.path).absolute()
        if same and member.sha256 not in ("", digest):
            raise BadInput(f"{stored.path} has another checksum than {found.path} has for it; it was changed since.")


def _report_of(stored: StoredConstant) -> tuple[str, str] | None:
    """What tells of all constants that were made together: the manifest of their set, once that is complete."""
    found = set_of(stored)
    if found is None or found.manifest.state != "complete":
        return None
    return str(found.path.absolute()), sha256_of(found.path)


def _times(store: LocalStore, stored: StoredConstant) -> tuple[datetime, datetime]:
    """Begin of validity, and when it was made."""
    with understood(stored):
        begin, created = stored.begin, stored.created
    if begin is None or created is None or begin.tzinfo is None or created.tzinfo is None:
        lacking = "from when on it is valid" if begin is None else "when it was made, or in which zone its times are"
        raise BadInput(f"{stored.path} does not tell {lacking}.")
    hours = read_resource("store", "injection")["ahead"]
    for time, what in ((begin, "valid from"), (created, "made at")):
        if time > store.clock() + timedelta(hours=hours):
            raise BadInput(f"{stored.path} is {what} {time:%Y-%m-%d %H:%M} UTC, more than {hours} h ahead of the "
                           f"clock ({store.clock():%Y-%m-%d %H:%M} UTC); set the clock, or make it again.")
    return begin, created


def _check_values(stored: StoredConstant) -> float:
    """Share of the values that are no number; BadInput where there are too many, or they are damaged."""
    if np.dtype(stored.dtype).kind != "f":
        with opened(stored, whole=True):
            return 0.0
    limits = read_resource("store", "injection")["missing"]
    kind = str(stored.attributes.get("kind", stored.calibration))
    most, share = limits.get(kind, limits[""]), _missing(stored, KINDS[kind].used if kind in KINDS else ())
    if share > most:
        raise BadInput(f"{stored.path} has no number in {share:.1%} of its values; at most {most:.0%} may have none "
                       f"in {stored.calibration}.")
    return share


def _missing(stored: StoredConstant, used: Sequence[int]) -> float:
    """Share of the values that are no number, of the entries of the leading axis that corrections read."""
    leading = next((place for place, dim in enumerate(stored.dims) if dim not in ("cell", *PIXELS)), 0)
    axes = [place for place in range(len(stored.shape)) if place != leading or not used]
    axis, step = piece_of(stored.shape, stored.chunks["data"], np.dtype(stored.dtype).itemsize, axes)
    missing = looked = 0
    with opened(stored, whole=True) as data:
        for at in range(0, stored.shape[axis], step):
            some = data[(*(slice(None),) * axis, slice(at, at + step))]
            values = np.take(some, used, leading) if used else some
            missing, looked = missing + int(np.count_nonzero(~np.isfinite(values))), looked + values.size
    return missing / max(looked, 1)


def _unit_of(store: LocalStore, stored: StoredConstant, begin: datetime) -> tuple[str, Place | None, tuple[str, ...]]:
    """Unit of a constant, the place that its file tells, and what is doubtful of both."""
    with understood(stored):
        provenance = stored.attributes.get("provenance", {})
        detector, aggregator = str(provenance.get("detector", "")), str(stored.attributes.get("karabo_da", ""))
        module = stored.attributes.get("module")
        place = Place(detector, aggregator, None if module is None else int(module))
    if not detector or not aggregator:
        return stored.pdu, None, (f"{stored.path} does not tell where {stored.pdu} is installed.",)
    known = store.units_of(detector, begin).get(aggregator, "")
    if known and known != stored.pdu and _stands_in(stored.pdu, place):
        return known, place, (f"{stored.pdu} is {known}, which is installed there.",)
    if known and known != stored.pdu:
        raise BadInput(f"{stored.path} is of {stored.pdu}, but {known} is installed at {aggregator} of {detector}; "
                       "say which it is with calibwb store install.")
    return stored.pdu, place, ()


def _guessed(stored: StoredConstant) -> Iterator[str]:
    """Sentences on values of the operating condition that no run has told."""
    for name, one in stored.conditions.items():
        if (origin := str(one.get("origin", ""))).startswith("default"):
            yield f"{name} {one['value']} {one.get('unit', '')}".rstrip() + f" was not told by a run ({origin})."


def _stands_in(unit: str, place: Place) -> bool:
    """Whether a unit's name is the one that stands in where nobody knows it."""
    return unit == unit_name(place.detector, place.aggregator)


def _provenance(stored: StoredConstant) -> Mapping[str, Any]:
    lacking = [name for name in _PROVENANCE if not stored.attributes.get(name)]
    if lacking:
        raise BadInput(f"{stored.path} does not tell how it was made: {', '.join(lacking)}.")
    found = stored.attributes.get("provenance", {})
    return dict(found)


def _job_of(provenance: Mapping[str, Any]) -> str:
    """What tells jobs of the same runs apart: SHA-256 of what was asked for."""
    said = [provenance.get("job"), provenance.get("parameters"), provenance.get("raw_data")]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def raw_data_words(raw_data: Any) -> str:
    """Runs that a constant was made of, such as “p900450, runs 1 2 3”.

    Parameters
    ----------
    raw_data : list
        As constants tell it.
    """
    runs: dict[str, list[str]] = {}
    for one in raw_data:
        if one.get("run_number") is not None:
            runs.setdefault(f"p{one.get('proposal')}" if one.get("proposal") else "", []).append(
                str(one["run_number"]))
        else:
            runs.setdefault("", []).append(str(one.get("run") or one.get("path", "")))
    return "; ".join(f"{proposal}, runs {' '.join(names)}" if proposal else " ".join(names)
                     for proposal, names in runs.items())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
