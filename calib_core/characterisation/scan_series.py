"""Series of a scan: the samples of each pixel by the steps of the run that charges it, then regions and fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from calib_core.axes import Array, At
from calib_core.characterisation import by_pattern
from calib_core.characterisation.accumulators import Slots
from calib_core.characterisation.explains import AtOnce
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import DetectorType, Frames
from calib_core.detector.injection import Injection
from calib_core.numerics.scan_columns import keep_pixels, one_series, scan_starts, whole_scans
from calib_core.numerics.scan_lines import LineRanges

#: Pixels that are fitted at once.
_PIXELS = 512
#: One pixel in so many is enough to find where scans begin; no divisor of the pixels in a row or column.
_EVERY = 7
#: Which lines a run charges is seen in one train in so many, of the first memory cell of a unit, and in one pixel of
#: a line in so many: a hundredth of the time that reading and fitting take.
_TRAINS, _OF_LINE = 4, 8


class Fitting(Protocol):
    """What a method makes of series."""

    def steps(self, length: int) -> Array:
        """Positions in the scan of so many trains, (length,) int32, ascending."""

    def fit(self, at: At, x: Array, signal: Array, code: Array) -> Maps:
        """Numbers of each pixel.

        Parameters
        ----------
        at : mapping
            Place of the run along axes.
        x : (s,) int32
            Steps.
        signal, code : (n, s) uint16, ADU
            0 where there is no sample.

        Returns
        -------
        dict of (n, …) arrays
        """

    def blank(self, kind: DetectorType) -> Maps:
        """Maps of a memory cell before anything is fitted."""

    def finish(self, context: Context, unit: Unit, maps: Maps) -> Maps:
        """Maps of a memory cell with what needs all pixels, such as flags."""

    @property
    def least_step(self) -> float:
        """Least step of the gain signal between two stages, ADU."""

    @property
    def first_alone(self) -> bool:
        """Whether the first whole scan of a run is taken alone, instead of the mean of all."""


@dataclass(frozen=True)
class Pattern:
    """What of a run belongs to the pixels that it charges.

    Attributes
    ----------
    at : mapping
        Place of the run along axes.
    pixels : (p,) int64
        Flat places in a module, ascending.
    others : (n,) int64
        Lines of pixels that the run does not charge, ascending.
    first_train, positions : int
        Trains of the run.
    """

    at: At
    pixels: Array
    others: Array
    first_train: int
    positions: int


def patterns_of(context: Context, unit: Unit, injection: Injection) -> dict[str, Pattern]:
    """Pixels and trains of each run of a unit, by its key.

    Parameters
    ----------
    context, unit, injection
    """
    found = {}
    for key in unit.inputs:
        arranged = context.arranged[key]
        assert arranged.run is not None  # it would not be arranged
        scan = arranged.run.scan
        assert scan is not None  # nor without one
        pixels = np.flatnonzero(injection.charged(context.detector.shape, arranged.at["pattern"]))
        others = by_pattern.not_charged(injection, arranged.run)
        found[key] = Pattern(arranged.at, pixels, others, scan.first_train, scan.last_train - scan.first_train + 1)
    return found


class ScanSeries(Accumulator):
    """Samples of each memory cell by the trains of the runs; freed cell by cell when they are fitted.

    Parameters
    ----------
    context, unit
    injection : Injection
        What charges the pixels.
    fitting : Fitting
    """

    def __init__(self, context: Context, unit: Unit, injection: Injection, fitting: Fitting) -> None:
        self._context, self._unit, self._slots = context, unit, Slots(context, unit)
        self._patterns, self._fitting = patterns_of(context, unit, injection), fitting
        self._pixels = context.detector.pixels
        longest = max((one.positions for one in self._patterns.values()), default=0)
        self._kept: list[Array | None] = [
            context.buffers.full((longest, 2, self._pixels), np.uint16, 0) for _ in unit.block]
        self.seen = np.zeros(len(unit.block), np.int64)
        places = injection.pixels_of_lines(context.detector.shape, _OF_LINE)
        self._lines = {key: LineRanges(places, one.others) for key, one in self._patterns.items()}
        self.maps: list[Maps] = [{} for _ in unit.block]
        #: By slot and key of the run: first position and length of each scan that was taken.
        self.taken: list[dict[str, Sequence[tuple[int, int]]]] = [{} for _ in unit.block]

    def update(self, name: str, chunk: Frames) -> None:
        """Keep what a run's frames have of the pixels that it charges.

        Parameters
        ----------
        name : str
            Key of the run.
        chunk : Frames
            With a gain signal.
        """
        pattern, slot, plane = self._patterns[name], self._slots(chunk.cell), self._context.detector.signal_plane
        assert plane is not None  # types that charge their pixels have one
        position = chunk.train.astype(np.int64) - pattern.first_train
        if len(position) and not 0 <= position.min() <= position.max() < pattern.positions:
            raise ValueError(f"trains of {name} are not of those that its run was seen to have")
        for place in np.unique(slot):
            mine, kept = np.flatnonzero(slot == place), self._kept[place]
            assert kept is not None
            keep_pixels(chunk.block[mine], plane, pattern.pixels, position[mine], kept)
        self._lines[name].add(chunk.adc[(slot == 0) & (position % _TRAINS == 0)])
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
        for key, lines in self._lines.items():
            lines.merge(other._lines[key])
        self.seen += other.seen

    def settle(self) -> Iterator[None]:
        """Fit the series of all pixels, some at a time, and let go of each memory cell's when it is done."""
        for slot, kept in enumerate(self._kept):
            assert kept is not None
            maps = self.maps[slot] = self._fitting.blank(self._context.detector)
            for key, pattern in self._patterns.items():
                scans = self.taken[slot][key] = self._scans(kept[:pattern.positions], pattern.pixels)
                yield from self._of_run(kept, scans, pattern, maps)
            self.maps[slot] = self._fitting.finish(self._context, self._unit, maps)
            self._kept[slot] = None

    def _of_run(
        self, kept: Array, scans: Sequence[tuple[int, int]], pattern: Pattern, maps: Maps
    ) -> Iterator[None]:
        for begin in range(0, len(pattern.pixels) if scans else 0, _PIXELS):
            some = replace(pattern, pixels=pattern.pixels[begin:begin + _PIXELS])
            _fit_pixels(self._fitting, kept, scans, some, maps)
            yield

    def part(self, rows: slice, columns: slice, fitting: Fitting, at_once: AtOnce) -> Maps:
        """What is made of some pixels of the first memory cell; the series stay.

        Parameters
        ----------
        rows, columns : slice
            Whole ASICs, along slow_scan and fast_scan.
        fitting : Fitting
            With other parameters.
        at_once : callable
            Does the fits of some pixels each.

        Returns
        -------
        dict of arrays
            Maps of the memory cell; other pixels have no data.
        """
        kept, maps = self._kept[0], fitting.blank(self._context.detector)
        assert kept is not None  # nothing was settled
        inside = np.zeros(self._context.detector.shape, np.bool_)
        inside[rows, columns] = True
        for key, pattern in self._patterns.items():
            if key not in self.taken[0]:
                self.taken[0][key] = self._scans(kept[:pattern.positions], pattern.pixels)
            mine = replace(pattern, pixels=pattern.pixels[inside.reshape(-1)[pattern.pixels]])
            pieces = (mine.pixels[first:first + _PIXELS] for first in range(0, len(mine.pixels), _PIXELS))
            if self.taken[0][key]:
                at_once([partial(_fit_pixels, fitting, kept, self.taken[0][key], replace(mine, pixels=one), maps)
                         for one in pieces])
        return fitting.finish(self._context, self._unit, maps)

    def _scans(self, kept: Array, pixels: Array) -> Sequence[tuple[int, int]]:
        """Scans of a run that are taken, by the means of the pixels that it charges."""
        samples = kept[..., pixels[::_EVERY]].astype(np.float64)
        there = samples[:, 0] > 0
        number = there.sum(axis=1)
        means = [np.divide((samples[:, plane] * there).sum(axis=1), number, where=number > 0,
                           out=np.full(len(number), np.nan)) for plane in (0, 1)]
        found = whole_scans(scan_starts(means[0], means[1]), len(kept))
        return found[:1] if self._fitting.first_alone else found

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
        if kept is None:
            return {}
        number = np.count_nonzero(kept[:, 0], axis=0).astype(np.uint32)
        return {"samples": number.reshape(self._context.detector.shape)}

    def numbers(self) -> Maps:
        """By how much each line of pixels changes in the runs that have been read so far.

        Returns
        -------
        dict of arrays
            Over (pattern, line).
        """
        return {"changes": self.changes}

    @property
    def changes(self) -> Array:
        """How much each line changes in the run of each pattern, (pattern, line) float32, ADU; NaN without one."""
        axes = self._context.axes
        found = np.full((len(axes["pattern"]), len(axes["line"])), np.nan, np.float32)
        for key, lines in self._lines.items():
            found[self._patterns[key].at["pattern"]] = lines.changes
        return found

    @property
    def coverage(self) -> Array:
        """Frames seen per memory cell."""
        return self.seen


def _fit_pixels(
    fitting: Fitting, kept: Array, scans: Sequence[tuple[int, int]], pattern: Pattern, maps: Maps
) -> None:
    """Fit the series of the pixels of a pattern, and put what comes out into maps."""
    x = fitting.steps(min(length for _, length in scans))
    found = fitting.fit(pattern.at, x, *one_series(kept, scans, pattern.pixels, fitting.least_step))
    for name, values in found.items():
        maps[name].reshape(*maps[name].shape[:-2], -1)[..., pattern.pixels] = np.moveaxis(values, 0, -1)
