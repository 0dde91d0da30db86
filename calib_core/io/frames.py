"""Streaming the frames of one module in bounded memory, in train order, without inventing data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, Frames, FrameSelection
from calib_core.errors import BadInput, BadParameter
from calib_core.io.around import Around, around_of
from calib_core.io.buffers import aligned
from calib_core.io.empty_frames import all_zero, close_up
from calib_core.io.files import RunFile
from calib_core.io.frame_files import FrameFiles
from calib_core.io.loss import Loss
from calib_core.io.module_index import ModuleIndex
from calib_core.io.read_ahead import ReadAhead
from calib_core.io.selected import selected
from calib_core.io.sequence_frames import SequenceFrames, frames_of_part
from calib_core.io.words import BITS_KEY

ALL_ZERO, NEVER_WRITTEN = "all zero", "never written"
#: Reasons of frames that hold nothing; no index tells them.
NO_DATA = (ALL_ZERO, NEVER_WRITTEN)

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

#: Key under which the memory cells, all 0, of detectors without any are handed to the descriptor.
CELL_KEY = "cell"


class ModuleFrames:
    """Frames of one module of one run after selection.

    Attributes
    ----------
    cell : (n,) int64
        Memory cell of each valid frame, in train order.
    train : (n,) uint64
        Train id of each valid frame.
    loss : Loss
        Trains of the run that the module has no frames of, before the selection.
    more : ModuleFrames, optional
        These and others, where steps look at others too before they are done.
    """

    more: ModuleFrames | None = None

    def __init__(
        self, run: str, detector: DetectorType, index: ModuleIndex, selection: FrameSelection, loss: Loss,
    ) -> None:
        self.detector = detector
        self.name = f"{run} {index.module.aggregator}"
        self._files = FrameFiles(detector, index.parts)
        self._sequence = np.array([p.file.sequence for p in index.parts], np.int64)
        written = index.left_out(self._files.never_written(index), NEVER_WRITTEN)
        self._index = _in_train_order(selected(written, selection, detector))
        self.cell: npt.NDArray[np.int64] = self._index.cell
        self.train: npt.NDArray[np.uint64] = self._index.train
        self.trains = len(np.unique(self.train))
        self._zero = np.zeros(len(self.cell), bool)
        self.loss = loss
        self._check_enough(max(1, selection.min_trains))
        self._check_loss(selection)

    def __len__(self) -> int:
        """Number of valid frames."""
        return len(self.cell)

    @property
    def cells(self) -> tuple[int, ...]:
        """Distinct memory cells, ascending."""
        return tuple(self.frames_per_cell)

    @property
    def frames_per_cell(self) -> dict[int, int]:
        """Valid frames of each memory cell."""
        cells, counts = np.unique(self.cell, return_counts=True)
        return dict(zip(cells.tolist(), counts.tolist(), strict=True))

    @property
    def excluded(self) -> dict[str, int]:
        """Frames left out, by reason; all-zero frames are counted as the reading comes upon them."""
        zero = int(self._zero.sum())
        return {**self._index.excluded, **({ALL_ZERO: zero} if zero else {})}

    @property
    def seen(self) -> ModuleFrames:
        """Frames that a common mode looks at before it is done."""
        return self.more or self

    def chunks(
        self, cells: Sequence[int], chunk_bytes: int, which: slice = slice(None), sequences: Sequence[int] = ()
    ) -> Iterator[Frames]:
        """Frames of some memory cells in train order.

        The arrays of a chunk are valid until the next one is asked for: all chunks share one buffer.

        Parameters
        ----------
        cells : sequence of int
            Memory cells to read.
        chunk_bytes : int
            Largest size of a chunk; a chunk holds at least one frame.
        which : slice
            Frames of each memory cell, by their number in the run.
        sequences : sequence of int
            Sequences of files to read of these; empty reads all.

        Raises
        ------
        BadInput
            The file cannot be read; the message names it.
        """
        chosen = self._of_sequences(self._chosen(cells, which), sequences)
        length = max(1, chunk_bytes // self.bytes_of_frame)
        read = self._reader(min(length, len(chosen)))
        blocks = [chosen[i:i + length] for i in range(0, len(chosen), length)]
        ahead = ReadAhead()
        for block, following in zip_longest(blocks, blocks[1:], fillvalue=chosen[:0]):
            started = perf_counter()
            frames = read(block)
            if ahead.pays(len(block) * self.bytes_of_frame, perf_counter() - started):
                self._files.advise(self._index, following)
            if len(frames):
                yield frames

    def read_pixel(self, row: int, col: int, cell: int, *planes: int) -> tuple[Array, Array, Array | None]:
        """Samples of one pixel in all frames of one memory cell: of the first plane, or of some.

        Returns
        -------
        train : (n,) uint64
        samples : (n,) uint16, or (planes, n) where some are named
        gain : (n,) uint8 or None
            Gain bits, for detectors that have them.
        """
        slow, fast = self.detector.shape
        if not (0 <= row < slow and 0 <= col < fast):
            raise BadParameter(f"pixel = ({row}, {col}) is not allowed; it takes (0, 0) to ({slow - 1}, {fast - 1}).")
        chosen, first, bits = self._without_zeros(self._chosen([cell]), row, col)
        named = [self._files.samples(self._index, chosen, one, row, col)[0] if one else first for one in planes]
        if self._files.have_gain:
            bits = self._files.bits(self._index, chosen, row, col)
        return self.train[chosen], np.stack(named) if named else first, bits

    def read_row(self, row: int, cell: int, limit: int) -> tuple[Array, Array]:
        """Samples of a row of pixels in the first frames of one memory cell, without all-zero frames.

        Returns
        -------
        train : (n,) uint64
        samples : (n, fast_scan) uint16
        """
        slow, _ = self.detector.shape
        if not 0 <= row < slow:
            raise BadParameter(f"row = {row} is not allowed; it takes 0 to {slow - 1}.")
        chosen = self._chosen([cell], slice(limit))
        frames = self._read(chosen, self._buffers(len(chosen)))
        return frames.train.copy(), frames.adc[:, row].copy()

    def one(self, train: int, cell: int) -> Frames | None:
        """Read the frame of a memory cell in a train.

        Parameters
        ----------
        train : int
            Train id.
        cell : int

        Returns
        -------
        Frames or None
            In arrays of their own; None where there is no such frame, or it is all zero.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        first, last = (int(np.searchsorted(self.train, np.uint64(train), side)) for side in ("left", "right"))
        chosen = (first + np.flatnonzero(self.cell[first:last] == cell))[:1]
        found = self._reader(1)(chosen) if chosen.size else None
        return found if found is not None and len(found) else None

    def some(self, n: int, cells: Sequence[int] = ()) -> Frames:
        """Read a few frames spread evenly over the run, the first and the last among them.

        Parameters
        ----------
        n : int
            Number of frames; those of all memory cells count alike.
        cells : sequence of int
            Memory cells of which they are; empty takes all.

        Returns
        -------
        Frames
            In arrays of their own; fewer where the run has fewer, or where some of them are all zero.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        there = self._chosen(cells) if cells else np.arange(len(self))
        chosen = there[np.unique(np.linspace(0, len(there) - 1, n).astype(np.int64))]
        return self._read(chosen, self._buffers(len(chosen)))

    def around(self, train: int, cell: int, n: int) -> Around:
        """Frames of the same file around one, in groups that are the same for neighbouring trains.

        Parameters
        ----------
        train : int
            Train id.
        cell : int
            Memory cell; there is such a frame.
        n : int
            Most trains.

        Returns
        -------
        Around
        """
        mine = self._chosen([cell])
        place = int(np.flatnonzero(self.train[mine] == train)[0])
        return around_of(self._sequence[self._index.part[mine]], place, n)

    def of_files(self, n: int) -> Iterator[tuple[str, Frames]]:
        """Read a few frames of each file, spread evenly over it.

        Parameters
        ----------
        n : int
            Most frames of each file.

        Yields
        ------
        name : str
            Of the file.
        frames : Frames
            In arrays of their own; none where those that were read are all zero.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        for part in np.unique(self._index.part).tolist():
            mine = np.flatnonzero(self._index.part == part)
            chosen = mine[np.unique(np.linspace(0, len(mine) - 1, n).astype(np.int64))]
            yield self._index.parts[part].file.name, self._read(chosen, self._buffers(len(chosen)))

    @property
    def bytes_of_frame(self) -> int:
        """Bytes of a frame in memory, with all that is read with it."""
        return self.detector.frame_bytes

    @property
    def index_bytes(self) -> int:
        """Memory of where the frames are, bytes."""
        return self._index.nbytes + self._zero.nbytes + (self.more.index_bytes if self.more else 0)

    def close(self) -> None:
        """Close the files that frames are read from until they are read again."""
        self._files.close()
        if self.more:
            self.more.close()

    def check_unchanged(self) -> None:
        """Raise StillWritten where a file was changed or replaced since it was surveyed."""
        for part in self._index.parts:
            part.file.check_unchanged()

    def _check_enough(self, least: int) -> None:
        if self.trains >= least:
            return
        raise BadInput(
            f"{self.name} has {self.trains} trains with usable frames; at least {least} are needed (--min-trains)."
            f"{self._causes()}")

    def _causes(self) -> str:
        """Sentence on what was left out; empty where nothing was."""
        causes = [f"{frames} frames {reason.removeprefix('frames ')}" for reason, frames in self.excluded.items()]
        causes += [p.sentence() for p in self._index.problems if p.severity != "warn"][:1]
        return f" Left out: {'; '.join(causes)}." if causes else ""

    def _check_loss(self, selection: FrameSelection) -> None:
        """Refuse a module that has lost too much, unless all trains that are wanted are there all the same."""
        wanted = selection.max_trains is not None and self.trains >= selection.max_trains
        if self.loss.share > selection.max_lost and not wanted:
            raise BadInput(f"{self.name} {self.loss}, and at most {selection.max_lost:.1%} may be (--max-lost)."
                           f"{self._causes()}")

    def _chosen(self, cells: Sequence[int], which: slice = slice(None)) -> Indices:
        chosen = np.flatnonzero(np.isin(self.cell, np.asarray(cells)))
        if which == slice(None) or not chosen.size:
            return chosen
        by_cell = np.argsort(self.cell[chosen], kind="stable")
        _, counts = np.unique(self.cell[chosen], return_counts=True)
        rank = np.empty(len(chosen), np.int64)
        rank[by_cell] = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
        return chosen[(rank >= (which.start or 0)) & (rank < (len(rank) if which.stop is None else which.stop))]

    @property
    def sequences(self) -> tuple[int, ...]:
        """Sequences of the files that have frames, ascending."""
        have = np.bincount(self._index.part, minlength=len(self._sequence)) > 0
        return tuple(np.sort(self._sequence[have]).tolist())

    def file_of(self, sequence: int) -> RunFile:
        """File of a sequence.

        Parameters
        ----------
        sequence : int
            One of :attr:`sequences`.
        """
        [part] = np.flatnonzero(self._sequence == sequence)
        return self._index.parts[int(part)].file

    def number_of(self, sequence: int) -> int:
        """Frames in the file of a sequence.

        Parameters
        ----------
        sequence : int
            One of :attr:`sequences`.
        """
        return int(np.count_nonzero(self._sequence[self._index.part] == sequence))

    def of_sequence(self, sequence: int) -> SequenceFrames:
        """Where the frames of one sequence of files lie.

        Parameters
        ----------
        sequence : int
            One of :attr:`sequences`.

        Returns
        -------
        SequenceFrames
        """
        [part] = np.flatnonzero(self._sequence == sequence)
        return frames_of_part(self.detector, self._index, int(part))

    def _of_sequences(self, chosen: Indices, sequences: Sequence[int]) -> Indices:
        if not sequences:
            return chosen
        return chosen[np.isin(self._sequence[self._index.part[chosen]], np.asarray(sequences))]

    def _buffers(self, n: int) -> tuple[Array, Array | None]:
        kind = self.detector
        gain = aligned((n, *kind.shape), np.uint8) if kind.has_gain_bits else None
        return aligned((n, kind.planes, *kind.shape), np.uint16), gain

    def _reader(self, n: int) -> Callable[[Indices], Frames]:
        """Reads up to ``n`` frames at a time, into the same arrays each time."""
        return partial(self._read, buffers=self._buffers(n))

    def _leave_out(self, mask: npt.NDArray[np.bool_], reason: str) -> None:
        """Go on without some of the frames, which are counted."""
        self._index = self._index.left_out(mask, reason)
        self.cell, self.train, self._zero = self._index.cell, self._index.train, self._zero[~mask]
        self.trains = len(np.unique(self.train))

    def _read(self, chosen: Indices, buffers: tuple[Array, Array | None]) -> Frames:
        block, gain = buffers
        self._files.fill(self._index, chosen, block, gain)
        zero = all_zero(block[:len(chosen)])
        if zero.any():
            self._zero[chosen[zero]] = True
            for buffer in (block, gain):
                close_up(buffer, zero)
            chosen = chosen[~zero]
        return self._decoded(chosen, block[:len(chosen)], None if gain is None else gain[:len(chosen)])

    def _decoded(self, chosen: Indices, block: Array, gain: Array | None) -> Frames:
        raw = self.detector.raw
        arrays = {raw.pixels: block, raw.cell or CELL_KEY: self.cell[chosen], raw.train: self.train[chosen]}
        if gain is not None:
            arrays[raw.gain_bits or BITS_KEY] = gain
        return self.detector.decode(arrays)

    def _without_zeros(self, chosen: Indices, row: int, col: int) -> tuple[Indices, Array, Array | None]:
        """Frames that are not all zero, a pixel's samples, and bits; only those of sample 0 must be read to know."""
        samples, bits = self._files.samples(self._index, chosen, 0, row, col)
        buffers = self._buffers(1)
        for i in chosen[(samples == 0) & ~self._zero[chosen]]:
            self._read(np.array([i]), buffers)
        kept = ~self._zero[chosen]
        return chosen[kept], samples[kept], None if bits is None else bits[kept]


def _in_train_order(index: ModuleIndex) -> ModuleIndex:
    if np.all(index.train[1:] >= index.train[:-1]):
        return index
    return index.kept(np.argsort(index.train, kind="stable"))
