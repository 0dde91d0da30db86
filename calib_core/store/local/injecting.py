"""Constants that are taken into a store: their files first, then their rows, all of them or none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from calib_core.errors import BadInput, BadParameter, OutputFailed, and_others
from calib_core.store.about import FLAGS
from calib_core.store.base import Version
from calib_core.store.constant_layouts import ALONE
from calib_core.store.constants import check_name, folder_of_type, read_constant
from calib_core.store.files import check_writable, mapped, write_together
from calib_core.store.local.blocks import Made, told_of
from calib_core.store.local.candidates import Candidate
from calib_core.store.local.lines import drop_lines_without_map, put_line
from calib_core.store.local.rebuilt import rebuilt_before, write_rebuilt
from calib_core.store.local.records import Record, add_act, add_place, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import pair_span
from calib_core.store.local.writing import Writing
from calib_core.store.seals import sha256_of

_FILE = re.compile(r"cal\.(\d+)\.(\d+)\.h5")
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Injected:
    """What an injection has come to.

    Attributes
    ----------
    versions : tuple of Version
        New ones, which are drafts.
    known : tuple of Version
        Those that were there already.
    """

    versions: tuple[Version, ...]
    known: tuple[Version, ...]


def inject(
    store: LocalStore, candidates: Sequence[Candidate], author: str, comment: str, told: Told | None = None
) -> Injected:
    """Take constants as drafts: all that are given, or none.

    What is there already is no new version. A file that an injection has brought to its place before it was cut short
    is taken as it is.

    Parameters
    ----------
    store : LocalStore
    candidates : sequence of Candidate
    author, comment : str
        Who, and why.
    told : callable, optional
        Told after each file how many are there, and of how many.

    Raises
    ------
    BadInput
        One cannot be taken, or was changed since it was looked at.
    BadParameter
        The name of a unit was not confirmed.
    OutputFailed
        The store cannot be written, or the disk is full; nothing is injected.
    """
    _check(store, candidates)
    new = sorted((one for one in candidates if one.known is None), key=_by_unit)
    check_writable(store.folder, sum(_lacked_bytes(store, one) for one in new))
    placed = []
    for one in new:
        placed.append(_placed(store, one))
        if told is not None:
            told(len(placed), len(new))
    known = [one.known.number for one in candidates if one.known is not None]
    made, there = _add_rows(store, new, placed, (author, comment)) if placed else ([], [])
    return Injected(tuple(store.named(made)), tuple(store.named(list(dict.fromkeys([*known, *there])))))


def _add_rows(
    store: LocalStore, new: Sequence[Candidate], placed: Sequence[Record], who: tuple[str, str], what: str = "inject"
) -> tuple[list[int], list[int]]:
    """Write the rows of files in their places; numbers of new versions, and of those that are there meanwhile."""
    made, there = [], []
    with store.writing() as writing:
        act = add_act(writing, what, *who, store.clock())
        for one, record in zip(new, placed, strict=True):
            same = writing.rows("SELECT id FROM version WHERE sha256 = ?", (record.sha256,))
            if same:
                there.append(int(same[0][0]))
                continue
            made.append(add_version(writing, act, record))
            place = one.place
            if place is not None and place.aggregator not in store.units_of(place.detector, record.begin):
                add_place(writing, act, place, record.pdu, record.detector_type, record.begin)
        _add_lines(store, writing, new, placed)
    return made, there


def _add_lines(store: LocalStore, writing: Writing, new: Sequence[Candidate], placed: Sequence[Record]) -> None:
    """Keep the numbers of versions, which have their maps by now; what may have a new map without these has none."""
    numbers = [writing.rows("SELECT id FROM version WHERE sha256 = ?", (one.sha256,))[0][0] for one in placed]
    rebuilt = {str(one.record.sha256): str(record.sha256) for one, record in zip(new, placed, strict=True)
               if one.record is not None}
    for one, record, number in zip(new, placed, numbers, strict=True):
        if one.made is not None:
            made = _as_placed(store, one, one.made(), record)
            map_ = rebuilt.get(made.map_sha256, made.map_sha256)
            put_line(writing, number, replace(made, map_sha256=map_), record.blocks)
    for record, number in zip(placed, numbers, strict=True):
        if record.calibration.startswith(FLAGS):
            drop_lines_without_map(writing, number, pair_span())


def _as_placed(store: LocalStore, one: Candidate, made: Made, record: Record) -> Made:
    """Numbers with what the file in its place tells, which is more than one of a single constant does."""
    if made.numbers is None or one.record is None or one.record.dataset != ALONE:
        return made
    return replace(made, told=told_of(read_constant(store.folder / record.path), made.numbers))


def _by_unit(one: Candidate) -> tuple[str, str, float]:
    assert one.record is not None
    return one.record.pdu, one.record.calibration, one.record.begin.timestamp()


def _check(store: LocalStore, candidates: Sequence[Candidate]) -> None:
    if store.index.read_only:
        raise OutputFailed(f"{store.title} cannot be written: {store.index.read_only}.")
    refused = [one.refused for one in candidates if one.refused]
    if refused:
        raise BadInput(refused[0] + and_others(len(refused) - 1, "file cannot be taken either") + " Nothing was "
                       "injected.")
    unsure = sorted({one.stands_in for one in candidates if one.stands_in})
    if unsure:
        raise BadParameter(f"Nobody has told the physical unit{'s' * (len(unsure) > 1)} behind {', '.join(unsure)}; "
                           "name them with calibwb store install, or take these names with --confirm-units.")


def _lacked_bytes(store: LocalStore, one: Candidate) -> int:
    """Bytes that a file needs in the store; none where one of its name and size is there already."""
    assert one.record is not None
    size = one.path.stat().st_size if one.path.is_file() else 0
    there = _folder_of(store, one.record) / next(_names(one.path, one.record))
    return 0 if there.is_file() and there.stat().st_size == size else size


def _folder_of(store: LocalStore, record: Record) -> Path:
    check_name(record.pdu)
    return store.folder / folder_of_type(record.detector_type) / record.pdu.lower()


def _placed(store: LocalStore, one: Candidate) -> Record:
    """What the index keeps of a file that is in its place by now."""
    assert one.record is not None
    record = one.record
    for name in _names(one.path, record):
        path = _folder_of(store, record) / name
        left = rebuilt_before(path, record) if record.dataset == ALONE and path.exists() else None
        if path.exists() and left is None and (record.dataset == ALONE or sha256_of(path) != record.sha256):
            continue  # another file has this name
        record = replace(record, path=str(path.relative_to(store.folder)))
        beside = partial(_beside, one, path)
        if left is not None:
            write_together(_lacking(beside()))
            record = replace(left, path=record.path)
        elif record.dataset == ALONE:
            record = _rebuilt(replace(one, record=record), path, beside())
        elif not _brought(one.path, path, record, beside) and sha256_of(path) != record.sha256:
            continue
        return replace(record, blocks="".join(str(numbers.relative_to(store.folder)) for numbers in beside()))
    raise AssertionError("names never end")


def _beside(one: Candidate, path: Path) -> dict[Path, bytes]:
    """The file of numbers of a constant beside its place, waited for where it is being made."""
    return one.made().beside(path) if one.made is not None else {}


def _lacking(files: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Those of some files that are not there."""
    return {path: image for path, image in files.items() if not path.is_file()}


def _rebuilt(one: Candidate, target: Path, beside: Mapping[Path, bytes]) -> Record:
    """Make a file in the facility's layout of one of a single constant; what the index keeps of it."""
    assert one.record is not None
    assert one.looked is not None
    if sha256_of(one.path) != one.record.sha256:
        raise _changed(one.path)
    write_together(_lacking(beside))
    made = write_rebuilt(one.looked.stored, one.looked.kind, one.looked.condition, one.record, target)
    return replace(made, identity=read_constant(target).identity)


def _changed(path: Path) -> BadInput:
    return BadInput(f"{path} was changed since it was looked at; do it again.")


def _brought(path: Path, target: Path, record: Record, beside: Callable[[], Mapping[Path, bytes]]) -> bool:
    """Bring a file to its place as far as it is not there, and its numbers, whose name appears first; false where the
    file is there, since another program has been faster."""
    there = target.exists()
    data = memoryview(b"") if there else mapped(path)
    if not there and hashlib.sha256(data).hexdigest() != record.sha256:
        raise _changed(path)
    lacking: dict[Path, bytes] = {}

    def before() -> Mapping[Path, bytes]:
        lacking.update(_lacking(beside()))
        return lacking

    try:
        write_together({} if there else {target: data}, before)
    except OutputFailed:
        if any(numbers.is_file() for numbers in lacking):  # another program has brought them meanwhile
            return _brought(path, target, record, beside)
        if there or not target.exists():
            raise
        return False
    return not there


def _names(path: Path, record: Record) -> Iterator[str]:
    """Names for a file in its folder: its own, or by the time when it was made, then such as follow."""
    told = _FILE.fullmatch(path.name)
    if told:
        yield path.name
    second, micro = divmod(round(record.created.timestamp() * 1e6), 10**6)
    number = 0
    while True:
        yield f"cal.{second}.{micro:06d}{number:03d}.h5"
        number += 1


def adopt(store: LocalStore, one: Candidate, author: str) -> str:
    """Take a file that lies in the store already as a draft; says as which.

    Parameters
    ----------
    store : LocalStore
    one : Candidate
    author : str
    """
    made, there = _add_rows(store, [one], [_placed(store, one)], (author, "found by a check"), "adopt")
    return f"taken as version {(made or there)[0]}, a draft"
