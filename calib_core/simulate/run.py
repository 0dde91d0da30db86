"""Writes the dark runs of a simulated proposal, one per gain stage, and their truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.errors import Cancelled, OutputFailed
from calib_core.simulate.channels import ModuleTrains, write_companions
from calib_core.simulate.exdf import TRAIN_PERIOD, ExdfFile, FileHeader, Trains
from calib_core.simulate.frames import StageSource
from calib_core.simulate.noise import key_of, uniforms
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.simulate.truth_file import TruthWriter

Array = npt.NDArray[Any]
Progress = Callable[[float], None]

_FIRST_TRAIN = 2_000_000_000
_PAUSE = timedelta(minutes=1)
_BLOCK_BYTES = 16 << 20
#: Distinguish the random choices of a run.
_LOST, _SUSPECT, _VETO = range(20, 23)


@dataclass(frozen=True)
class Simulated:
    """What was written.

    Attributes
    ----------
    data_root : Path
        Folder for ``EXTRA_DATA_DATA_ROOT``.
    runs : dict of Path
        Raw run folder by the role of its gain stage (``high``, ``med``, ``low``).
    truth_file : Path
    size : int
        Bytes of raw data.
    """

    data_root: Path
    runs: dict[str, Path]
    truth_file: Path
    size: int


@dataclass(frozen=True)
class PlannedRun:
    """A run to write: its gain stage, number, trains and the folder that it is written to first."""

    role: str
    stage: int
    number: int
    folder: Path
    trains: Trains
    begin: datetime

    @property
    def draft(self) -> Path:
        """Folder while the run is being written."""
        return self.folder.with_name(f".{self.folder.name}.part")

    def file(self, aggregator: str, sequence: int) -> Path:
        """Path of a file in the draft folder."""
        return self.draft / f"RAW-R{self.number:04d}-{aggregator}-S{sequence:05d}.h5"


class _Task:
    """Counts the frames written, tells the progress and stops when asked to."""

    def __init__(self, total: int, progress: Progress | None, cancelled: Callable[[], bool] | None) -> None:
        self._total, self._done = max(1, total), 0
        self._progress, self._cancelled = progress, cancelled
        self._lock = Lock()

    def advance(self, frames: int) -> None:
        """Count some frames; raises Cancelled."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("The simulation was cancelled; nothing is left of it.")
        with self._lock:
            self._done += frames
            if self._progress is not None:
                self._progress(min(1.0, self._done / self._total))


def simulate(
    settings: Settings, root: Path, progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None, threads: int = 2,
) -> Simulated:
    """Write one dark run per gain stage and the truth file; the runs appear only when all are complete.

    Parameters
    ----------
    settings : Settings
    root : Path
        Data root; runs go to ``<instrument>/<cycle>/p<proposal>/raw/r<run>`` below it, the truth to
        ``usr/simulation`` of the proposal.
    progress : callable, optional
        Called with the share that is done, from any thread.
    cancelled : callable, optional
        Asked between blocks of frames; True stops and removes everything.
    threads : int
        Modules that are written at the same time; the data do not depend on it.

    Raises
    ------
    BadParameter
        A setting is not allowed for the detector type.
    OutputFailed
        A run exists already or cannot be written.
    Cancelled
    """
    settings.check()
    runs = _plan(settings, root)
    truth_file = runs[0].folder.parents[1] / "usr" / "simulation" / f"truth_r{settings.first_run:04d}.h5"
    for run in runs:
        if run.folder.exists():
            raise OutputFailed(f"Run folder {run.folder} exists already; choose another first run or proposal.")
    try:
        with _drafts(runs, truth_file) as truth_draft:
            _write(settings, runs, truth_draft, _task(settings, progress, cancelled), threads)
    except OSError as error:
        raise OutputFailed(f"Simulated runs cannot be written below {root}: {error}.") from error
    size = sum(path.stat().st_size for run in runs for path in run.folder.iterdir())
    by_stage = sorted(runs, key=lambda run: run.stage)
    return Simulated(root, {run.role: run.folder for run in by_stage}, truth_file, size)


def _task(settings: Settings, progress: Progress | None, cancelled: Callable[[], bool] | None) -> _Task:
    per_run = settings.trains * settings.memory_cells * len(settings.module_numbers)
    return _Task(per_run * len(settings.detector.stages), progress, cancelled)


def _plan(settings: Settings, root: Path) -> list[PlannedRun]:
    proposal = settings.proposal_folder(root)
    order = list(enumerate(settings.detector.stages))
    if settings.swap_runs:
        order.reverse()
    runs = []
    for place, (stage, declared) in enumerate(order):
        number = settings.first_run + place
        begin = settings.begins + place * (settings.trains * TRAIN_PERIOD + _PAUSE)
        folder = proposal / "raw" / f"r{number:04d}"
        runs.append(PlannedRun(declared.role, stage, number, folder, _trains(settings, stage, begin), begin))
    return runs


def _trains(settings: Settings, stage: int, begin: datetime) -> Trains:
    n = settings.trains
    first = _FIRST_TRAIN + (begin - settings.begins) // TRAIN_PERIOD
    nanoseconds = round(begin.timestamp() * 1000) * 10**6
    confirmed = uniforms(key_of(settings.seed, stage, _SUSPECT), n) >= settings.suspect_trains
    steps = np.arange(n, dtype=np.uint64)
    return Trains(np.uint64(first) + steps, np.uint64(nanoseconds) + steps * np.uint64(10**8), confirmed)


@contextmanager
def _drafts(runs: list[PlannedRun], truth_file: Path) -> Iterator[Path]:
    truth_draft = truth_file.with_suffix(".part")
    truth_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        for run in runs:
            shutil.rmtree(run.draft, ignore_errors=True)
            run.draft.mkdir(parents=True)
        yield truth_draft
        truth_draft.replace(truth_file)
        for run in runs:
            run.draft.rename(run.folder)
    finally:
        truth_draft.unlink(missing_ok=True)
        for run in runs:
            shutil.rmtree(run.draft, ignore_errors=True)


def _write(settings: Settings, runs: list[PlannedRun], truth_draft: Path, task: _Task, threads: int) -> None:
    order = settings.cell_order
    recorded = _recorded(settings, order)
    cells = np.sort(order)
    writer = TruthWriter(truth_draft, settings, cells, np.isin(cells, order[recorded]))

    def work(module: int) -> None:
        truth = ModuleTruth(settings, module)
        writer.add(truth)
        for run in runs:
            _write_module(settings, run, truth, order, recorded, task)

    try:
        for run in runs:
            _write_control(settings, run)
        with ThreadPoolExecutor(max_workers=threads) as pool:
            pending = [pool.submit(work, module) for module in settings.module_numbers]
            try:
                for future in pending:
                    future.result()
            finally:
                for future in pending:
                    future.cancel()
    finally:
        writer.close()


def _recorded(settings: Settings, order: Array) -> Array:
    vetoed = int(settings.vetoed_cells * len(order))
    ranks = np.argsort(np.argsort(uniforms(key_of(settings.seed, _VETO), len(order))))
    return ranks >= vetoed


def _write_control(settings: Settings, run: PlannedRun) -> None:
    make = settings.detector.simulate_control
    if make is None:
        return
    values = {**dict(settings), "module_numbers": settings.module_numbers}
    sources = make(settings.identifier, run.stage, values)
    for sequence, part in _sequences(settings, len(run.trains)):
        path = run.file(settings.detector.truth["control_aggregator"], sequence)
        with ExdfFile(path, run.trains.select(part), _header(settings, run, sequence)) as file:
            for source, keys in sources.items():
                file.control(source, keys)


def _write_module(
    settings: Settings, run: PlannedRun, truth: ModuleTruth, order: Array, recorded: Array, task: _Task
) -> None:
    source = StageSource(settings, truth, run.stage, order[recorded])
    entry = settings.detector.raw.frames_per_entry
    cells = np.where(recorded, order, -1) if entry else order[recorded]
    position = np.linspace(-0.5, 0.5, len(run.trains)) if len(run.trains) > 1 else np.zeros(1)
    present, in_file = _lost(settings, run, truth.module)
    for sequence, part in _sequences(settings, len(run.trains)):
        kept = np.arange(len(run.trains))[part][in_file[part]]
        if kept.size == 0:
            continue
        data = ModuleTrains(run.trains.select(kept), present[kept], cells)
        path = run.file(settings.detector.raw.aggregator.format(module=truth.module), sequence)
        with ExdfFile(path, data.trains, _header(settings, run, sequence)) as file:
            name = settings.source(truth.module)
            write_companions(file, settings, name, data)
            _write_frames(file, name, source, data, position[kept[data.present]], task)


def _lost(settings: Settings, run: PlannedRun, module: int) -> tuple[Array, Array]:
    """Trains with frames, and trains that are in the file at all: every other lost train is missing in the index."""
    drawn = uniforms(key_of(settings.seed, module, run.stage, _LOST), len(run.trains))
    lost = drawn < settings.lost_trains
    missing = lost & (np.cumsum(lost) % 2 == 0)
    return ~lost, ~missing


def _write_frames(
    file: ExdfFile, name: str, source: StageSource, data: ModuleTrains, position: Array, task: _Task
) -> None:
    detector = source.detector
    n_cells, stored = len(data.cells), {}
    step = max(1, _BLOCK_BYTES // max(1, n_cells * detector.frame_bytes))
    block, gain = source.block(data.ids[:0], data.cells, position[:0])
    for key, empty in detector.encode(block, source.stage, gain).items():
        stored[key] = _dataset(file, name, key, empty, data, detector.raw.frames_per_entry)
    for begin in range(0, len(data.ids), step):
        part = slice(begin, begin + step)
        block, gain = source.block(data.ids[part], data.cells, position[part])
        for key, values in detector.encode(block, source.stage, gain).items():
            _put(stored[key], values, begin, n_cells, detector.raw.frames_per_entry)
        task.advance(len(block))


def _dataset(file: ExdfFile, name: str, key: str, like: Array, data: ModuleTrains, entry: bool) -> Any:
    frame = like.shape[1:]
    n, c = len(data.ids), len(data.cells)
    if entry:
        return file.frames(name, key, (n, c, *frame), like.dtype, (1, 1, *frame))
    return file.frames(name, key, (n * c, *frame), like.dtype, (1, *frame))


def _put(dataset: Any, values: Array, train: int, n_cells: int, entry: bool) -> None:
    if entry:
        values = values.reshape(-1, n_cells, *values.shape[1:])
        dataset[train : train + len(values)] = values
    else:
        dataset[train * n_cells : train * n_cells + len(values)] = values


def _sequences(settings: Settings, n_trains: int) -> Iterator[tuple[int, slice]]:
    step = settings.trains_per_sequence
    for sequence, begin in enumerate(range(0, n_trains, step)):
        yield sequence, slice(begin, begin + step)


def _header(settings: Settings, run: PlannedRun, sequence: int) -> FileHeader:
    created = run.begin + sequence * settings.trains_per_sequence * TRAIN_PERIOD
    return FileHeader(settings.proposal, run.number, sequence, created, settings.format_version)
