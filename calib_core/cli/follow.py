"""Jobs on the terminal: messages as lines, progress on one line, Ctrl-C cancels, the closing table at the end."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

from calib_core.cli.log_file import LogFile
from calib_core.cli.progress import ProgressLine
from calib_core.cli.summary import closing_table
from calib_core.cli.telling import Telling
from calib_core.io.foreign import nobody_waits
from calib_core.jobs.board import Board, Message, State
from calib_core.jobs.estimate import estimate_of
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import check_memory
from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.summary import summary_of
from calib_core.numerics.kept_code import told_of_compiling
from calib_core.plain_text import shown

_STATUS = {State.DONE: 0, State.FAILED: 1, State.CANCELLED: 130}
_WIDTH = 30
_COMPILING = "INFO  Kernels are being compiled, once per machine and version; this takes up to half a minute."


def follow(spec: JobSpec, telling: Telling) -> int:
    """Run a job to its end and show it; returns the exit status.

    Raises
    ------
    CalibrationError
        The log file cannot be written, or, without running it, the job cannot be planned.
    """
    if telling.dry_run:
        return _tell_plan(spec, telling)
    return follow_job(Job(spec), telling)


def follow_job(job: Job, telling: Telling) -> int:
    """Run a job that is to be looked at afterwards; returns the exit status.

    Raises
    ------
    CalibrationError
        The log file cannot be written.
    """
    log = LogFile(telling.log_file) if telling.log_file else None
    try:
        return _follow(job, _Screen(telling, log))
    finally:
        if log is not None:
            log.close()


def _tell_plan(spec: JobSpec, telling: Telling) -> int:
    plan = make_plan(spec)
    try:
        found = estimate_of(plan)
        if telling.as_json:
            _print_json({**found.to_json(), "constants_taken": list(plan.lines), "notes": list(plan.notes)})
        else:
            print("\n".join(map(shown, [*found.lines(), *plan.lines, *(f"! {note}" for note in plan.notes)])))
        check_memory(plan)
    finally:
        plan.close()
    return 0 if found.fits else 1


def _follow(job: Job, screen: _Screen) -> int:
    screen.begin(job)
    with told_of_compiling(screen.compiling.set):
        try:
            job.start()
            while not job.wait(0.1):
                screen.show(job)
        except KeyboardInterrupt:
            job.cancel()
            with nobody_waits():
                job.wait()
    screen.show(job)
    screen.end(job)
    job.close()
    return job.board.status or _STATUS[job.board.state]


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


class _Screen:
    """Prints what is new on a board."""

    def __init__(self, telling: Telling, log: LogFile | None) -> None:
        self._telling, self._log = telling, log
        self._line = ProgressLine(silent=telling.quiet)
        self._messages = self._files = 0
        #: Set when kernels are compiled.
        self.compiling = Event()
        self._planned = False

    def begin(self, job: Job) -> None:
        self._note(f"{job.spec.family} {job.spec.method}, constants go to {job.spec.out_folder}.")

    def show(self, job: Job) -> None:
        board = job.board
        if self.compiling.is_set() and not self._telling.quiet:
            self.compiling.clear()
            self._line.say(_COMPILING)
        if job.plan is not None and not self._planned:
            self._planned = True
            for text in estimate_of(job.plan).lines() if self._telling.verbose or self._log else ():
                self._note(text)
        for message in board.messages[self._messages :]:
            self._message(message)
        for written in board.outputs[self._files :]:
            self._note(f"{written.path} ({written.bytes} bytes, SHA-256 {written.sha256})")
        self._messages, self._files = len(board.messages), len(board.outputs)
        self._line.show(board.done, _bar(board))

    def end(self, job: Job) -> None:
        self._line.end()
        if job.board.same_as:
            self._line.say("INFO  To write these constants once more, give --again.")
        summary = summary_of(job)
        table = closing_table(summary)
        if self._log is not None:
            self._log.lines("INFO", table)
        if self._telling.as_json:
            _print_json(summary.to_json())
        elif not self._telling.quiet:
            print(table)
            if self._line.lost:
                print(f"Messages are lost: standard error could not be written ({self._line.lost}).")

    def _message(self, one: Message) -> None:
        if self._log is not None:
            self._log.message(one)
        if not (self._telling.quiet and one.level == "INFO"):
            stamp = f"{one.clock} " if self._telling.verbose else ""
            self._line.say(f"{stamp}{one.level:5} {one.text}")

    def _note(self, text: str) -> None:
        """Something for those who want to know all."""
        text = shown(text)
        if self._log is not None:
            self._log.lines("INFO", text)
        if self._telling.verbose:
            self._line.say(text)


def _bar(board: Board) -> str:
    filled = int(board.done * _WIDTH)
    eta = "" if board.eta is None else f", {board.eta:.0f} s to go"
    running = next((t.label for t in board.tasks if t.state is State.RUNNING), board.state.value)
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {board.done:4.0%}  {running}{eta}"
