"""A job: it surveys its input, plans work units, runs them in threads, and leaves files."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, At, Picture, View
from calib_core.errors import AlreadyWritten, BadParameter, CalibrationError, Cancelled, NoMemory
from calib_core.io.budget import share_heap
from calib_core.io.handles import check_room
from calib_core.io.locate import holds_run
from calib_core.jobs.board import Board, Message, State, TaskProgress, Written
from calib_core.jobs.corrected_files import CorrectedFiles
from calib_core.jobs.found import ModuleFound
from calib_core.jobs.handed_over import in_constants, leaving
from calib_core.jobs.live import Live
from calib_core.jobs.outputs import NOTHING, check_memory, output_bytes, write_tables
from calib_core.jobs.pass_results import PassResults
from calib_core.jobs.pixel_questions import PixelQuestions
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.progress import Progress, in_words
from calib_core.jobs.results import Results
from calib_core.jobs.scratch_room import with_scratch_in_memory
from calib_core.jobs.set_writer import SetWriter, look_before, planned_set
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.threads import Workers
from calib_core.jobs.whole_results import finish_whole_files, writes_files
from calib_core.numerics import kernels
from calib_core.plain_text import block, shown
from calib_core.remarks import Remark
from calib_core.store.constants import STORE
from calib_core.store.files import check_writable, sweep, unfinished
from calib_core.store.images import ImageReader
from calib_core.store.manifests import share

#: Most memory for images of constants that are looked at after a job, bytes.
_IMAGE_BYTES = 512 << 20
#: Space that is taken after a job without a word, bytes.
_SMALL = 1 << 30


class Job:
    """One run of a :class:`JobSpec`; safe to use from the thread that watches it.

    Attributes
    ----------
    spec : JobSpec
    created : float
        Seconds since the epoch.
    plan : Plan, optional
        None until the input has been surveyed.
    board : Board
        Newest state, replaced whole.
    pixels : PixelQuestions
        Told of single pixels.
    """

    def __init__(self, spec: JobSpec) -> None:
        self.spec, self.created = spec, time.time()
        self.plan: Plan | None = None
        self.board = Board(tasks=(TaskProgress("survey", "Looking at the runs", 0.0, State.QUEUED),))
        self._view: View | None = None
        self._lock = threading.Lock()
        self._cancel, self._ended = threading.Event(), threading.Event()
        self._results: dict[int | None, Results] = {}
        self._reader = ImageReader(_IMAGE_BYTES)
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._set: SetWriter | None = None
        self._files: CorrectedFiles | None = None
        self._learned = PassResults()
        self.pixels = PixelQuestions(self._results, self.values, lambda: bool(self._end_time))
        self._begin_time, self._end_time = time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._run, name="calibwb-job", daemon=True)

    def start(self) -> None:
        """Start in a thread of its own and return at once."""
        self._begin_time = time.monotonic()
        share_heap()
        self._thread.start()

    def look_at(self, view: View) -> None:
        """Say what is being looked at; its picture comes on the board as soon as there is one."""
        self._view = view
        live = self._live
        if live is not None:
            self.pixels.giving_way.look(view)
            live.look_at(view)

    def cancel(self) -> None:
        """Ask the job to stop; nothing half-written remains."""
        self._cancel.set()
        if self.plan is not None:
            self.plan.stop()

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
        for results in self._results.values():
            results.close()
        self._results.clear()
        self._reader.close()
        self._learned.close()
        self.pixels.close()
        if self.plan is not None:
            self.plan.close()

    @property
    def seconds(self) -> float:
        """How long the job has run, to its end where it has ended."""
        return (self._end_time or time.monotonic()) - self._begin_time

    @property
    def failed(self) -> dict[int, str]:
        """Why modules failed, by number."""
        failed = self._progress.failed if self._progress else {}
        return {module: why for module, why in failed.items() if module is not None}

    @property
    def held_bytes(self) -> int:
        """Space on the disk that only this job keeps for its maps."""
        return sum(results.held_bytes for results in list(self._results.values()))

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis, float64, NaN where it is not done; empty before there is a plan."""
        results = self._results.get(module)
        return np.empty(0) if results is None else results.along(result, axis, at, row, col)

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image (slow_scan, fast_scan) of a result at a place, or None where it is not done."""
        results = self._results.get(module)
        return None if results is None else results.read(result, at)

    def values(self, result: str, module: int | None = None) -> Array | None:
        """A result without pixels: over its axes, or the rows of a table; None before there is a plan.

        Of a running unit the table of the last snapshot is given.
        """
        results, live = self._results.get(module), self._live
        if results is None:
            return None
        seen = None if live is None else live.values(result, module)
        return results.values(result) if seen is None else seen

    def _run(self) -> None:
        try:
            self._publish(state=State.RUNNING)
            self._work()
        except Cancelled:
            self._end(State.CANCELLED, f"Cancelled: {self._cut_short('it was cancelled') or NOTHING}.")
        except AlreadyWritten as error:
            self._publish(same_as=error.path)
            self._end(State.FAILED, str(error))
        except CalibrationError as error:
            self._fail(str(error))
        except Exception as error:
            if NoMemory.is_cause(error):
                self._fail(str(NoMemory()))
                return
            self.say("ERROR", traceback.format_exc())
            self._fail(f"Unexpected error: {str(error).rstrip('.') or type(error).__name__}.")
        finally:
            self._end_time = time.monotonic()
            if self.plan is not None:
                self.plan.close()
            self._ended.set()

    def _fail(self, why: str, told: bool = False) -> None:
        self._cut_short(why)
        self._end(State.FAILED, why, told)

    def _cut_short(self, why: str) -> str:
        """Have the set of constants marked as what it is, and tell what is there of it."""
        if self._set is None or self._set.on_disk is None:
            return ""
        try:
            self._set.cut_short(why)
        except CalibrationError as error:
            self.say("WARN", str(error))
        found = self._set.on_disk
        left = share(*found.modules)
        self._publish(left=left if found.whole or not left else f"{left}; the set is marked as not complete")
        if not found.there and self.spec.all_or_nothing:
            self.say("INFO", "No constants stay, since all or nothing is asked for.")
        elif found.there and not found.whole:
            self.say("WARN", f"The set of constants is marked as not complete: {left} ({found.path}).")
        return left

    def _tidy(self, folder: Path, below: bool = True) -> None:
        """Remove what interrupted jobs left half written, and tell it, and what stays since it may be written now."""
        where = f"{'below' if below else 'in'} {folder}"
        if left_over := sweep(folder, below=below):
            self.say("INFO", f"{len(left_over)} unfinished file{'s' * (len(left_over) > 1)} of an interrupted job "
                     f"{where} removed.")
        if young := unfinished(folder, below=below):
            self.say("INFO", f"Unfinished files {where} stay: {len(young)} of {sum(young) / 1e6:,.1f} MB together, "
                     "since another job may be writing them. A job that starts an hour later removes what is left of "
                     "them.")

    def _work(self) -> None:
        _refuse_runs(self.spec)
        # its start takes as long as the survey, which waits for files
        threading.Thread(target=kernels.prepare, name="calibwb-kernels").start()
        if writes_files(self.spec):
            check_writable(self.spec.out_folder)
            self._tidy(self.spec.out_folder / STORE)
        plan = replace(with_scratch_in_memory(make_plan(self.spec, self._wait)),
                       started=datetime.fromtimestamp(self.created, UTC))
        if plan.method.by_sequence:  # its files are written beside whatever else the folder holds
            self._tidy(self.spec.out_folder, below=False)
        self.plan = self.pixels.plan = plan
        self.check()
        check_memory(plan)
        check_room(len(plan.modules))
        if plan.method.writes:
            check_writable(self.spec.out_folder, output_bytes(plan))
        for line in plan.lines:
            self.say("INFO", line)
        for note in (*look_before(plan), *plan.notes):
            self.say("WARN", note)
        shape = plan.kind.shape if plan.kind else (0, 0)
        for module in plan.modules:
            self._results[module] = Results(
                self.spec.out_folder, plan.results, plan.context.axes, shape, leaving(plan),
                bool(plan.in_memory))
        self._progress = Progress(plan)
        self._live = Live(plan, self._results, self._show, partial(self.say, "WARN"))
        if self._view is not None:  # who looks from now on tells it himself
            self._live.look_at(self._view)
        self._set = SetWriter(planned_set(plan), self.spec.out_folder, self.spec.all_or_nothing, self.wrote)
        self._files = files = CorrectedFiles(plan, self.wrote, partial(self.say, "INFO"), self._learned)
        with closing(files):
            Workers(plan, self._results, self._live, self._progress, self, self._set.write, files,
                    self._cancel.is_set).run()
        self.check()
        if failed := self._progress.failed:
            sentences = in_words(failed)
            self._fail(" ".join(sentences), told=len(sentences) == len(failed))
            return
        written, status = finish_whole_files(plan, self._results, self.say, self.check)
        self.wrote([*written, *write_tables(plan, self._results)])
        self._publish(status=status)
        files.record()
        self._set.complete()
        self._end(State.DONE, "")

    def _wait(self, seconds: int, why: str) -> None:
        """Tell what is waited for, and wait; raises Cancelled."""
        self.say("INFO", f"{why} It is looked at again in {seconds} s.")
        self._cancel.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Cancelled where the job was cancelled."""
        if self._cancel.is_set():
            raise Cancelled("The job was cancelled.")

    def give_way(self) -> None:
        """Wait while somebody waits for what a pixel's samples say."""
        self.pixels.giving_way.wait()

    def say(self, level: str, text: str) -> None:
        """Tell the log something: level INFO, WARN or ERROR; further lines of it are indented."""
        with self._lock:
            message = Message(time.time(), level, block(text) if level == "ERROR" else shown(text))
            self.board = replace(
                self.board, version=self.board.version + 1, messages=(*self.board.messages, message))

    def remark(self, found: Sequence[Remark]) -> None:
        """Keep what is remarkable of a module, and warn of it; what several modules have in common once."""
        known = set(self.board.warnings)
        with self._lock:
            self.board = replace(
                self.board, version=self.board.version + 1, remarks=(*self.board.remarks, *found))
        for sentence in dict.fromkeys(shown(one.sentence) for one in found):
            if sentence not in known:
                self.say("WARN", sentence)

    def wrote(self, files: list[Written]) -> None:
        """Tell that files were written."""
        with self._lock:
            self.board = replace(
                self.board, version=self.board.version + 1, outputs=(*self.board.outputs, *files))

    def found(self, module: ModuleFound) -> None:
        """Tell what was found in a module."""
        with self._lock:
            self.board = replace(
                self.board, version=self.board.version + 1, modules=(*self.board.modules, module))

    def moved(self, progress: Progress) -> None:
        """Tell how far the work is."""
        if self._set is not None:
            self._set.keep()
        done, eta = progress.total()
        files = () if self._files is None else self._files.progress
        self._publish(tasks=progress.tasks(State.RUNNING), done=done, eta=eta, files=files)

    def _show(self, picture: Picture) -> None:
        with self._lock:
            self.board = replace(
                self.board, version=self.board.version + 1, picture=picture,
                picture_version=self.board.picture_version + 1, published=time.time(),
            )
        self.pixels.giving_way.pictured(picture)

    def _publish(self, **changes: Any) -> None:
        with self._lock:
            self.board = replace(self.board, version=self.board.version + 1, **changes)

    def _free(self) -> None:
        """Free the space of what the constants hold, which is read from there from now on, and memory."""
        written = self._set.files if self._set else {}
        for module, files in written.items():
            try:
                assert self.plan is not None
                self._results[module].hand_over(in_constants(self.plan, files, self._reader))
            except Cancelled:  # nobody waits for files any more, and the space is freed with the job
                return
            except CalibrationError as error:
                self.say("WARN", f"{error} The maps of module {module} stay in a scratch file.")
        for number, results in self._results.items():
            try:
                results.leave_memory()
            except CalibrationError as error:
                self.say("WARN", f"{error} The maps of module {number} stay in memory until the job is removed.")
        if self.held_bytes > _SMALL:
            self.say("INFO", f"Maps that are in no constant take {self.held_bytes / _SMALL:.1f} GiB in "
                     f"{self.spec.out_folder} until the job is removed from the list or the program ends.")

    def _end(self, state: State, text: str, told: bool = False) -> None:
        """End with a reason, which goes to the log unless it was told there already."""
        self._free()
        if text and not told:
            self.say({State.FAILED: "ERROR", State.CANCELLED: "WARN"}.get(state, "INFO"), text)
        tasks = self._progress.tasks(state) if self._progress else tuple(
            replace(task, state=state) for task in self.board.tasks)
        done = 1.0 if state is State.DONE else self.board.done
        error = shown(text) if state is State.FAILED else ""
        files = () if self._files is None else self._files.progress
        self._publish(state=state, tasks=tasks, error=error, eta=None, done=done, files=files)


def _refuse_runs(spec: JobSpec) -> None:
    """Nothing is written into a folder that is read.

    Raises
    ------
    BadParameter
        The output folder is a run, or lies in one.
    """
    out = Path(os.path.realpath(spec.out_folder))  # links in a loop are refused where they are opened
    for path in (Path(os.path.realpath(path)) for name in spec.inputs for path in spec.paths(name)):
        if holds_run(path) and out.is_relative_to(path):
            raise BadParameter(
                f"{spec.out_folder} lies in the run {path}, which is read; choose another output folder.")
