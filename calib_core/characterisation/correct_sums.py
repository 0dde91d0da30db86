"""What corrected frames are on average, summed as they go on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation import events
from calib_core.characterisation.file_passes import FilePasses
from calib_core.characterisation.found_of_frames import Counts
from calib_core.characterisation.locks import Locks
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.split_events import COUNTS
from calib_core.detector import Frames
from calib_core.io.buffers import Buffers
from calib_core.numerics.frame_sums import add_frames, sum_frames
from calib_core.numerics.split_events import CLASSES

#: Pixels of frames that go through the steps together.
TOGETHER = 1 << 21
#: Sums are of whole numbers of this part of the unit, so that it does not matter in which order frames come: far
#: below any noise, and 65,536 squares of the largest signal fit.
_PART = 64
#: Largest signal that is summed: 65,536 squares of it in those parts fit into 63 bits. No detector comes near it.
LARGEST = 180_000


class _Constants:
    """Steps with their constants in memory: of all memory cells once for all workers, else of a block for each."""

    def __init__(self, bound: BoundPipeline, blocks: Sequence[Sequence[int]], kept: Sequence[str]) -> None:
        self._bound, self._blocks, self._kept, self._lock = bound, blocks, kept, Lock()
        self._ready: tuple[int, BoundPipeline] | None = None

    def __reduce__(self) -> tuple[type[_Constants], tuple[object, ...]]:
        return _Constants, (self._bound, self._blocks, self._kept)

    def beside(self) -> _Constants:
        """Those of another worker, who may be at another block."""
        return self if len(self._blocks) == 1 else _Constants(self._bound, self._blocks, self._kept)

    def of(self, cell: int) -> BoundPipeline:
        """Steps for a memory cell; constants of another block than before are let go of."""
        block = next(i for i, cells in enumerate(self._blocks) if cell in cells)
        with self._lock:
            if self._ready is None or self._ready[0] != block:
                self._ready = None
                cells = [int(one) for one in self._blocks[block]]
                self._ready = block, self._bound.read(cells).prepared(self._kept)
            return self._ready[1]


class Summary(Accumulator):
    """What corrected frames of a module are on average; the frames themselves go on, to where the context says.

    Parameters
    ----------
    context, unit
    pipeline : BoundPipeline
        Of the module; its constants are read block by block of memory cells.
    kept : sequence of str
        Words of steps after which values are kept for files.
    classifies : bool
        Whether a step finds events.
    finding : sequence of str
        Words of steps that find something of each frame.
    """

    def __init__(
        self, context: Context, unit: Unit, pipeline: BoundPipeline, kept: Sequence[str], classifies: bool,
        finding: Sequence[str],
    ) -> None:
        self._kind = kind = context.detector
        self._kept, self._classifies = kept, classifies
        self._buffers = context.buffers
        self._unit, self._part, self._sink = unit, unit, context.sink
        self._constants = _Constants(pipeline, context.blocks(context.cells_of(unit)), kept)
        self._together = max(1, TOGETHER // kind.pixels)
        self._place = {label: place for place, label in enumerate(context.cells_of(unit))}
        cells, shape = len(unit.block), kind.shape
        self._sum, self._squares = np.zeros((2, cells, *shape), np.int64)
        self._count = np.zeros((cells, *shape), np.uint32)
        self._stages = np.zeros((cells, len(kind.stages), *shape), np.uint32)
        self._mask = np.zeros((cells, *shape), np.uint32)
        self._frames = np.zeros(cells, np.int64)
        #: Of a memory cell: sum of the raw codes, sum and number of the samples in the mean, samples by gain stage.
        self._codes, self._total, self._number = np.zeros((3, cells), np.int64)
        self._of_stages = np.zeros((len(kind.stages), cells), np.int64)
        self._events: Array = np.zeros(CLASSES, np.int64)
        self._found = Counts(finding, cells)
        self._locks = Locks(len(unit.block))
        self._passes = FilePasses(pipeline, context.cells_of(unit))

    def beside(self, buffers: Buffers) -> Summary:
        """Another one that adds to the same sums, with passes of its own over its file.

        Parameters
        ----------
        buffers : Buffers
        """
        other = copy.copy(self)
        other._buffers, other._constants, other._passes = buffers, self._constants.beside(), self._passes.beside()
        return other

    def pieces(self, chunk: Frames) -> Iterator[Frames]:
        """Frames that go through the steps together.

        Yields
        ------
        Frames
        """
        for which in by_cell(chunk.cell, self._together):
            yield chunk.part(which)

    def update(self, name: str, chunk: Frames) -> None:
        """Correct frames, add them to the sums, and hand them over; in passes before the last, look at them.

        Parameters
        ----------
        name : str
            Key of the run.
        chunk : Frames
            They stay as they are.
        """
        pipeline = self._constants.of(int(chunk.cell[0]))
        images = self._passes.images(pipeline, chunk, self._buffers.array, self._kept)
        if images is None:
            return
        self._add(images)
        places, codes = [self._place[cell] for cell in chunk.cell.tolist()], sum_frames(chunk.adc)
        with self._locks[0]:
            np.add.at(self._codes, places, codes)
        if self._sink is not None:
            self._sink.take(self._part, images)

    def goes_on(self, part: Unit, number: int) -> None:
        """Take the frames of a file in a pass; those of one file after the other are all that are summed.

        Parameters
        ----------
        part : Unit
        number : int
        """
        self._part = part
        self._passes.begin(number)
        if self._sink is not None and number and number == self._passes.number:
            self._sink.learned(part, self._passes.learned)

    def _add(self, images: Images) -> None:
        if COUNTS in images.found:
            with self._locks[0]:
                self._events += images.found[COUNTS].sum(axis=0)
        values, mask, stage, use = (np.ascontiguousarray(one).reshape(len(images.cell), -1)
                                    for one in (images.values, images.mask, images.stage, images.use))
        places = np.array([self._place[cell] for cell in images.cell.tolist()], np.int64)
        for place in np.unique(places).tolist():
            frames = np.flatnonzero(places == place)
            total, squares, count, flags = (
                one[place].reshape(-1) for one in (self._sum, self._squares, self._count, self._mask))
            stages = self._stages[place].reshape(self._stages.shape[1], -1)
            with self._locks[place]:
                summed, number, *of_stages = add_frames(
                    values, mask, stage, use, frames, _PART, LARGEST, (total, squares, count, flags), stages)
                self._frames[place] += len(frames)
                self._total[place] += summed
                self._number[place] += number
                self._of_stages[:, place] += of_stages
        with self._locks[0]:
            self._found.add(images, places)

    def snapshot(self, index: int) -> Maps:
        """Results of a memory cell as far as frames have come.

        Parameters
        ----------
        index : int
            Of the memory cell.

        Returns
        -------
        dict of arrays
            By result: (slow_scan, fast_scan), shares (gain, slow_scan, fast_scan), counts of what was found and
            numbers of the module (), fractions (gain,); the table of the events of all memory cells.
        """
        place = self._unit.block.index(index)
        with self._locks[place]:
            return self._of(place)

    def _of(self, place: int) -> Maps:
        n, frames = self._count[place].astype(float), max(1, int(self._frames[place]))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum[place] / n / _PART
            spread = np.sqrt(np.maximum(0, self._squares[place] / n / _PART**2 - mean**2) * n / (n - 1))
        found = {"mean": _f4(mean), "deviation": _f4(spread), "bad_pixels": self._mask[place].copy(),
                 "shares": _f4(self._stages[place] / frames), "samples": self._count[place].copy(),
                 "stage": most_frequent(self._stages[place]), **self._found.at(place),
                 **{name: values[..., place] for name, values in self.numbers().items()}}
        if self._classifies:
            found["events"] = events.table(self._kind, self._events)
        return found

    def numbers(self) -> Maps:
        """Means and gain fractions of the module, as far as frames have come.

        Returns
        -------
        dict of arrays
            Over (cell), fractions over (gain, cell).
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = self._codes / (self._frames * self._kind.pixels)
            corrected = self._total / self._number / _PART
            fractions = 100 * self._of_stages / self._of_stages.sum(axis=0)
        return {"raw_of_module": raw, "mean_of_module": corrected, "fractions": fractions,
                "frames": self._frames.copy()}

    @property
    def coverage(self) -> Array:
        """Frames seen of each memory cell."""
        return self._frames


def by_cell(cell: Array, most: int) -> list[slice]:
    """Frames that go through the steps together: of one memory cell, as far as all come in turns.

    Constants of a memory cell are several times what one of its frames is, and are read once for all of these.

    Parameters
    ----------
    cell : (n,) array
        Memory cell of each frame.
    most : int
        Frames at most.
    """
    turn = len(np.unique(cell))
    if len(cell) % turn or (cell.reshape(-1, turn) != cell[:turn]).any():
        return [slice(first, first + most) for first in range(0, len(cell), most)]
    length = most * turn
    return [slice(first + one, min(first + length, len(cell)), turn)
            for first in range(0, len(cell), length) for one in range(turn)]


def most_frequent(stages: Array) -> Array:
    """Gain stage that most samples of a pixel are of.

    Parameters
    ----------
    stages : (gain, slow_scan, fast_scan) uint32
        Samples by gain stage.

    Returns
    -------
    (slow_scan, fast_scan) float32
        NaN where there are none.
    """
    return np.where(stages.any(axis=0), stages.argmax(axis=0), np.nan).astype(np.float32)


def _f4(values: Array) -> Array:
    return values.astype(np.float32)
