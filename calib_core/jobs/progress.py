"""Progress of a job: frames done of each run, modules finished, time to go, and what has failed."""

from __future__ import annotations

import threading
import time

from calib_core.characterisation.method import Unit
from calib_core.jobs.board import State, TaskProgress
from calib_core.jobs.plan import Plan

#: Share of a job's time that finishing and writing take in the estimate of the time to go.
_FINISHING_SHARE = 0.1


class Progress:
    """Counts frames per run role and finished modules; threads may add at once."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._lock, self._started = plan, threading.Lock(), time.monotonic()
        self._due = {role: 0 for role in plan.runs}
        for unit in plan.units:
            self._due[unit.role] += self._frames(unit)
        self._done = {role: 0 for role in plan.runs}
        self._of_unit: dict[Unit, int] = {}
        self._modules = {module: 0.0 for module in plan.modules}
        self.failed_modules: set[int] = set()
        self.failures: list[str] = []

    def _frames(self, unit: Unit) -> int:
        """Frames that all passes over a unit read."""
        have = self._plan.frames[unit.module, unit.role].frames_per_cell
        per_pass = (min(have[c], limit or have[c]) for limit in self._plan.method.passes(unit) for c in unit.cells)
        return sum(per_pass)

    def add(self, unit: Unit, frames: int) -> None:
        """Count frames of a running unit."""
        with self._lock:
            self._of_unit[unit] = self._of_unit.get(unit, 0) + frames
            self._done[unit.role] += frames

    def finish(self, unit: Unit) -> None:
        """Count a unit as done, also the frames that turned out to be left out."""
        with self._lock:
            self._done[unit.role] += self._frames(unit) - self._of_unit.pop(unit, 0)

    def finishing(self, module: int, share: float) -> None:
        """Note how far a module's finishing is, 0 to 1."""
        with self._lock:
            self._modules[module] = share

    def fail(self, module: int, why: str) -> bool:
        """Note that a module failed; False where it had already."""
        with self._lock:
            if module in self.failed_modules:
                return False
            self.failed_modules.add(module)
            self.failures.append(why)
            return True

    def total(self) -> tuple[float, float | None]:
        """Share of the job that is done, and the seconds to go where they can be told."""
        read = sum(self._done.values()) / max(sum(self._due.values()), 1)
        finished = sum(self._modules.values()) / max(len(self._modules), 1)
        done = (1 - _FINISHING_SHARE) * read + _FINISHING_SHARE * finished
        elapsed = time.monotonic() - self._started
        return done, elapsed * (1 - done) / done if done > 0.01 else None

    def tasks(self, state: State) -> tuple[TaskProgress, ...]:
        """Lines of the task list: one per run, and one for finishing and writing."""
        elapsed = time.monotonic() - self._started
        lines = [
            self._line(choice.role.name, f"{choice.run.label} {choice.role.label}",
                       self._done[choice.role.name] / max(self._due[choice.role.name], 1), state, elapsed)
            for choice in self._plan.survey.roles if choice.run is not None
        ]
        finished = sum(self._modules.values()) / max(len(self._modules), 1)
        return (*lines, self._line("finish", "combine and write constants", finished, state, elapsed))

    def _line(self, name: str, label: str, done: float, state: State, elapsed: float) -> TaskProgress:
        if done >= 1:
            state = State.DONE
        elif state is State.RUNNING and done == 0:
            state = State.QUEUED
        eta = elapsed * (1 - done) / done if state is State.RUNNING and done > 0.01 else None
        return TaskProgress(name, label, min(done, 1.0), state, eta)
