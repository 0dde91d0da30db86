"""Where every frame of one module is, after all that cannot be trusted is left out and counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, Module
from calib_core.io.datasets import UnfitError
from calib_core.io.entries import (
    Entries,
    Mask,
    absurd_trains,
    bad_rows,
    read_entries,
    repeated_trains,
    unordered_trains,
)
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.io.inventory import Problem, Severity
from calib_core.io.layout import Part, open_part

#: A file with a larger share of trains whose index is wrong is not used at all.
MAX_BAD_ROWS = 0.01


@dataclass(frozen=True)
class ModuleIndex:
    """Frames of one module in the order of its files and trains.

    Attributes
    ----------
    module : Module
    parts : tuple of Part
        Files with their datasets.
    files : tuple of str
        Names of all files that list the module, also of those that cannot be used.
    sequences : tuple of int
        Sequence numbers of the files in ``parts``.
    part, row, slot : (n,) int64
        File, row of the dataset, and position within the row of each frame.
    cell : (n,) int64
    train : (n,) uint64
    suspect : (n,) bool
    piece : (n,) uint8
        Which of the equal parts of its train a frame is in; 0 where trains are not cut.
    excluded : dict
        Frames left out, by reason.
    problems : tuple of Problem
    """

    module: Module
    parts: tuple[Part, ...] = ()
    files: tuple[str, ...] = ()
    sequences: tuple[int, ...] = ()
    part: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    row: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    slot: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    cell: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    train: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    suspect: Mask = field(default_factory=lambda: np.empty(0, bool))
    piece: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    excluded: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory of what it holds for each frame, bytes, which the sizes of its files bound."""
        of_frames = (self.part, self.row, self.slot, self.cell, self.train, self.suspect, self.piece)
        return sum(array.nbytes for array in of_frames) + sum(part.nbytes for part in self.parts)

    @cached_property
    def trains(self) -> npt.NDArray[np.uint64]:
        """Trains that have frames, but for suspect ones, (m,) uint64, ascending."""
        return _distinct(self.train[~self.suspect])

    @cached_property
    def all_trains(self) -> npt.NDArray[np.uint64]:
        """Trains that have frames, suspect ones too, (m,) uint64, ascending."""
        return _distinct(self.train)

    def kept(self, mask: Mask | npt.NDArray[np.int64]) -> ModuleIndex:
        """Index of some of the frames, without counting the others.

        Parameters
        ----------
        mask : (n,) bool, or (k,) int64
            Frames that stay, or the places of frames in the order in which they shall be.
        """
        return replace(self, part=self.part[mask], row=self.row[mask], slot=self.slot[mask], cell=self.cell[mask],
                       train=self.train[mask], suspect=self.suspect[mask], piece=self.piece[mask])

    def left_out(self, mask: Mask, reason: str) -> ModuleIndex:
        """Index without some of the frames, which are counted.

        Parameters
        ----------
        mask : (n,) bool
            True for those that go.
        reason : str
            Key of :attr:`excluded` to whose count they are added; the screen shows it after the number.
        """
        return _counted(self.kept(~mask), reason, int(mask.sum()))


def _distinct(train: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Distinct trains of frames; those of one train mostly follow each other, so few are left to sort."""
    return np.unique(train[np.flatnonzero(np.diff(train, prepend=train[:1] - np.uint64(1)))])


def _counted(index: ModuleIndex, reason: str, frames: int) -> ModuleIndex:
    if not frames:
        return index
    excluded = {**index.excluded, reason: index.excluded.get(reason, 0) + frames}
    return replace(index, excluded=excluded)


def index_module(detector: DetectorType, module: Module, files: Iterable[RunFile], pieces: int = 1) -> ModuleIndex:
    """Index one module from the files that list it; never raises on what is wrong with them.

    Parameters
    ----------
    detector : DetectorType
    module : Module
    files : iterable of RunFile
        Of the whole run, in any order; those without this module do not matter.
    pieces : int
        Gain stages whose frames a train holds, one after the other, as equal parts. Only the memory cells of the
        first part are valid, and hold for all.

    Returns
    -------
    ModuleIndex
        With its problems, of which one refuses exactly where no frame is left.
    """
    mine = sorted((f for f in files if module.source in f.access.instrument_sources),
                  key=lambda f: (f.sequence, f.name))
    parts, tables, problems = _read(detector, module, mine)
    empty = ModuleIndex(module, tuple(parts), tuple(f.name for f in mine), tuple(p.file.sequence for p in parts))
    index, more = _trains_to_frames(empty, tables) if parts else (empty, [])
    index = _counted(index, "frames without a train id", _unnamed_frames(parts, tables))
    index, uneven = _cut(index, pieces)
    index, cells = _checked_cells(detector, index)
    return _judged(index, [*problems, *more, *uneven, *cells, *_repeated_cells(detector, index)], tables)


def _judged(index: ModuleIndex, problems: list[Problem], tables: Sequence[Entries]) -> ModuleIndex:
    module = index.module
    problems = [*problems, *_without_frames(index, tables, {p.file for p in problems if p.severity != "warn"})]
    if len(index.train):  # what forbids one file does not forbid the module
        problems = [replace(p, severity="exclude") if p.severity == "refuse" else p for p in problems]
    elif not any(p.severity == "refuse" for p in problems):
        detail = "the module holds no frames that can be used"
        problems.append(Problem("refuse", "R06", module.aggregator, "", detail, module.number))
    return replace(index, problems=tuple(problems))


def _without_frames(index: ModuleIndex, tables: Sequence[Entries], told: Collection[str]) -> Iterator[Problem]:
    """Files that give no frame although nothing was found wrong with them."""
    held = set(np.unique(index.part).tolist())
    for i, (part, table) in enumerate(zip(index.parts, tables, strict=True)):
        if i in held or part.file.name in told:
            continue
        counted = int((table.count > 0).sum())
        detail = f"there are no frames in its {len(table.train)} trains" if not counted else (
            f"there are no frames that can be used in its {counted} trains")
        yield part.file.problem("refuse", "R06", f"INDEX/{index.module.source}", detail, index.module.number)


def _unnamed_frames(parts: Sequence[Part], tables: Sequence[Entries]) -> int:
    return sum(int(table.unnamed.sum()) * part.per_row for part, table in zip(parts, tables, strict=True))


def _nameless(file: RunFile, table: Entries, module: Module) -> Problem:
    """Trains that the index counts beyond the train ids."""
    detail = (f"the index counts {len(table.unnamed)} trains with frames that have no train id; it has ids of "
              f"{len(table.train)} trains")
    return file.problem("exclude" if len(table.train) else "refuse", "R12", "INDEX/trainId", detail, module.number)


def _read(
    detector: DetectorType, module: Module, files: Sequence[RunFile],
) -> tuple[list[Part], list[Entries], list[Problem]]:
    parts, tables, problems = [], [], []
    for file in files:
        part = open_part(detector, module, file)
        table = _entries(file, module, detector.raw.group) if isinstance(part, Part) else part
        if isinstance(part, Part) and isinstance(table, Entries):
            parts.append(part)
            tables.append(table)
            problems += [_nameless(file, table, module)] if table.unnamed.size else []
        elif isinstance(table, Problem):
            problems.append(table)
    return parts, tables, problems


def _entries(file: RunFile, module: Module, group: str) -> Entries | Problem:
    path = f"INDEX/{module.source}/{group}"
    try:
        return read_entries(file, module.source, group)
    except UnfitError as unfit:
        return file.problem("refuse", unfit.code, unfit.path, unfit.detail, module.number)
    except HDF5_ERRORS as error:
        detail = f"the index cannot be read: {cause_of(error)}"
        return file.problem("refuse", "R03", path, detail, module.number)


@dataclass(frozen=True)
class _Fault:
    """Kind of fault of whole trains: code, reason for the count, words for the problem."""

    code: str
    reason: str
    words: str


_BAD_ROWS = _Fault("R12", "index outside the data", "an index outside the data, overlapping or missing")
_ABSURD = _Fault("R09", "train id not of this run", "a train id that is zero or far from the others")
_REPEATED = _Fault("R08", "train repeated", "a train id that occurred before")
_UNORDERED = _Fault("R09", "train id out of order", "a train id out of order")


def _trains_to_frames(index: ModuleIndex, tables: Sequence[Entries]) -> tuple[ModuleIndex, list[Problem]]:
    owner = np.repeat(np.arange(len(tables)), [len(t.train) for t in tables])
    train = np.concatenate([t.train for t in tables])
    count = np.concatenate([t.count for t in tables])
    usable = np.ones(len(train), bool)
    problems: list[Problem] = []
    for fault, bad in _train_faults(index.parts, tables, train, usable):
        bad &= usable
        usable &= ~bad
        frames = np.clip(count, 0, None)[bad] @ np.array([p.per_row for p in index.parts])[owner[bad]]
        index = _counted(index, fault.reason, int(frames))
        problems += _train_problems(index, fault, bad, owner, train)
    index, found = _expanded(index, tables, usable, owner)
    return index, problems + _gaps(index, tables) + found


def _train_faults(
    parts: Sequence[Part], tables: Sequence[Entries], train: npt.NDArray[np.uint64], usable: Mask,
) -> Iterable[tuple[_Fault, Mask]]:
    """Faults one after the other; ``usable`` is brought up to date between them by the caller."""
    bad = [bad_rows(table, part.rows) for table, part in zip(tables, parts, strict=True)]
    whole = [np.full(len(b), b.mean() > MAX_BAD_ROWS) if len(b) else b for b in bad]
    yield _BAD_ROWS, np.concatenate(bad) | np.concatenate(whole)
    yield _ABSURD, _among(absurd_trains, train, usable)
    yield _REPEATED, _among(repeated_trains, train, usable)
    yield _UNORDERED, _among(unordered_trains, train, usable)


def _among(find: Callable[[npt.NDArray[np.uint64]], Mask], train: npt.NDArray[np.uint64], usable: Mask) -> Mask:
    found = np.zeros(len(train), bool)
    if usable.any():
        found[usable] = find(train[usable])
    return found


def _train_problems(
    index: ModuleIndex, fault: _Fault, bad: Mask, owner: npt.NDArray[np.int64], train: npt.NDArray[np.uint64],
) -> list[Problem]:
    problems = []
    for i, part in enumerate(index.parts):
        mine = owner == i
        n = int((bad & mine).sum())
        if n:
            severity: Severity = "refuse" if n == mine.sum() else "exclude"
            detail = f"{n} of {int(mine.sum())} trains have {fault.words} (first {train[bad & mine][0]})"
            path = f"INDEX/{index.module.source}" if fault is _BAD_ROWS else "INDEX/trainId"
            problems.append(part.file.problem(severity, fault.code, path, detail, index.module.number))
    return problems


def _gaps(index: ModuleIndex, tables: Sequence[Entries]) -> list[Problem]:
    problems = []
    for part, table in zip(index.parts, tables, strict=True):
        if bad_rows(table, part.rows).any():  # which is said already, and leaves gaps
            continue
        held = table.count > 0
        first, end = table.first[held], (table.first + table.count)[held]
        gaps = int((first[1:] > end[:-1]).sum()) + int(first[:1].sum() > 0)
        if gaps:
            detail = f"{gaps} gaps between the rows of trains; the rows in them belong to no train"
            path = f"INDEX/{index.module.source}"
            problems.append(part.file.problem("warn", "R12", path, detail, index.module.number))
    return problems


def _expanded(
    index: ModuleIndex, tables: Sequence[Entries], usable: Mask, owner: npt.NDArray[np.int64],
) -> tuple[ModuleIndex, list[Problem]]:
    """One value per frame from one value per train, and a check of the train ids beside the pixels."""
    pieces = []
    for i, (part, table) in enumerate(zip(index.parts, tables, strict=True)):
        chosen = usable[owner == i] & (table.count > 0)
        row, train, suspect = _rows(table, chosen)
        wrong = _wrong_train(part, row, train)
        if wrong:
            problem = part.file.problem("exclude", "R13", f"INSTRUMENT/{index.module.source}", wrong,
                                        index.module.number)
            return index, [problem]
        pieces.append(_frames_of_rows(i, part, row, train, suspect))
    part_, row_, slot, cell, train_, suspect_ = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return replace(index, part=part_, row=row_, slot=slot, cell=cell, train=train_, suspect=suspect_,
                   piece=np.zeros(len(cell), np.uint8)), []


def _rows(
    table: Entries, chosen: Mask,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], Mask]:
    first, count = table.first[chosen], table.count[chosen]
    starts = np.cumsum(count) - count
    row = np.arange(int(count.sum())) - np.repeat(starts - first, count)
    return row, np.repeat(table.train[chosen], count), np.repeat(table.suspect[chosen], count)


def _wrong_train(part: Part, row: npt.NDArray[np.int64], train: npt.NDArray[np.uint64]) -> str:
    if part.train is None:
        return ""
    wrong = np.flatnonzero(part.train[row] != train)
    if not wrong.size:
        return ""
    at = wrong[0]
    return (f"the train ids beside the pixels disagree with the index in {wrong.size} rows (row {row[at]}:"
            f" {part.train[row[at]]}, index {train[at]}); the module is not used")


def _frames_of_rows(
    number: int, part: Part, row: npt.NDArray[np.int64], train: npt.NDArray[np.uint64], suspect: Mask,
) -> tuple[npt.NDArray[np.generic], ...]:
    n = part.per_row
    return (np.full(len(row) * n, number), np.repeat(row, n), np.tile(np.arange(n), len(row)),
            part.cell[row].reshape(-1), np.repeat(train, n), np.repeat(suspect, n))


def _cut(index: ModuleIndex, pieces: int) -> tuple[ModuleIndex, list[Problem]]:
    """Cut each train's frames into equal parts and give all parts the memory cells of the first."""
    if pieces == 1 or not len(index.train):
        return index, []
    _, count = _lengths(index.train)
    uneven = np.repeat(count % pieces != 0, count)
    problems = _uneven_problems(index, uneven, pieces)
    index = index.left_out(uneven, f"frames not divisible by {pieces}")
    first, count = _lengths(index.train)
    start, length = np.repeat(first, count), np.repeat(count // pieces, count)
    place = np.arange(len(index.train)) - start
    return replace(index, cell=index.cell[start + place % length], piece=(place // length).astype(np.uint8)), problems


def _lengths(train: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First frame and number of frames of each train; the frames of a train follow each other."""
    first = np.flatnonzero(np.diff(train, prepend=train[:1] - np.uint64(1)))
    return first, np.diff(first, append=len(train))


def _uneven_problems(index: ModuleIndex, uneven: Mask, pieces: int) -> list[Problem]:
    trains = np.unique(index.train[uneven])
    if not trains.size:
        return []
    detail = (f"{trains.size} trains have a number of frames that is not divisible by {pieces} gain stages"
              f" (first {trains[0]})")
    return [Problem("exclude", "R11", index.module.aggregator, "", detail, index.module.number)]


def _repeated_cells(detector: DetectorType, index: ModuleIndex) -> Iterator[Problem]:
    """Trains with several frames of one memory cell, of detectors that fill each but once."""
    if detector.raw.cell is None or detector.raw.cells_repeat or not len(index.train):
        return
    train = np.searchsorted(index.all_trains, index.train)
    place = (train * 256 + index.piece) * detector.max_cells + index.cell
    ordered = np.sort(place)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if twice.size:
        first, cell = divmod(int(twice[0]), detector.max_cells)
        detail = (f"frames of a memory cell that their train has already: {twice.size} (the first in train "
                  f"{index.all_trains[first // 256]}, memory cell {cell})")
        yield Problem("warn", "R08", index.module.aggregator, "", detail, index.module.number)


def _checked_cells(detector: DetectorType, index: ModuleIndex) -> tuple[ModuleIndex, list[Problem]]:
    raw = detector.raw
    if raw.cell is None:
        return index, []
    if raw.no_frame_cell is not None:
        index = index.left_out(index.cell == raw.no_frame_cell, "no frame in this place")
    outside = (index.cell < 0) | (index.cell >= detector.max_cells)
    problems = []
    for i, part in enumerate(index.parts):
        mine = outside & (index.part == i)
        if mine.any():
            frames = int(mine.sum())
            what = "1 frame has a memory cell" if frames == 1 else f"{frames} frames have memory cells"
            detail = (f"{what} outside 0 to {detector.max_cells - 1}"
                      f" (first {index.cell[mine][0]})")
            path = f"INSTRUMENT/{index.module.source}/{raw.cell.replace('.', '/')}"
            problems.append(part.file.problem("exclude", "R14", path, detail, index.module.number))
    return index.left_out(outside, "memory cell out of range"), problems
