"""The board: an immutable, versioned picture of a job, replaced whole and pulled by whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class State(Enum):
    """States of a job and of its tasks."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class View:
    """What somebody looks at: one memory cell and gain stage of some modules (empty: all), some maps."""

    cell: int = 0
    stage: int = 0
    modules: tuple[int, ...] = ()
    maps: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskProgress:
    """One line of the task list: a run's characterisation, or finishing and writing."""

    name: str
    label: str
    done: float
    state: State
    eta: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Picture:
    """Maps of the looked-at view.

    Attributes
    ----------
    view : View
        What was asked for.
    modules : tuple of int
        Module numbers in the order of the first axis of the maps.
    maps : mapping of (modules, slow_scan, fast_scan) arrays
        Read-only; missing data are NaN (0 in flags and counts).
    coverage : (modules,) array
        Share of the frames behind each module's maps, 0 to 1.
    """

    view: View
    modules: tuple[int, ...]
    maps: Mapping[str, Array]
    coverage: Array


@dataclass(frozen=True)
class Message:
    """A line of the log: level is INFO, WARN or ERROR; time is seconds since the epoch."""

    time: float
    level: str
    text: str
    task: str = ""


@dataclass(frozen=True)
class Board:
    """Snapshot of a job: states, progress, messages, and the picture that is being looked at."""

    version: int = 0
    state: State = State.QUEUED
    tasks: tuple[TaskProgress, ...] = ()
    done: float = 0.0
    eta: float | None = None
    picture: Picture | None = None
    picture_version: int = 0
    published: float = 0.0
    messages: tuple[Message, ...] = ()
    error: str = ""
    outputs: tuple[str, ...] = field(default=())
