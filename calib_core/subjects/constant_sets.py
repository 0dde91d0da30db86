"""Sets of constants on disk: which files belong together, and whose they are.

A set holds the constants of one detector that one job wrote. Files are of one job if their provenance names the same
job specification, detector, parameters and versions of software, the same time at which the job was started, and they
lie in the same tree.

Older files do not tell when their job was started. None of a job's files is a second one of a unit and a calibration,
since it writes each once: in the order of their times, a second one begins the next job, as does one that comes more
than an hour after the one before.

So the same job that was run again makes a set of its own. Files without provenance make a set for each detector
type, of the newest file of each unit and calibration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.constant import BAD_PIXELS_MANUAL
from calib_core.detector import DetectorType
from calib_core.errors import BadInput, and_others
from calib_core.store.bare_files import calibration_of, numbers_of, types_of, with_axes
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.store.manifests import doubts
from calib_core.subjects.provenance_words import made_text, time_text

#: Where constants lie below a root, the folder in it, its types, a type, a unit.
_TREES = ("xfel/cal/*/*/", "cal/*/*/", "*/*/", "*/", "")
#: Reading what more files tell of themselves takes minutes.
_MOST_FILES = 20_000
#: A job writes the constants of each module as soon as they are done, so that they come one soon after the other.
_LONGEST_PAUSE = timedelta(hours=1)
#: What the files of a job have in common in their provenance.
_OF_JOB = ("job", "started", "detector", "detector_type", "parameters", "software")


@dataclass(frozen=True)
class ConstantSet:
    """Constants of one detector that belong together.

    Attributes
    ----------
    identifier : str
        Of the detector; empty where the files do not tell it.
    title : str
        Detector, runs, time.
    kind : DetectorType
    created : datetime
        When the newest file was written, aware UTC.
    files : tuple of StoredConstant
        At most one of each unit and calibration; the axes of all of them have names.
    modules : mapping of str to int
        Numbers of the modules by their units.
    notes : tuple of str
        Sentences on what was guessed or left out.
    """

    identifier: str
    title: str
    kind: DetectorType
    created: datetime
    files: tuple[StoredConstant, ...]
    modules: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def beside(self) -> dict[int | None, list[Mapping[str, Any]]]:
        """What files have beside their images, by module: results without pixels by their names."""
        found: dict[int | None, list[Mapping[str, Any]]] = {}
        for one in self.files:
            if isinstance(said := one.attributes.get("beside"), Mapping):
                found.setdefault(self.modules[one.pdu], []).append(said)
        return found


@dataclass(frozen=True)
class _Entry:
    """A file, its time, what it has in common with the others of its job (empty: it is bare), and its module.

    ``exact`` is whether no other job has that in common.
    """

    stored: StoredConstant
    time: datetime
    job: str
    module: int
    exact: bool = False


def find_sets(paths: Sequence[Path], detector_type: str = "") -> tuple[ConstantSet, ...]:
    """Sets of constants in folders and files; reads what each file tells of itself, so it may take seconds.

    Parameters
    ----------
    paths : sequence of Path
        Output folders of jobs or other roots of trees of constants, folders inside such a tree, single files.
    detector_type : str
        Type of files that tell nothing and lie in no folder of a type; its name, or the database's.

    Returns
    -------
    tuple of ConstantSet
        The newest first, at least one; expert masks come after all others.

    Raises
    ------
    BadInput
        A path is missing, there are no constants, or none of them can be used.
    """
    left_out: list[str] = []
    entries = list(_entries(_files(paths), left_out))
    jobs: dict[str, list[_Entry]] = {}
    for one in entries:
        jobs.setdefault(one.job, []).append(one)
    bare = _by_type(jobs.pop("", []), detector_type, left_out)
    of_jobs = (run for group in jobs.values() for run in _runs(group, left_out))
    found = [
        *_sets(of_jobs, _set_of_job, detector_type, left_out),
        *_sets(bare, _set_of_bare, detector_type, left_out),
    ]
    if not found:
        raise BadInput(left_out[0] + and_others(len(left_out) - 1, "file cannot be used either"))
    newest_first = sorted(found, key=lambda one: (not _are_masks(one.files), one.created), reverse=True)
    return tuple(replace(one, notes=(*one.notes, *left_out)) for one in newest_first)


def holds_constants(folder: Path) -> bool:
    """Whether there are constants in a folder, or below it where a tree of constants has them; reads none of them.

    Parameters
    ----------
    folder : Path
    """
    return any(True for tree in _TREES for _ in folder.glob(f"{tree}cal.*.h5"))


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist; name a folder with constants or a constant file.")
        for file in [path] if path.is_file() else _in_folder(path):
            found.setdefault(file.resolve(), file)
            if len(found) > _MOST_FILES:
                raise BadInput(f"{path} has more than {_MOST_FILES} constants; name a folder of one detector in it.")
    if not found:
        raise BadInput(f"{', '.join(map(str, paths)) or 'Nothing'} has no constants: no files cal.*.h5, in it or in "
                       "folders xfel/cal/<type>/<unit> below it.")
    return list(found.values())


def _in_folder(folder: Path) -> Iterator[Path]:
    for tree in _TREES:
        yield from sorted(folder.glob(f"{tree}cal.*.h5"))


def _entries(files: Sequence[Path], left_out: list[str]) -> Iterator[_Entry]:
    """What files tell of themselves; those that cannot be understood are told."""
    for path in files:
        try:
            yield _entry(read_constant(path))
        except BadInput as error:
            left_out.append(f"Left out: {error}")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            left_out.append(f"Left out: {path} says of itself what cannot be understood ({error}).")


def _entry(stored: StoredConstant) -> _Entry:
    if not stored.shape or 0 in stored.shape:
        raise BadInput(f"{stored.path} has no values.")
    if np.dtype(stored.dtype).kind not in "fiub":
        raise BadInput(f"{stored.path} has no numbers.")
    time = stored.created or _time_of(stored.path)
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    said = stored.attributes.get("provenance")
    if not isinstance(said, Mapping) or "module" not in stored.attributes:
        return _Entry(stored, time, "", 0)
    tree, module = str(stored.path.absolute().parent.parent), int(stored.attributes["module"])
    if _are_masks([stored]):  # each version has all that was masked before it
        return _Entry(stored, time, json.dumps([tree, BAD_PIXELS_MANUAL.name, said.get("detector")]), module)
    job = json.dumps([tree, *(said.get(name) for name in _OF_JOB)], sort_keys=True)
    return _Entry(stored, time, job, module, bool(said.get("started")))


def _are_masks(files: Sequence[StoredConstant]) -> bool:
    """Whether files are expert masks."""
    return all(one.attributes.get("kind") == BAD_PIXELS_MANUAL.name for one in files)


def _time_of(path: Path) -> datetime:
    """Time in the name of a file, ``cal.<seconds>.<fraction>.h5``, or of its last change."""
    try:
        return datetime.fromtimestamp(float(path.name.removeprefix("cal.").removesuffix(".h5")), UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _runs(entries: Sequence[_Entry], left_out: list[str]) -> Iterator[list[_Entry]]:
    """Files of the same job, cut where it was run again; copies of a file of one job are told.

    Of expert masks it is the last version of each unit.
    """
    if _are_masks([one.stored for one in entries]):
        yield list({_place(one): one for one in sorted(entries, key=_as_mask)}.values())
        return
    if entries[0].exact:
        newest = {_place(one): one for one in sorted(entries, key=lambda one: one.time)}
        left_out += [f"Left out: {one.stored.path} is a copy of {newest[_place(one)].stored.path}, of the same job."
                     for one in entries if newest[_place(one)] is not one]
        yield list(newest.values())
        return
    run: list[_Entry] = []
    for one in sorted(entries, key=lambda one: one.time):
        again = any(_place(one) == _place(other) for other in run)
        if run and (again or one.time - run[-1].time > _LONGEST_PAUSE):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _as_mask(one: _Entry) -> tuple[datetime, datetime]:
    return one.stored.begin or one.time, one.time


def _place(one: _Entry) -> tuple[str, str]:
    return one.stored.pdu, one.stored.calibration


def _by_type(entries: Sequence[_Entry], asked: str, left_out: list[str]) -> list[list[_Entry]]:
    """Bare files by their detector type in the database; those whose type nothing tells are told."""
    found: dict[str, list[_Entry]] = {}
    for one in entries:
        try:
            found.setdefault(types_of(one.stored.path, asked)[0].database_type, []).append(one)
        except BadInput as error:
            left_out.append(str(error))
    return list(found.values())


def _sets(
    groups: Iterable[list[_Entry]], make: Callable[[list[_Entry], str], ConstantSet], asked: str, left_out: list[str]
) -> Iterator[ConstantSet]:
    for entries in groups:
        try:
            yield make(entries, asked)
        except BadInput as error:
            left_out.append(str(error))


def _set_of_job(entries: list[_Entry], asked: str) -> ConstantSet:
    """The set of one run of a job: its files tell everything."""
    said = entries[0].stored.attributes
    identifier = str(said["provenance"].get("detector") or "")
    candidates = types_of(entries[0].stored.path, asked, str(said.get("detector_type", "")))
    known = [kind for kind in candidates if all(_is_of(kind, identifier, one) for one in entries)]
    kind, files, notes = _understood(known or list(candidates), entries)
    created = max(one.time for one in entries)
    not_whole = doubts(one.stored for one in entries)
    what = BAD_PIXELS_MANUAL.title if _are_masks(files) else made_text(said)
    words = (identifier or kind.title, what, time_text(created, datetime.now(UTC)),
             "not complete" if not_whole else "")
    told = said["provenance"].get("notes")
    return ConstantSet(
        identifier, " · ".join(filter(None, words)), kind, created, files,
        {one.stored.pdu: one.module for one in entries},
        (*not_whole, *(map(str, told) if isinstance(told, list) else ()), *notes))


def _is_of(kind: DetectorType, identifier: str, one: _Entry) -> bool:
    """Whether a module of a detector would have such a name in a type."""
    every = range(kind.raw.first_module, kind.raw.first_module + kind.max_modules)
    return one.module in every and kind.raw.match(kind.raw.source_name(identifier, one.module)) == (
        identifier, one.module)


def _set_of_bare(entries: list[_Entry], asked: str) -> ConstantSet:
    """The set of files that tell nothing: the newest of each unit and calibration."""
    newest = {_place(one): one for one in sorted(entries, key=lambda one: one.time)}
    chosen = [newest[place] for place in sorted(newest)]
    kind, files, notes = _understood(list(types_of(chosen[0].stored.path, asked)), chosen)
    numbers, told = numbers_of(kind, sorted({one.pdu for one in files}))
    created = max(one.time for one in chosen)
    shown = tuple(one for one in files if one.pdu in numbers)
    older = len(entries) - len(chosen)
    [unit, *others] = sorted(numbers)
    words = (kind.title, f"{len(numbers)} units" if others else unit, time_text(created, datetime.now(UTC)))
    return ConstantSet("", " · ".join(words), kind, created, shown, numbers, tuple(filter(None, (
        f"The files tell nothing of themselves; by their folder or as asked they are taken as of {kind.title}.",
        told, f"Of each unit and calibration the newest is shown; {older} older ones are not." if older else "",
        *notes))))


def _understood(
    kinds: list[DetectorType], entries: Sequence[_Entry]
) -> tuple[DetectorType, tuple[StoredConstant, ...], tuple[str, ...]]:
    """The type whose modules the files have the shape of, the files with named axes, and what is to be told.

    Where no type fits all files, that of most of them counts, and the others are left out.
    """
    units = len({one.stored.pdu for one in entries})
    tried = [(kind, *_of_kind(kind, entries)) for kind in kinds]
    kind, files, told, wrong = max(tried, key=lambda one: (len(one[1]), min(units, one[0].max_modules)))
    if not files:
        raise BadInput(wrong[0])
    return kind, files, tuple(dict.fromkeys((*told, *(f"Left out: {one}" for one in wrong))))


def _of_kind(
    kind: DetectorType, entries: Sequence[_Entry]
) -> tuple[tuple[StoredConstant, ...], list[str], list[str]]:
    """Files that a type has the shape of, with named axes, what is to be told of them, and why others are not."""
    files, told, wrong, cells = [], [], [], 0
    for one in sorted(entries, key=lambda one: calibration_of(kind, one.stored.calibration)[1] is None):
        try:
            named, sentence = with_axes(one.stored, kind, cells)
        except BadInput as error:
            wrong.append(str(error))
        else:
            cells = dict(zip(named.dims, named.shape, strict=True)).get("cell", 1)
            files.append(named)
            told += [sentence] if sentence else []
    return tuple(files), told, wrong
