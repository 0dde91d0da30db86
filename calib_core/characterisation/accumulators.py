"""Exact moments of raw samples, which methods share, and what is taken from the frames.

All sums are exact integers, so that results do not depend on the length of chunks, the order of frames, or the
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.by_gain_stage import code_of
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import Frames
from calib_core.numerics import moments
from calib_core.numerics.closure import Quarters


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
    gate : pair of (pixels,) float32, optional, ADU
        Ends of the gate of plane 0, of whole codes half a code further out; None where there was none.
    tracks : (pixels,) uint32, optional
        Samples left out since they belong to tracks that were recognised.
    quarters : Quarters, optional
        Of the kept samples of the pixels by which halves are compared, where the memory cell is looked at.
    """

    mean: Array
    std: Array
    count: Array
    seen: int
    wrong: Array | None = None
    normality: Array | None = None
    gate: tuple[Array, Array] | None = None
    tracks: Array | None = None
    quarters: Quarters | None = None

    @property
    def tried(self) -> Array:
        """Samples that could have been inside the gate, (pixels,) uint32."""
        tried = np.full(self.mean.shape[1:], self.seen, np.int64)
        for left_out in (self.wrong, self.tracks):
            if left_out is not None:
                tried -= left_out
        return tried.astype(np.uint32)


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
        """Sampling that the detector type and the gain stage of a unit's run ask for.

        Parameters
        ----------
        context, unit
        ddof : int
            Degrees of freedom lost in the standard deviation.

        Returns
        -------
        Sampling
            Codes from 1, since 0 was never written, to one below saturation.
        """
        kind = context.detector
        planes = (0,) if kind.signal_plane is None else (0, kind.signal_plane)
        return cls(planes, 1, kind.saturation - 1, code_of(context, unit.inputs[0]), ddof)


class Slots:
    """Where each memory cell of a unit stands in its arrays."""

    def __init__(self, context: Context, unit: Unit) -> None:
        cells = context.cells_of(unit)
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

    ``sums`` are those of each plane. Only samples inside their gates count: everything that is a measurement, until
    narrower gates are set, which ``is_gated`` then tells.
    """

    def __init__(self, context: Context, unit: Unit, sampling: Sampling, describe: Describe) -> None:
        self.unit, self.sampling, self._describe = unit, sampling, describe
        self._slots = Slots(context, unit)
        shape, buffers = (len(unit.block), context.detector.pixels), context.buffers
        self.sums = tuple(
            moments.Sums(buffers.full(shape, np.uint16, sampling.lowest),
                         buffers.full(shape, np.uint16, sampling.highest), buffers.array) for _ in sampling.planes)
        self.seen = np.zeros(len(unit.block), np.int64)
        #: Sums that were folded in time, of runs that are long enough, by plane.
        self.folded: tuple[tuple[Array, ...], ...] = ()
        self.wrong = None if sampling.code is None else buffers.full(shape, np.uint32, 0)
        self.normality: Array | None = None
        #: By slot, of the samples from which the gates come.
        self.quarters: dict[int, Quarters] = {}
        self.is_gated = False

    def update(self, name: str, chunk: Frames) -> None:
        """Add frames.

        Parameters
        ----------
        name : str
            Not looked at: a unit has one run.
        chunk : Frames
            Blocks (n, planes, slow_scan, fast_scan) uint16, and gain bits where the detector has any.

        Raises
        ------
        ValueError
            A memory cell is not of this unit.
        """
        slot = self._slots(chunk.cell)
        n, planes = chunk.block.shape[:2]
        block = chunk.block.reshape(n, planes, -1)
        gain = None if chunk.gain is None else chunk.gain.reshape(n, -1)
        self.add(block, self.sampling.planes, gain, slot)
        self.seen += np.bincount(slot, minlength=len(self.seen))

    def add(self, block: Array, planes: tuple[int, ...], gain: Array | None, slot: Array) -> None:
        """Add samples inside the gates, with the right gain bits where they are known.

        Parameters
        ----------
        block : (n, planes, pixels) uint16, C-contiguous, ADU
        planes : tuple of int
            Planes of the block that are taken, in the order of :attr:`Sampling.planes`.
        gain : (n, pixels) uint8, optional
            Gain bits of each sample.
        slot : (n,) int64
            Place of each frame's memory cell in the unit's block.
        """
        for start in range(0, len(slot), moments.MAX_FRAMES):
            part = slice(start, start + moments.MAX_FRAMES)
            self._add(block[part], planes, None if gain is None else gain[part], slot[part])

    def begin_after(self, seen: Array, wrong: Array | None) -> None:
        """Count the frames that the sums have begun with.

        Parameters
        ----------
        seen : (block,) int64
            Frames of each memory cell.
        wrong : (block, pixels) uint32, optional
            Samples with other gain bits.
        """
        self.seen += seen
        if self.wrong is not None and wrong is not None:
            self.wrong += wrong

    def forget(self) -> None:
        """Set sums and counts back; gates stay."""
        for sums in self.sums:
            sums.forget()
        self.folded = ()
        for counts in (self.seen, self.wrong):
            if counts is not None:
                counts[...] = 0

    def _add(self, block: Array, planes: tuple[int, ...], gain: Array | None, slot: Array) -> None:
        """Add no more frames than the sums can hold."""
        if (self.sums[0].seen + np.bincount(slot, minlength=len(self.seen))).max(initial=0) > moments.MAX_FRAMES:
            self._fold()
        bits = None
        if gain is not None and self.wrong is not None and self.sampling.code is not None:
            bits = gain, self.sampling.code, self.wrong
        moments.add(self.sums, block, planes, slot, bits)

    def _fold(self) -> None:
        """Move the sums into wider ones, which cannot overflow."""
        if not self.folded:
            kinds = np.uint64, np.uint64, np.uint32
            self.folded = tuple(tuple(np.zeros(one.low.shape, kind) for kind in kinds) for one in self.sums)
        for sums, wider in zip(self.sums, self.folded, strict=True):
            if sums.seen.any():
                for one, wide in zip(sums.whole(), wider, strict=True):
                    wide += one
                sums.forget()

    def merge(self, other: Moments) -> None:
        """Add the sums of another accumulator of the same unit; whole numbers, so the order does not matter.

        Parameters
        ----------
        other : Moments
            With the same gates.
        """
        together = (self.sums[0].seen + other.sums[0].seen).max(initial=0)
        if self.folded or other.folded or together > moments.MAX_FRAMES:
            self._fold()
            other._fold()
            for mine, theirs in zip(self.folded, other.folded, strict=True):
                for one, more in zip(mine, theirs, strict=True):
                    one += more
        else:
            for ours, more_sums in zip(self.sums, other.sums, strict=True):
                ours.merge(more_sums)
        self.seen += other.seen
        if self.wrong is not None and other.wrong is not None:
            self.wrong += other.wrong

    def statistics(self, slot: int) -> Statistics:
        """Statistics of one memory cell.

        Parameters
        ----------
        slot : int
            Its place in the unit's block.

        Returns
        -------
        Statistics
            Of the samples so far, ADU; NaN where too few are left.
        """
        mean, std, count = self._finished(slot)
        wrong = None if self.wrong is None else self.wrong[slot].copy()
        return self.with_gate(Statistics(mean, std, count, int(self.seen[slot]), wrong), slot)

    def _finished(self, slot: int) -> tuple[Array, Array, Array]:
        """Mean, standard deviation and number of samples of one memory cell, (planes, pixels)."""
        ddof, shape = self.sampling.ddof, (len(self.sums), 1, self.sums[0].low.shape[1])
        if not self.folded:
            mean, std = np.empty(shape, np.float32), np.empty(shape, np.float32)
            count = np.empty(shape, moments.COUNT_DTYPE)
            for index, sums in enumerate(self.sums):
                sums.finish(ddof, (mean[index], std[index], count[index]), slice(slot, slot + 1))
            return mean[:, 0], std[:, 0], count[:, 0]
        self._fold()
        total, squares, number = (np.stack([one[slot] for one in kind]) for kind in zip(*self.folded, strict=True))
        return *moments.finish_wide(total, squares, number, ddof), number

    def with_gate(self, found: Statistics, slot: int) -> Statistics:
        """Statistics of one memory cell, with what is known of the gate and the samples that it was taken from.

        Parameters
        ----------
        found : Statistics
            Of the samples inside the gate.
        slot : int
            Place of the memory cell in the unit's block.
        """
        normal = None if self.normality is None else self.normality[slot]
        half = np.float32(0.5)
        low, high = self.sums[0].low[slot], self.sums[0].high[slot]
        gate = (low - half, high + half) if self.is_gated else None
        return replace(found, normality=normal, gate=gate, quarters=self.quarters.get(slot))

    def snapshot(self, index: int) -> Maps:
        """Maps of one memory cell.

        Parameters
        ----------
        index : int
            Along the axis of memory cells.

        Returns
        -------
        dict of arrays
            What the method's ``describe`` makes of :meth:`statistics`.

        Raises
        ------
        ValueError
            The cell is not of this unit.
        """
        return self._describe(self.statistics(self.unit.block.index(index)))

    @property
    def coverage(self) -> Array:
        """Frames seen per memory cell."""
        return self.seen
