"""Files that are to be injected: what the index would keep of each, and why one cannot be taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from calib_core.constants.condition import Condition
from calib_core.detector import Calibration, DetectorType
from calib_core.detector.registry import unit_name
from calib_core.errors import BadInput
from calib_core.store.bare_files import calibration_of, types_of, with_axes
from calib_core.store.base import Version
from calib_core.store.constant_layouts import ALONE
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.store.exporting import SOURCE
from calib_core.store.local.blocks import Made
from calib_core.store.local.by_operator import NOTHING, ByOperator, completed, doubts_of
from calib_core.store.local.conditions import settings_of, whole_condition
from calib_core.store.local.placing import check_time
from calib_core.store.local.rebuilt import MADE_OF
from calib_core.store.local.records import Place, Record
from calib_core.store.local.store import COPY_OF, LocalStore, described
from calib_core.store.local.values import Maps, looked_at
from calib_core.store.manifests import set_of
from calib_core.store.seals import sha256_of
from calib_core.store.stated import understood

#: What a file must tell of how it was made.
_PROVENANCE = ("raw_data", "software", "parameters")
#: What of it the index keeps too.
_KEPT = ("software", "set", "started", "module", MADE_OF, COPY_OF)


@dataclass(frozen=True)
class Looked:
    """What was found in a file that can be taken.

    Attributes
    ----------
    kind : DetectorType
    stored : StoredConstant
        With names of its axes, and with what the operator told of it.
    condition : Condition
        Whole.
    limit : float
        Share of its values that may be no number.
    """

    kind: DetectorType
    stored: StoredConstant
    condition: Condition
    limit: float


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
    looked : Looked, optional
        What was found in the file; None where it was refused or is known.
    made : callable, optional
        Tells its numbers, once they are made; None where they are not.
    """

    path: Path
    refused: str = ""
    record: Record | None = None
    place: Place | None = None
    known: Version | None = None
    missing: float = 0.0
    notes: tuple[str, ...] = ()
    stands_in: str = ""
    looked: Looked | None = None
    made: Callable[[], Made] | None = None


def candidates_of(
    store: LocalStore, paths: Sequence[Path], about: ByOperator = NOTHING,
    told: Callable[[int, int], None] | None = None,
) -> tuple[Candidate, ...]:
    """Look through files before anything of them is injected.

    Parameters
    ----------
    store : LocalStore
    paths : sequence of Path
        Files.
    about : ByOperator
        What the operator tells of those that do not tell it themselves.
    told : callable, optional
        Told after each file how many are done, and of how many.

    Returns
    -------
    tuple of Candidate
        In the order of the paths.
    """
    found: list[Candidate] = []
    with closing(Maps(paths, store.maps_near, sha256_of)) as maps:
        for path in paths:
            found.append(candidate_of(store, path, about, maps))
            if told is not None:
                told(len(found), len(paths))
    return told_apart(found)


def told_apart(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Files of which the same bytes are refused when they come again: they are one version.

    Parameters
    ----------
    found : sequence of Candidate
    """
    return tuple(_told_apart(found))


def _told_apart(found: Sequence[Candidate]) -> Iterator[Candidate]:
    seen: dict[str, Path] = {}
    for one in found:
        digest = (one.record.sha256 if one.record else None) or ""
        if digest and digest in seen:
            yield replace(one, refused=f"{one.path} has the same bytes as {seen[digest]}; give one of them.")
        else:
            yield one
        seen.setdefault(digest, one.path)


def candidate_of(store: LocalStore, path: Path, about: ByOperator, maps: Maps | None = None) -> Candidate:
    """Look through a file before it is injected.

    Parameters
    ----------
    store : LocalStore
    path : Path
    about : ByOperator
    maps : Maps, optional
        Bad-pixel maps by which its numbers are made; without these they are not made.
    """
    try:
        digest = sha256_of(path) if maps is None else maps.sha256_of(path)
        if known := store.of_file(digest):
            return Candidate(path, known=known, notes=(f"{described(known)} has these bytes and is {known.status}.",))
        stored = read_constant(path) if maps is None else maps.stored(path)
        if known := _copy_of(store, stored, digest):
            note = f"{described(known)} has these values and is {known.status}."
            return Candidate(path, known=known, notes=(note,))
        return _checked(store, (stored, digest), about, maps)
    except BadInput as error:
        return Candidate(path, refused=str(error))


def known_version(store: LocalStore, path: Path) -> Version | None:
    """The version that a file is, wherever it lies and whatever copied it; None where it is none.

    Parameters
    ----------
    store : LocalStore
    path : Path

    Raises
    ------
    BadInput
        It cannot be read, or is no constant.
    """
    digest = sha256_of(path)
    return store.of_file(digest) or _copy_of(store, read_constant(path), digest)


def _copy_of(store: LocalStore, stored: StoredConstant, digest: str) -> Version | None:
    """The version that a file was exported from, that was made of it, or that is a copy of the same file."""
    source = str(stored.attributes.get(SOURCE, ""))
    if source and (known := store.of_file(source)):
        return known
    if stored.dataset == ALONE:
        return store.made_of(digest)
    with understood(stored):
        begin = stored.begin
    return None if begin is None or begin.tzinfo is None else store.copy_of(source or digest, begin)


def _checked(
    store: LocalStore, file: tuple[StoredConstant, str], about: ByOperator, maps: Maps | None
) -> Candidate:
    """What the index would keep of a file, of its checksum; BadInput where it cannot be taken."""
    stored, digest = file
    kind, with_names, order = kind_of(stored, about.detector_type)
    named = completed(store, kind, with_names, about)
    calibration = _calibration_of(kind, named)
    _check_member(stored, digest)
    condition = whole_condition(kind, calibration, named, about.conditions_of(kind))
    begin, created = _times(store, named)
    unit, place, told = _unit_of(store, named, begin)
    with understood(named):
        provenance = {**_provenance(named), **({MADE_OF: digest} if stored.dataset == ALONE else {}),
                      **({COPY_OF: source} if (source := stored.attributes.get(SOURCE)) else {})}
        record = Record(
            unit, named.calibration, kind.database_type, settings_of(kind, calibration, condition), begin, created,
            "", stored.dataset, digest, named.identity, named.path.stat().st_size,
            named.shape, named.dims, named.dtype, raw_data_words(named.attributes["raw_data"]), _job_of(provenance),
            {name: provenance[name] for name in _KEPT if name in provenance}, _report_of(stored))
    values = looked_at(named, kind, unit, maps)
    notes = (*filter(None, (order, values.note)), *doubts_of(with_names, named), *told, *_guessed(named),
             *_other_cells(named, condition))
    return Candidate(stored.path, "", record, place, None, values.missing, notes,
                     unit if place is not None and not about.confirmed and _stands_in(unit, place) else "",
                     Looked(kind, named, condition, values.limit), values.made)


def kind_of(stored: StoredConstant, asked: str = "") -> tuple[DetectorType, StoredConstant, str]:
    """The detector type whose images a file has, the file with names of its axes, and how they were found.

    Parameters
    ----------
    stored : StoredConstant
    asked : str
        Name of a type, which it must be of; empty for any.

    Raises
    ------
    BadInput
        No type has such images, or it is of another one.
    """
    reasons = []
    kinds = types_of(stored.path, asked, str(stored.attributes.get("detector_type", "")))
    said = str(stored.attributes.get("detector_type", ""))
    if said and said.lower() not in {one.database_type.lower() for one in kinds}:
        raise BadInput(f"{stored.path} tells the detector type {said}, which there is not; by its folder it is of "
                       f"{kinds[0].database_type}.")
    if asked and not any(asked.lower() in (one.name.lower(), one.database_type.lower()) for one in kinds):
        raise BadInput(f"{stored.path} is of {kinds[0].database_type}, and constants of {asked} are asked for.")
    for kind in kinds:
        try:
            return kind, *with_axes(stored, kind)
        except BadInput as error:
            reasons.append(error)
    raise reasons[0]


def _calibration_of(kind: DetectorType, stored: StoredConstant) -> Calibration:
    _, found = calibration_of(kind, stored.calibration)
    if found is None:
        raise BadInput(f"{stored.path} is a constant {stored.calibration}, which {kind.title} has not; it has "
                       f"{', '.join(sorted(one.name for one in kind.calibrations.values()))}.")
    return found


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
        lacking = ("from when on it is valid; give it with --begin" if begin is None
                   else "when it was made, or in which zone its times are")
        raise BadInput(f"{stored.path} does not tell {lacking}.")
    for time, what in ((begin, "valid from"), (created, "made at")):
        check_time(store, time, f"{stored.path} is {what}")
    return begin, created


def _unit_of(store: LocalStore, stored: StoredConstant, begin: datetime) -> tuple[str, Place | None, tuple[str, ...]]:
    """Unit of a constant, the place that its file tells, and what is doubtful of both."""
    with understood(stored):
        provenance = stored.attributes.get("provenance", {})
        detector, aggregator = str(provenance.get("detector", "")), str(stored.attributes.get("karabo_da", ""))
        module = stored.attributes.get("module")
        place = Place(detector, aggregator, None if module is None else int(module))
        if place.module is not None and place.module < 0:
            raise ValueError(f"module {place.module}")
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


def _other_cells(stored: StoredConstant, condition: Condition) -> Iterator[str]:
    """Sentence on a file of other memory cells than its operating condition has: look-ups go by that alone."""
    number = dict(zip(stored.dims, stored.shape, strict=True)).get("cell")
    told = condition.values.get("memory_cells")
    if number is not None and told is not None and number not in (1, *told.values):
        yield (f"{stored.calibration} of {stored.pdu} has {number} memory cells, and its operating condition tells "
               f"{told.value:g}.")


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
