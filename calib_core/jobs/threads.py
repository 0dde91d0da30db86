"""The threads of a job: each takes units and finished modules until there is no work left."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from calib_core.characterisation.driver import run_unit
from calib_core.characterisation.unit import Accumulator, Unit
from calib_core.constants.constant import Constant
from calib_core.errors import CalibrationError, Cancelled
from calib_core.io.budget import MemoryBudget
from calib_core.io.buffers import Buffers
from calib_core.jobs.board import Written
from calib_core.jobs.constant_files import writing_bytes
from calib_core.jobs.corrected_files import CorrectedFiles
from calib_core.jobs.finished import FinishedModule
from calib_core.jobs.found import ModuleFound, found_in
from calib_core.jobs.held import Held
from calib_core.jobs.live import Live
from calib_core.jobs.outputs import Piece, combine, told, write_module
from calib_core.jobs.plan import Plan
from calib_core.jobs.progress import Progress
from calib_core.jobs.queue import Ready, Together, WorkQueue
from calib_core.jobs.results import Results
from calib_core.remarks import Remark

#: Shortest time between two reports of the progress, s.
_ANNOUNCE_INTERVAL = 0.1


class Report(Protocol):
    """What workers may tell of their work, and ask."""

    def check(self) -> None:
        """Raise Cancelled where the job was cancelled."""

    def give_way(self) -> None:
        """Wait while somebody waits for an answer that takes processors."""

    def say(self, level: str, text: str) -> None:
        """Tell the log something."""

    def remark(self, found: Sequence[Remark]) -> None:
        """Tell what is remarkable of a module."""

    def found(self, module: ModuleFound) -> None:
        """Tell what was found in a module."""

    def moved(self, progress: Progress) -> None:
        """Tell that the work went on."""


class Workers:
    """Threads that work on a plan's units.

    Parameters
    ----------
    plan : Plan
    results : mapping
        Where the results of each module go.
    live, progress, report
        Who is told.
    write : callable
        Writes a constant.
    files : CorrectedFiles
        Where corrected frames go.
    cancelled : callable
        Whether the job was cancelled.
    """

    def __init__(
        self, plan: Plan, results: Mapping[int | None, Results], live: Live, progress: Progress, report: Report,
        write: Callable[[Constant, Buffers | None], Written], files: CorrectedFiles, cancelled: Callable[[], bool],
    ) -> None:
        self._files = files
        self._plan, self._results, self._live, self._progress = plan, results, live, progress
        self._report, self._write, self._cancelled = report, write, cancelled
        self._queue = WorkQueue(plan.units, live.away)
        self._budget = MemoryBudget(plan.room, cancelled)
        self._announced = 0.0
        self._told: set[str] = set()

    def run(self) -> None:
        """Work until everything is done or the job is cancelled.

        Raises
        ------
        RuntimeError
            Work is left although nobody cancelled: a thread has died.
        """
        threads = [
            threading.Thread(target=self._loop, name=f"calibwb-worker-{i}", daemon=True)
            for i in range(self._plan.threads)
        ]
        for thread in self._started(threads):
            thread.join()
        if not self._cancelled() and not self._queue.is_empty:
            raise RuntimeError("the threads ended before the work was done; details are in the log")

    def _started(self, threads: list[threading.Thread]) -> list[threading.Thread]:
        """Start threads, as many as the system gives: what is computed does not depend on their number."""
        for i, thread in enumerate(threads):
            try:
                thread.start()
            except RuntimeError:
                if i == 0:
                    raise
                told = f"The system gives {i} of {len(threads)} threads, so that this takes longer."
                self._report.say("WARN", told)
                return threads[:i]
        return threads

    def _loop(self) -> None:
        held = Held(self._budget)
        try:
            while not self._cancelled() and (
                    work := self._queue.next(held.release, held.take_now)) is not None:
                if isinstance(work, Together):
                    work.help(held)
                elif isinstance(work, Ready):
                    self._guard(work.module, partial(self._finish, work.module, held))
                    self._queue.finished()
                else:
                    self._guard(work.module, partial(self._unit, work, held))
                    self._queue.done(work, finish=work.module not in self._progress.failed)
                self._announce(force=True)
        finally:
            held.release()

    def _guard(self, module: int | None, work: Callable[[], None]) -> None:
        """Do a piece of work; what goes wrong fails its module and leaves the others."""
        try:
            work()
        except Cancelled:
            self._queue.clear()
        except CalibrationError as error:
            self._fail(module, str(error))
        except MemoryError:
            self._fail(module, "the memory of the machine is used up; take a smaller memory budget or fewer threads.")
        except BaseException as error:  # whatever ends a thread would leave its work undone without a word
            self._report.say("ERROR", traceback.format_exc())
            self._fail(module, f"unexpected error: {str(error).rstrip('.') or type(error).__name__}.")

    def _fail(self, module: int | None, why: str) -> None:
        sentence = why if module is None else f"Module {module} failed: {why}"
        if self._progress.fail(module, sentence):
            self._report.say("ERROR", sentence)
        self._queue.drop(module)
        self._live.dropped(module)

    def _unit(self, unit: Unit, held: Held) -> None:
        def progress(accumulator: Accumulator, n: int) -> None:
            self._report.give_way()
            self._report.check()
            self._progress.add(unit, n)
            self._live.offer(unit, accumulator)
            self._tell_notes(unit, accumulator)
            self._announce()

        plan = self._plan
        held.take(plan.unit_bytes(unit))
        # steps that are no table of codes are the method's own, which reads their constants as it needs them
        before = {number: one.read() if one.whole_numbers else one
                  for number, one in plan.context.before.items() if number == unit.module}
        with self._files.sink(unit, partial(self._at_once, unit.module, held, small=True)) as sink:
            context = replace(plan.context, buffers=held.buffers, before=before, sink=sink)
            for at, values in run_unit(plan.method, context, unit, plan.source, progress, plan.parts(unit),
                                       partial(self._at_once, unit.module, held)):
                self._results[unit.module].write(at, values)
        for text in plan.trouble(unit.module):
            self._tell(text)
        self._progress.finish(unit)
        self._live.finished(unit)

    def _tell_notes(self, unit: Unit, accumulator: Accumulator) -> None:
        for note in accumulator.notes:
            self._tell(f"Module {unit.module}, {self._plan.label(unit)}: {note}")

    def _tell(self, text: str) -> None:
        """Tell something once."""
        if text not in self._told:
            self._told.add(text)
            self._report.say("INFO", text)

    def _finish(self, number: int | None, held: Held) -> None:
        plan, results = self._plan, self._results[number]

        def step(share: float) -> None:
            self._report.check()
            self._progress.finishing(number, share)
            self._announce()

        plan.source.check_unchanged(number)
        combine(plan, results, lambda share: step(share / 2))
        self._live.changed(number)
        if number is None or plan.detector is None:
            step(1.0)
            return
        written: list[Written] = []
        remarks = self._check(number, results)
        write_module(plan, plan.detector.module(number), results, remarks, lambda share: step(0.5 + share / 2),
                     lambda constant, buffers: written.append(self._write(constant, buffers)),
                     partial(self._do_together, number, held))
        self._report.found(found_in(plan, number, results, self._report.check))
        if written:
            how = "made; they appear when all are" if plan.spec.all_or_nothing else "written"
            self._report.say("INFO", f"Module {number}: {told(written)} {how}.")

    def _at_once(self, module: int | None, held: Held, pieces: Sequence[Piece], small: bool = False) -> None:
        """Do pieces of a unit with the help of workers that have none and find the memory for it free."""
        def with_buffers(piece: Piece, held: Held) -> None:
            piece(held.buffers)

        if len(pieces) == 1:
            pieces[0](held.buffers)
            return
        needs = 0 if small else self._plan.bytes_beside
        together = Together(module, [partial(with_buffers, piece) for piece in pieces], needs, small)
        with self._queue.shared(together):
            together.finish(held)

    def _do_together(self, number: int | None, held: Held, pieces: Sequence[Piece]) -> None:
        """Do pieces of work with the help of workers that have none, each in its own part of the memory budget."""
        needed = writing_bytes(self._plan)

        def one(piece: Piece, held: Held) -> None:
            held.take(needed)
            piece(held.buffers)

        together = Together(number, [partial(one, piece) for piece in pieces])
        with self._queue.shared(together):
            together.finish(held)

    def _check(self, number: int, results: Results) -> tuple[Remark, ...]:
        """Tell what is remarkable of a module; a check that fails leaves the others and the constants."""
        found: list[Remark] = []
        finished = FinishedModule(self._plan, number, results)
        for check in self._plan.method.checks(self._plan.kind):
            try:
                found += check.remarks(self._plan.context, number, finished)
            except Cancelled:
                raise
            except Exception as error:
                why = str(error) or type(error).__name__
                self._report.say("WARN", f"Module {number} was not checked for {check.text.kind}: "
                                         f"{why.rstrip('.')}. Its constants are written all the same.")
        self._report.remark(found)
        return tuple(found)

    def _announce(self, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._announced > _ANNOUNCE_INTERVAL:
            self._announced = now
            self._report.moved(self._progress)
