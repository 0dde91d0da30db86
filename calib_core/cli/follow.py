"""Jobs on the terminal: messages as lines, progress on one line, Ctrl-C cancels."""

from __future__ import annotations

import sys
import time

from calib_core.cli.summary import warned
from calib_core.io.foreign import end_trying
from calib_core.jobs.board import Board, State
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import told

_STATUS = {State.DONE: 0, State.FAILED: 1, State.CANCELLED: 130}
_WIDTH = 30


def follow(job: Job) -> int:
    """Run a job to its end and show it; returns the exit status."""
    job.start()
    screen = _Screen()
    try:
        while not job.wait(0.1):
            screen.show(job.board)
    except KeyboardInterrupt:
        job.cancel()
        end_trying()
        job.wait()
    screen.show(job.board, last=True)
    job.close()
    return _STATUS[job.board.state]


class _Screen:
    """Prints what is new on a board; the progress line only where somebody can see it move."""

    def __init__(self) -> None:
        self._messages, self._tenth, self._live = 0, -1, sys.stderr.isatty()
        self._started = time.monotonic()

    def show(self, board: Board, last: bool = False) -> None:
        for message in board.messages[self._messages :]:
            self._line(f"{message.level:5} {message.text}")
        self._messages = len(board.messages)
        if self._live:
            print(f"\r\x1b[K{_bar(board)}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif int(board.done * 10) != self._tenth:
            self._tenth = int(board.done * 10)
            print(_bar(board), file=sys.stderr, flush=True)
        if last and board.same_as:
            self._line("INFO  To write them once more, give --again.")
        if last:
            seconds = time.monotonic() - self._started
            print(f"{board.state.value} after {seconds:.1f} s, {told(board.outputs)} written{warned(board)}")

    def _line(self, text: str) -> None:
        print(f"\r\x1b[K{text}" if self._live else text, file=sys.stderr, flush=True)


def _bar(board: Board) -> str:
    filled = int(board.done * _WIDTH)
    eta = "" if board.eta is None else f", {board.eta:.0f} s to go"
    running = next((t.label for t in board.tasks if t.state is State.RUNNING), board.state.value)
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {board.done:4.0%}  {running}{eta}"
