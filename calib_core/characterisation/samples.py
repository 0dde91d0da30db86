"""Accumulators that keep the first samples of each memory cell, for gates and medians."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation import dark_closure
from calib_core.characterisation.accumulators import Describe, Moments, Sampling, Slots, Statistics
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import Frames
from calib_core.numerics import first_samples, moments, normality, robust


class Samples(Accumulator):
    """Samples of the first frames of each memory cell, kept whole until the pass ends.

    Samples with wrong gain bits are kept as 0, which is no measurement.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe, depth: int) -> None:
        self.context, self.unit, self.sampling, self.describe = context, unit, sampling, describe
        self._slots = Slots(context, unit)
        cells, pixels = len(unit.block), context.detector.pixels
        self.values = context.buffers.array((len(sampling.planes), cells, depth, pixels), np.uint16)
        self.trains = np.zeros((cells, depth), np.uint64)
        self.filled = np.zeros(cells, np.int64)
        self.wrong = None if sampling.code is None else context.buffers.full((cells, pixels), np.uint32, 0)
        self.extract = first_samples.no_extract(cells, depth)

    def update(self, name: str, chunk: Frames) -> None:
        """Keep frames while there is room for their memory cell.

        Parameters
        ----------
        name : str
            Not looked at: a unit has one run.
        chunk : Frames
            Copied.

        Raises
        ------
        ValueError
            A memory cell is not of this unit.
        """
        slot = self._slots(chunk.cell)
        n, planes = chunk.block.shape[:2]
        bits = None
        if chunk.gain is not None and self.wrong is not None and self.sampling.code is not None:
            bits = chunk.gain.reshape(n, -1), self.sampling.code, self.wrong
        block = chunk.block.reshape(n, planes, -1)
        frame, row = first_samples.keep(
            block, self.sampling.planes, slot, self.filled, self.values, bits, self.extract)
        self.trains[slot[frame], row] = chunk.train[frame]

    def merge(self, other: Samples) -> None:
        """Append the other's samples while there is room, so that the first ones of the whole run are kept.

        Parameters
        ----------
        other : Samples
            Of the same depth, with frames that come after this one's.
        """
        for slot, n in enumerate(other.filled):
            start = int(self.filled[slot])
            take = min(int(n), self.values.shape[2] - start)
            self.values[:, slot, start : start + take] = other.values[:, slot, :take]
            self.trains[slot, start : start + take] = other.trains[slot, :take]
            if (number := self.extract.number[slot]) >= 0:
                self.extract.values[number, start : start + take] = other.extract.values[number, :take]
            self.filled[slot] += take
        if self.wrong is not None and other.wrong is not None:
            self.wrong += other.wrong

    def rows(self, index: int, slot: int) -> Array:
        """Samples of one plane and memory cell, in the order of their trains.

        Parameters
        ----------
        index : int
            Place of the plane in :attr:`Sampling.planes`.
        slot : int
            Place of the memory cell in the unit's block.

        Returns
        -------
        (frames, pixels) uint16, ADU
            A view; 0 where the gain bits were wrong.
        """
        rows: Array = self.values[index, slot, : self.filled[slot]]
        return rows

    def plain(self, slot: int) -> Statistics:
        """Statistics of one memory cell's samples so far.

        Parameters
        ----------
        slot : int
            Its place in the unit's block.

        Returns
        -------
        Statistics
            Of all samples at once that are measurements: their sums are not kept.
        """
        n, planes = int(self.filled[slot]), len(self.sampling.planes)
        mean, std = (np.empty((planes, 1, self.values.shape[-1]), np.float32) for _ in range(2))
        count = np.empty(mean.shape, np.uint32)
        low, high = (np.full(mean[0].shape, end, np.uint16) for end in (self.sampling.lowest, self.sampling.highest))
        for index in range(planes):
            moments.whole(
                self.rows(index, slot)[:, None, :], 0, np.zeros(n, np.int64), 1, self.sampling.ddof, (low, high),
                (mean[index], std[index], count[index]))
        wrong = None if self.wrong is None else self.wrong[slot].copy()
        return Statistics(mean[:, 0], std[:, 0], count[:, 0], n, wrong)

    def snapshot(self, index: int) -> Maps:
        """Maps of one memory cell from its samples so far.

        Parameters
        ----------
        index : int
            Along the axis of memory cells.

        Returns
        -------
        dict of arrays
            Of plain moments, without a gate: gates and medians are found only when the pass ends.

        Raises
        ------
        ValueError
            The cell is not of this unit.
        """
        return self.describe(self.plain(self.unit.block.index(index)))

    @property
    def coverage(self) -> Array:
        """Frames kept per memory cell."""
        return self.filled


class GateSamples(Samples):
    """First pass of the robust estimator: takes the gates of a second pass from the first samples.

    Their sums inside the gate are where the second pass begins; it has nothing to add where the samples are all there
    is (``complete``). On demand the samples inside the gate are tested for normality.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe, depth: int,
                 sigma: float, floor: float, normality: bool = False) -> None:
        super().__init__(context, unit, sampling, describe, depth)
        self.complete = unit.samples <= depth
        self.gated = Moments(context, unit, sampling, describe)
        self.gated.is_gated = True
        self._sigma, self._floor, self.extract = sigma, floor, dark_closure.extract(context, unit, depth)
        if normality:
            self.gated.normality = np.full((len(unit.block), context.detector.pixels), np.nan, np.float32)

    def settle(self) -> Iterator[None]:
        """Find the gate of each memory cell, one plane a step."""
        for slot in range(len(self.unit.block)):
            for index in range(len(self.sampling.planes)):
                self._begin(index, slot)
                yield
            if (number := self.extract.number[slot]) >= 0:
                n = self.filled[slot]
                self.gated.quarters[slot] = dark_closure.of_samples(
                    self.context, self.sampling, self.extract.values[number, :n], self.trains[slot, :n],
                    self.gated.sums[0].low[slot], self.gated.sums[0].high[slot])
        self.gated.begin_after(self.filled, self.wrong)

    def _begin(self, index: int, slot: int) -> None:
        sums, rows = self.gated.sums[index], self.rows(index, slot)
        sums.begin(slot, rows, (self.sampling.lowest, self.sampling.highest), self._sigma, self._floor)
        if index == 0 and self.gated.normality is not None:
            self.gated.normality[slot] = normality.normality(rows, sums.low[slot], sums.high[slot])

    def statistics(self, slot: int) -> Statistics:
        """Statistics of one memory cell inside its gate.

        Parameters
        ----------
        slot : int
            Its place in the unit's block; the pass has settled.
        """
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
        """Median, and plain standard deviation, of one memory cell.

        Parameters
        ----------
        slot : int
            Its place in the unit's block; the pass has settled.
        """
        return replace(self.plain(slot), mean=self._median[:, slot])
