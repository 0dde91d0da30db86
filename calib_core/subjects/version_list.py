"""Versions of constants that can be drawn over time: of a store, of folders of sets, or of a file of statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from calib_core.constants.statistics import About, VersionStatistics, nearest_map
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput
from calib_core.store.about import FLAGS, about_of, is_flags, is_stack, shape_of, values_of
from calib_core.store.bare_files import numbers_of as modules_of
from calib_core.store.bare_files import with_axes
from calib_core.store.base import Query, Version
from calib_core.store.constants import StoredConstant
from calib_core.store.folder import version_of
from calib_core.store.local.blocks import numbers_of
from calib_core.store.local.index import is_index
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import pair_span, too_large
from calib_core.store.statistics import read_statistics
from calib_core.store.statuses import Status
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.provenance_words import runs_text
from calib_core.subjects.same_conditions import SameConditions


@dataclass(frozen=True, eq=False)
class VersionList:
    """All versions that there are in some places.

    Attributes
    ----------
    rows : tuple of Listed
        In the order of time.
    notes : tuple of str
        Sentences on what was guessed or left out.
    numbers : mapping of Path to VersionStatistics
        Of versions that are in a file of statistics.
    by_path : mapping of Path to Listed
        By the paths of the files as they were found, and by those that links lead to.
    merged : tuple of str
        Sentences on numbers of operating conditions that are taken for one.
    """

    rows: tuple[Listed, ...]
    notes: tuple[str, ...] = ()
    numbers: Mapping[Path, VersionStatistics] = field(default_factory=dict)
    by_path: Mapping[Path, Listed] = field(default_factory=dict)
    merged: tuple[str, ...] = ()

    @property
    def detectors(self) -> tuple[str, ...]:
        """Identifiers of the detectors, by name."""
        return tuple(sorted({one.detector for one in self.rows}))

    def calibrations(self, detector: str) -> tuple[str, ...]:
        """Names of the kinds of constants of a detector.

        Parameters
        ----------
        detector : str
        """
        return tuple(sorted({one.version.calibration for one in self.rows if one.detector == detector}))

    @cached_property
    def maps(self) -> Mapping[str, tuple[Listed, ...]]:
        """Bad-pixel maps by their units."""
        found: dict[str, list[Listed]] = {}
        for one in self.rows:
            if one.version.calibration.startswith(FLAGS):
                found.setdefault(one.version.pdu, []).append(one)
        return {unit: tuple(some) for unit, some in found.items()}

    def of(self, detector: str, calibration: str) -> Rows:
        """Versions of one kind of a detector, in the order of time.

        Parameters
        ----------
        detector, calibration : str
        """
        return Rows(one for one in self.rows if (one.detector, one.version.calibration) == (detector, calibration))


def list_versions(*given: str) -> VersionList:
    """Versions of constants in some places; files of folders are asked what they are, so it may take seconds.

    Parameters
    ----------
    *given : str
        Folders of stores or of constants, or files of statistics.

    Returns
    -------
    VersionList
        A file that is in several places counts once, as does one of a folder that a store has as well: that knows
        what was decided on it. What cannot be used beside what can is among the notes.

    Raises
    ------
    BadInput
        A place is missing, or nothing in it can be used, and there is no other.
    """
    found, failed = list[VersionList](), list[BadInput]()
    for one in given:
        try:
            found.append(_listed(one))
        except BadInput as error:
            failed.append(error)
    if not found:
        raise failed[0] if failed else BadInput("Nothing was named that has constants.")
    rows = _once({one.path.resolve(): one for some in found for one in some.rows})
    same = SameConditions()
    placed = {one: replace(one, condition=same.of((one.detector, one.version.calibration), one.version.conditions))
              for one in in_time(dict.fromkeys(rows.values()))}
    merged = tuple(same.sentences())
    notes = dict.fromkeys((*(note for some in found for note in some.notes), *map(str, failed), *merged))
    numbers = {path: version for some in found for path, version in some.numbers.items()}
    by_path = {path: placed[one] for real, one in rows.items() for path in (real, one.path.absolute())}
    return VersionList(tuple(placed.values()), tuple(notes), numbers, by_path, merged)


def _once(rows: Mapping[Path, Listed]) -> dict[Path, Listed]:
    """Versions by their files, those of a store in place of the same unit's, kind's and time's of a folder."""
    kept = {_same(one): one for one in rows.values() if one.store is not None}
    placed = {}  # where nobody told the store of which detector a unit is, the folder's files do
    for one in rows.values():
        found = kept.get(_same(one))
        if found is not None and one.store is None and not found.version.detector:
            placed[found.path] = replace(found, detector=one.detector, module=one.module)
    chosen = {path: kept.get(_same(one), one) if one.store is None else one for path, one in rows.items()}
    return {path: placed.get(one.path, one) for path, one in chosen.items()}


def _same(one: Listed) -> tuple[str, str, datetime]:
    return one.version.pdu, one.version.calibration, one.begin


def _listed(given: str) -> VersionList:
    path = Path(given)
    if is_index(path):
        return _of_store(LocalStore(path))
    if path.is_file() and not path.name.startswith("cal."):
        return _of_statistics(path)
    return _of_sets(given, find_sets([path]))


def _of_store(store: LocalStore) -> VersionList:
    try:
        found = store.find(Query(take="all", statuses=frozenset(Status)))
    finally:
        store.close()  # who reads a version needs its file alone
    kinds = {kind.database_type.lower(): kind for one in detector_types() for kind in (one, *one.variants)}
    numbers = _numbers(found, kinds)
    rows = [Listed(one, one.detector or _title(kinds.get(one.detector_type.lower()), one),
                   kinds.get(one.detector_type.lower()), numbers[one.pdu], one.begin, (),
                   one.raw_data, None, store) for one in found if one.begin is not None]
    untold = len(found) - len(rows)
    notes = (f"{untold} of {len(found)} versions do not tell when they begin to be valid; they are left out.",)
    return VersionList(in_time(rows), notes if untold else ())


def _numbers(versions: Iterable[Version], kinds: Mapping[str, DetectorType]) -> dict[str, int]:
    """Numbers of modules by their units; of those that nobody has told, by the order of their names."""
    told: dict[str, int] = {}
    silent: dict[str, set[str]] = {}
    for one in versions:
        if one.module is not None:
            told[one.pdu] = one.module
        else:
            silent.setdefault(one.detector_type.lower(), set()).add(one.pdu)
    for name, units in silent.items():
        known = modules_of(kinds[name], sorted(units))[0] if name in kinds else {}
        told |= {unit: known.get(unit, place) for place, unit in enumerate(sorted(units)) if unit not in told}
    return told


def _title(kind: DetectorType | None, one: Version) -> str:
    return one.detector_type if kind is None else kind.title


def _of_sets(title: str, sets: Sequence[ConstantSet]) -> VersionList:
    """Versions of sets that a folder has; files that tell no time are left out."""
    rows: list[Listed] = []
    silent = 0
    for found in sets:
        for one in found.files:
            version = version_of(one)
            if version.begin is None:
                silent += 1
                continue
            rows.append(Listed(version, found.identifier or found.kind.title, found.kind, found.modules[one.pdu],
                               version.begin, (),
                               runs_text(one.attributes.get("raw_data")), one))
    if not rows:
        raise BadInput(f"{title} has no constants that tell when they begin to be valid.")
    notes = dict.fromkeys(note for found in sets for note in found.notes)
    untold = (f"{silent} constants do not tell when they begin to be valid; they are left out.",) if silent else ()
    return VersionList(in_time(rows), (*notes, *untold))


def _of_statistics(path: Path) -> VersionList:
    """Versions whose numbers are in a file, whether their own files are there or not."""
    numbers = read_statistics(path)
    rows = [Listed(_version(one.about), path.stem, None, one.about.module, one.about.begin)
            for one in numbers]
    return VersionList(in_time(rows), (), {Path(one.about.path): one for one in numbers})


def _version(about: About) -> Version:
    of = about.comparable
    return Version(Path(about.path), of.unit, of.calibration, "", about.begin, None,
                   {name: {"value": value} for name, value in of.condition})


def in_time(rows: Iterable[Listed]) -> tuple[Listed, ...]:
    """Versions in the order of time, then of modules.

    Parameters
    ----------
    rows : iterable of Listed
    """
    return tuple(sorted(rows, key=lambda one: (one.begin, one.module, one.version.number, one.path.name)))


def numbers_for(one: Listed, among: VersionList) -> VersionStatistics | None:
    """Numbers of a version and of its groups of pixels, read from its file; its bad-pixel map is looked for.

    Parameters
    ----------
    one : Listed
    among : VersionList
        That it is of.

    Returns
    -------
    VersionStatistics or None
        None where it is no stack of images.

    Raises
    ------
    BadInput
        Its file is gone, damaged, or too large.
    """
    stored = stored_of(one)
    if one.kind is None or not is_stack(stored):
        return None
    if note := too_large(stored):
        raise BadInput(note)
    map_ = None if is_flags(stored) else map_of(one, stored, among)
    return numbers_of(stored, one.kind, values_of(stored), map_, None if map_ is None else values_of(map_))


def stored_of(one: Listed) -> StoredConstant:
    """A version's file with names of its axes; its values are not read.

    Parameters
    ----------
    one : Listed

    Raises
    ------
    BadInput
        It is gone or damaged, or its numbers alone are known.
    """
    if one.stored is not None:
        return one.stored
    if one.store is None or one.kind is None:
        raise BadInput(f"{one.path}: its numbers alone are known, those that are in the file of statistics.")
    return with_axes(one.store.read(one.version), one.kind)[0]


def map_of(one: Listed, stored: StoredConstant, among: VersionList) -> StoredConstant | None:
    """The bad-pixel map that goes with a version, of the same pixels and memory cells; None without one.

    Parameters
    ----------
    one : Listed
    stored : StoredConstant
        Its file.
    among : VersionList
        That it is of.
    """
    near = [stored_of(other) for other in among.maps.get(one.version.pdu, ())
            if abs(other.begin - one.begin) <= pair_span()]
    fitting = {str(map_.path): map_ for map_ in near if is_stack(map_) and shape_of(map_)[1:] == shape_of(stored)[1:]}
    found = nearest_map(about_of(stored), map(about_of, fitting.values()), pair_span())
    return None if found is None else fitting[found[0].path]


def set_of(one: Listed, among: VersionList) -> ConstantSet:
    """All constants of the job that made a version, or else those that began to be valid with it, to be looked at.

    Parameters
    ----------
    one : Listed
    among : VersionList

    Raises
    ------
    BadInput
        Their files are gone or damaged.
    """
    together = [other for other in among.rows if other.detector == one.detector
                and abs(other.begin - one.begin) <= pair_span()]
    there = [other.path for other in together if other.path.is_file()]
    if not there:
        raise BadInput(f"{one.path} is not there, nor any other of the {len(together)} constants of that time; "
                       "their numbers alone are known.")
    found = find_sets(there)
    return next((some for some in found if any(file.path == one.path for file in some.files)), found[0])


def decisions_on(one: Listed) -> tuple[Version, ...]:
    """A version after each decision on it, the oldest first: status, author, comment, and when (``injected``).

    Parameters
    ----------
    one : Listed

    Returns
    -------
    tuple of Version
        Empty where nobody decides, as in a folder.

    Raises
    ------
    BadInput
        The store is gone or damaged.
    """
    if not isinstance(one.store, LocalStore):
        return ()
    try:
        return one.store.history(one.version.number)
    finally:
        one.store.close()
