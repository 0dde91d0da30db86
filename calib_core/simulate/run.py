"""Writes the runs of a simulated proposal and their truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
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
from calib_core.simulate.noise import key_of, uniforms
from calib_core.simulate.recording import write_frames
from calib_core.simulate.scene import Scene, SceneRun
from calib_core.simulate.scenes.dark import Dark
from calib_core.simulate.settings import Settings, simulated
from calib_core.simulate.truth import ModuleTruth
from calib_core.simulate.truth_file import TruthWriter
from calib_core.store.draft import Draft, drafted
from calib_core.store.exdf import TRAIN_PERIOD, ExdfFile, FileHeader, Trains

Array = npt.NDArray[Any]
Progress = Callable[[float], None]

_FIRST_TRAIN = 2_000_000_000
_PAUSE = timedelta(minutes=1)
#: Aggregator of devices beside the detector.
_DEVICES = "DA09"
#: Distinguish the random choices of a run.
_LOST, _SUSPECT, _VETO, _SHORT = range(20, 24)


@dataclass(frozen=True)
class Simulated:
    """What was written.

    Attributes
    ----------
    data_root : Path
        Folder for ``EXTRA_DATA_DATA_ROOT``.
    runs : dict of Path
        Raw run folder by its role: of a dark run that of its gain stage (``high``, ``med``, ``low``), of its first
        stage where it holds several; of others the word of their scene.
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
    """A run to write: what the scene says of it, its number, trains and the folder that it is written to first."""

    scene: SceneRun
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
    cancelled: Callable[[], bool] | None = None, threads: int = 2, scene: Scene | None = None,
) -> Simulated:
    """Write the runs of a scene and the truth file; the runs appear only when all are complete.

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
    scene : Scene, optional
        What the runs show; darks, one per gain stage, unless given.

    Raises
    ------
    BadParameter
        A setting is not allowed for the detector type or the scene.
    OutputFailed
        A run exists already or cannot be written.
    Cancelled
    """
    scene = scene or Dark()
    settings.check()
    scene.check(settings)
    runs = _plan(settings, scene, root)
    truth_file = runs[0].folder.parents[1] / "usr" / "simulation" / f"truth_r{settings.first_run:04d}.h5"
    for run in runs:
        if run.folder.exists():
            raise OutputFailed(f"Run folder {run.folder} exists already; choose another first run or proposal.")
    try:
        with _drafts(runs, truth_file) as truth_draft:
            _write(settings, scene, runs, truth_draft, _Task(_frames(settings, runs), progress, cancelled), threads)
    except OSError as error:
        raise OutputFailed(f"Simulated runs cannot be written below {root}: {error}.") from error
    size = sum(path.stat().st_size for run in runs for path in run.folder.iterdir())
    in_order = sorted(runs, key=lambda run: run.scene.key)
    return Simulated(root, {run.scene.role: run.folder for run in in_order}, truth_file, size)


def _frames(settings: Settings, runs: Sequence[PlannedRun]) -> int:
    """Frames of all runs and modules."""
    of_part = settings.trains * len(settings.cell_order) * len(settings.module_numbers)
    return of_part * sum(len(run.scene.parts) for run in runs)


def _plan(settings: Settings, scene: Scene, root: Path) -> list[PlannedRun]:
    proposal = settings.proposal_folder(root)
    runs = []
    for place, one in enumerate(scene.runs(settings)):
        number = settings.first_run + place
        begin = settings.begins + place * (settings.trains * TRAIN_PERIOD + _PAUSE)
        folder = proposal / "raw" / f"r{number:04d}"
        runs.append(PlannedRun(one, number, folder, _trains(settings, one.key, begin), begin))
    return runs


def _trains(settings: Settings, key: int, begin: datetime) -> Trains:
    n = settings.trains
    first = _FIRST_TRAIN + (begin - settings.begins) // TRAIN_PERIOD
    nanoseconds = round(begin.timestamp() * 1000) * 10**6
    confirmed = uniforms(key_of(settings.seed, key, _SUSPECT), n) >= settings.suspect_trains
    steps = np.arange(n, dtype=np.uint64)
    return Trains(np.uint64(first) + steps, np.uint64(nanoseconds) + steps * np.uint64(10**8), confirmed)


@contextmanager
def _drafts(runs: list[PlannedRun], truth_file: Path) -> Iterator[Draft]:
    try:
        for run in runs:
            shutil.rmtree(run.draft, ignore_errors=True)
            run.draft.mkdir(parents=True)
        with drafted(truth_file, overwrite=True) as truth_draft:
            yield truth_draft
        for run in runs:
            run.draft.rename(run.folder)
    finally:
        for run in runs:
            shutil.rmtree(run.draft, ignore_errors=True)


def _write(
    settings: Settings, scene: Scene, runs: list[PlannedRun], truth_draft: Draft, task: _Task, threads: int,
) -> None:
    order = settings.cell_order
    recorded = _recorded(settings, order)
    cells = np.unique(order)
    writer = TruthWriter(truth_draft, settings, scene, cells, np.isin(cells, order[recorded]))

    def work(modules: Sequence[int]) -> None:
        truths = [ModuleTruth(settings, module) for module in modules]
        for truth in truths:
            writer.add(truth)
        for run in runs:
            _write_modules(settings, scene, run, truths, order, recorded, task)

    try:
        for run in runs:
            _write_control(settings, run)
            _write_devices(settings, scene, run, order)
        with ThreadPoolExecutor(max_workers=threads) as pool:
            pending = [pool.submit(work, modules) for modules in _of_one_file(settings)]
            try:
                for future in pending:
                    future.result()
            finally:
                for future in pending:
                    future.cancel()
    finally:
        writer.close()


def _recorded(settings: Settings, order: Array) -> Array:
    cells = np.array(list(dict.fromkeys(order.tolist())))
    vetoed = int(settings.vetoed_cells * len(cells))
    ranks = np.argsort(np.argsort(uniforms(key_of(settings.seed, _VETO), len(cells))))
    return np.isin(order, cells[ranks >= vetoed])


@contextmanager
def _file(
    settings: Settings, run: PlannedRun, writer: str, sequence: int, trains: Trains,
) -> Iterator[ExdfFile]:
    """A file of a run, which appears when it is whole."""
    header = _header(settings, run, sequence, trains)
    with drafted(run.file(writer, sequence)) as draft, ExdfFile(draft, trains, header) as file:
        yield file


def _write_control(settings: Settings, run: PlannedRun) -> None:
    make = settings.detector.simulate_control
    if make is None:
        return
    values = {**dict(settings), "module_numbers": settings.module_numbers, **run.scene.control}
    sources = make(settings.identifier, run.scene.stage, values)
    writer = simulated(settings.detector).hardware.control_aggregator
    for sequence, part in _sequences(settings, len(run.trains)):
        with _file(settings, run, writer, sequence, run.trains.select(part)) as file:
            for source, keys in sources.items():
                file.control(source, keys)


def _write_devices(settings: Settings, scene: Scene, run: PlannedRun, order: Array) -> None:
    """Files of devices beside the detector, where the scene has any."""
    for sequence, part in _sequences(settings, len(run.trains)):
        trains = run.trains.select(part)
        sources = scene.devices(settings, trains.ids, np.arange(len(order)))
        if not sources:
            return
        with _file(settings, run, _DEVICES, sequence, trains) as file:
            for source, keys in sources.items():
                for group in sorted({key.split(".")[0] for key in keys}):
                    file.instrument(source, group, np.ones(len(trains), np.uint64))
                for key, values in keys.items():
                    file.column(source, key, values)


def _of_one_file(settings: Settings) -> list[list[int]]:
    """Modules, those together whose data are in one file."""
    found: dict[str, list[int]] = {}
    for module in settings.module_numbers:
        found.setdefault(settings.detector.raw.usual(module)[0], []).append(module)
    return list(found.values())


def _write_modules(
    settings: Settings, scene: Scene, run: PlannedRun, truths: Sequence[ModuleTruth], order: Array, recorded: Array,
    task: _Task,
) -> None:
    """Write the files of modules that share them; such files have all trains that one of the modules has there."""
    cells, slots = _cells(settings, order, recorded)
    kept_frames, empty = _filled(settings, run, len(cells))
    position = np.linspace(-0.5, 0.5, len(run.trains)) if len(run.trains) > 1 else np.zeros(1)
    lost = [_lost(settings, run, truth.module) for truth in truths]
    in_file = np.any([there for _, there in lost], axis=0)
    writer, _ = settings.detector.raw.usual(truths[0].module)
    for sequence, part in _sequences(settings, len(run.trains)):
        kept = np.arange(len(run.trains))[part][in_file[part]]
        if kept.size == 0:
            continue
        trains = run.trains.select(kept)
        with _file(settings, run, writer, sequence, trains) as file:
            for truth, (present, _) in zip(truths, lost, strict=True):
                sources = [scene.source(settings, truth, part, order[recorded]) for part in run.scene.parts]
                held = kept[present[kept]]
                data = ModuleTrains(trains, present[kept], cells, slots, kept_frames[held], empty[held], len(sources))
                name = settings.source(truth.module)
                write_companions(file, settings, name, data)
                write_frames(file, name, sources, data, position[held], task.advance)


def _cells(settings: Settings, order: Array, recorded: Array) -> tuple[Array, Array]:
    """Memory cells of a train's frames, and their places before the veto; entries keep the place of a vetoed one."""
    if settings.detector.raw.frames_per_entry:
        return np.where(recorded, order, -1), np.arange(len(order))
    return order[recorded], np.flatnonzero(recorded)


def _filled(settings: Settings, run: PlannedRun, n_cells: int) -> tuple[Array, Array]:
    """Frames (trains, cells) that each train has, and trains whose frames hold only zeros."""
    n = len(run.trains)
    drawn = uniforms(key_of(settings.seed, run.scene.key, _SHORT), 2 * n).reshape(2, n)
    counts = np.where(drawn[0] < settings.short_trains, 1 + (drawn[1] * (n_cells - 1)).astype(int), n_cells)
    place = np.arange(n)
    empty = (place < settings.empty_first) | (place >= n - settings.empty_last)
    return np.arange(n_cells) < counts[:, None], empty


def _lost(settings: Settings, run: PlannedRun, module: int) -> tuple[Array, Array]:
    """Trains with frames, and trains that are in the file at all: every other lost train is missing in the index."""
    drawn = uniforms(key_of(settings.seed, module, run.scene.key, _LOST), len(run.trains))
    lost = drawn < settings.lost_trains
    missing = lost & (np.cumsum(lost) % 2 == 0)
    return ~lost, ~missing


def _sequences(settings: Settings, n_trains: int) -> Iterator[tuple[int, slice]]:
    step = settings.trains_per_sequence
    for sequence, begin in enumerate(range(0, n_trains, step)):
        yield sequence, slice(begin, begin + step)


def _header(settings: Settings, run: PlannedRun, sequence: int, trains: Trains) -> FileHeader:
    created = run.begin + sequence * settings.trains_per_sequence * TRAIN_PERIOD
    return FileHeader.of_new(
        settings.proposal, run.number, sequence, created, len(trains), settings.format_version)
