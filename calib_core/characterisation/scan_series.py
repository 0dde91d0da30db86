"""Series of a scan: the samples of each pixel by the steps of the run that charges it, then regions and fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.accumulators import Slots
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import Frames
from calib_core.numerics.scan_columns import keep_columns, one_series, scan_starts, whole_scans

#: Rows of a module that are fitted at once.
_ROWS = 32
#: One row in so many is enough to find where scans begin.
_EVERY = 8


class Fit(Protocol):
    """What is made of series."""

    def __call__(self, x: Array, signal: Array, code: Array) -> Maps:
        """Numbers of each pixel.

        Parameters
        ----------
        x : (s,) int32
            Steps.
        signal, code : (n, s) uint16, ADU
            0 where there is no sample.

        Returns
        -------
        dict of (n, …) arrays
        """


@dataclass(frozen=True)
class Pattern:
    """What of a run belongs to the pixels that it charges.

    Attributes
    ----------
    columns : (c,) int64
        Along fast_scan.
    first_train, positions : int
        Trains of the run.
    """

    columns: Array
    first_train: int
    positions: int


def patterns_of(context: Context, unit: Unit) -> dict[str, Pattern]:
    """Columns and trains of each run of a unit, by its key.

    Parameters
    ----------
    context, unit
    """
    injection, found = context.detector.injection, {}
    assert injection is not None  # the runs could not be arranged
    for key in unit.inputs:
        arranged = context.arranged[key]
        assert arranged.run is not None  # it would not be arranged
        scan = arranged.run.scan
        assert scan is not None  # nor without one
        found[key] = Pattern(np.array(injection.patterns[arranged.at["pattern"]]), scan.first_train,
                             scan.last_train - scan.first_train + 1)
    return found


class ScanSeries(Accumulator):
    """Samples of each memory cell by the trains of the runs; freed cell by cell when they are fitted.

    Parameters
    ----------
    context, unit
    fit : Fit
        What is made of the series of some pixels.
    finish : callable
        ``finish(maps) -> maps`` with what needs all pixels of a memory cell, such as flags.
    blank : callable
        ``blank() -> maps`` of a memory cell before anything is fitted.
    step : float
        Least step of the gain signal between two stages, ADU.
    first_alone : bool
        Whether the first whole scan of a run is taken alone, instead of the mean of all.
    """

    def __init__(
        self, context: Context, unit: Unit, fit: Fit, finish: Callable[[Maps], Maps], blank: Callable[[], Maps],
        step: float, first_alone: bool,
    ) -> None:
        self._kind, self._unit, self._slots = context.detector, unit, Slots(context, unit)
        self._patterns = patterns_of(context, unit)
        self._fit, self._finish, self._blank, self._step = fit, finish, blank, step
        self._first_alone = first_alone
        longest = max((one.positions for one in self._patterns.values()), default=0)
        self._kept: list[Array | None] = [
            context.buffers.full((longest, 2, *self._kind.shape), np.uint16, 0) for _ in unit.block]
        self.seen = np.zeros(len(unit.block), np.int64)
        self.maps: list[Maps] = [{} for _ in unit.block]
        #: By slot and key of the run: first position and length of each scan that was taken.
        self.taken: list[dict[str, Sequence[tuple[int, int]]]] = [{} for _ in unit.block]

    def update(self, name: str, chunk: Frames) -> None:
        """Keep what a run's frames have of the columns that it charges.

        Parameters
        ----------
        name : str
            Key of the run.
        chunk : Frames
            With a gain signal.
        """
        pattern, slot, plane = self._patterns[name], self._slots(chunk.cell), self._kind.signal_plane
        assert plane is not None  # types that charge their pixels have one
        position = chunk.train.astype(np.int64) - pattern.first_train
        if len(position) and not 0 <= position.min() <= position.max() < pattern.positions:
            raise ValueError(f"trains of {name} are not of those that its run was seen to have")
        for place in np.unique(slot):
            mine, kept = np.flatnonzero(slot == place), self._kept[place]
            assert kept is not None
            keep_columns(chunk.block[mine], plane, pattern.columns, np.zeros(len(mine), np.int64), position[mine],
                         kept[np.newaxis])
        self.seen += np.bincount(slot, minlength=len(self.seen))

    def merge(self, other: ScanSeries) -> None:
        """Add the samples of other trains.

        Parameters
        ----------
        other : ScanSeries
            Of the same unit, with data of other trains.
        """
        for mine, theirs in zip(self._kept, other._kept, strict=True):
            assert mine is not None  # nothing is fitted yet
            assert theirs is not None
            np.maximum(mine, theirs, out=mine)  # 0 where there is no sample
        self.seen += other.seen

    def settle(self) -> Iterator[None]:
        """Fit the series of all pixels, rows by rows, and let go of each memory cell's when it is done."""
        for slot, kept in enumerate(self._kept):
            assert kept is not None
            maps = self.maps[slot] = self._blank()
            for key, pattern in self._patterns.items():
                scans = self.taken[slot][key] = self._scans(kept[:pattern.positions], pattern.columns)
                yield from self._of_run(kept, scans, pattern, maps)
            self.maps[slot] = self._finish(maps)
            self._kept[slot] = None

    def _of_run(
        self, kept: Array, scans: Sequence[tuple[int, int]], pattern: Pattern, maps: Maps
    ) -> Iterator[None]:
        if not scans:
            return
        x = np.arange(min(length for _, length in scans), dtype=np.int32)
        for top in range(0, self._kind.shape[0], _ROWS):
            rows = slice(top, top + _ROWS)
            found = self._fit(x, *one_series(kept, scans, rows, pattern.columns, self._step))
            for name, values in found.items():
                _put(maps[name], rows, pattern.columns, values)
            yield

    def _scans(self, kept: Array, columns: Array) -> Sequence[tuple[int, int]]:
        """Scans of a run that are taken, by the means of the pixels that it charges."""
        samples = kept[:, :, ::_EVERY][..., columns].astype(np.float64)
        there = samples[:, 0] > 0
        number = there.sum(axis=(1, 2))
        means = [np.divide((samples[:, plane] * there).sum(axis=(1, 2)), number, where=number > 0,
                           out=np.full(len(number), np.nan)) for plane in (0, 1)]
        found = whole_scans(scan_starts(means[0], means[1]), len(kept))
        return found[:1] if self._first_alone else found

    def snapshot(self, index: int) -> Maps:
        """What is known of a memory cell: samples as they come, then maps as rows are fitted.

        Returns
        -------
        dict of arrays
        """
        slot = self._unit.block.index(index)
        if self.maps[slot]:
            return {name: values.copy() for name, values in self.maps[slot].items()}
        kept = self._kept[slot]
        return {} if kept is None else {"samples": np.count_nonzero(kept[:, 0], axis=0).astype(np.uint32)}

    @property
    def coverage(self) -> Array:
        """Frames seen per memory cell."""
        return self.seen


def _put(values: Array, rows: slice, columns: Array, found: Array) -> None:
    """Numbers of pixels, by rows and then columns, into maps (…, slow_scan, fast_scan)."""
    height = len(range(*rows.indices(values.shape[-2])))
    moved = np.moveaxis(found, 0, -1).reshape(*found.shape[1:], height, len(columns))
    values[..., rows, columns] = moved
