"""A job: it surveys its runs, plans work units, runs them in threads, and writes constants."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.characterisation.by_gain_stage import stage_of
from calib_core.characterisation.driver import run_unit
from calib_core.characterisation.unit import Accumulator, Unit
from calib_core.errors import CalibrationError, Cancelled
from calib_core.io.budget import MemoryBudget
from calib_core.io.frames import NO_DATA, ModuleFrames
from calib_core.jobs.board import Board, Message, Picture, State, TaskProgress, View
from calib_core.jobs.drifts import drifts
from calib_core.jobs.finishing import check_memory, combine_stages, largest_constant, output_bytes, write_module
from calib_core.jobs.live import Live
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.progress import Progress
from calib_core.jobs.queue import WorkQueue
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.spool import Spool
from calib_core.store.files import check_writable, sweep

Array = npt.NDArray[Any]

#: Most frames, and bytes of them, behind a row of pixels over frames.
_ROW_FRAMES, _ROW_BYTES = 512, 1 << 26
#: Workers leave the processor to whoever shows their pictures.
_NICENESS = 10


@dataclass(frozen=True)
class PixelSamples:
    """Raw samples of one pixel and memory cell: values (n,) uint16 ADU, their trains, gate, mean and deviation."""

    values: Array
    trains: Array
    gate: tuple[float, float] | None
    mean: float
    std: float


@dataclass(frozen=True)
class RowSamples:
    """Raw samples of a row of pixels and one memory cell: values (frames, fast_scan) uint16 ADU, and their trains."""

    values: Array
    trains: Array


class Job:
    """One run of a :class:`JobSpec`; safe to use from the thread that watches it.

    Attributes
    ----------
    spec : JobSpec
    plan : Plan, optional
        None until the input has been surveyed.
    board : Board
        Newest state, replaced whole.
    """

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        self.plan: Plan | None = None
        self.board = Board(tasks=(TaskProgress("survey", "look at the runs", 0.0, State.QUEUED),))
        self._view = View()
        self._lock = threading.Lock()
        self._cancel, self._ended = threading.Event(), threading.Event()
        self._spools: dict[int, Spool] = {}
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._thread = threading.Thread(target=self._run, name="calibwb-job", daemon=True)

    def start(self) -> None:
        """Start in a thread of its own and return at once."""
        self._thread.start()

    def look_at(self, view: View) -> None:
        """Say what is being looked at; its picture comes on the board as soon as there is one."""
        self._view = view
        live = self._live
        if live is not None:
            live.look_at(view)

    def cancel(self) -> None:
        """Ask the job to stop; nothing half-written remains."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False where the time ran out first."""
        return self._ended.wait(timeout)

    def close(self) -> None:
        """Cancel, wait, and free the scratch space and the runs."""
        self.cancel()
        if self._thread.is_alive():
            self._thread.join()
        if self._live is not None:
            self._live.stop()
            self._live = None
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()
        if self.plan is not None:
            self.plan.close()

    def pixel_over_cells(self, name: str, module: int, row: int, col: int, stage: int) -> tuple[Array, Array]:
        """One pixel of a map over memory cells: (cells,) int64 and (cells,) float64, NaN where not done."""
        plan, spool = self.plan, self._spools.get(module)
        if plan is None or spool is None:
            return np.empty(0, np.int64), np.empty(0)
        return np.asarray(plan.cells, np.int64), spool.pixel(name, stage, row, col)

    def cell_map(self, name: str, module: int, stage: int, cell: int) -> Array | None:
        """One map of one memory cell, (slow_scan, fast_scan), or None where it is not done."""
        plan, spool = self.plan, self._spools.get(module)
        if plan is None or spool is None or cell not in plan.cells:
            return None
        return spool.read(name, stage, plan.cells.index(cell))

    def pixel_samples(self, module: int, row: int, col: int, cell: int, stage: int) -> PixelSamples:
        """Raw samples of one pixel in the dark, with the gate that the robust estimator takes; reads the run.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read.
        """
        plan, frames = self._frames(module, stage)
        kind = plan.detector.type
        trains, values, bits = frames.read_pixel(row, col, cell)
        table = plan.tables.get(module)
        values = values if table is None else table.of_pixel(values, cell, row * kind.shape[1] + col)
        told = bits is not None and kind.has_gain_bits
        right = values[bits == kind.stages[stage].code] if told else values
        found = plan.method.summarise(right, kind)
        return PixelSamples(values, trains, found.gate, found.mean, found.std)

    def row_samples(self, module: int, row: int, cell: int, stage: int) -> RowSamples:
        """Raw samples of a row of pixels in the first frames of a run, as many as fit into bounded memory.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read.
        """
        plan, frames = self._frames(module, stage)
        limit = min(_ROW_FRAMES, max(1, _ROW_BYTES // plan.detector.type.frame_bytes))
        trains, values = frames.read_row(row, cell, limit)
        return RowSamples(values, trains)

    def _frames(self, module: int, stage: int) -> tuple[Plan, ModuleFrames]:
        plan = self.plan
        key = plan.detector.type.stages[stage].role if plan else ""
        if plan is None or (module, key) not in plan.frames:
            raise CalibrationError(f"Module {module} has no run for this gain stage yet.")
        return plan, plan.frames[module, key]

    def _run(self) -> None:
        try:
            self._publish(state=State.RUNNING)
            self._work()
        except Cancelled:
            self._end(State.CANCELLED, "Cancelled.")
        except CalibrationError as error:
            self._end(State.FAILED, str(error))
        except Exception as error:
            self._say("ERROR", traceback.format_exc())
            self._end(State.FAILED, f"Unexpected error: {error}")
        finally:
            self._ended.set()

    def _work(self) -> None:
        check_writable(self.spec.out_folder)
        sweep(self.spec.out_folder)
        plan = make_plan(self.spec)
        self.plan = plan
        self._check()
        check_memory(plan)
        check_writable(self.spec.out_folder, output_bytes(plan))
        for note in plan.notes:
            self._say("WARN", note)
        kind = plan.detector.type
        for module in plan.modules:
            self._spools[module] = Spool(
                self.spec.out_folder, plan.maps, len(kind.stages), len(plan.cells), kind.shape)
        self._progress = Progress(plan)
        self._live = Live(plan, self._spools, self._show, self._view, partial(self._say, "WARN"))
        _Workers(self, plan, self._live, self._progress).run()
        self._check()
        failed = self._progress.failures
        self._end(State.FAILED if failed else State.DONE, " ".join(failed), told=True)

    def _check(self) -> None:
        if self._cancel.is_set():
            raise Cancelled("The job was cancelled.")

    def _show(self, picture: Picture) -> None:
        with self._lock:
            self.board = replace(
                self.board, version=self.board.version + 1, picture=picture,
                picture_version=self.board.picture_version + 1, published=time.time(),
            )

    def _publish(self, **changes: Any) -> None:
        with self._lock:
            self.board = replace(self.board, version=self.board.version + 1, **changes)

    def _say(self, level: str, text: str) -> None:
        with self._lock:
            message = Message(time.time(), level, text)
            self.board = replace(
                self.board, version=self.board.version + 1, messages=(*self.board.messages, message))

    def _end(self, state: State, text: str, told: bool = False) -> None:
        """End with a reason, which goes to the log unless it was told there already."""
        if text and not told:
            self._say({State.FAILED: "ERROR", State.CANCELLED: "WARN"}.get(state, "INFO"), text)
        tasks = self._progress.tasks(state) if self._progress else tuple(
            replace(task, state=state) for task in self.board.tasks)
        done = 1.0 if state is State.DONE else self.board.done
        self._publish(state=state, tasks=tasks, error=text if state is State.FAILED else "", eta=None, done=done)


class _Workers:
    """The threads of a job; each takes work until there is none."""

    def __init__(self, job: Job, plan: Plan, live: Live, progress: Progress) -> None:
        self._job, self._plan, self._live, self._progress = job, plan, live, progress
        self._queue = WorkQueue(plan.units, live.away)
        self._budget = MemoryBudget(plan.room, job._cancel.is_set)
        self._announced = 0.0
        self._told: set[str] = set()

    def run(self) -> None:
        """Work until everything is done or the job is cancelled."""
        threads = [
            threading.Thread(target=self._loop, name=f"calibwb-worker-{i}", daemon=True)
            for i in range(self._plan.threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self) -> None:
        with suppress(OSError, AttributeError):  # niceness of one thread is Linux's; elsewhere do without
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._job._cancel.is_set() and (work := self._queue.next()) is not None:
            if isinstance(work, Unit):
                self._guard(work.module or 0, partial(self._unit, work))
                self._queue.done(work, finish=work.module not in self._progress.failed_modules)
            else:
                self._guard(work, partial(self._finish, work))
            self._announce(force=True)

    def _guard(self, module: int, work: Callable[[], None]) -> None:
        """Do a piece of work; what goes wrong fails its module and leaves the others."""
        try:
            work()
        except Cancelled:
            self._queue.drop()
        except CalibrationError as error:
            self._fail(module, str(error))
        except Exception as error:
            self._job._say("ERROR", traceback.format_exc())
            self._fail(module, f"unexpected error: {error}")

    def _fail(self, module: int, why: str) -> None:
        if self._progress.fail(module, f"Module {module} failed: {why}"):
            self._job._say("ERROR", f"Module {module} failed: {why}")
        self._queue.drop(module)

    def _unit(self, unit: Unit) -> None:
        plan = self._plan

        def progress(accumulator: Accumulator, n: int) -> None:
            self._job._check()
            self._progress.add(unit, n)
            self._live.offer(unit, accumulator)
            self._tell_notes(unit, accumulator)
            self._announce()

        with self._budget.reserve(plan.unit_bytes(unit)):
            stage, spool = stage_of(plan.context, unit), self._spools[unit.module or 0]
            for index, maps in run_unit(plan.method, plan.context, unit, plan, progress):
                spool.write_cell(stage, index, maps)
        self._progress.finish(unit)
        self._live.finished(unit)

    def _tell_notes(self, unit: Unit, accumulator: Accumulator) -> None:
        for note in accumulator.notes:
            text = f"Module {unit.module}, {self._plan.label(unit)}: {note}"
            if text not in self._told:
                self._told.add(text)
                self._job._say("INFO", text)

    @property
    def _spools(self) -> dict[int, Spool]:
        return self._job._spools

    def _finish(self, number: int) -> None:
        spool, module = self._spools[number], self._plan.detector.module(number)

        def step(share: float) -> None:
            self._job._check()
            self._progress.finishing(number, share)
            self._announce()

        combine_stages(self._plan, spool, lambda share: step(share / 2))
        self._live.changed(number)
        with self._budget.reserve(largest_constant(self._plan)):
            written = write_module(self._plan, module, spool, lambda share: step(0.5 + share / 2))
        self._job._publish(outputs=(*self._job.board.outputs, *(str(one.path) for one in written)))
        self._tell_left_out(number)
        for sentence in drifts(self._plan, number, spool):
            self._job._say("WARN", sentence)
        self._job._say("INFO", f"Module {number}: {len(written)} constants written.")

    def _tell_left_out(self, number: int) -> None:
        """Tell which frames had no data, which only the reading shows."""
        for key, run in self._plan.runs.items():
            frames = self._plan.frames[number, key]
            empty = [f"{n} {why}" for why, n in frames.excluded.items() if why in NO_DATA]
            if empty:
                self._job._say("WARN", f"Module {number}: frames of {run.label} without data are left out: "
                                       f"{', '.join(empty)}.")

    def _announce(self, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._announced > 0.1:
            self._announced = now
            done, eta = self._progress.total()
            self._job._publish(tasks=self._progress.tasks(State.RUNNING), done=done, eta=eta)
