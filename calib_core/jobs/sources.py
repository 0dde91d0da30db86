"""Where the units of a job get their data: frames of raw runs, blocks of constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

from calib_core.axes import Axis
from calib_core.characterisation.unit import Chunk, Context, Unit
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.jobs.constant_blocks import ConstantBlocks
from calib_core.jobs.histories import HistoryBlocks
from calib_core.jobs.room import cells_of, chunk_of
from calib_core.jobs.whole_files import WholeFiles

#: Constants of a module, or files that are taken as a whole.
Blocks = ConstantBlocks | HistoryBlocks | WholeFiles


@dataclass(frozen=True)
class Source:
    """All data of a job.

    Attributes
    ----------
    frames : dict
        Frames by (module, key of the arranged input).
    runs : dict
        Open runs by key.
    constants : mapping
        Constants by (module, key); of no module those that are taken as whole files.
    chunk_bytes : int
        Length of a chunk of frames, at most.
    context : Context
        Of the job.
    """

    frames: dict[tuple[int, str], ModuleFrames]
    runs: dict[str, Run]
    constants: Mapping[tuple[int | None, str], Blocks]
    chunk_bytes: int
    context: Context = field(default_factory=Context)

    def chunks(self, unit: Unit, name: str, which: slice, more: bool = False) -> Iterator[Chunk]:
        """Chunks of one arranged input of a unit: those frames of each memory cell, of used or seen ones."""
        if unit.module is None or (unit.module, name) not in self.frames:
            return self._blocks(unit, name)
        frames, blocks = self._seen(unit.module, name, more), self.context.blocks(self.context.cells_of(unit))
        most = cells_of(self.chunk_bytes, frames.bytes_of_frame)
        parts = (block[first:first + most] for block in blocks for first in range(0, len(block), most))
        return chain.from_iterable(
            frames.chunks(cells, chunk_of(self.chunk_bytes, len(cells), frames.bytes_of_frame), which,
                          unit.sequences) for cells in parts)

    def _blocks(self, unit: Unit, name: str) -> Iterator[Chunk]:
        """Blocks of constants; none of a module that has none in an input."""
        found = self.constants.get((unit.module, name))
        axis = self.context.axes.get(self.context.split)
        labels = dict(enumerate(axis.labels)) if axis is not None else {}
        return iter(()) if found is None else found.blocks({index: labels[index] for index in unit.block})

    def bytes_beside(self, module: int | None) -> int:
        """Working memory while constants of a module are read whose memory cells lie all over their files."""
        return max((one.bytes_beside for (number, _), one in self.constants.items() if number == module), default=0)

    def stop(self) -> None:
        """Have files of constants that are being read as a whole left."""
        for one in self.constants.values():
            one.stop()

    def entries(self, axis: Axis, module: int | None, keys: tuple[str, ...]) -> tuple[tuple[int, ...], int]:
        """Indices of memory cells, or groups of them, that inputs have data of, and the most frames that one has."""
        counts = [self.frames[module, key].frames_per_cell for key in keys if module is not None
                  and (module, key) in self.frames]
        if not counts or not (axis.members or axis.name == "cell"):
            return tuple(range(len(axis))), 1
        members = axis.members or [(int(label),) for label in axis.labels]
        frames = [[sum(count.get(cell, 0) for cell in cells) for count in counts] for cells in members]
        most = [max(one, default=0) for one in frames]
        return tuple(index for index, number in enumerate(most) if number > 0), max(most, default=0)

    def parts(self, unit: Unit, number: int) -> tuple[Unit, ...]:
        """A unit again in so many parts, each some of its sequences, or as many as there are sequences."""
        frames = [self.frames[unit.module, key] for key in unit.inputs if unit.module is not None
                  and (unit.module, key) in self.frames]
        sequences = sorted({sequence for one in frames for sequence in one.sequences})
        cut = min(number, len(sequences))
        if cut < 2:
            return ()
        edges = [len(sequences) * i // cut for i in range(cut + 1)]
        return tuple(replace(unit, sequences=tuple(sequences[a:b])) for a, b in pairwise(edges))

    def files(self, unit: Unit) -> tuple[Unit, ...]:
        """A unit again for each sequence of each of its runs; none where it has one file."""
        of_runs = {key: self.frames[unit.module, key] for key in unit.inputs if unit.module is not None
                   and (unit.module, key) in self.frames}
        found = tuple(replace(unit, inputs=(key,), sequences=(sequence,)) for key, frames in of_runs.items()
                      for sequence in sorted(frames.sequences))
        return found if len(found) > 1 else ()

    def fewer_parts(self, number: int) -> list[str]:
        """Sentences on runs that have fewer sequences than parts were asked for."""
        most: dict[str, int] = {}
        for (_, key), frames in self.frames.items():
            most[key] = max(most.get(key, 0), len(frames.sequences))
        return [f"{self.runs[key].label} is done in {n} of {number} parts, since it has no more sequences of files."
                for key, n in most.items() if n < number]

    def items(self, unit: Unit, name: str, which: slice, more: bool = False) -> int:
        """Frames, or blocks of constants, that one pass over an input of a unit reads."""
        if unit.module is None or (unit.module, name) not in self.frames:
            found = self.constants.get((unit.module, name))
            return found.number if isinstance(found, WholeFiles) else len(unit.block)
        have = self._seen(unit.module, name, more).frames_per_cell
        return sum(len(range(have.get(cell, 0))[which]) for cell in self.context.cells_of(unit))

    def _seen(self, module: int, name: str, more: bool) -> ModuleFrames:
        """Frames of a pass: those that are used, or all that steps see before."""
        frames = self.frames[module, name]
        return frames.seen if more else frames

    @property
    def index_bytes(self) -> int:
        """Memory of where all frames are, bytes."""
        return sum(frames.index_bytes for frames in self.frames.values())

    def check_unchanged(self, module: int | None) -> None:
        """Raise StillWritten where a file of a module was changed or replaced since the runs were surveyed."""
        for (number, _), frames in self.frames.items():
            if number == module:
                frames.check_unchanged()

    def close(self) -> None:
        """Close the runs and their files; frames can be read all the same, until files are closed again."""
        for frames in self.frames.values():
            frames.close()
        for run in set(self.runs.values()):
            run.close()
        for one in self.constants.values():
            one.close()
