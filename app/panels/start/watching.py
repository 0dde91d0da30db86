"""Watches a folder of runs while it is switched on, and has darks started; knows no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from calib_core.errors import CalibrationError
from calib_core.jobs.job import Job
from calib_core.jobs.watching import Look, Ready, Watch, Watched
from calib_core.subjects.log_book import log_entry
from calib_core.subjects.sign_off import SignOff

_OPENING, _LOOKING = "Watching a folder", "Looking at a watched folder"
#: Pause between two looks, ms: file systems that several machines write to tell nobody of their changes.
_EVERY = 5000
OFF = "Switched off: nothing starts by itself."


@dataclass(frozen=True)
class _Step:
    """Lines on jobs that have ended, and what a look found."""

    lines: tuple[str, ...]
    look: Look


class WatchPresenter(QObject):
    """Looks at a folder in the background; one set after the other is started, and waits as a draft.

    Signals
    -------
    changed()
        It waits for something else, something else is told, or there is a line more.
    started(job)
        A job was started; whoever looks at something else goes on doing so.
    """

    changed = pyqtSignal()
    started = pyqtSignal(object)

    def __init__(
        self, session: Session, background: Background, parent: QObject | None = None, settle: float = 60.0
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self.settle = session, background, settle
        self._watch: Watch | None = None
        self._running: dict[Job, Ready] = {}
        self._ended: list[tuple[Ready, Job]] = []
        self._busy = self._left = self._opening = False
        self._timer = QTimer(self, singleShot=True, interval=_EVERY)
        self._timer.timeout.connect(self.look)
        self.waiting, self.on = OFF, False
        self.told: dict[str, str] = {}
        self.lines: list[str] = []

    def switch(self, on: bool, folder: str = "") -> None:
        """Watch a folder from now on, or no more; a job that was started goes on."""
        if on == self.on:
            return
        self.on, self.told = on, {}
        if on:
            self._begin(Path(folder).expanduser())
        else:
            self.waiting = OFF
            self._let_go()
        self.changed.emit()

    def _begin(self, folder: Path) -> None:
        """Watch a folder; one that was switched off and is not let go yet goes on."""
        self.waiting = f"Looking at {folder} …"
        if self._opening:  # the folder that was asked for before
            return
        if self._watch is None:
            self._opening = True
            watched = Watched(folder, self._session.out_folder, self.settle)
            self._background.run(_OPENING, partial(Watch, watched), self._take, self._fail)
        elif self._watch.watched.folder == folder:
            self._left = False
            self.look()
        else:
            self.on = False
            self.waiting = (f"! What began in {self._watch.watched.folder} has not ended yet; watch {folder} when it "
                            "has.")

    def take_ended(self, job: Job) -> None:
        """Write the line on a job that has ended, where it is one of these."""
        if job in self._running:
            self._ended.append((self._running.pop(job), job))
            self.look()

    def look(self) -> None:
        """Look at the folder now, unless that is done at this moment."""
        if self._watch is None or self._busy:
            return
        self._timer.stop()
        self._busy, ended = True, tuple(self._ended)
        self._ended.clear()
        self._background.run(_LOOKING, partial(_step, self._watch, ended), self._take_step, self._fail)

    def close(self) -> None:
        """Watch no more; what has not ended is started again by whoever watches next."""
        self._timer.stop()
        self.on = False
        self._let_go()

    def _take(self, watch: Watch) -> None:
        self._watch, self._opening = watch, False
        if not self.on:
            self._let_go()
        else:
            self._left = False
            self._session.say("INFO", f"Watching {watch.watched.folder}; what was done is in {watch.place}.")
            self.look()

    def _take_step(self, step: _Step) -> None:
        self._busy = False
        for line in step.lines:
            self.lines.append(line)
            self._session.say("INFO", f"Log book: {line}")
        if self._left:
            self._let_go()
        elif self._watch is not None:
            self.told, self.waiting = dict(step.look.told), step.look.waiting
            self._start(step.look.ready)
            self._timer.start()
            if self._ended:
                self.look()
        self.changed.emit()

    def _start(self, ready: Sequence[Ready]) -> None:
        """Start one set; others wait until it has ended, and are found again."""
        if self._running:
            self.waiting = f"{next(iter(self._running.values())).words} is characterised"
        elif ready and self._watch is not None:
            one = ready[0]
            self._watch.begin(one)
            job = Job(one.survey.spec(self._watch.watched.out_folder))
            self._running[job] = one
            job.start()
            self.waiting = f"{one.words} is characterised"
            self.started.emit(job)

    def _fail(self, error: Exception) -> None:
        """Say what is wrong, and watch no more: nothing may be thought to start that does not."""
        self._busy = self._opening = False
        sentence = str(error) if isinstance(error, CalibrationError) else f"The folder cannot be watched: {error!r}."
        self._session.say("ERROR", sentence)
        self.on, self.waiting = False, f"! {sentence}"
        self._let_go()
        self.changed.emit()

    def _let_go(self) -> None:
        """Let others watch the folder, once nobody looks at it and the lines on jobs are written."""
        self._timer.stop()
        if self._busy or self._running:
            self._left = True
        elif self._watch is not None:
            self._watch.close()
            self._watch = None


def _step(watch: Watch, ended: Sequence[tuple[Ready, Job]]) -> _Step:
    lines = []
    for ready, job in ended:
        lines.append(_line(ready, job))
        watch.end(ready, job.board.state.value, lines[-1])
    return _Step(tuple(lines), watch.look())


def _line(ready: Ready, job: Job) -> str:
    try:
        return log_entry(job, SignOff()).line
    except CalibrationError as error:
        return f"{ready.detector} · {ready.words} · {job.board.state.value}, and no report: {error}"
