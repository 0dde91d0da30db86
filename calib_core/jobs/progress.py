"""Progress of a job: frames done of each run, modules finished, time to go, and what has failed."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence

from calib_core.characterisation.unit import Unit
from calib_core.jobs.board import State, TaskProgress
from calib_core.jobs.plan import Plan
from calib_core.ranges import format_numbers

#: Share of a job's time that finishing and writing take in the estimate of the time to go.
_FINISHING_SHARE = 0.1


class Progress:
    """Counts frames per group of inputs that are read together, and finished modules; threads may add at once."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._lock, self._started = plan, threading.Lock(), time.monotonic()
        self._due: dict[tuple[str, ...], int] = {}
        for unit in plan.units:
            self._due[unit.inputs] = self._due.get(unit.inputs, 0) + self._frames(unit)
        self._done = dict.fromkeys(self._due, 0)
        self._of_unit: dict[Unit, int] = {}
        self._modules = {module: 0.0 for module in plan.modules}
        self.failed: dict[int | None, str] = {}

    def _frames(self, unit: Unit) -> int:
        """Items that all passes over a unit read, at least one."""
        passes = self._plan.method.passes(self._plan.context, unit)
        return max(1, sum(self._plan.source.items(unit, key, which, self._plan.method.sees_more(number))
                          for number, which in enumerate(passes) for key in unit.inputs))

    def add(self, unit: Unit, frames: int) -> None:
        """Count frames of a running unit."""
        with self._lock:
            self._of_unit[unit] = self._of_unit.get(unit, 0) + frames
            self._done[unit.inputs] += frames

    def finish(self, unit: Unit) -> None:
        """Count a unit as done, also the frames that turned out to be left out."""
        with self._lock:
            self._done[unit.inputs] += self._frames(unit) - self._of_unit.pop(unit, 0)

    def finishing(self, module: int | None, share: float) -> None:
        """Note how far a module's finishing is, 0 to 1."""
        with self._lock:
            self._modules[module] = share

    def fail(self, module: int | None, why: str) -> bool:
        """Note that a module failed; False where it had already, or another one for the same reason."""
        with self._lock:
            if module in self.failed:
                return False
            is_new = all(_kind(why) != _kind(one) for one in self.failed.values())
            self.failed[module] = why
            return is_new

    def total(self) -> tuple[float, float | None]:
        """Share of the job that is done, and the seconds to go where they can be told."""
        read = sum(self._done.values()) / max(sum(self._due.values()), 1)
        finished = sum(self._modules.values()) / max(len(self._modules), 1)
        done = (1 - _FINISHING_SHARE) * read + _FINISHING_SHARE * finished
        elapsed = time.monotonic() - self._started
        return done, elapsed * (1 - done) / done if done > 0.01 else None

    def tasks(self, state: State) -> tuple[TaskProgress, ...]:
        """Lines of the task list: one per group of runs, and one for finishing and writing."""
        lines = [
            self._line("+".join(keys), self._label(keys), self._done[keys] / max(due, 1), state)
            for keys, due in self._due.items()
        ]
        finished = sum(self._modules.values()) / max(len(self._modules), 1)
        return (*lines, self._line("finish", "finish and write", finished, state))

    def _label(self, keys: tuple[str, ...]) -> str:
        """One run and what it is taken for, or how many runs of which input."""
        taken = [self._plan.context.arranged[key] for key in keys]
        runs = [one.run.label for one in taken if one.run is not None]
        labels = ", ".join(dict.fromkeys(one.input.label for one in taken))
        if len(runs) > 1:
            return f"{len(runs)} runs: {labels}"
        return " ".join((*runs, labels)) or self._plan.method.title

    def _line(self, name: str, label: str, done: float, state: State) -> TaskProgress:
        if done >= 1:
            state = State.DONE
        elif state is State.RUNNING and done == 0:
            state = State.QUEUED
        return TaskProgress(name, label, min(done, 1.0), state)


def in_words(failed: Mapping[int | None, str]) -> list[str]:
    """Sentences on what failed, one of all modules that failed for the same reason.

    Parameters
    ----------
    failed : mapping of int to str
        A sentence of each module; None where the job has no modules.
    """
    alike: dict[str, list[int | None]] = {}
    for module, sentence in failed.items():
        alike.setdefault(_kind(sentence), []).append(module)
    return [_of_all(modules, failed[modules[0]]) for modules in alike.values()]


def _of_all(modules: Sequence[int | None], sentence: str) -> str:
    if len(modules) == 1:
        return sentence
    numbers = format_numbers(module for module in modules if module is not None)
    return f"Modules {numbers} failed, the first of them: {sentence.removeprefix(f'Module {modules[0]} failed: ')}"


def _kind(sentence: str) -> str:
    """A sentence without its numbers: those of modules and of their files."""
    return re.sub(r"\d+", "", sentence)
