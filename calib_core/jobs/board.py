"""The board: an immutable, versioned picture of a job, replaced whole and pulled by whoever watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from calib_core.axes import Picture
from calib_core.jobs.found import ModuleFound
from calib_core.remarks import Remark


class State(Enum):
    """States of a job and of its tasks."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class TaskProgress:
    """One line of the task list: a run's characterisation, or finishing and writing."""

    name: str
    label: str
    done: float
    state: State


@dataclass(frozen=True)
class Message:
    """A line of the log: level is INFO, WARN or ERROR; time is seconds since the epoch."""

    time: float
    level: str
    text: str

    @property
    def clock(self) -> str:
        """Its local time of day, such as ``03:00:00.000``."""
        return datetime.fromtimestamp(self.time).isoformat(" ", "milliseconds").split()[1]


@dataclass(frozen=True)
class Written:
    """A file that a job left: what it is, its SHA-256 (hexadecimal) and its size in bytes."""

    path: Path
    what: str
    sha256: str
    bytes: int


#: States of a file that is written while the job reads.
WAITING, WRITING, WRITTEN, THERE, LEFT = "waiting", "being written", "written", "there already", "not written"


@dataclass(frozen=True)
class FileProgress:
    """A file that is written while the job reads: its name, the share of its frames that is done, and its state.

    ``raw`` is the file that it is made of.
    """

    name: str
    done: float
    state: str
    raw: Path

    @property
    def is_whole(self) -> bool:
        """Whether it is on the disk under its name."""
        return self.state in (WRITTEN, THERE)


@dataclass(frozen=True)
class Board:
    """Snapshot of a job: states, progress, messages, and the picture that is being looked at.

    ``remarks`` is the summary of all that is remarkable of the modules that are finished; each sentence of it is a
    warning among the messages.
    ``files`` are those that are written while the job reads.
    ``left`` says which constants a job that was not done left on the disk.
    ``status`` is the exit status of a command whose job is done, where it is not 0.
    ``same_as`` is the manifest of the set that the same job wrote before, where the job was not done for that.
    """

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
    outputs: tuple[Written, ...] = ()
    remarks: tuple[Remark, ...] = ()
    left: str = ""
    same_as: Path | None = None
    status: int = 0
    modules: tuple[ModuleFound, ...] = ()
    files: tuple[FileProgress, ...] = ()

    @property
    def whole(self) -> tuple[str, ...]:
        """Names of the files that are whole."""
        return tuple(one.name for one in self.files if one.is_whole)

    @property
    def outcome(self) -> str:
        """State in words, with what a job that is done warned of."""
        number = len(self.warnings)
        if self.state is not State.DONE or not number:
            return self.state.value
        return f"{self.state.value} with {number} warning{'s' if number > 1 else ''}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the job warned of, each sentence once."""
        return tuple(dict.fromkeys(message.text for message in self.messages if message.level == "WARN"))
