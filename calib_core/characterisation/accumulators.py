"""Accumulators that methods share: exact moments of raw samples, and samples kept for medians and gates.

All sums are exact integers, so that results do not depend on the length of chunks, the order of frames, or the
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.by_gain_stage import code_of
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import Frames
from calib_core.numerics import moments, normality, robust


@dataclass(frozen=True)
class Statistics:
    """Statistics of one memory cell, each (planes, pixels).

    Attributes
    ----------
    mean, std : (planes, pixels) float32, ADU
        NaN where too few samples are left.
    count : (planes, pixels) uint32
        Samples behind them.
    seen : int
        Frames of the cell.
    wrong : (pixels,) uint32, optional
        Samples left out because of their gain bits.
    normality : (pixels,) float32, optional
        Probability that normal samples look at least so little normal, where it was asked for.
    """

    mean: Array
    std: Array
    count: Array
    seen: int
    wrong: Array | None = None
    normality: Array | None = None


Describe = Callable[[Statistics], Maps]


@dataclass(frozen=True)
class Sampling:
    """What is taken from the frames of a unit.

    Attributes
    ----------
    planes : tuple of int
        Raw planes that are characterised.
    lowest, highest : int
        Codes outside are no measurement (nothing written, converter full).
    code : int, optional
        Expected gain bits; samples with others are left out and counted.
    ddof : int
        Degrees of freedom lost in the standard deviation.
    """

    planes: tuple[int, ...]
    lowest: int
    highest: int
    code: int | None
    ddof: int

    @classmethod
    def of(cls, context: Context, unit: Unit, ddof: int) -> Sampling:
        """Sampling that the detector type and the gain stage of a unit's run ask for."""
        kind = context.detector
        planes = (0,) if kind.signal_plane is None else (0, kind.signal_plane)
        return cls(planes, 1, kind.saturation - 1, code_of(context, unit.inputs[0]), ddof)


class Slots:
    """Where each memory cell of a unit stands in its arrays."""

    def __init__(self, context: Context, unit: Unit) -> None:
        cells = context.labels(unit, "cell")
        self._slot = np.full(context.detector.max_cells, -1, np.int64)
        self._slot[cells] = np.arange(len(cells))

    def __call__(self, cell: Array) -> Array:
        """Slots of memory cells, (n,) int64.

        Raises
        ------
        ValueError
            A cell is not of this unit.
        """
        slots = self._slot[cell]
        if slots.size and slots.min() < 0:
            raise ValueError(f"memory cell {int(np.asarray(cell)[slots.argmin()])} is not of this work unit")
        return slots


class Moments(Accumulator):
    """Sums, sums of squares and counts of raw samples, per memory cell, plane and pixel.

    Only samples between ``low`` and ``high`` (planes, cells, pixels; uint16, inclusive) count: everything that is
    a measurement, until narrower gates are set.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe) -> None:
        self.unit, self.sampling, self._describe = unit, sampling, describe
        self._slots = Slots(context, unit)
        shape = (len(sampling.planes), len(unit.block), context.detector.pixels)
        self.total = np.zeros(shape, moments.TOTAL_DTYPE)
        self.squares = np.zeros(shape, moments.SQUARES_DTYPE)
        self.count = np.zeros(shape, np.uint32)
        self.seen = np.zeros(len(unit.block), np.int64)
        self.wrong = None if sampling.code is None else np.zeros(shape[1:], np.uint32)
        self.low = np.full(shape, sampling.lowest, np.uint16)
        self.high = np.full(shape, sampling.highest, np.uint16)
        self.normality: Array | None = None

    def update(self, name: str, chunk: Frames) -> None:
        """Add frames."""
        slot = self._slots(chunk.cell)
        n, planes = chunk.block.shape[:2]
        block = chunk.block.reshape(n, planes, -1)
        gain = None if chunk.gain is None else chunk.gain.reshape(n, -1)
        self.add(block, self.sampling.planes, gain, slot)
        self.seen += np.bincount(slot, minlength=len(self.seen))

    def add(self, block: Array, planes: tuple[int, ...], gain: Array | None, slot: Array) -> None:
        """Add samples (n, planes, pixels); ``planes`` are taken in the order of :attr:`Sampling.planes`."""
        for index, plane in enumerate(planes):
            total, squares, count = self.total[index], self.squares[index], self.count[index]
            low, high = self.low[index], self.high[index]
            if gain is None or self.wrong is None or self.sampling.code is None:
                moments.add_gated(block, plane, slot, low, high, total, squares, count)
            else:
                moments.add_gated_bits(
                    block, plane, gain, self.sampling.code, slot, low, high, total, squares, count, self.wrong
                )

    def merge(self, other: Moments) -> None:
        """Add the sums of another accumulator of the same unit."""
        self.total += other.total
        self.squares += other.squares
        self.count += other.count
        self.seen += other.seen
        if self.wrong is not None and other.wrong is not None:
            self.wrong += other.wrong

    def statistics(self, slot: int) -> Statistics:
        """Statistics of one memory cell."""
        mean, std = moments.finish(
            self.total[:, slot], self.squares[:, slot], self.count[:, slot], ddof=self.sampling.ddof
        )
        wrong = None if self.wrong is None else self.wrong[slot].copy()
        normal = None if self.normality is None else self.normality[slot]
        return Statistics(mean, std, self.count[:, slot].copy(), int(self.seen[slot]), wrong, normal)

    def snapshot(self, index: int) -> Maps:
        """Maps of one memory cell."""
        return self._describe(self.statistics(self.unit.block.index(index)))

    @property
    def coverage(self) -> Array:
        """Frames seen per memory cell."""
        return self.seen


class Samples(Accumulator):
    """Samples of the first frames of each memory cell, kept whole until the pass ends.

    Samples with wrong gain bits are kept as 0, which is no measurement.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe, depth: int) -> None:
        self.context, self.unit, self.sampling, self.describe = context, unit, sampling, describe
        self._slots = Slots(context, unit)
        cells, pixels = len(unit.block), context.detector.pixels
        self.values = np.empty((len(sampling.planes), cells, depth, pixels), np.uint16)
        self.filled = np.zeros(cells, np.int64)
        self.wrong = None if sampling.code is None else np.zeros((cells, pixels), np.uint32)

    def update(self, name: str, chunk: Frames) -> None:
        """Keep frames while there is room for their memory cell."""
        for i, slot in enumerate(self._slots(chunk.cell)):
            if self.filled[slot] < self.values.shape[2]:
                self._keep(chunk, i, int(slot))

    def _keep(self, frames: Frames, i: int, slot: int) -> None:
        wrong = None
        if frames.gain is not None and self.wrong is not None:
            wrong = frames.gain[i].ravel() != self.sampling.code
            self.wrong[slot] += wrong
        for index, plane in enumerate(self.sampling.planes):
            row = self.values[index, slot, self.filled[slot]]
            row[:] = frames.block[i, plane].ravel()
            if wrong is not None and wrong.any():
                row[wrong] = 0
        self.filled[slot] += 1

    def merge(self, other: Samples) -> None:
        """Append the other's samples while there is room."""
        for slot, n in enumerate(other.filled):
            start = int(self.filled[slot])
            take = min(int(n), self.values.shape[2] - start)
            self.values[:, slot, start : start + take] = other.values[:, slot, :take]
            self.filled[slot] += take
        if self.wrong is not None and other.wrong is not None:
            self.wrong += other.wrong

    def rows(self, index: int, slot: int) -> Array:
        """Samples of one plane and memory cell, (frames, pixels) uint16."""
        rows: Array = self.values[index, slot, : self.filled[slot]]
        return rows

    def moments(self, slot: int, low: Array | None = None, high: Array | None = None) -> Moments:
        """Moments of one memory cell's samples, inside a gate (planes, pixels) where one is given."""
        cell = replace(self.unit, block=(self.unit.block[slot],))
        result = Moments(self.context, cell, self.sampling, self.describe)
        if low is not None and high is not None:
            result.low[:, 0], result.high[:, 0] = low, high
        self._add_to(result, slot)
        return result

    def _add_to(self, result: Moments, slot: int) -> None:
        n = int(self.filled[slot])
        at = np.zeros(n, np.int64)
        for index in range(len(self.sampling.planes)):
            block = self.rows(index, slot)[:, None, :]
            if n:
                moments.add_gated(block, 0, at, result.low[index], result.high[index],
                                  result.total[index], result.squares[index], result.count[index])
        result.seen[0] += n
        if result.wrong is not None and self.wrong is not None:
            result.wrong[0] = self.wrong[slot]

    def snapshot(self, index: int) -> Maps:
        """Maps of one memory cell from its samples so far."""
        return self.describe(self.moments(self.unit.block.index(index)).statistics(0))

    @property
    def coverage(self) -> Array:
        """Frames kept per memory cell."""
        return self.filled


class GateSamples(Samples):
    """First pass of the robust estimator: takes the gates of a second pass from the first samples.

    Where the samples are all there is (``complete``), the statistics inside the gate are made at once. On demand
    the samples inside the gate are tested for normality.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe, depth: int,
                 sigma: float, floor: float, normality: bool = False) -> None:
        super().__init__(context, unit, sampling, describe, depth)
        self.complete = unit.samples <= depth
        self.gated = Moments(context, unit, sampling, describe)
        self._sigma, self._floor = sigma, floor
        if normality:
            self.gated.normality = np.full((len(unit.block), context.detector.pixels), np.nan, np.float32)

    def settle(self) -> Iterator[None]:
        """Find the gate of each memory cell, one plane a step."""
        for slot in range(len(self.unit.block)):
            for index in range(len(self.sampling.planes)):
                self._find_gate(index, slot)
                yield
            if self.complete:
                self._take_over(slot)

    def _find_gate(self, index: int, slot: int) -> None:
        lowest, highest = self.sampling.lowest, self.sampling.highest
        median, mad, _ = robust.median_mad(self.rows(index, slot), lowest, highest)
        low, high = robust.gate(median, mad, self._sigma, self._floor, lowest, highest)
        self.gated.low[index, slot], self.gated.high[index, slot] = low, high
        if index == 0 and self.gated.normality is not None:
            self.gated.normality[slot] = normality.normality(self.rows(0, slot), low, high)

    def _take_over(self, slot: int) -> None:
        gated = self.gated
        cell = self.moments(slot, gated.low[:, slot], gated.high[:, slot])
        gated.total[:, slot], gated.squares[:, slot] = cell.total[:, 0], cell.squares[:, 0]
        gated.count[:, slot], gated.seen[slot] = cell.count[:, 0], cell.seen[0]
        if gated.wrong is not None and cell.wrong is not None:
            gated.wrong[slot] = cell.wrong[0]

    def statistics(self, slot: int) -> Statistics:
        """Statistics of one memory cell inside its gate, after the pass has settled."""
        return self.gated.statistics(slot)


class MedianSamples(Samples):
    """The legacy estimator: median of all samples and their plain standard deviation."""

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe, depth: int) -> None:
        super().__init__(context, unit, sampling, describe, depth)
        self._median = np.full((len(sampling.planes), len(unit.block), context.detector.pixels), np.nan, np.float32)

    def settle(self) -> Iterator[None]:
        """Take the median of each memory cell, one plane a step."""
        for slot in range(len(self.unit.block)):
            for index in range(len(self.sampling.planes)):
                rows = self.rows(index, slot)
                self._median[index, slot] = robust.median(rows, self.sampling.lowest, self.sampling.highest)
                yield

    def statistics(self, slot: int) -> Statistics:
        """Statistics of one memory cell, after the pass has settled."""
        plain = self.moments(slot).statistics(0)
        return Statistics(self._median[:, slot], plain.std, plain.count, plain.seen, plain.wrong)
