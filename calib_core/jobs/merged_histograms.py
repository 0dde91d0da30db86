"""Histograms of several files as one: the sum of those that were counted alike, of frames that are not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.family import families
from calib_core.characterisation.flat_field_histogram import FlatFieldHistogram
from calib_core.constants.constant import FF_HISTOGRAM, FF_HISTOGRAM_ISOLATED, FF_SUMS, Constant, ConstantKind
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.board import Written
from calib_core.jobs.provenance import software
from calib_core.jobs.whole_set import AboutSet, write_set
from calib_core.store.base import Query
from calib_core.store.constants import StoredConstant, opened
from calib_core.store.manifests import name_of
from calib_core.store.opening import open_store
from calib_core.store.stated import condition_of, understood

_KINDS = {one.name: one for one in (FF_HISTOGRAM, FF_HISTOGRAM_ISOLATED, FF_SUMS)}
#: Numbers beside the values that are of the frames, and are summed as well.
_SUMMED = ("frames", "samples_of_module", "sum_of_module")
#: Axis along which each kind is read and written.
_SPLIT = {FF_SUMS.name: "cell"}


@dataclass(frozen=True)
class Merged:
    """What was written, and sentences on what is to be known of it."""

    written: tuple[Written, ...]
    notes: tuple[str, ...]


def merge_histograms(given: Sequence[Path], out: Path) -> Merged:
    """Write the sums of histograms, of each module and kind.

    Parameters
    ----------
    given : sequence of Path
        Constant files, or folders of them.
    out : Path
        Root of a tree of constants.

    Returns
    -------
    Merged

    Raises
    ------
    BadInput
        There is nothing to be merged, or files were not counted alike, or have the same frames.
    OutputFailed
        The sums cannot be written; nothing appears.
    """
    together: dict[tuple[str, str], list[StoredConstant]] = {}
    for one in _found(given):
        together.setdefault((one.pdu, _kind(one)), []).append(one)
    _check_number(given, together)
    started, notes = datetime.now(UTC), list[str]()
    for files in together.values():
        notes += _check_alike(files)
    constants = [_sum(files, started) for files in together.values()]
    about = AboutSet("merge-histograms", str(constants[0].provenance.get("detector", "")), started,
                     sorted(str(one.path) for files in together.values() for one in files))
    return Merged(write_set(about, out, constants), tuple(dict.fromkeys(notes)))


def _found(given: Sequence[Path]) -> Iterator[StoredConstant]:
    """Histograms and sums of files and folders, each file once; a file that is neither is refused."""
    seen = set()
    for path in given:
        with closing(open_store(str(path))) as store:
            stored = [store.read(one) for one in store.find(Query(take="all"))]
        fitting = [one for one in stored if _kind(one) in _KINDS]
        if not fitting:
            raise BadInput(f"{path} has no histograms of flat light; it has "
                           f"{', '.join(sorted({one.calibration for one in stored})) or 'no constants'}.")
        for one in fitting:
            if one.path.resolve() in seen:
                raise BadInput(f"{one.path} is given twice; its samples would be counted twice.")
            seen.add(one.path.resolve())
            yield one


def _kind(one: StoredConstant) -> str:
    return str(one.attributes.get("kind", one.calibration))


def _check_number(given: Sequence[Path], together: Mapping[tuple[str, str], Sequence[StoredConstant]]) -> None:
    """Refuse files of which one has no other to be merged with."""
    numbers = {len(files) for files in together.values()}
    for (pdu, kind), files in together.items():
        if len(files) < max(numbers):
            raise BadInput(f"There {'are' if len(files) > 1 else 'is'} {len(files)} {kind} of {pdu}, but "
                           f"{max(numbers)} of others ({files[0].path}); give the same number of each.")
    if numbers == {1}:
        raise BadInput(f"{', '.join(map(str, given))}: there is one file of each module and kind, and nothing to be "
                       "merged; give the files of several jobs.")


def _check_alike(files: Sequence[StoredConstant]) -> Iterator[str]:
    """Refuse files that were not counted alike or have the same frames; tells where that cannot be known."""
    first, *others = files
    with understood(first):
        known = _identity(first)
    for one in others:
        with understood(one):
            own = _identity(one)
        for what, value in known.items():
            if own[what] != value:
                raise BadInput(f"{one.path} and {first.path} cannot be merged: their {what} differ"
                               f"{_difference(value, own[what])}.")
    yield from _check_frames(files)


def _identity(one: StoredConstant) -> dict[str, Any]:
    """What must be the same for samples to be counted together, by its name in a sentence."""
    said = one.attributes
    parameters, known = said["parameters"], said["provenance"]
    edges = {"edges of the bins": said["beside"]["edges"]} if "edges" in said["beside"] else {}
    return {
        "axes": [list(one.dims), list(one.shape), said["axes"]], **edges,
        "photon energies": said["beside"]["photon_energy"],
        "operating conditions": {name: entry["value"] for name, entry in said["conditions"].items()},
        "parameters": {name: value for name, value in parameters.items() if name not in _not_of_counts()},
        "constants": {kind: file["sha256"] for kind, file in known["files"].items()},
    }


def _not_of_counts() -> set[str]:
    """Parameters that do not decide what a sample is counted as."""
    return FlatFieldHistogram.of_frames()


def _difference(one: Any, other: Any) -> str:
    """Names and values of what differs, where both are mappings."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return ""
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return f" in {names[0]} ({str(other.get(names[0]))[:20]} and {str(one.get(names[0]))[:20]})"


def _check_frames(files: Sequence[StoredConstant]) -> Iterator[str]:
    """Refuse frames that are in two files; of parts of one run nobody knows whether they overlap."""
    seen: dict[str, StoredConstant] = {}
    runs: dict[tuple[Any, Any], StoredConstant] = {}
    for one in files:
        for run in one.attributes["raw_data"]:
            where, digest = (run.get("proposal"), run.get("run")), str(run.get("index_sha256"))
            if digest in seen:
                raise BadInput(f"{one.path} and {seen[digest].path} have the same frames of {run.get('run')}; they "
                               "would be counted twice.")
            if runs.setdefault(where, one) is not one:
                yield (f"{one.path} and {runs[where].path} have frames of the same run, {run.get('run')}; whether "
                       "some are in both is not known.")
            seen[digest] = one


def _sum(files: Sequence[StoredConstant], started: datetime) -> Constant:
    """The sum of constants that are alike."""
    first, kind = files[0], _KINDS[_kind(files[0])]
    said, detector = first.attributes, _type_of(first)
    calibration = detector.calibrations[kind.name]
    condition = condition_of(detector, first)
    split = _SPLIT.get(kind.name, "group")
    begins = [one.begin for one in files if one.begin is not None]
    return Constant(
        kind=kind, calibration=first.calibration, pdu=first.pdu, dims=first.dims, shape=first.shape,
        file_dims=first.dims, labels={name: tuple(labels) for name, labels in said["axes"].items()},
        condition=condition.of(detector.condition_of(calibration)), recorded=condition,
        begin=min(begins, default=started), provenance=_provenance(files, started),
        read=partial(_added, files, first.dims.index(split), kind), split=split, beside=_beside(files))


def _type_of(one: StoredConstant) -> DetectorType:
    """The detector type whose database type and pixels a constant has."""
    wanted = str(one.attributes["detector_type"]).lower(), one.shape[-2:]
    for family in families():
        for kind in family.types:
            if (kind.database_type.lower(), kind.shape) == wanted and FF_HISTOGRAM.name in kind.calibrations:
                return kind
    raise BadInput(f"{one.path} is of no detector that histograms of flat light are known of: it is of {wanted[0]} "
                   f"with pixels {wanted[1]}.")


def _added(files: Sequence[StoredConstant], axis: int, kind: ConstantKind, part: slice) -> Array:
    """Sum of a part of some files along an axis.

    Raises
    ------
    BadInput
        A file is gone or damaged, or a number is too large for its type.
    """
    total: Array | None = None
    for one in files:
        with opened(one) as data:
            found = data[(*(slice(None),) * axis, part)]
        before = total
        total = found if before is None else before + found
        if before is not None and kind.dtype == "u4" and (total < before).any():
            raise BadInput(f"The counts of {one.path} and of the files before it exceed {np.iinfo(np.uint32).max:,} "
                           "in a bin; merge fewer files.")
    assert total is not None  # there are files
    return total


def _beside(files: Sequence[StoredConstant]) -> dict[str, Any]:
    """What stands beside the sums: numbers of frames are summed, others the same in all files."""
    made = dict(files[0].attributes["beside"])
    for name in _SUMMED:
        numbers = np.array([[value or 0 for value in one.attributes["beside"][name]] for one in files])
        made[name] = numbers.sum(axis=0).tolist()
    return made


def _provenance(files: Sequence[StoredConstant], started: datetime) -> dict[str, Any]:
    known = dict(files[0].attributes["provenance"])
    runs = [run for one in files for run in one.attributes["raw_data"]]
    notes = [note for one in files for note in one.attributes["provenance"].get("notes", ())]
    merged = [path for one in files for path in one.attributes["provenance"].get("merged", [str(one.path)])]
    return {**known, "raw_data": runs, "merged": merged, "software": software(), "started": started.isoformat(),
            "set": name_of(started), "notes": list(dict.fromkeys(notes)), "remarks": []}
