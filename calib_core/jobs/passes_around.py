"""What steps learn of the frames around one that is looked at, where they have to see those of a file before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from calib_core.characterisation.driver import learn
from calib_core.characterisation.file_passes import Learned
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import Frames, FrameSelection
from calib_core.io.around import Around
from calib_core.io.frames import ModuleFrames
from calib_core.jobs.pass_results import Key, is_of_job, key_of, of_jobs

#: Trains that are looked at, where no job has looked at all.
TRAINS = 16
#: Frames that are read together, bytes.
_CHUNK_BYTES = 8 << 20
#: Most memory for what was learned last.
_KEPT_BYTES = 512 << 20


@dataclass(frozen=True)
class Known:
    """What steps have learned, and of which frames.

    Attributes
    ----------
    learned : mapping
    said : str
        Words for whoever looks at the frame.
    """

    learned: Learned
    said: str

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(one.data.nbytes for constants in self.learned.values() for one in constants.values())


class PassesAround:
    """Finds what steps have learned of the file of a frame; keeps what it found last.

    Attributes
    ----------
    check : callable
        Asked while frames are looked at, which takes seconds; may raise Cancelled.
    """

    def __init__(self) -> None:
        self.check: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._kept: dict[Key, Known] = {}

    def of(self, steps: BoundPipeline, module: int, frames: ModuleFrames, one: Frames,
           selection: FrameSelection) -> Known:
        """What steps have learned in a job that has been through the file, else of the trains around.

        Parameters
        ----------
        steps : BoundPipeline
            Of the module, with constants that can be read.
        module : int
        frames : ModuleFrames
        one : Frames
            Of one frame.
        selection : FrameSelection
            Of a job.

        Returns
        -------
        Known

        Raises
        ------
        BadInput
            A file cannot be read.
        Cancelled
            :attr:`check` says so.
        """
        around = _Trains.of(frames, int(one.train[0]), int(one.cell[0]))
        key = key_of(frames.file_of(around.used.sequence), module, steps, selection)
        cells = _cells(steps, frames, int(one.cell[0]))
        near = key if is_of_job(key) else (*key, *around.key, cells)

        def make() -> Known:
            learned = of_jobs(key)
            return _learn(steps, frames, around, cells, self.check) if learned is None else Known(
                learned, f"of all {around.seen.trains_of_file} trains of its file, by a job")

        return self._found(near, make)

    def _found(self, key: Key, make: Callable[[], Known]) -> Known:
        """What is kept, or is made; who asks for what is kept does not wait for others."""
        found = self._kept.get(key)
        if found is not None:
            return found
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            while sum(one.bytes for one in self._kept.values()) > _KEPT_BYTES and len(self._kept) > 1:
                self._kept.pop(next(iter(self._kept)))
            return self._kept[key]


@dataclass(frozen=True)
class _Trains:
    """Frames around one: of those that are used, and of those that the common mode sees."""

    used: Around
    seen: Around

    @property
    def key(self) -> tuple[int, ...]:
        return tuple(end for one in (self.used, self.seen) for end in (one.which.start, one.which.stop))

    @classmethod
    def of(cls, frames: ModuleFrames, train: int, cell: int) -> _Trains:
        return cls(*(one.around(train, cell, TRAINS) for one in (frames, frames.seen)))


def _cells(steps: BoundPipeline, frames: ModuleFrames, cell: int) -> tuple[int, ...]:
    """Memory cells that the steps look at for one."""
    return tuple(sorted({one for bound in steps.steps if bound.step.passes
                         for one in bound.step.beside(cell, frames.cells)}))


def _learn(
    steps: BoundPipeline, frames: ModuleFrames, around: _Trains, cells: tuple[int, ...], check: Callable[[], None]
) -> Known:
    """Take the frames around through all passes."""
    def chunks(of_common_mode: bool) -> Iterator[Frames]:
        near, those = (around.seen, frames.seen) if of_common_mode else (around.used, frames)
        return those.chunks(cells, _CHUNK_BYTES, near.which, (near.sequence,))

    return Known(learn(steps, cells, chunks, check), _in_words(around.seen))


def _in_words(around: Around) -> str:
    number = around.which.stop - around.which.start
    if number == around.trains_of_file:
        return f"of all {number} trains of its file"
    return f"of {number} of the {around.trains_of_file} trains of its file, all of which a job looks at"
