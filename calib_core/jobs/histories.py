"""All versions of constants below a folder as input of a characterisation: which there are, and their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from calib_core.axes import Label
from calib_core.characterisation.inputs import History
from calib_core.characterisation.statistics import MAP, VALUES, map_of
from calib_core.characterisation.unit import Block
from calib_core.constants.statistics import About, nearest_map
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.kept_numbers import KeptNumbers
from calib_core.store.about import abouts_of, begin_of, is_flags, is_stack, shape_of, values_of
from calib_core.store.bare_files import numbers_of, types_of, with_axes
from calib_core.store.constants import StoredConstant
from calib_core.store.images import PIXELS
from calib_core.store.local.blocks import read_blocks
from calib_core.store.local.lines import Kept
from calib_core.store.stated import understood


@dataclass(frozen=True)
class HistoryBlocks:
    """Versions of the constants of one module.

    Attributes
    ----------
    stored : mapping
        Files by the labels of the versions, and the bad-pixel maps that go with them by what :func:`map_of` says.
    kept : mapping
        Numbers that a store keeps, by the labels of their versions: the files of these are not opened.
    """

    stored: Mapping[str, StoredConstant]
    kept: Mapping[str, Kept] = field(default_factory=dict)

    def blocks(self, labels: Mapping[int, Label]) -> Iterator[Block]:
        """One version after the other, each as a whole.

        Parameters
        ----------
        labels : mapping
            Of the versions that are wanted, by their index along the axis.

        Yields
        ------
        Block
            Empty where the module has no such version.
        """
        for index, label in labels.items():
            if (kept := self.kept.get(str(label))) is not None:
                yield Block(index, {}, made=read_blocks(kept.blocks, kept.sha256))
                continue
            there = {VALUES: self.stored.get(str(label)), MAP: self.stored.get(map_of(str(label)))}
            yield Block(index, {name: values_of(one) for name, one in there.items() if one is not None})

    @property
    def bytes_beside(self) -> int:
        """Memory of the largest version with its map, and of what is collected of its values."""
        maps = {label: self.stored.get(map_of(label)) for label in self.stored}
        return max((_bytes(one) * 5 // 4 + (0 if (found := maps[label]) is None else _bytes(found))
                    for label, one in self.stored.items() if label not in self.kept), default=0) + _BESIDE

    @property
    def files(self) -> tuple[FileConstant, ...]:
        """Constants that are kept by memory cell: none."""
        return ()

    def stop(self) -> None:
        """Nothing is read as a whole for others."""

    def close(self) -> None:
        """Nothing is kept."""


def of_one_detector(stored: Sequence[StoredConstant], asked: str) -> tuple[list[StoredConstant], DetectorType, str]:
    """Those of some constants that are of the detector that was asked for, its type and identifier.

    Parameters
    ----------
    stored : sequence of StoredConstant
    asked : str
        Identifier of the detector, or name of its type; empty where there is one.

    Raises
    ------
    BadInput
        There is none such, or there are several.
    """
    found: dict[tuple[str, str], list[StoredConstant]] = {}
    kinds = dict[str, DetectorType]()
    for one in stored:
        kind = _type_of(one)
        kinds[kind.name] = kind
        found.setdefault((kind.name, _identifier(one)), []).append(one)
    _join_silent(found)
    wanted = {key: some for key, some in found.items()
              if asked.lower() in ("", key[1].lower(), key[0].lower(), kinds[key[0]].database_type.lower())}
    if len(wanted) != 1:
        names = ", ".join(sorted(identifier or name for name, identifier in wanted or found))
        raise BadInput(f"There are constants of {names}; name one of them (--karabo-id).")
    [((name, identifier), some)] = wanted.items()
    return some, kinds[name], identifier


def _join_silent(found: dict[tuple[str, str], list[StoredConstant]]) -> None:
    """Have files that tell no detector be of the only one of their type that others tell."""
    for name, identifier in [key for key in found if not key[1]]:
        told = [key for key in found if key[0] == name and key[1]]
        if len(told) == 1:
            found[told[0]] += found.pop((name, identifier))


def _type_of(one: StoredConstant) -> DetectorType:
    """Detector type of a constant, by what it tells or its folders, and its pixels."""
    kinds = types_of(one.path, "", str(one.attributes.get("detector_type", "")))
    length = dict(zip(one.dims, one.shape, strict=False))
    return next((kind for kind in kinds if tuple(length.get(dim, 1) for dim in PIXELS) == kind.shape), kinds[0])


def _identifier(one: StoredConstant) -> str:
    said = one.attributes.get("provenance")
    return str(said.get("detector") or "") if isinstance(said, Mapping) else ""


def modules_of(stored: Sequence[StoredConstant], kind: DetectorType) -> tuple[dict[str, int], tuple[str, ...]]:
    """Numbers of modules by the names of their units, and how they were found where files do not tell them.

    A unit that has taken another's place has its number.

    Parameters
    ----------
    stored : sequence of StoredConstant
    kind : DetectorType

    Raises
    ------
    BadInput
        A file tells a number that is none.
    """
    told = dict[str, int]()
    for one in stored:
        with understood(one):
            told |= {one.pdu: int(one.attributes["module"])} if "module" in one.attributes else {}
    silent = sorted({one.pdu for one in stored} - set(told))
    found, how = numbers_of(kind, silent)
    return {**found, **told}, (how,) if silent else ()


def _bytes(stored: StoredConstant) -> int:
    return int(np.prod(stored.shape)) * np.dtype(stored.dtype).itemsize


@dataclass(frozen=True)
class Histories:
    """Versions that are taken, by module and label, and sentences on those that are not."""

    blocks: Mapping[int, HistoryBlocks]
    notes: tuple[str, ...]


def histories_of(
    stored: Sequence[StoredConstant], numbers: Mapping[str, int], kind: DetectorType, history: History,
    known: KeptNumbers,
) -> Histories:
    """Versions of some constants.

    Parameters
    ----------
    stored : sequence of StoredConstant
    numbers : mapping of str to int
        Modules by the names of their units.
    kind : DetectorType
    history : History
        Which are taken.
    known : KeptNumbers
        What is kept of them already.

    Raises
    ------
    BadInput
        None is left.
    """
    left_out = Counter[str]()
    versions = list(_known(stored, numbers, kind, left_out))
    taken = _newest([one for one in versions if _is_asked(one[0], history, left_out)], history.newest, left_out)
    notes = tuple(f"{number} of {len(stored)} constants are left out: {why}." for why, number in left_out.items())
    if not taken:
        raise BadInput("No version of a constant is left of what was given. " + " ".join(notes))
    maps = [one for one in versions if is_flags(one[1])]
    labels = _labels(taken)
    blocks = {}
    for number in sorted({about.module for about, _ in taken}):
        own = {label: one for label, one in zip(labels, taken, strict=True) if one[0].module == number}
        paired = {map_of(label): found for label, one in own.items()
                  if (found := _paired(one, maps, history)) is not None}
        blocks[number] = _blocks({label: one for label, (_, one) in own.items()}, paired, known, kind, history)
    return Histories(blocks, (*notes, *_timed_by_name([one for _, one in taken]), *_without_maps(blocks, history),
                              *_without_numbers(blocks, known)))


def _blocks(
    own: Mapping[str, StoredConstant], paired: Mapping[str, StoredConstant], known: KeptNumbers, kind: DetectorType,
    history: History,
) -> HistoryBlocks:
    """Versions of a module: numbers that are kept of the same map and groups, and files of all others."""
    cut = None if history.cut is None else history.cut(kind)
    kept = {label: found for label, one in own.items() if cut is not None
            and (found := known.fitting(one.path, paired.get(map_of(label)), cut)) is not None}
    read = {label: one if label in kept or one.path not in known.kept else with_axes(known.read(one.path), kind)[0]
            for label, one in own.items()}
    return HistoryBlocks({**read, **paired}, kept)


#: Memory for a group of values and for what HDF5 reads ahead, bytes.
_BESIDE = 32 << 20
#: A version: what it is of, and its file with names of its axes.
_Version = tuple[About, StoredConstant]


def _known(
    stored: Sequence[StoredConstant], numbers: Mapping[str, int], kind: DetectorType, left_out: Counter[str]
) -> Iterator[_Version]:
    """Versions that have a place in time and are stacks of images."""
    named = list(_stacks(stored, numbers, kind, left_out))
    abouts = abouts_of(named)
    for one in named:
        yield replace(abouts[one.path], module=numbers[one.pdu]), one


def _stacks(
    stored: Sequence[StoredConstant], numbers: Mapping[str, int], kind: DetectorType, left_out: Counter[str]
) -> Iterator[StoredConstant]:
    for one in stored:
        named = with_axes(one, kind)[0] if is_stack(one) or not one.dims else one
        if not is_stack(named):
            left_out["they are no images over memory cells and gain stages"] += 1
        elif begin_of(one)[0] is None:
            left_out["they do not tell when they begin to be valid"] += 1
        elif one.pdu not in numbers:
            left_out["they are of modules that were not asked for"] += 1
        else:
            yield named


def _is_asked(one: About, history: History, left_out: Counter[str]) -> bool:
    asked = [name.lower() for name in history.calibrations]
    if asked and one.comparable.calibration.lower() not in asked:
        left_out["they are of other calibrations"] += 1
        return False
    early = history.since is not None and one.begin < history.since
    if early or (history.until is not None and one.begin > history.until):
        left_out["they are of another time"] += 1
        return False
    return True


def _newest(versions: Sequence[_Version], number: int, left_out: Counter[str]) -> list[_Version]:
    """The newest versions of each line in the order of time; of those of one time the last that was made."""
    lines: dict[object, dict[object, _Version]] = {}
    for one in sorted(versions, key=lambda one: (one[0].begin, one[1].path.name)):
        of = lines.setdefault(one[0].comparable, {})
        if one[0].begin in of:
            left_out["another of the same time was made later"] += 1
        of[one[0].begin] = one
    taken = []
    for of in lines.values():
        every = list(of.values())
        if number and len(every) > number:
            left_out["newer ones are enough"] += len(every) - number
        taken += every[-number:] if number else every
    return sorted(taken, key=lambda one: (one[0].comparable.calibration, one[0].begin, one[0].module))


def _labels(versions: Sequence[_Version]) -> list[str]:
    """Calibration and time of each version, the same in all modules; numbered where a module has several of it."""
    seen, labels = Counter[tuple[int, str]](), []
    for about, _ in versions:
        name = f"{about.comparable.calibration} {about.begin:%Y-%m-%d %H:%M:%S}"
        seen[about.module, name] += 1
        number = seen[about.module, name]
        labels.append(name if number == 1 else f"{name} ({number})")
    return labels


def _paired(one: _Version, maps: Sequence[_Version], history: History) -> StoredConstant | None:
    """Bad-pixel map of a version; none of a map, nor where none is near enough or of the same pixels."""
    about, stored = one
    if is_flags(stored) or history.map_within is None:
        return None
    fitting = {other.path: map_ for other, map_ in maps if shape_of(map_)[1:] == shape_of(stored)[1:]}
    found = nearest_map(about, [other for other, _ in maps if other.path in fitting], history.map_within)
    return None if found is None else fitting[found[0].path]


def _timed_by_name(stored: Sequence[StoredConstant]) -> Iterator[str]:
    """Sentence on files of which the name alone tells a time."""
    by_name = sum(begin_of(one)[1] for one in stored)
    if by_name:
        yield (f"{by_name} of {len(stored)} constants do not tell when they begin to be valid; the times in the "
               "names of their files are taken, at which they were made.")


def _without_numbers(blocks: Mapping[int, HistoryBlocks], known: KeptNumbers) -> Iterator[str]:
    """Sentence on versions of a store whose numbers are made of their files."""
    labels = [(one, label) for one in blocks.values() for label, stored in one.stored.items()
              if stored.path in known.versions and not label.startswith(map_of(""))]
    read = sum(label not in one.kept for one, label in labels)
    if known.keeps and read:
        yield (f"{read} of {len(labels)} versions are read, since {known.store.title} keeps no numbers of them by "
               "these groups and maps; calibwb store statistics keeps the usual ones.")


def _without_maps(blocks: Mapping[int, HistoryBlocks], history: History) -> Iterator[str]:
    """Sentence on versions whose good values are all, since there is no map."""
    values = [(one.stored, label) for one in blocks.values() for label, stored in one.stored.items()
              if not is_flags(stored)]
    without = sum(map_of(label) not in stored for stored, label in values)
    if without and history.map_within is not None:
        minutes = history.map_within.total_seconds() / 60
        yield (f"{without} of {len(values)} constants have no bad-pixel map of the same condition within {minutes:g} "
               "minutes, so that all of their values count as good.")
