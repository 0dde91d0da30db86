"""A run opened for reading: its detectors, control values, inventory and frames."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np

from calib_core.detector import (
    Array,
    ControlReader,
    Detector,
    DetectorType,
    FrameSelection,
    Module,
    SampleStatistics,
)
from calib_core.detector.raw_layout import CORRECTED, RAW
from calib_core.detector.registry import identify
from calib_core.errors import BadInput, StillWritten, and_others
from calib_core.io.all_stages import FramesOfAllStages, first_stage
from calib_core.io.belonging import own_files
from calib_core.io.cells import without_strays
from calib_core.io.control import RunControl
from calib_core.io.datasets import find, read_all
from calib_core.io.files import HDF5_ERRORS, RunFile, open_run_files
from calib_core.io.frames import ModuleFrames
from calib_core.io.inventory import Problem, RunInventory
from calib_core.io.lit_frames import by_light
from calib_core.io.locate import label
from calib_core.io.loss import FileTrains, Loss, control_trains, lost_trains
from calib_core.io.module_index import ModuleIndex, index_module
from calib_core.io.numbering import numbered
from calib_core.io.pulse_energies import has_energies
from calib_core.io.stocktaking import take_stock
from calib_core.numerics.middle import median

_FIRST_LIGHT = datetime(2017, 1, 1, tzinfo=UTC)


class Run:
    """A run folder opened for reading; may be used from several threads.

    Opening writes nothing into the folder. Files that cannot be used are in :attr:`problems` and in every inventory.
    """

    def __init__(
        self, path: Path, files: Sequence[RunFile], problems: Sequence[Problem], category: str = RAW
    ) -> None:
        self.path = path
        self.label = label(path)
        self.files = tuple(files)
        self._lock = threading.RLock()
        self._indexes: dict[tuple[str, int], ModuleIndex] = {}
        self._control: tuple[FileTrains, ...] | None = None
        self.proposal = self._number("proposalNumber", r"p(\d{6})")
        self.run_number = self._number("runNumber", r"r(\d{4})")
        self.start_time, clock = self._start()
        self.problems = (*problems, *clock)
        listed: dict[str, set[str]] = {}
        for file in self.files:
            for source in file.access.instrument_sources:
                listed.setdefault(source, set()).add(file.aggregator)
        known = identify(sorted(listed), {source: sorted(names) for source, names in listed.items()}, category)
        self.detectors: tuple[Detector, ...] = tuple(map(self._of_shape, known))

    @classmethod
    def open(cls, path: Path, category: str = RAW, names: Collection[str] = ()) -> Self:
        """Open a run folder.

        Parameters
        ----------
        path : Path
        category : str
            Of the files that are read. Raw ones beside corrected ones are another run's matter.
        names : collection of str
            Of the files that are opened; all unless given.

        Raises
        ------
        BadInput
            There is no such folder or no file in it can be used; the message names the first and its cause.
        """
        path = Path(path)
        files, problems = open_run_files(path, names)
        if category == CORRECTED:
            files = _of_category(files, category)
        if not files:
            reason = problems[0].sentence() if problems else "it holds no file that ends in .h5"
            more = and_others(len(problems) - 1, "file cannot be used either")
            kind = StillWritten if _being_written(problems) else BadInput
            raise kind(f"Run {path} cannot be used: {reason}.{more}")
        mine, foreign = own_files(path, files)
        for file in set(files) - set(mine):
            file.close()
        if not mine:
            raise BadInput(f"Run {path} cannot be used: {foreign[0].sentence()}.")
        mine, renumbered = numbered(mine)
        return cls(path, mine, (*problems, *foreign, *renumbered), category)

    @property
    def lost_files(self) -> str:
        """End of a sentence on what the run has not: which file cannot be used, and why; empty where all can."""
        lost = [one for one in self.problems if one.severity == "exclude"]
        more = f", and {len(lost) - 1} more cannot be used" if len(lost) > 1 else ""
        return f"; {lost[0].sentence()}{more}" if lost else ""

    @property
    def being_written(self) -> str:
        """Which file somebody still writes, and why that is thought; empty where none is."""
        return _being_written(self.problems)

    def __enter__(self) -> Self:
        """Use the run in a ``with`` block."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the run."""
        self.close()

    def forget_indexes(self) -> None:
        """Free the memory of the indexes, which are made again when they are asked for; frames have their own."""
        with self._lock:
            self._indexes.clear()

    def close(self) -> None:
        """Let go of the files; frames that were taken from the run stay readable."""
        self.forget_indexes()
        with self._lock:
            for file in self.files:
                file.close()

    def control(
        self, detector: Detector, parts: int = 1, selection: FrameSelection | None = None
    ) -> ControlReader:
        """Control values for the detector's descriptor; nothing is read before it asks.

        Parameters
        ----------
        detector : Detector
            One of this run's: memory cells and pulses are those of its first module that has frames.
        parts : int
            Gain stages whose frames a train holds; memory cells and pulses are those of the first.
        selection : FrameSelection, optional
            Which trains are used; None means all but suspect ones.
        """
        return RunControl(self.files, detector.type.raw.pulse, lambda: self._first_index(detector, parts),
                          selection or FrameSelection())

    def inventory(
        self, detector: Detector, modules: Sequence[int] | None = None, parts: int = 1, cells: int = 0,
    ) -> RunInventory:
        """Stock of a detector with all problems; reads indexes, train ids and memory cells but no pixel.

        Parameters
        ----------
        detector : Detector
            One of this run's.
        modules : sequence of int, optional
            Numbers of those that are looked at; None means all, and then missing ones are told.
        parts : int
            Gain stages whose frames a train holds, one after the other; the memory cells of the first are taken for
            all.
        cells : int
            Memory cells that the condition has; frames of others do not count. 0 where it does not tell.
        """
        chosen = [m for m in detector.modules if modules is None or m.number in modules]
        return take_stock(
            self.label, detector, [without_strays(detector.type, self.index(detector, m, parts), cells)
                                   for m in chosen], self.problems,
            [self.loss(detector, m, FrameSelection(parts=parts)) for m in chosen], complete=modules is None)

    def loss(self, detector: Detector, module: Module, selection: FrameSelection) -> Loss:
        """Trains of the run, by its control data and the other modules, that a module has no frames of.

        Parameters
        ----------
        detector : Detector
            One of this run's.
        module : Module
        selection : FrameSelection
            Whether suspect trains count as there, and how many gain stages a train holds.
        """
        with self._lock:
            if self._control is None:
                self._control = control_trains(self.files)
            indexes = {one.number: self.index(detector, one, selection.parts) for one in detector.modules}
            return lost_trains(indexes[module.number], list(indexes.values()), self._control,
                               selection.keep_suspect)

    def index(self, detector: Detector, module: Module, parts: int = 1) -> ModuleIndex:
        """Where the frames of a module are.

        Parameters
        ----------
        detector : Detector
            One of this run's.
        module : Module
        parts : int
            Gain stages whose frames a train holds, one after the other.

        Returns
        -------
        ModuleIndex
            Made at the first call.
        """
        with self._lock:
            key = module.source, parts
            if key not in self._indexes:
                self._indexes[key] = index_module(detector.type, module, self.files, parts)
            return self._indexes[key]

    def lacks(self, selection: FrameSelection) -> str:
        """Sentence on a monitor of energies that is asked for and is not in the run; empty where all is there."""
        if not selection.xgm or has_energies(self.files, selection.xgm):
            return ""
        return (f"Run {self.label} has no energies of {selection.xgm}; no frame is left out for the energy of its "
                "pulse, or because there was none.")

    def frames(self, detector: Detector, module: Module, selection: FrameSelection) -> ModuleFrames:
        """Frames of one module.

        Raises
        ------
        BadInput
            The module has fewer usable trains, or has lost more, than the selection allows; or nothing tells which
            frames had light, and others are not wanted.
        """
        with self._lock:
            index = without_strays(detector.type, self.index(detector, module, selection.parts),
                                   selection.cells_in_use)
            loss = self.loss(detector, module, selection)
            found = self._of_index(detector.type, index, selection, loss)
            if selection.seen_whole_run:
                found.more = self._of_index(detector.type, index, replace(selection, whole_run=True), loss)
            return found

    def _of_index(
        self, kind: DetectorType, index: ModuleIndex, selection: FrameSelection, loss: Loss
    ) -> ModuleFrames:
        """Frames that have light, where that is asked for."""
        told = kind, self.label, self.files, selection
        if not selection.together:
            return ModuleFrames(self.label, kind, by_light(index, *told), selection, loss)
        first = by_light(first_stage(index, selection.drop_last), *told)
        return FramesOfAllStages(self.label, kind, first, index, selection, loss)

    def sample(self, detector: Detector, selection: FrameSelection | None = None) -> SampleStatistics:
        """Statistics of three frames of the first module that has any.

        Parameters
        ----------
        detector : Detector
            One of this run's.
        selection : FrameSelection, optional
            None means all trains but suspect ones.

        Returns
        -------
        SampleStatistics
            Median gain signal in ADU and most frequent gain bits, each None where the detector has none; both None
            where no module can be read.
        """
        for module in detector.modules:
            try:
                frames = self.frames(detector, module, selection or FrameSelection()).some(3)
            except BadInput:
                continue
            if len(frames):
                return SampleStatistics(_median(frames.gain_signal), _mode(frames.gain))
        return SampleStatistics(None, None)

    def _of_shape(self, detector: Detector) -> Detector:
        """The detector, of that variant of its type whose shape its data have."""
        raw, first = detector.type.raw, detector.modules[0].source
        path = f"INSTRUMENT/{first}/{raw.pixels.replace('.', '/')}"
        for file in self.files if detector.type.variants else ():
            with suppress(*HDF5_ERRORS):  # what cannot be read is told with the module's other problems
                if (found := find(file, path)) is not None:
                    fitting = (kind for kind in detector.type.variants if kind.shape == found.shape[-2:])
                    return replace(detector, type=next(fitting, detector.type))
        return detector

    def _first_index(self, detector: Detector, parts: int) -> ModuleIndex:
        """Index of the first module that has frames, or of the first where none has."""
        indexes = (self.index(detector, module, parts) for module in detector.modules)
        return next((one for one in indexes if len(one.train)), self.index(detector, detector.modules[0], parts))

    def _number(self, key: str, folder: str) -> int | None:
        named = [m for p in reversed(self.path.absolute().parts) if (m := re.fullmatch(folder, p))]
        if named:
            return int(named[0][1])
        for value in self._metadata(key):
            with suppress(ValueError, TypeError, OverflowError):  # text says nothing
                return int(value)
        return None

    def _metadata(self, key: str) -> Iterator[Any]:
        for file in self.files:
            with suppress(*HDF5_ERRORS):  # these are for the screen only; many old files lack them
                yield read_all(file, f"METADATA/{key}")[0]

    def _start(self) -> tuple[datetime | None, tuple[Problem, ...]]:
        """Time of the first train; the files' own where the clock of the trains cannot be right."""
        earliest = min(f.sequence for f in self.files)
        opening = [f for f in self.files if f.sequence == earliest]
        first = min((t for t in map(_first_timestamp, opening) if t), default=None)
        if first and _FIRST_LIGHT < first < datetime.now(UTC) + timedelta(days=1):
            return first, ()
        written = min((t for t in map(_parsed, self._metadata("creationDate")) if t), default=None)
        said = "no train has a time" if first is None else f"the trains say {first:%Y-%m-%d %H:%M}, which cannot be"
        used = "the time of the files is used" if written else "nor do the files tell when it was recorded"
        detail = f"{said}; {used}"
        return written, (Problem("warn", "R35", self.label, "INDEX/timestamp", detail),)


def _of_category(files: Sequence[RunFile], category: str) -> tuple[RunFile, ...]:
    """Files of a category, or whose names do not tell; the others are closed."""
    for file in files:
        if file.category not in (category, ""):
            file.close()
    return tuple(file for file in files if file.category in (category, ""))


def _being_written(problems: Sequence[Problem]) -> str:
    return next((problem.sentence() for problem in problems if problem.code == "R23"), "")


def _first_timestamp(file: RunFile) -> datetime | None:
    with suppress(*HDF5_ERRORS):
        stamps = read_all(file, "INDEX/timestamp")[:len(file.access.train_ids)]
        used = stamps[stamps > 0]
        return datetime.fromtimestamp(int(used.min()) / 1e9, UTC) if used.size else None
    return None


def _parsed(text: bytes) -> datetime | None:
    with suppress(ValueError, AttributeError):
        return datetime.strptime(text.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return None


def _median(values: Array | None) -> float | None:
    return None if values is None or not values.size else median(values)


def _mode(bits: Array | None) -> int | None:
    return None if bits is None or not bits.size else int(np.bincount(bits.ravel()).argmax())
